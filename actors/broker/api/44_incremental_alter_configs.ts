/**
 * IncrementalAlterConfigs (key 44), versions 0–1: sets, deletes, appends to and subtracts from single configs of a topic or
 * a broker; all else stays (KIP-339).
 *
 * @module
 */
import type { Request } from "../../../protocol/schema.ts";
import { incrementalAlterConfigs as table } from "../../../protocol/tables/configs.ts";
import { changeConfigs, type ResourceChange } from "../config_changes.ts";
import { handler } from "../handler.ts";

const OPERATIONS = ["set", "delete", "append", "subtract"] as const;

type Configs = Request<typeof table>["resources"][number]["configs"];

/** Serves IncrementalAlterConfigs. */
export const incrementalAlterConfigs = handler(table, 0, 1, ({ resources, validateOnly }, exchange) => {
  const changes = resources.map(({ resourceType, resourceName, configs }) => (
    { resourceType, resourceName, operations: operationsOf(configs) }
  ));
  changeConfigs(exchange, changes, { replaceAll: false, validateOnly }, (responses) => exchange.reply({ responses }));
});

function operationsOf(configs: Configs): ResourceChange["operations"] {
  const unknown = configs.find(({ configOperation }) => OPERATIONS[configOperation] === undefined);
  if (unknown !== undefined) {
    return `Operation ${unknown.configOperation} on ${unknown.name} is not known: it must be 0 (set) to 3 (subtract).`;
  }
  return configs.map(({ name, value, configOperation }) => ({ name, value, operation: OPERATIONS[configOperation]! }));
}
