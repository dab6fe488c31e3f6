import { assert, assertEquals } from "@std/assert";
import { BROKER_CONFIGS } from "../../../protocol/configs/broker.ts";
import { TOPIC_CONFIGS } from "../../../protocol/configs/topic.ts";
import { configurationPage } from "../../../scripts/configuration.ts";

Deno.test("docs/configuration.md says what the tables say: run scripts/configuration.ts when this fails", () => {
  const page = Deno.readTextFileSync(new URL("../../../docs/configuration.md", import.meta.url));
  assertEquals(page, configurationPage());
});

Deno.test("the page has a line for every config", () => {
  const page = configurationPage();
  for (const name of [...TOPIC_CONFIGS.keys(), ...BROKER_CONFIGS.keys()]) assert(page.includes(`| \`${name}\` `), name);
});
