import { assertEquals } from "@std/assert";
import { alterPartitions } from "../../../../actors/controller/alter_partitions.ts";
import { moveLeadership, unfenceBroker } from "../../../../actors/controller/brokers.ts";
import { partitionKey, type Setting } from "../../../../actors/controller/decision.ts";
import { balance, electLeaders } from "../../../../actors/controller/elect_leaders.ts";
import { heedOffline } from "../../../../actors/controller/offline.ts";
import type { PartitionId, PartitionImage } from "../../../../actors/controller/protocol.ts";
import { reassign } from "../../../../actors/controller/reassign.ts";
import { MemoryJournal } from "../../../../actors/memory_journal.ts";
import {
  beat,
  type ControllerProbe,
  created,
  followerOf,
  join,
  lastEvent,
  partitionOf,
  placed,
  register,
  start,
} from "./probing.ts";
import { newPartition, outcome, type Scene, scene } from "./setting.ts";

const T0 = { topicId: "id of t", partition: 0 };

/** Brokers 1…4 and a partition `t-0` of 1, 2 and 3, of which these have said that their replicas of it are offline. */
function given(
  offline: readonly number[],
  partition: Partial<PartitionImage> = {},
  more: Partial<Scene> = {},
): Setting {
  const t = newPartition(0, partition.replicas ?? [1, 2, 3], partition);
  const isOffline = (id: number, at: PartitionId) => offline.includes(id) && partitionKey(at) === partitionKey(T0);
  return { ...scene({ brokers: 4, topics: { t: [t] }, ...more }), isOffline };
}

function config(values: Readonly<Record<string, string>>): Partial<Scene> {
  return { configs: { t: values } };
}

/** What becomes of it when broker `id` has named it. */
function named(setting: Setting, id = 1) {
  return outcome(setting, heedOffline(setting, setting.image.brokers.get(id)!, [T0], false));
}

Deno.test("who is offline leaves the ISR, and another leads", () => {
  const led = named(given([1]));
  assertEquals([led.leader, led.leaderEpoch, led.isr, led.elr], [2, 1, [2, 3], []]);
  const follower = named(given([3]), 3);
  assertEquals([follower.leader, follower.leaderEpoch, follower.isr], [1, 0, [1, 2]]);
});

Deno.test("nobody is elected who is offline too, or whose broker is not there", () => {
  assertEquals(named(given([1, 2])).leader, 3);
  assertEquals(named(given([1, 2], {}, { fenced: [3] })).leader, -1);
  const uncleanly = config({ "unclean.leader.election.enable": "true" });
  assertEquals(named(given([1, 2], { isr: [1] }, uncleanly)).leader, 3);
});

Deno.test("the last in sync is kept in mind, and nobody leads: it has what it vouched for", () => {
  const { leader, isr, elr, lastKnownElr } = named(given([1], { isr: [1] }));
  assertEquals([leader, isr, elr, lastKnownElr], [-1, [], [1], [1]]);
  const alone = named(given([1], { replicas: [1] }));
  assertEquals([alone.leader, alone.isr, alone.elr], [-1, [], [1]]);
});

Deno.test("where records are not flushed before they are acknowledged it may have lost some, and is not eligible", () => {
  const unflushed = config({ "flush.before.ack": "false", "min.insync.replicas": "2" });
  const last = named(given([1], { isr: [1], elr: [2] }, unflushed));
  assertEquals([last.leader, last.isr, last.elr, last.lastKnownElr], [2, [2], [], []]);
  const eligible = named(given([1], { leader: 2, isr: [2], elr: [1] }, unflushed));
  assertEquals([eligible.leader, eligible.isr, eligible.elr], [2, [2], []]);
  const flushed = given([1], { leader: 2, isr: [2], elr: [1] }, config({ "min.insync.replicas": "2" }));
  assertEquals(named(flushed).elr, [1]);
});

Deno.test("what need not be changed is not, and what is not there is passed over", () => {
  const setting = given([3], { isr: [1, 2] });
  const broker = setting.image.brokers.get(3)!;
  assertEquals(heedOffline(setting, broker, [T0], false), []);
  const gone = [{ topicId: "another", partition: 0 }, { topicId: "id of t", partition: 1 }];
  assertEquals(heedOffline(setting, broker, gone, true), []);
});

