import { assertEquals } from "@std/assert";
import { message, type Row, struct } from "../../../protocol/schema.ts";
import { compareMessage, type KafkaMessage } from "../../../scripts/wire.ts";

const KAFKA: KafkaMessage = {
  name: "Example",
  validVersions: "0-2",
  flexibleVersions: "2+",
  commonStructs: [{ name: "Node", fields: [{ name: "Id", type: "int32", versions: "0+", default: "-1" }] }],
  fields: [
    { name: "ErrorCode", type: "int16", versions: "0+" },
    { name: "Message", type: "string", versions: "1+", nullableVersions: "1+" },
    { name: "Nodes", type: "[]Node", versions: "0+" },
    { name: "Leader", type: "Node", versions: "2+", taggedVersions: "2+", tag: 0, ignorable: true },
  ],
};

const RIGHT = {
  errorCode: "int16",
  message: "string? 1+ =null",
  nodes: [{ id: "int32 =-1" }],
  leader: struct("2+ tag0 ignorable", { id: "int32 =-1" }),
} as const satisfies Row;

function differences(columns: Row, versions = "0-2", flexible = "2+", unstable = false): string[] {
  const comparison = { columns: 0, differences: [] };
  compareMessage(message("Example", versions, flexible, columns), KAFKA, unstable, comparison);
  return comparison.differences;
}

Deno.test("a table that says what Kafka says has no differences", () => {
  assertEquals(differences(RIGHT), []);
});

Deno.test("every kind of difference is named", () => {
  const { leader: _, ...columns } = RIGHT;
  assertEquals(differences({ ...columns, errorCode: "int32" }, "0", "none"), [
    "Example: Kafka has versions 0-2, the table 0-0.",
    "Example v0: Kafka has errorCode: int16 =0; the table has errorCode: int32 =0.",
    "Example v1: Kafka has errorCode: int16 =0; the table has errorCode: int32 =0.",
    "Example v2: flexible is true with Kafka.",
    "Example v2: Kafka has errorCode: int16 =0; the table has errorCode: int32 =0.",
    "Example v2: Kafka has leader: row tag0 =empty; the table has no further column.",
    "Example v2: Kafka has leader.id: int32 =-1; the table has no further column.",
  ]);
  assertEquals(differences({ ...columns, message: "string 1+" }, "0-1", "2+", true), [
    'Example v1: Kafka has message: string? ="" or null; the table has message: string ="".',
  ]);
  assertEquals(differences({ ...columns, nodes: [{ id: "int32" }] }, "0-1", "2+", true), [
    "Example v0: Kafka has nodes.id: int32 =-1; the table has nodes.id: int32 =0.",
    "Example v1: Kafka has nodes.id: int32 =-1; the table has nodes.id: int32 =0.",
  ]);
});
