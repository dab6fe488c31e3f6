import { assertEquals } from "@std/assert";
import { errorName } from "../../../../../protocol/errors.ts";
import { partitionOf, topicIdOf } from "../records.ts";
import type { viewOf } from "./fake_exchange.ts";
import { Client } from "./client_exchange.ts";
import { batch, type Body, brought, call, client, found, nothing, wants } from "./fetch_call.ts";

/** Partition 0 of `away` is led by broker 2, partition 1 by nobody. */
function elsewhere(): Client {
  const topicId = "AAAAAAAAAAAAAAAAAAAAAQ";
  return new Client({
    brokers: 2,
    topics: ["t"],
    records: [
      { type: "Topic", name: "away", topicId },
      partitionOf(topicId, 0, [2], { leaderEpoch: 5 }),
      partitionOf(topicId, 1, [2], { leader: -1, leaderEpoch: 6 }),
    ],
  });
}

Deno.test("from version 16 a client of the wrong broker hears who leads, and where that is", () => {
  const topicId = "AAAAAAAAAAAAAAAAAAAAAQ";
  const partitions = [0, 1].map((partition) => ({ partition, fetchOffset: 0n, partitionMaxBytes: 9 }));
  const [hinted, older] = [16, 15].map((version) => {
    return call(elsewhere(), { ...wants([]), topics: [{ topicId, partitions }] }, version).got;
  });
  assertEquals(hinted!.responses[0]!.partitions.map(({ errorCode }) => errorName(errorCode)), [
    "NOT_LEADER_OR_FOLLOWER",
    "NOT_LEADER_OR_FOLLOWER",
  ]);
  const none = { leaderId: -1, leaderEpoch: -1 };
  const leaders = (response: typeof hinted) => response!.responses[0]!.partitions.map((each) => each.currentLeader);
  assertEquals(leaders(hinted), [{ leaderId: 2, leaderEpoch: 5 }, none]);
  assertEquals(hinted!.nodeEndpoints.map(({ nodeId }) => nodeId), [2]);
  assertEquals([leaders(older), older!.nodeEndpoints], [[none, none], []]);
});

Deno.test("a fenced epoch names the leader too, other errors do not", () => {
  for (const [error, leaderId] of [["FENCED_LEADER_EPOCH", 1], ["UNKNOWN_LEADER_EPOCH", -1]] as const) {
    const asking = client();
    const topicId = asking.view.image.topics.get("t")!.topicId;
    const body = { ...wants([]), topics: [{ topicId, partitions: wants([0]).topics![0]!.partitions }] };
    const made = call(asking, body, 17);
    made.answer("fetch", "t-0", found(new Uint8Array(0), -1, { error, leader: 1, leaderEpoch: 4 }));
    assertEquals(made.got.responses[0]!.partitions[0]!.currentLeader.leaderId, leaderId);
    assertEquals(made.got.nodeEndpoints.length, leaderId < 0 ? 0 : 1);
  }
});

/** Topic `near` is led by 1 in rack a, like 6; 2 and 3 follow in rack b; 4 there is not in sync, 5 is fenced; 7 has no rack. */
function racked(records: Parameters<typeof viewOf>[0] = {}): Client {
  const topicId = topicIdOf(7);
  return new Client({
    brokers: 7,
    racks: { 1: "a", 2: "b", 3: "b", 4: "b", 5: "b", 6: "a", 7: "" },
    records: [
      { type: "FenceBroker", brokerId: 5, brokerEpoch: 9 },
      { type: "Topic", name: "near", topicId },
      partitionOf(topicId, 0, [1, 2, 3, 4, 5, 6, 7], { isr: [1, 2, 3, 5, 6, 7] }),
      partitionOf(topicId, 1, [2, 1], { leaderEpoch: 3 }),
    ],
    ...records,
  });
}

function near(partition: number, more: Partial<Body> = {}): Body {
  const partitions = [{ partition, fetchOffset: 4n, partitionMaxBytes: 1 << 20 }];
  return { ...wants([]), topics: [{ topic: "near", partitions }], ...more };
}