Deno.test("who is back leads what nobody leads, if it is eligible, and nothing else changes", () => {
  const orphan = { leader: -1, isr: [], elr: [1] };
  const back = (setting: Setting, mayBeBack = true) =>
    heedOffline(setting, setting.image.brokers.get(1)!, [], mayBeBack);
  const setting = given([], orphan);
  const { leader, isr, elr } = outcome(setting, back(setting));
  assertEquals([leader, isr, elr], [1, [1], []]);
  assertEquals(back(setting, false), []);
  assertEquals(back(given([1], orphan)), []);
  assertEquals(back(given([], { ...orphan, elr: [2] }, { fenced: [2] })), []);
  assertEquals(back(given([], { leader: 2, isr: [1, 2] }, { leaving: [2] })), [], "who is about to stop leads on");
});

Deno.test("it is not let into the ISR", () => {
  const partition = { isr: [1, 2], leaderEpoch: 4, partitionEpoch: 7 };
  const isr = [1, 2, 3].map((brokerId) => ({ brokerId, brokerEpoch: brokerId }));
  const change = { ...T0, leaderEpoch: 4, partitionEpoch: 7, isr };
  const error = (offline: readonly number[]) =>
    alterPartitions(given(offline, partition), 1, [change]).results[0]!.error;
  assertEquals([error([3]), error([4])], ["INELIGIBLE_REPLICA", "NONE"]);
});

Deno.test("no election makes it the leader: of who comes back, who is preferred, or who is left", () => {
  const orphan = { leader: -1, isr: [], elr: [1, 2] };
  const unfenced = (offline: readonly number[]) => {
    const setting = given(offline, orphan, { fenced: [1] });
    return outcome(setting, unfenceBroker(setting, setting.image.brokers.get(1)!)).leader;
  };
  assertEquals([unfenced([1]), unfenced([2]), unfenced([1, 2])], [2, 1, -1]);

  const second = { leader: 2, isr: [1, 2, 3] };
  assertEquals([balance(given([1], second), 10).length, balance(given([2], second), 10).length], [0, 1]);
  const election = (type: "preferred" | "unclean", setting: Setting) => {
    const { records, results } = electLeaders(setting, { type, partitions: [{ topic: "t", partition: 0 }] });
    return [results[0]!.error, outcome(setting, records).leader];
  };
  assertEquals(election("preferred", given([1], second)), ["PREFERRED_LEADER_NOT_AVAILABLE", 2]);
  assertEquals(election("unclean", given([1, 2, 3], orphan)), ["ELIGIBLE_LEADERS_NOT_AVAILABLE", -1]);
  assertEquals(election("unclean", given([1, 2], orphan)), ["NONE", 3]);
});

Deno.test("a broker that wants to stop does not wait for it, and does not leave its partition to it", () => {
  const leaving = (offline: readonly number[], partition: Partial<PartitionImage>) => {
    const setting = given(offline, { replicas: [1, 2], ...partition }, config({ "min.insync.replicas": "2" }));
    const { records, moves, hopes } = moveLeadership(setting, setting.image.brokers.get(1)!);
    return [outcome(setting, records).leader, moves, hopes];
  };
  assertEquals(leaving([], { isr: [1], elr: [2] }), [2, true, false]);
  assertEquals(leaving([2], { isr: [1], elr: [2] }), [1, false, false]);
  assertEquals(leaving([], { isr: [1] }), [1, false, true]);
  assertEquals(leaving([2], { isr: [1] }), [1, false, false]);
});

Deno.test("a move is not called off to who is offline", () => {
  const moving = { replicas: [4, 1], adding: [4], removing: [1], leader: 4, isr: [4], elr: [1] };
  const calledOff = (offline: readonly number[]) => {
    const setting = given(offline, moving, config({ "min.insync.replicas": "2" }));
    const back = { partitions: [{ topic: "t", partition: 0, replicas: null }], allowReplicationFactorChange: false };
    return reassign(setting, back).results[0]!.error;
  };
  assertEquals([calledOff([]), calledOff([1])], ["NONE", "INVALID_REPLICA_ASSIGNMENT"]);
});

