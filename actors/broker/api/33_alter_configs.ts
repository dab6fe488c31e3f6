/**
 * AlterConfigs (key 33), versions 0–2: replaces all that is set for a topic or a broker; what is not named goes back to its
 * default (KIP-133). Deprecated since KIP-339, which is why clients that use it read, change and write everything.
 *
 * @module
 */
import { alterConfigs as table } from "../../../protocol/tables/configs.ts";
import { changeConfigs } from "../config_changes.ts";
import { handler } from "../handler.ts";

/** Serves AlterConfigs. */
export const alterConfigs = handler(table, 0, 2, ({ resources, validateOnly }, exchange) => {
  const changes = resources.map(({ resourceType, resourceName, configs }) => ({
    resourceType,
    resourceName,
    operations: configs.map(({ name, value }) => ({ name, value, operation: "set" as const })),
  }));
  changeConfigs(exchange, changes, { replaceAll: true, validateOnly }, (responses) => exchange.reply({ responses }));
});
