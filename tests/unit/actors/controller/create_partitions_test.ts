import { assertEquals } from "@std/assert";
import { createPartitions } from "../../../../actors/controller/create_partitions.ts";
import { replay } from "../../../../actors/controller/image.ts";
import { newPartition, scene, settingOf } from "./setting.ts";

function errors({ results }: { readonly results: readonly { readonly error: string }[] }): string[] {
  return results.map(({ error }) => error);
}

Deno.test("partitions only grow", () => {
  const setting = settingOf(2, "a", "b");
  const grow = (name: string, count: number, assignments: number[][] | null = null) =>
    createPartitions(setting, [{ name, count, assignments }], false);
  assertEquals(errors(grow("a", 1)), ["INVALID_PARTITIONS"]);
  assertEquals(errors(grow("a", -1)), ["INVALID_PARTITIONS"]);
  assertEquals(errors(grow("nope", 3)), ["UNKNOWN_TOPIC_OR_PARTITION"]);
  assertEquals(errors(grow("a", 10_001)), ["NONE"], "10 000 more");
  assertEquals(errors(grow("a", 10_002)), ["POLICY_VIOLATION"]);
  const both = ["a", "b"].map((name) => ({ name, count: 6_000, assignments: null }));
  assertEquals(errors(createPartitions(setting, both, false)), ["NONE", "POLICY_VIOLATION"]);
  assertEquals(errors(grow("a", 3, [[1]])), ["INVALID_REPLICA_ASSIGNMENT"]);
  assertEquals(errors(grow("a", 2, [[1, 2]])), ["INVALID_REPLICA_ASSIGNMENT"]);
  assertEquals(errors(grow("a", 2, [[7]])), ["INVALID_REPLICA_ASSIGNMENT"]);
  const grown = replay(setting.image, grow("a", 3, [[2], [1]]).records).topics.get("a")!;
  assertEquals(grown.partitions.slice(1).map(({ partition, leader }) => [partition, leader]), [[1, 2], [2, 1]]);
  assertEquals(replay(setting.image, grow("b", 4).records).topics.get("b")!.partitions.length, 4);
  const twice = createPartitions(
    setting,
    ["a", "a", "b"].map((name) => ({ name, count: 2, assignments: null })),
    false,
  );
  assertEquals(errors(twice), ["INVALID_REQUEST", "INVALID_REQUEST", "NONE"]);
});

Deno.test("new partitions have as many replicas as the first; what that is about to lose does not count", () => {
  const moving = newPartition(0, [3, 1, 2], { adding: [3], removing: [1, 2], isr: [1, 2], leader: 1 });
  const setting = scene({ brokers: 3, fenced: [3], topics: { t: [moving], u: [newPartition(0, [1, 2])] } });
  const grown = (name: string) => {
    const { records } = createPartitions(setting, [{ name, count: 2, assignments: null }], false);
    const { replicas, isr, leader } = replay(setting.image, records).topics.get(name)!.partitions[1]!;
    return { replicas: replicas.length, isr: isr.length, led: leader !== -1 };
  };
  assertEquals(grown("t"), { replicas: 1, isr: 1, led: true });
  assertEquals(grown("u"), { replicas: 2, isr: 2, led: true });
});

Deno.test("there must be somebody to take them", () => {
  const setting = scene({ brokers: 2, fenced: [1, 2], topics: { t: [newPartition(0, [1], { isr: [], leader: -1 })] } });
  const growth = (assignments: number[][] | null) => [{ name: "t", count: 2, assignments }];
  assertEquals(errors(createPartitions(setting, growth(null), false)), ["INVALID_REPLICATION_FACTOR"]);
  assertEquals(errors(createPartitions(setting, growth([[1]]), false)), ["INVALID_REPLICA_ASSIGNMENT"]);
});
