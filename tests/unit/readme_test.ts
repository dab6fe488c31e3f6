/** The front page says what the code does. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { servedApis } from "../../actors/broker/api/served.ts";

const README = await Deno.readTextFile(new URL("../../README.md", import.meta.url));

Deno.test("the table of APIs is the one that is advertised", () => {
  const rows = [...README.matchAll(/^\|\s*(\d+)\s*\|\s*(\w+)\s*\|\s*(\d+)(?:–(\d+))?\s*\|$/gm)];
  const told = rows.map(([, key, name, min, max]) => [Number(key), name, Number(min), Number(max ?? min)]);
  const served = [...servedApis().values()].map(({ api, min, max }) => [api.key, api.name, min, max] as const);
  assertEquals(told, served.sort(([a], [b]) => a - b).map((row) => [...row]));
});

Deno.test("the two commands are there, and every task that is named exists", async () => {
  for (const task of ["cluster", "test"]) assertStringIncludes(README, `npx -y deno@2.9.6 task ${task}`);
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  for (const [, task] of README.matchAll(/deno task (\w+)/g)) {
    assertMatch(Object.keys(tasks).join(" "), new RegExp(`\\b${task}\\b`));
  }
});

Deno.test("every test that the guarantees name exists", async () => {
  const guarantees = await Deno.readTextFile(new URL("../../docs/guarantees.md", import.meta.url));
  for (const [, path] of guarantees.matchAll(/`(tests\/[\w/.]+)`/g)) {
    await Deno.stat(new URL(`../../${path}`, import.meta.url));
  }
});
