import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { judge, judgeDoors, lawTable } from "../../../scripts/tidy/law.ts";
import { listFiles, type Module, modulesOf, readModules } from "../../../scripts/tidy/modules.ts";
import { findCycles, findDead, findLong, findUntested, measure } from "../../../scripts/tidy/shape.ts";
import { findBanned, findBrokenTasks } from "../../../scripts/tidy/words.ts";

/** A tree in memory: each file with what it imports from the root; `type:` before a path stands for a type-only import. */
function tree(files: Record<string, string[]>): Module[] {
  return Object.entries(files).map(([path, targets]) => ({
    path,
    text: "",
    imports: targets.map((target) => {
      const [, types, rest] = /^(type:)?(.*)$/.exec(target)!;
      const external = /^(npm:|node:|@)/.test(rest!);
      return {
        specifier: external ? rest! : `./${rest}`,
        ...(external ? {} : { path: rest! }),
        typesOnly: types === "type:",
      };
    }),
  }));
}

/** `from → to` for each import that the law forbids. */
function forbidden(files: Record<string, string[]>): string[] {
  return judge(tree(files)).map((sentence) => sentence.replace(/: may not import (?:types of )?(\S+): .*/, " → $1"));
}

Deno.test("the law lets the rooms build on each other in one direction", () => {
  assertEquals(
    forbidden({
      "lib/heap.ts": ["lib/assert.ts"],
      "protocol/reader.ts": ["lib/varint.ts", "protocol/tables/x.ts", "node:zlib"],
      "storage/segment.ts": ["lib/x.ts", "protocol/batch.ts", "protocol/records.ts", "storage/disk.ts"],
      "transport/local.ts": ["lib/x.ts", "transport/transport.ts"],
      "actors/system.ts": ["lib/x.ts", "actors/actor.ts", "type:transport/transport.ts"],
      "actors/broker/api/00_produce.ts": ["actors/broker/view.ts", "actors/partition/protocol.ts", "actors/actor.ts"],
      "actors/partition/replica.ts": ["type:storage/log.ts", "protocol/batch.ts", "lib/x.ts"],
      "console/app.ts": ["npm:hono@^4", "npm:hono@^4/jsx", "actors/broker/protocol.ts", "actors/system.ts"],
      "server/node.ts": ["storage/file_disk.ts", "actors/broker/broker.ts", "console/server.ts", "node:os"],
      "mod.ts": ["server/node.ts"],
      "scripts/bench.ts": ["mod.ts", "@std/path", "npm:kafkajs@2", "server/node.ts"],
      "tests/unit/lib/heap_test.ts": ["lib/heap.ts", "@std/assert", "scripts/tidy.ts"],
      "deps/std_assert/mod.ts": ["npm:deno-std@1.4.0/assert/mod.js"],
    }),
    [],
  );
});

Deno.test("the law forbids everything else", () => {
  assertEquals(
    forbidden({
      "lib/heap.ts": ["protocol/reader.ts", "npm:heap", "type:storage/log.ts"],
      "protocol/reader.ts": ["storage/log.ts", "actors/actor.ts"],
      "storage/segment.ts": ["protocol/codec.ts", "transport/local.ts", "actors/actor.ts"],
      "transport/local.ts": ["protocol/reader.ts", "actors/actor.ts"],
      "actors/system.ts": [
        "transport/transport.ts",
        "protocol/errors.ts",
        "actors/broker/protocol.ts",
        "storage/log.ts",
      ],
      "actors/broker/broker.ts": [
        "actors/partition/replica.ts",
        "storage/log.ts",
        "type:storage/disk.ts",
        "server/x.ts",
      ],
      "console/app.ts": ["storage/log.ts", "actors/broker/view.ts", "npm:honolulu", "@std/path"],
      "server/node.ts": ["scripts/broker.ts", "tests/helpers/x.ts", "mod.ts", "@std/path"],
      "mod.ts": ["scripts/broker.ts", "@std/path"],
    }),
    [
      "lib/heap.ts → protocol/reader.ts",
      "lib/heap.ts → npm:heap",
      "lib/heap.ts → storage/log.ts",
      "protocol/reader.ts → storage/log.ts",
      "protocol/reader.ts → actors/actor.ts",
      "storage/segment.ts → protocol/codec.ts",
      "storage/segment.ts → transport/local.ts",
      "storage/segment.ts → actors/actor.ts",
      "transport/local.ts → protocol/reader.ts",
      "transport/local.ts → actors/actor.ts",
      "actors/system.ts → transport/transport.ts",
      "actors/system.ts → protocol/errors.ts",
      "actors/system.ts → actors/broker/protocol.ts",
      "actors/system.ts → storage/log.ts",
      "actors/broker/broker.ts → actors/partition/replica.ts",
      "actors/broker/broker.ts → storage/log.ts",
      "actors/broker/broker.ts → storage/disk.ts",
      "actors/broker/broker.ts → server/x.ts",
      "console/app.ts → storage/log.ts",
      "console/app.ts → actors/broker/view.ts",
      "console/app.ts → npm:honolulu",
      "console/app.ts → @std/path",
      "server/node.ts → scripts/broker.ts",
      "server/node.ts → tests/helpers/x.ts",
      "server/node.ts → mod.ts",
      "server/node.ts → @std/path",
      "mod.ts → scripts/broker.ts",
      "mod.ts → @std/path",
    ],
  );
  assertStringIncludes(judge(tree({ "utils/x.ts": [] }))[0]!, "utils/x.ts: belongs to no room");
  assertStringIncludes(
    judge(tree({ "transport/x.ts": ["actors/actor.ts"] }))[0]!,
    "transport/ may import itself, lib/",
  );
});

