import { assertEquals, assertStringIncludes } from "@std/assert";
import plugin from "../../../scripts/lint/plugin.ts";
import { FUNCTION_LINES_MAX } from "../../../scripts/lint/short_function.ts";

/** Lints `source` as the file `path` and returns `rule: the text that was marked` for each finding, `doc` left out. */
function findings(path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, path, source)
    .filter(({ id }) => id !== "samsa/module-doc")
    .map(({ id, range }) => `${id.replace("samsa/", "")}: ${source.slice(...range)}`);
}

Deno.test("no-ambient refuses each way to reach time, chance, disk and network", () => {
  const cases: [source: string, marked: string][] = [
    ["const t = Date.now();", "Date"],
    ["const t = new Date();", "Date"],
    ["export const clock = { now: Date.now };", "Date"],
    ["performance.now();", "performance"],
    ["setTimeout(() => {}, 1);", "setTimeout"],
    ["const later = setImmediate;", "setImmediate"],
    ["queueMicrotask(() => {});", "queueMicrotask"],
    ["const x = Math.random();", "Math"],
    ['const x = Math["random"]();', "Math"],
    ["const { random } = Math;", "Math"],
    ["crypto.getRandomValues(new Uint8Array(1));", "crypto"],
    ['await fetch("http://localhost");', "fetch"],
    ['Deno.readFileSync("x");', "Deno"],
    ["const o = { Deno };", "Deno"],
    ["AbortSignal.timeout(1);", "AbortSignal"],
    ["globalThis.Date.now();", "globalThis"],
    ["// é → 🪲\nsetInterval(() => {}, 1);", "setInterval"],
    ['import fs from "node:fs";', 'import fs from "node:fs";'],
    ['export * from "node:fs";', 'export * from "node:fs";'],
    ['await import("node:fs");', 'import("node:fs")'],
  ];
  for (const [source, marked] of cases) {
    assertEquals(findings("storage/segment.ts", source), [`no-ambient: ${marked}`], source);
  }
});

Deno.test("no-ambient lets types, properties and local names of the same spelling pass", () => {
  const sources = [
    "export type When = Date;",
    "export function f(conn: Deno.Conn): conn is Deno.TcpConn { return true; }",
    "export type D = typeof Date;",
    'import type { Buffer } from "node:buffer";',
    'export type { Buffer } from "node:buffer";',
    "export interface Clock { Date: number; setTimeout(fetch: number): void }",
    "const o = { fetch: 1, Date: 2 }; o.fetch = o.Date;",
    'import { fetch } from "./fetch.ts"; fetch();',
    'export { fetch } from "./fetch.ts";',
    "function f(crypto: number) { return () => crypto; }",
    "class A { constructor(private fetch: number) { fetch; } performance() {} }",
    "for (const crypto of [1]) { crypto; }",
    "try { f(); } catch ({ process }) { process; }",
    "const { a: { fetch = 1 }, ...console } = f(); fetch; console;",
    "switch (1) { case 1: { const Date = 1; Date; } }",
    "const x = Math.floor(1); AbortSignal.any([]);",
    "const text = 'Date.now()'; // setTimeout",
  ];
  for (const source of sources) assertEquals(findings("storage/segment.ts", source), [], source);
});

Deno.test("no-ambient lets a name pass only where it is bound", () => {
  const source = "function f(fetch: number) { return fetch; }\nfetch;";
  assertEquals(findings("lib/heap.ts", source), ["no-ambient: fetch"]);
});

Deno.test("no-ambient leaves the adapters alone, and compression may name node:zlib only", () => {
  for (
    const path of ["storage/file_disk.ts", "transport/tcp_link.ts", "server/clock.ts", "scripts/x.ts", "tests/x.ts"]
  ) {
    assertEquals(findings(path, "Date.now(); Deno.pid;"), [], path);
  }
  const zlib = 'import zlib from "node:zlib";';
  assertEquals(findings("protocol/compression.ts", zlib), []);
  assertEquals(findings("protocol/compression/gzip.ts", zlib), []);
  assertEquals(findings("protocol/compression/gzip.ts", 'import fs from "node:fs";').length, 1);
  assertEquals(findings("protocol/compression/gzip.ts", "Date.now();").length, 1);
  assertEquals(findings("protocol/records.ts", zlib).length, 1);
  assertEquals(findings("storage/file_disk_index.ts", "Date.now();").length, 1);
});