/** Three brokers and a partition `t-0` on all of them. */
function cluster(journal = new MemoryJournal()): ControllerProbe {
  const p = start({ journal });
  for (const id of [1, 2, 3]) join(p, id);
  created(p, placed("t", [1, 2, 3]));
  return p;
}

/** `t-0`, as heartbeats name it. */
function t0(p: ControllerProbe): { readonly offline: readonly PartitionId[] } {
  return { offline: [{ topicId: p.state.image.topics.get("t")!.topicId, partition: 0 }] };
}

Deno.test("heartbeats name what is offline; that is decided once, and taken back when it is named no more", () => {
  const journal = new MemoryJournal();
  const p = cluster(journal);
  assertEquals(beat(p, 1, t0(p)).reply, { error: "NONE", fenced: false, shouldShutDown: false });
  assertEquals([partitionOf(p, "t").leader, partitionOf(p, "t").isr], [2, [2, 3]]);
  const { offset } = p.state.image;
  beat(p, 1, t0(p));
  assertEquals(p.state.image.offset, offset);
  for (const id of [2, 3]) beat(p, id, t0(p));
  assertEquals([partitionOf(p, "t").leader, partitionOf(p, "t").elr], [-1, [3]]);
  beat(p, 2);
  assertEquals(partitionOf(p, "t").leader, -1, "it is not eligible");
  beat(p, 3);
  assertEquals([partitionOf(p, "t").leader, partitionOf(p, "t").isr], [3, [3]]);
  assertEquals(lastEvent(journal), ["PartitionChange"]);
});

Deno.test("what a broker says with the heartbeat that lets it in counts for that too", () => {
  const p = cluster();
  for (const id of [2, 3]) p.terminate(followerOf(id));
  p.terminate(followerOf(1));
  assertEquals(partitionOf(p, "t").elr, [1]);
  assertEquals(beat(p, 1, t0(p)).reply?.fenced, false);
  assertEquals(partitionOf(p, "t").leader, -1);
  beat(p, 1);
  assertEquals(partitionOf(p, "t").leader, 1);
});

Deno.test("who is not sound is not let in before it is out of the ELR", () => {
  const p = start();
  for (const id of [1, 2]) join(p, id);
  const configs = Object.entries({ "flush.before.ack": "false", "min.insync.replicas": "2" });
  created(p, { ...placed("t", [1, 2]), configs: configs.map(([name, value]) => ({ name, value })) });
  p.terminate(followerOf(1));
  assertEquals(partitionOf(p, "t").elr, [1]);
  assertEquals(beat(p, 1, t0(p)).reply?.fenced, true);
  assertEquals(partitionOf(p, "t").elr, []);
  assertEquals(beat(p, 1, t0(p)).reply?.fenced, false);
});

Deno.test("another incarnation begins with nothing offline", () => {
  const p = cluster();
  for (const id of [2, 3]) p.terminate(followerOf(id));
  beat(p, 1, t0(p));
  register(p, 1, { incarnationId: "again" });
  beat(p, 1);
  assertEquals(partitionOf(p, "t").leader, 1);
});

Deno.test("a new controller learns from the first heartbeats what is offline, and what is back since", () => {
  const p = cluster();
  for (const id of [2, 3]) p.terminate(followerOf(id));
  beat(p, 1, t0(p));
  assertEquals(partitionOf(p, "t").leader, -1);
  const image = p.state.image.freeze();
  const still = start({ image });
  beat(still, 1, t0(still));
  assertEquals(partitionOf(still, "t").leader, -1);
  const back = start({ image });
  beat(back, 1);
  assertEquals(partitionOf(back, "t").leader, 1);
});

Deno.test("a broker that wants to stop goes on with that when its outage has been dealt with", () => {
  const p = cluster();
  created(p, placed("u", [1]));
  const leaving = { ...t0(p), wantShutDown: true };
  assertEquals(beat(p, 1, leaving).reply?.shouldShutDown, false);
  assertEquals([partitionOf(p, "t").leader, partitionOf(p, "u").leader], [2, 1]);
  assertEquals(beat(p, 1, leaving).reply?.shouldShutDown, true);
});
