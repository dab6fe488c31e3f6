import { assertEquals } from "@std/assert";
import { replaceFile } from "../../../storage/checkpoint.ts";
import { leaveCleanLife, takeCleanLife, UNKNOWN_LIFE } from "../../../storage/clean_shutdown.ts";
import { MemoryDisk } from "../../../storage/memory_disk.ts";

const FILE = ".kafka_cleanshutdown";

Deno.test("what a clean stop leaves is taken once", () => {
  const disk = new MemoryDisk();
  const life = { brokerEpoch: 7, unheardIncarnationIds: ["a", "b"] };
  leaveCleanLife(disk, life);
  assertEquals([takeCleanLife(disk), takeCleanLife(disk)], [life, undefined]);
});

Deno.test("of many lives that nobody heard of, the last ones are kept", () => {
  const disk = new MemoryDisk();
  leaveCleanLife(disk, {
    brokerEpoch: 7,
    unheardIncarnationIds: Array.from({ length: 100 }, (_, life) => `life-${life}`),
  });
  const { unheardIncarnationIds: kept } = takeCleanLife(disk)!;
  assertEquals([kept.length, kept[0], kept.at(-1)], [32, "life-68", "life-99"]);
});

Deno.test("what is not as it was written vouches for no epoch and no incarnation", () => {
  const taken = (content: string) => {
    const disk = new MemoryDisk();
    replaceFile(disk, FILE, new TextEncoder().encode(content));
    return takeCleanLife(disk);
  };
  assertEquals(taken(""), UNKNOWN_LIFE, "as Kafka wrote it once");
  assertEquals(taken("{"), UNKNOWN_LIFE);
  assertEquals(taken('{"version":0,"brokerEpoch":"7"}'), UNKNOWN_LIFE);
  assertEquals(taken('{"version":0,"brokerEpoch":7}'), { brokerEpoch: 7, unheardIncarnationIds: [] });
  assertEquals(taken('{"version":0,"brokerEpoch":7,"unheardIncarnationIds":[1]}')!.unheardIncarnationIds, []);
  assertEquals(taken('{"version":0,"brokerEpoch":7,"unheardIncarnationIds":"life"}')!.unheardIncarnationIds, []);
});