Deno.test("a reader in another rack is sent to followers there: in sync, not fenced, and asked about once", () => {
  const made = call(racked(), near(0, { rackId: "b", minBytes: 400 }));
  assertEquals(made.question("fetch", "near-0").message["nearer"], [2, 3]);
  made.answer("fetch", "near-0", found(batch(4, 300), 5));
  made.answer("awaitData", "near-0", true);
  assertEquals(made.question("fetch", "near-0").message["nearer"], undefined);
});

Deno.test("nobody is nearer than the leader in its own rack, in no rack, in an empty rack, or for a follower to say", () => {
  for (const rackId of ["a", "", "c"]) {
    assertEquals(call(racked(), near(0, { rackId })).question("fetch").message["nearer"], undefined);
  }
  assertEquals(call(racked(), near(1, { rackId: "a" })).question("fetch").message["nearer"], undefined);
});

Deno.test("where to read instead is answered at once, in a session too", () => {
  for (let version = 11; version <= 17; version++) {
    const asking = racked();
    const topics = [{ ...near(0).topics![0]!, topicId: topicIdOf(7) }];
    const made = call(asking, near(0, { rackId: "b", topics }), version);
    made.answer("fetch", "near-0", { ...nothing(9), preferredReadReplica: 3 });
    const [partition] = made.got.responses[0]!.partitions;
    assertEquals([partition!.preferredReadReplica, partition!.errorCode], [3, 0]);
  }
  const asking = racked();
  const opened = call(asking, near(0, { sessionEpoch: 0, minBytes: 0 }));
  opened.answer("fetch", "near-0", nothing(9));
  const { sessionId } = opened.got;
  const next = call(asking, near(0, { sessionId, sessionEpoch: 1, rackId: "b", topics: [] }));
  next.answer("fetch", "near-0", { ...nothing(9), preferredReadReplica: 3 });
  assertEquals(next.got.responses[0]!.partitions[0]!.preferredReadReplica, 3);
});

Deno.test("followers serve clients that know of them (version 11 and up), and no older ones", () => {
  const made = call(racked(), near(1));
  assertEquals(made.question("fetch", "near-1").message["knowsFollowers"], undefined);
  made.answer("fetch", "near-1", found(batch(4, 100), 5));
  assertEquals(brought(made), [[1, "NONE", [4]]]);
  assertEquals(call(racked(), near(1, { rackId: "b" })).question("fetch", "near-1").message["knowsFollowers"], true);
  assertEquals(brought(call(racked(), near(1), 10)), [[1, "NOT_LEADER_OR_FOLLOWER", []]]);
  const elsewhere = partitionOf(topicIdOf(8), 0, [2]);
  const asking = racked({ records: [{ type: "Topic", name: "near", topicId: topicIdOf(8) }, elsewhere] });
  assertEquals(brought(call(asking, near(0))), [[0, "NOT_LEADER_OR_FOLLOWER", []]]);
});

Deno.test("a follower says without asking anybody that an offset is beyond its log: then the reader asks the leader", () => {
  const made = call(racked(), near(1, { rackId: "b" }));
  made.answer("fetch", "near-1", found(new Uint8Array(0), -1, { error: "OFFSET_OUT_OF_RANGE", leader: 2 }));
  assertEquals(brought(made), [[1, "OFFSET_OUT_OF_RANGE", []]]);
});

Deno.test("who leads is told by the newer of what the replica said and what is known when the answer leaves", () => {
  const body = () => near(1, { topics: [{ topicId: topicIdOf(7), partitions: near(1).topics![0]!.partitions }] });
  const moved = { error: "NOT_LEADER_OR_FOLLOWER", leader: 3 } as const;
  const told = (leaderEpoch: number) => {
    const asking = racked();
    const made = call(asking, body(), 16);
    made.answer("fetch", "near-1", found(new Uint8Array(0), -1, { ...moved, leaderEpoch }));
    return [made.got.responses[0]!.partitions[0]!.currentLeader, made.got.nodeEndpoints.map(({ nodeId }) => nodeId)];
  };
  assertEquals(told(2), [{ leaderId: 2, leaderEpoch: 3 }, [2]]);
  assertEquals(told(4), [{ leaderId: 3, leaderEpoch: 4 }, [3]]);
});