Deno.test("the doors that are opened by URL reach no bare name", () => {
  const modules = tree({
    "mod.ts": ["server/node.ts"],
    "server/node.ts": ["lib/heap.ts", "npm:hono@^4", "node:os", "type:tests/helpers/x.ts"],
    "lib/heap.ts": ["@std/path", "type:@std/assert"],
    "scripts/broker.ts": ["@std/path"],
    "scripts/bench.ts": ["@std/path"],
  });
  assertEquals(judgeDoors(modules).map((sentence) => sentence.split(",")[0]), [
    "lib/heap.ts: is reached from mod.ts",
    "scripts/broker.ts: is reached from scripts/broker.ts",
  ]);
});

Deno.test("rings of values are found, rings of types are not", () => {
  assertEquals(findCycles(tree({ "a.ts": ["type:b.ts"], "b.ts": ["a.ts", "c.ts"], "c.ts": ["type:c.ts"] })), []);
  assertEquals(findCycles(tree({ "x.ts": ["a.ts"], "a.ts": ["b.ts", "c.ts"], "b.ts": ["c.ts"], "c.ts": ["a.ts"] })), [
    "a.ts: imports itself in a ring: a.ts → b.ts → c.ts → a.ts",
  ]);
  assertEquals(findCycles(tree({ "a.ts": ["a.ts"] })).length, 1);
});

Deno.test("a module that only its own test imports is dead", () => {
  const dead = findDead(tree({
    "mod.ts": ["lib/used.ts"],
    "lib/used.ts": [],
    "lib/dead.ts": [],
    "lib/tested.ts": [],
    "lib/probe.ts": [],
    "scripts/bench.ts": [],
    "scripts/bench/load.ts": [],
    "scripts/lint/plugin.ts": [],
    "tests/unit/lib/tested_test.ts": ["lib/tested.ts"],
    "tests/contract/x_test.ts": ["lib/probe.ts"],
    "tests/interop/clients/x.ts": [],
    "tests/helpers/x.ts": [],
  }));
  assertEquals(dead.map((sentence) => sentence.split(":")[0]), [
    "lib/dead.ts",
    "lib/tested.ts",
    "scripts/bench/load.ts",
    "tests/helpers/x.ts",
  ]);
});

Deno.test("lengths are counted in lines, and only what is above the limit is refused", () => {
  const modules = [1, 2, 3, 700, 701].map((lines) => ({
    path: `lib/${lines}.ts`,
    text: "x\n".repeat(lines),
    imports: [],
  }));
  assertEquals(measure(modules), { files: 5, lines: 1407, median: 3, p90: 701, max: 701, longest: "lib/701.ts" });
  assertEquals(measure([]), undefined);
  assertEquals(findLong(modules), ["lib/701.ts: has 701 lines: 700 is the most, cut a part out of it"]);
});

Deno.test("modules with values and without a mirror test are listed", () => {
  const file = (path: string, text: string) => ({ path, text, imports: [] });
  const modules = [
    file("lib/a.ts", "export function a() {}"),
    file("lib/b.ts", "export const b = 1;"),
    file("lib/types.ts", "export interface T {}"),
    file("tests/unit/lib/b_test.ts", ""),
    file("scripts/x.ts", "export const x = 1;"),
  ];
  assertEquals(findUntested(modules), ["lib/a.ts"]);
});