Deno.test("no-ambient says what to use instead", () => {
  const [found] = Deno.lint.runPlugin(plugin, "lib/x.ts", "/** X.\n * @module */\nDate.now();");
  assertStringIncludes(found?.message ?? "", "'Date' is ambient");
  assertEquals(found?.hint, "take a Clock and call now()");
});

Deno.test("no-ambient knows a file by its place in the checkout", () => {
  const root = new URL("../../../", import.meta.url).pathname;
  assertEquals(findings(`${root}storage/file_disk.ts`, "Date.now();"), []);
  assertEquals(findings(`${root}storage/tests/x.ts`, "Date.now();").length, 1);
});

Deno.test("sync-actors refuses waiting in a kind of actor", () => {
  const cases: [source: string, marked: string][] = [
    ["async function f() {}", "async function f() {}"],
    ["const f = async () => {};", "async () => {}"],
    ["f().then(g);", "then"],
    ["export type P = Promise<void>;", "Promise"],
    ["Promise.resolve();", "Promise"],
    ["await f();", "await f()"],
  ];
  for (const [source, marked] of cases) {
    assertEquals(findings("actors/partition/replica.ts", source), [`sync-actors: ${marked}`], source);
  }
  assertEquals(findings("actors/partition/replica.ts", "class A { async m() {} }").length, 1);
  assertEquals(findings("actors/partition/replica.ts", "for await (const x of y) {}").length, 1);
  assertEquals(findings("actors/broker/api/00_produce.ts", "async function f() { await g; }").length, 2);
});

Deno.test("sync-actors leaves the runtime, other rooms and harmless words alone", () => {
  assertEquals(findings("actors/system.ts", "export async function f() { await g; }"), []);
  assertEquals(findings("server/node.ts", "export async function f() { await g; }"), []);
  assertEquals(findings("actors/partition/replica.ts", "const o = { then: 1 }; o.then; // async await Promise"), []);
});

Deno.test("module-doc wants a JSDoc with @module before anything else", () => {
  const passes = (path: string, source: string) => Deno.lint.runPlugin(plugin, path, source).length === 0;
  assertEquals(passes("lib/x.ts", "/**\n * A heap.\n *\n * @module\n */\nexport const x = 1;"), true);
  assertEquals(
    passes("lib/x.ts", "#!/usr/bin/env deno\n// deno-lint-ignore-file no-x\n\n/** A heap.\n * @module */"),
    true,
  );
  assertEquals(passes("lib/x.ts", "// deno-lint-ignore-file no-x"), false);
  assertEquals(passes("lib/x.ts", "export const x = 1;"), false);
  assertEquals(passes("lib/x.ts", "/** A heap. */\nexport const x = 1;"), false);
  assertEquals(passes("lib/x.ts", "export const x = 1;\n/** A heap.\n * @module */"), false);
  assertEquals(passes("lib/x.ts", "/* A heap.\n * @module */\nexport const x = 1;"), false);
  assertEquals(passes("tests/unit/lib/x_test.ts", "export const x = 1;"), true);
  assertEquals(passes("tests/helpers/x.ts", "export const x = 1;"), false);
});

Deno.test("short-function counts the lines of a function, and no more than that", () => {
  const body = (lines: number) => `function f() {\n${"  g(); // →\n".repeat(lines - 2)}}\n`;
  assertEquals(findings("lib/x.ts", "\n".repeat(100) + body(FUNCTION_LINES_MAX)), []);
  assertEquals(findings("lib/x.ts", body(FUNCTION_LINES_MAX + 1)), ["short-function: f"]);
});

Deno.test("units-last wants a duration to say its unit, and to say it last", () => {
  const marked = (source: string) => findings("lib/x.ts", source).length;
  assertEquals(marked("interface A { timeout: number; readonly pollInterval?: number; msLeft(): number }"), 3);
  assertEquals(marked("function f(delay: number, msElapsed: number) {}"), 2);
  assertEquals(marked("class A { readonly #backoff: number = 1; retryBackoff: number; }"), 2);
  assertEquals(marked("interface A { timeoutMs: number; timeout: Timeout; delays: number[]; bytesRead: number }"), 0);
  assertEquals(marked("function f(timeout: string, g: (delayMs: number) => number): number { const delay = 1; }"), 0);
});
