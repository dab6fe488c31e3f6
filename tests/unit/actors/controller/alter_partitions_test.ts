import { assertEquals } from "@std/assert";
import { alterPartitions } from "../../../../actors/controller/alter_partitions.ts";
import type { IsrChange, PartitionImage } from "../../../../actors/controller/protocol.ts";
import { newPartition, outcome, type Scene, scene } from "./setting.ts";

const PARTITION = newPartition(0, [1, 2, 3], { isr: [1, 2], leaderEpoch: 4, partitionEpoch: 7 });

function given(more: Partial<Scene> = {}, partition: Partial<PartitionImage> = {}) {
  return scene({ brokers: 4, topics: { t: [{ ...PARTITION, ...partition }] }, ...more });
}

function members(...ids: readonly number[]): IsrChange["isr"] {
  return ids.map((brokerId) => ({ brokerId, brokerEpoch: brokerId }));
}

function wanted(more: Partial<IsrChange> = {}): IsrChange {
  return { topicId: "id of t", partition: 0, leaderEpoch: 4, partitionEpoch: 7, isr: members(1, 2, 3), ...more };
}

/** How it ends when broker 1 wants this. */
function ended(change: Partial<IsrChange>, setting = given(), brokerId = 1): string {
  const { records, results } = alterPartitions(setting, brokerId, [wanted(change)]);
  const { error } = results[0]!;
  if (error !== "NONE") assertEquals(records, [], error);
  return error;
}

Deno.test("a leader adds and takes out followers, and hears how the partition is then", () => {
  const setting = given();
  const added = alterPartitions(setting, 1, [wanted()]);
  assertEquals(added.results, [{
    topicId: "id of t",
    partition: 0,
    error: "NONE",
    leader: 1,
    leaderEpoch: 4,
    partitionEpoch: 8,
    isr: [1, 2, 3],
  }]);
  assertEquals(outcome(setting, added.records).isr, [1, 2, 3]);
  const taken = alterPartitions(setting, 1, [wanted({ isr: members(1) })]);
  assertEquals(outcome(setting, taken.records).isr, [1]);
});

Deno.test("what is not there", () => {
  assertEquals(ended({ topicId: "another" }), "UNKNOWN_TOPIC_ID");
  assertEquals(ended({ partition: 1 }), "UNKNOWN_TOPIC_OR_PARTITION");
});

Deno.test("epochs that are over, and those that this controller has not heard of", () => {
  assertEquals(ended({ leaderEpoch: 3 }), "FENCED_LEADER_EPOCH");
  assertEquals(ended({ partitionEpoch: 6 }), "INVALID_UPDATE_VERSION");
  assertEquals(ended({ leaderEpoch: 5 }), "NOT_CONTROLLER");
  assertEquals(ended({ partitionEpoch: 8 }), "NOT_CONTROLLER");
});

Deno.test("only the leader may, and it stays in", () => {
  assertEquals(ended({ isr: members(1, 2, 3) }, given(), 2), "INVALID_REQUEST");
  assertEquals(ended({ isr: members(2, 3) }), "INVALID_REQUEST");
  assertEquals(ended({ isr: [] }), "INVALID_REQUEST");
});

Deno.test("members are replicas, each named once", () => {
  assertEquals(ended({ isr: members(1, 4) }), "INVALID_REQUEST");
  assertEquals(ended({ isr: members(1, 3, 3) }), "INVALID_REQUEST");
});

Deno.test("members are registered, let in, not about to stop, and what they were when they caught up", () => {
  assertEquals(ended({}, given({ fenced: [3] })), "INELIGIBLE_REPLICA");
  assertEquals(ended({}, given({ leaving: [3] })), "INELIGIBLE_REPLICA");
  const stranger = given({}, { replicas: [1, 2, 9] });
  assertEquals(ended({ isr: members(1, 2, 9) }, stranger), "INELIGIBLE_REPLICA");
  const epochs = (brokerEpoch: number) => [...members(1, 2), { brokerId: 3, brokerEpoch }];
  assertEquals(ended({ isr: epochs(2) }), "INELIGIBLE_REPLICA", "an earlier incarnation");
  assertEquals(ended({ isr: epochs(-1) }), "INELIGIBLE_REPLICA", "it has never been heard of");
  const kept = given({}, { isr: [1, 2, 3] });
  assertEquals(ended({ isr: [...members(1), { brokerId: 2, brokerEpoch: -1 }] }, kept), "NONE", "it was in already");
  assertEquals(ended({ isr: [...members(1), { brokerId: 2, brokerEpoch: 9 }] }, kept), "INELIGIBLE_REPLICA");
});

Deno.test("a change that was made already is answered as if it were made now, whatever the order", () => {
  const { records, results } = alterPartitions(given(), 1, [wanted({ partitionEpoch: 6, isr: members(2, 1) })]);
  assertEquals([records, results[0]!.error, results[0]!.partitionEpoch], [[], "NONE", 7]);
  assertEquals(ended({ partitionEpoch: 6, leaderEpoch: 3, isr: members(1, 2) }), "FENCED_LEADER_EPOCH");
  assertEquals(ended({ partitionEpoch: 6, isr: members(1, 2) }, given(), 2), "INVALID_REQUEST");
});

Deno.test("one bad change does not keep the others from being made, and each sees those before it", () => {
  const changes = [wanted({ partition: 5 }), wanted(), wanted({ isr: members(1) })];
  const { records, results } = alterPartitions(given(), 1, changes);
  assertEquals(results.map(({ error }) => error), ["UNKNOWN_TOPIC_OR_PARTITION", "NONE", "INVALID_UPDATE_VERSION"]);
  assertEquals(records.length, 1);
});

Deno.test("a leader that is about to stop lets in who can lead after it", () => {
  const setting = given({ leaving: [1] }, { isr: [1] });
  const { records, results } = alterPartitions(setting, 1, [wanted({ isr: members(1, 2) })]);
  assertEquals([results[0]!.error, results[0]!.leader, results[0]!.leaderEpoch], ["NEW_LEADER_ELECTED", 2, 5]);
  assertEquals(outcome(setting, records).leader, 2);
});

Deno.test("a change that completes a move may end the leadership of who asked for it", () => {
  const moving = { replicas: [2, 3, 1], adding: [3], removing: [1] };
  const setting = given({}, moving);
  const { records, results } = alterPartitions(setting, 1, [wanted()]);
  assertEquals([results[0]!.error, results[0]!.isr], ["NEW_LEADER_ELECTED", [2, 3]]);
  assertEquals(outcome(setting, records).leader, 2);
});

Deno.test("who leaves an ISR that is too small is eligible", () => {
  const setting = given({ configs: { t: { "min.insync.replicas": "2" } } });
  const { records } = alterPartitions(setting, 1, [wanted({ isr: members(1) })]);
  assertEquals(outcome(setting, records).elr, [2]);
});
