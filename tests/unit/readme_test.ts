/** What is written for readers says what the code does. */
import { assert, assertArrayIncludes, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { servedApis } from "../../actors/broker/api/served.ts";
import { lawTable } from "../../scripts/tidy/law.ts";

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
  for (const [, task] of README.matchAll(/deno task ([\w:]+)/g)) {
    assert(task! in tasks, `there is no task ${task}`);
  }
});

Deno.test("every guarantee names a test, and every test that is named exists", async () => {
  const guarantees = await Deno.readTextFile(new URL("../../docs/guarantees.md", import.meta.url));
  const sentences = guarantees.split(/^(?=\d+\. )/m).slice(1).map((sentence) => sentence.split(/^#/m)[0]!);
  assert(sentences.length > 40);
  for (const [index, sentence] of sentences.entries()) {
    assertMatch(sentence, new RegExp(`^${index + 1}\\. \\*\\*[^]*\`tests/`), "numbers go on, and a test is named");
  }
  for (const [, path] of guarantees.matchAll(/`(tests\/[\w/.]+)`/g)) {
    await Deno.stat(new URL(`../../${path}`, import.meta.url));
  }
});

Deno.test("the flags that are shown are those that there are", async () => {
  for (const program of ["cluster", "broker"]) {
    const script = fromFileUrl(import.meta.resolve(`../../scripts/${program}.ts`));
    const command = new Deno.Command(Deno.execPath(), { args: ["run", "--no-check", script, "--help"] });
    const help = new TextDecoder().decode((await command.output()).stdout);
    const [synopsis] = new RegExp(`^deno task ${program} .*(\n +.*)*`, "m").exec(README)!;
    assertEquals(flagsOf(synopsis), flagsOf(help).filter((flag) => flag !== "--help"));
  }
});

Deno.test("the map shows the law by which imports are judged", async () => {
  const map = await Deno.readTextFile(new URL("../../ARCHITECTURE.md", import.meta.url));
  const rows = (text: string) => text.split("\n").map((line) => line.replace(/ +/g, " ")).filter(isRow);
  const shown = rows(map);
  for (const row of rows(lawTable())) assertArrayIncludes(shown, [row]);
});

Deno.test("every page that is linked is there", async () => {
  const docs = [...Deno.readDirSync(new URL("../../docs/", import.meta.url))].map(({ name }) => `docs/${name}`);
  const pages = ["README.md", "ARCHITECTURE.md", ...docs];
  for (const page of pages) {
    const at = new URL(`../../${page}`, import.meta.url);
    for (const [, link] of (await Deno.readTextFile(at)).matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      await Deno.stat(new URL(link!, at));
    }
  }
});

function flagsOf(text: string): string[] {
  return [...new Set([...text.matchAll(/--[a-z-]+/g)].map(([flag]) => flag))].sort();
}

/** A row of a table, but for the line below its head. */
function isRow(line: string): boolean {
  return line.startsWith("| ") && !line.startsWith("| -");
}
