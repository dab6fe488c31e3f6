import { assertEquals } from "@std/assert";
import { PartitionBuffer } from "../../../../actors/consumer/buffer.ts";
import type { ConsumedRecord } from "../../../../actors/consumer/protocol.ts";
import { encodeBatch } from "../../../../protocol/records.ts";

Deno.test("a batch that a broker has taken is handed out, however large its records are", () => {
  const buffer = new PartitionBuffer();
  const value = new Uint8Array(101 << 20);
  const start = { offset: 0, leaderEpoch: 0 };
  buffer.add(encodeBatch([{ value }], { codec: "zstd", partitionLeaderEpoch: 0 }), [], start);
  const records: ConsumedRecord[] = [];
  const of = { topic: "t", partition: 0, setbacks: 0 };
  assertEquals(buffer.take(of, start, 10, records), { offset: 1, leaderEpoch: 0 });
  assertEquals(records.map((record) => record.value?.length), [value.length]);
});