Deno.test("traces of a machine, promises and tests that are switched off are found with their line", () => {
  const found = (path: string, line: string) =>
    findBanned(path, `ok\n${line}\nok`).map((sentence) => sentence.split(" ")[0]);
  const word = (...parts: string[]) => parts.join("");
  for (
    const line of [
      word("cd /wo", "rk/main"),
      word('"/ro', 'ot/x"'),
      word("see iss", "ue 3"),
      word("https://regi", "stry.example.com/x"),
      word("// TO", "DO: x"),
      word("FIX", "ME"),
    ]
  ) assertEquals(found("README.md", line), ["README.md:2:"], line);
  for (const line of [word("Deno.test.on", "ly(x)"), word("{ ign", "ore: true }"), word("Deno.test.ign", "ore(x)")]) {
    assertEquals(found("tests/x_test.ts", line), ["tests/x_test.ts:2:"], line);
    assertEquals(found("README.md", line), [], line);
  }
  for (const line of ["the network/work/x", "issues are welcome", "https://jsr.io", "TODOS", "/tmp/x", "ignore: os"]) {
    assertEquals(found("tests/x_test.ts", line), [], line);
  }
});

Deno.test("tasks that name what is not there are found", () => {
  const tasks = {
    a: "deno run scripts/a.ts",
    b: { command: "deno test tests/unit tests/gone --ignore=tests/slow" },
    c: { description: "no command" },
  };
  assertEquals(findBrokenTasks(JSON.stringify({ tasks }), ["scripts/a.ts", "tests/unit/x_test.ts"]), [
    "deno.json: the task 'b' names tests/gone, which is not there",
  ]);
});

Deno.test("modules are read as Deno reads them: comments and strings do not count, types are told apart", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const root = new URL(`file://${folder}/`);
    await Deno.mkdir(new URL("sub dir", root));
    await Deno.mkdir(new URL(".git", root));
    const files = {
      ".git/x.ts": "",
      "a.ts": 'import { b } from "./sub%20dir/b.ts";\nimport type { C } from "./c.ts";\nexport * from "node:fs";\n' +
        '// import "./no.ts";\nexport const text = `\nimport "./no.ts";`;\nexport const z: C = await import("npm:zod@3");\nb;',
      "c.ts": 'export type { B } from "./sub%20dir/b.ts";\nexport type C = unknown;',
      "sub dir/b.ts": "export type B = 1;\nexport const b = 1;",
    };
    for (const [path, text] of Object.entries(files)) await Deno.writeTextFile(new URL(path, root), text);
    const paths = listFiles(root);
    assertEquals(paths, ["a.ts", "c.ts", "sub dir/b.ts"]);
    const modules = await readModules(root, paths);
    assertEquals(modules.map(({ path, imports }) => [path, imports]), [
      ["a.ts", [
        { specifier: "./sub%20dir/b.ts", path: "sub dir/b.ts", typesOnly: false },
        { specifier: "./c.ts", path: "c.ts", typesOnly: true },
        { specifier: "node:fs", typesOnly: false },
        { specifier: "npm:zod@3", typesOnly: false },
      ]],
      ["c.ts", [{ specifier: "./sub%20dir/b.ts", path: "sub dir/b.ts", typesOnly: true }]],
      ["sub dir/b.ts", []],
    ]);
    await Deno.writeTextFile(new URL("c.ts", root), "export const = ;");
    await assertRejects(() => readModules(root, paths), Error, "Deno cannot read c.ts");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a module that Deno does not mention is an error, not an empty one", () => {
  const read = () =>
    Promise.resolve().then(() => modulesOf({ modules: [] }, new URL("file:///x/"), new Map([["a.ts", ""]])));
  return assertRejects(read, Error, "Deno cannot read a.ts").then(() => {});
});

Deno.test("the law can be pasted as Markdown", () => {
  const table = lawTable([{ files: "lib/", may: [], what: "helpers" }, {
    files: "x/",
    may: ["*", "types of lib/"],
    what: "y",
  }]);
  assertEquals(table.split("\n").slice(2), [
    "| `lib/` | nothing | helpers |",
    "| `x/` | everything, types of `lib/` | y |",
    "",
  ]);
});
