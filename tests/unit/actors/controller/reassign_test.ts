import { assertEquals } from "@std/assert";
import { replay } from "../../../../actors/controller/image.ts";
import type { Setting } from "../../../../actors/controller/decision.ts";
import type { PartitionImage } from "../../../../actors/controller/protocol.ts";
import { reassign } from "../../../../actors/controller/reassign.ts";
import { newPartition, type Scene, scene } from "./setting.ts";

function given(partition: Partial<PartitionImage> = {}, more: Partial<Scene> = {}): Setting {
  return scene({ brokers: 5, topics: { t: [newPartition(0, [1, 2, 3], partition)] }, ...more });
}

/** How it ends, and the partition afterwards. */
function moved(setting: Setting, replicas: readonly number[] | null, allowReplicationFactorChange = true) {
  const partitions = [{ topic: "t", partition: 0, replicas }];
  const { records, results } = reassign(setting, { partitions, allowReplicationFactorChange });
  const image = replay(setting.image, records);
  return { error: results[0]!.error, partition: image.topics.get("t")!.partitions[0]!, records, image };
}

function shapeOf({ replicas, adding, removing, isr, leader, leaderEpoch }: PartitionImage) {
  return { replicas, adding, removing, isr, leader, leaderEpoch };
}

Deno.test("what is to go stays until what is to come is in sync", () => {
  const { error, partition } = moved(given(), [3, 4, 5]);
  assertEquals([error, shapeOf(partition)], ["NONE", {
    replicas: [3, 4, 5, 1, 2],
    adding: [4, 5],
    removing: [1, 2],
    isr: [1, 2, 3],
    leader: 1,
    leaderEpoch: 0,
  }]);
});

Deno.test("what is in sync already moves at once", () => {
  const { partition } = moved(given(), [2, 3]);
  const at = { replicas: [2, 3], adding: [], removing: [], isr: [2, 3], leader: 2, leaderEpoch: 1 };
  assertEquals(shapeOf(partition), at);
  assertEquals(moved(given(), [3, 2, 1]).partition.replicas, [3, 2, 1]);
  assertEquals(moved(given(), [3, 2, 1]).partition.leaderEpoch, 0, "only another order of preference");
  assertEquals(moved(given(), [1, 2, 3]).records, []);
});

Deno.test("a move to what is not in sync waits, even if it only takes replicas away", () => {
  const { partition } = moved(given({ isr: [1] }), [1, 2]);
  assertEquals([partition.replicas, partition.removing], [[1, 2, 3], [3]]);
});

Deno.test("calling off goes back to where it began", () => {
  const { image } = moved(given(), [3, 4, 5]);
  const back = moved({ ...given(), image }, null);
  assertEquals([back.error, shapeOf(back.partition)], ["NONE", {
    replicas: [3, 1, 2],
    adding: [],
    removing: [],
    isr: [1, 2, 3],
    leader: 1,
    leaderEpoch: 1,
  }]);
  assertEquals(moved(given(), null).error, "NO_REASSIGNMENT_IN_PROGRESS");
  const growing = moved(given(), [1, 2, 3, 4]);
  assertEquals(moved({ ...given(), image: growing.image }, null).partition.replicas, [1, 2, 3]);
  const shrinking = moved(given({ isr: [1] }), [1, 2]);
  assertEquals(moved({ ...given(), image: shrinking.image }, null).partition.removing, []);
});

Deno.test("a move that takes the place of another can still be called off to the very beginning", () => {
  const first = moved(given(), [1, 2, 4]);
  const second = moved({ ...given(), image: first.image }, [1, 2, 5]);
  assertEquals(shapeOf(second.partition), {
    replicas: [1, 2, 5, 4, 3],
    adding: [4, 5],
    removing: [4, 3],
    isr: [1, 2, 3],
    leader: 1,
    leaderEpoch: 0,
  });
  const back = moved({ ...given(), image: second.image }, null);
  assertEquals(back.partition.replicas.toSorted(), [1, 2, 3]);
  const home = moved({ ...given(), image: first.image }, [1, 2, 3]);
  assertEquals([home.partition.replicas, home.partition.adding, home.partition.removing], [[1, 2, 3], [], []]);
});

Deno.test("a move that takes back what another takes away", () => {
  const first = moved(given({ isr: [1] }), [1, 2]);
  const second = moved({ ...given(), image: first.image }, [1, 2, 3, 4]);
  assertEquals([second.partition.replicas, second.partition.adding, second.partition.removing], [
    [1, 2, 3, 4],
    [4],
    [],
  ]);
});

Deno.test("calling off is refused when all that is complete would be thrown away", () => {
  const move = { replicas: [4, 5, 1, 2], adding: [4, 5], removing: [1, 2] };
  const unclean = { configs: { t: { "unclean.leader.election.enable": "true" } } };
  const onNew = { ...move, isr: [4], leader: 4 };
  assertEquals(moved(given(onNew), null).error, "INVALID_REPLICA_ASSIGNMENT");
  assertEquals(moved(given(onNew, unclean), null).partition.leader, 1);
  const eligible = { ...move, isr: [], elr: [4], leader: -1 };
  assertEquals(moved(given(eligible), null).error, "INVALID_REPLICA_ASSIGNMENT");
  const nothing = { ...move, isr: [], leader: -1 };
  assertEquals(moved(given(nothing), null).error, "NONE", "there is nothing to be thrown away");
  const spare = { ...move, isr: [4], elr: [2], leader: 4 };
  const min2 = { configs: { t: { "min.insync.replicas": "2" } } };
  assertEquals(moved(given(spare, min2), null).partition.leader, 2, "an eligible one can lead");
  assertEquals(moved(given(spare, { ...min2, fenced: [2] }), null).error, "INVALID_REPLICA_ASSIGNMENT");
});

Deno.test("where it cannot go", () => {
  assertEquals(moved(given(), []).error, "INVALID_REPLICA_ASSIGNMENT");
  assertEquals(moved(given(), [1, 1]).error, "INVALID_REPLICA_ASSIGNMENT");
  assertEquals(moved(given(), [1, 6]).error, "INVALID_REPLICA_ASSIGNMENT");
  assertEquals(moved(given(), [-1]).error, "INVALID_REPLICA_ASSIGNMENT");
  const named = { topic: "t", partition: 1, replicas: [1] };
  const nowhere = [named, { ...named, topic: "u" }];
  const { results } = reassign(given(), { partitions: nowhere, allowReplicationFactorChange: true });
  assertEquals(results.map(({ error }) => error), ["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_OR_PARTITION"]);
});

Deno.test("the number of replicas changes only by leave; what is about to go does not count", () => {
  assertEquals(moved(given(), [1, 2], false).error, "INVALID_REPLICATION_FACTOR");
  assertEquals(moved(given(), [3, 4, 5], false).error, "NONE");
  const { image } = moved(given(), [3, 4, 5]);
  assertEquals(moved({ ...given(), image }, [1, 4, 5], false).error, "NONE");
});

Deno.test("one bad move does not keep the others from being made", () => {
  const setting = scene({ brokers: 2, topics: { t: [newPartition(0, [1]), newPartition(1, [1])] } });
  const partitions = [{ topic: "t", partition: 0, replicas: [9] }, { topic: "t", partition: 1, replicas: [2] }];
  const { records, results } = reassign(setting, { partitions, allowReplicationFactorChange: true });
  assertEquals([records.length, results.map(({ error }) => error)], [1, ["INVALID_REPLICA_ASSIGNMENT", "NONE"]]);
});
