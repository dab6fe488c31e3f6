import { assertEquals, assertThrows } from "@std/assert";
import { AssertionError } from "../../../lib/assert.ts";
import { ZERO_UUID } from "../../../lib/uuid.ts";
import {
  api,
  type Column,
  defaultOf,
  fieldsOf,
  message,
  parseVersions,
  type Request,
  type RequestInput,
  type Response,
  type ResponseInput,
  struct,
  within,
} from "../../../protocol/schema.ts";

function fieldOf(column: Column) {
  return fieldsOf({ x: column })[0]!;
}

Deno.test("versions are one, a range, open, or none", () => {
  assertEquals(parseVersions("3"), { min: 3, max: 3 });
  assertEquals(parseVersions("1-7"), { min: 1, max: 7 });
  assertEquals(parseVersions("9+"), { min: 9, max: Infinity });
  assertEquals(within(parseVersions("none"), 0), false);
  for (const text of ["", "+", "1-", "-1", "1 2", "x"]) assertThrows(() => parseVersions(text), AssertionError);
});

Deno.test("a column string says type, nullability, versions, tag, ignorable and default", () => {
  assertEquals(fieldOf("string?12+ 1-13 tag7 ignorable =a b"), {
    name: "x",
    type: "string",
    list: false,
    versions: { min: 1, max: 13 },
    nullable: { min: 12, max: Infinity },
    tag: 7,
    ignorable: true,
    stated: "a b",
  });
  assertEquals(fieldOf("int32[]? 2+").list, true);
  assertEquals(fieldOf("int32[]? 2+").nullable, { min: 0, max: Infinity });
  assertEquals(fieldOf(["?2-7 0-7", { y: "bool" }]).nullable, { min: 2, max: 7 });
  assertEquals(fieldOf(struct("10+ tag0", { y: "bool" })).tag, 0);
});

Deno.test("a malformed column is named", () => {
  assertThrows(() => fieldOf("int31" as "int32"), AssertionError, 'Column x has the unknown type "int31"');
  assertThrows(() => fieldOf("int32 3plus"), AssertionError, 'Versions "3plus" are malformed');
  assertThrows(() => fieldOf("int32 tagx"), AssertionError, "Column x has a malformed tag");
});

Deno.test("defaults follow from the type unless they are stated", () => {
  const columns: [Column, unknown][] = [
    ["int32", 0],
    ["int32 =0x7fffffff", 2147483647],
    ["int64 =-1", -1n],
    ["bool =true", true],
    ["string", ""],
    ["string? =null", null],
    ["uuid", ZERO_UUID],
    ["bytes", new Uint8Array(0)],
    ["int32[]", []],
    ["int32[]? =null", null],
    [[{ y: "int32" }], []],
    [{ y: "int32 =-1", z: "string" }, { y: -1, z: "" }],
    [struct("? =null", { y: "int32" }), null],
  ];
  for (const [column, value] of columns) assertEquals(defaultOf(fieldOf(column)), value);
});

Deno.test("types follow from the columns", () => {
  const example = api(99, "Example", "0-2", "1+", {
    name: "string",
    offset: "int64",
    rack: "string? 1+",
    ids: "int32[]",
    topics: ["? 2+", { id: "uuid", partitions: [{ index: "int32", records: "records?" }] }],
    cursor: struct("? =null", { at: "int32" }),
  }, { errorCode: "int16", throttleTimeMs: "int32 =0", leader: { id: "int32 =-1" } });
  const request: Request<typeof example> = {
    name: "",
    offset: 1n,
    rack: null,
    ids: [1],
    topics: [{ id: ZERO_UUID, partitions: [{ index: 1, records: null }] }],
    cursor: null,
  };
  const input: RequestInput<typeof example> = { name: "", offset: 1n, ids: [] };
  const response: ResponseInput<typeof example> = { errorCode: 0, leader: {} };
  // @ts-expect-error a decoded request has every property
  const partial: Request<typeof example> = { name: "", offset: 1n, ids: [] };
  // @ts-expect-error what has no default cannot be left out
  const lacking: RequestInput<typeof example> = { name: "", ids: [] };
  // @ts-expect-error int64 is bigint
  const wrong: RequestInput<typeof example> = { name: "", offset: 1, ids: [] };
  // @ts-expect-error not nullable
  const absent: Response<typeof example>["errorCode"] = null;
  assertEquals([request, input, response, partial, lacking, wrong, absent].length, 7);
  // @ts-expect-error a column begins with a type
  message("Wrong", "0", "none", { x: "strng" });
});
