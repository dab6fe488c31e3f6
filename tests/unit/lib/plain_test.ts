import { assert, assertEquals, assertThrows } from "@std/assert";
import { copyPlain } from "../../../lib/plain.ts";

Deno.test("a copy is equal and shares nothing", () => {
  const original = {
    list: [1, "a", true, null, undefined, 3n],
    map: new Map([["k", { deep: new Uint8Array([1, 2]) }]]),
    set: new Set([1]),
    view: new Uint8Array([0, 1, 2, 3]).subarray(1, 3),
    ["__proto__"]: "a key like any other",
  };
  const copy = copyPlain(original);
  assertEquals(copy, original);
  assert(Object.hasOwn(copy, "__proto__"));
  assertEquals(copy.view.buffer.byteLength, 2); // not the buffer that the view was cut from
  original.list.push("more");
  original.map.get("k")!.deep[0] = 9;
  original.set.add(2);
  assertEquals([copy.list.length, copy.map.get("k")!.deep[0], copy.set.size], [6, 1, 1]);
});

Deno.test("what is not plain is named with its place", () => {
  class Socket {}
  const cycle: unknown[] = [];
  cycle.push(cycle);
  const cases: [unknown, string][] = [
    [() => 1, "body must be plain data, not a function"],
    [{ a: [0, Symbol("s")] }, "body.a[1] must be plain data, not a symbol"],
    [{ socket: new Socket() }, "body.socket must be plain data, not an instance of Socket"],
    [new Map([["k", new Date(0)]]), "body.get(k) must be plain data, not an instance of Date"],
    [new Map([[new Error("x"), 1]]), "a key of body must be plain data, not an instance of Error"],
    [new Float64Array(1), "body must be plain data, not an instance of Float64Array"],
    [cycle, "nested too deep, or holds itself"],
  ];
  for (const [value, message] of cases) assertThrows(() => copyPlain(value, "body"), TypeError, message);
});
