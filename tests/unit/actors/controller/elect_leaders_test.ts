import { assertEquals } from "@std/assert";
import type { Setting } from "../../../../actors/controller/decision.ts";
import { balance, electLeaders, reconsider } from "../../../../actors/controller/elect_leaders.ts";
import { newPartition, outcome, type Scene, scene } from "./setting.ts";

const PARTITIONS = [
  newPartition(0, [1, 2]),
  newPartition(1, [1, 2], { leader: 2 }),
  newPartition(2, [3, 2], { leader: 2, isr: [2] }),
  newPartition(3, [3, 2], { leader: -1, isr: [], elr: [3] }),
];

function given(more: Partial<Scene> = {}): Setting {
  return scene({ brokers: 3, fenced: [3], topics: { t: PARTITIONS }, ...more });
}

function errors(setting: Setting, type: "preferred" | "unclean", partitions: readonly number[] | null) {
  const named = partitions?.map((partition) => ({ topic: "t", partition })) ?? null;
  const { results } = electLeaders(setting, { type, partitions: named });
  return results.map(({ partition, error }) => [partition, error]);
}

Deno.test("preferred leaders", () => {
  const setting = given();
  assertEquals(errors(setting, "preferred", [0, 1, 2, 3, 4]), [
    [0, "ELECTION_NOT_NEEDED"],
    [1, "NONE"],
    [2, "PREFERRED_LEADER_NOT_AVAILABLE"],
    [3, "PREFERRED_LEADER_NOT_AVAILABLE"],
    [4, "UNKNOWN_TOPIC_OR_PARTITION"],
  ]);
  const { records } = electLeaders(setting, { type: "preferred", partitions: [{ topic: "t", partition: 1 }] });
  assertEquals([outcome(setting, records, 1).leader, outcome(setting, records, 1).leaderEpoch], [1, 1]);
});

Deno.test("of all partitions, only those are named that needed an election", () => {
  assertEquals(errors(given(), "preferred", null), [
    [1, "NONE"],
    [2, "PREFERRED_LEADER_NOT_AVAILABLE"],
    [3, "PREFERRED_LEADER_NOT_AVAILABLE"],
  ]);
  assertEquals(errors(given(), "unclean", null), [[3, "NONE"]]);
});

Deno.test("a partition that is named twice is elected for once", () => {
  const setting = given();
  const twice = [{ topic: "t", partition: 1 }, { topic: "t", partition: 1 }];
  const { records, results } = electLeaders(setting, { type: "preferred", partitions: twice });
  assertEquals([records.length, results.map(({ error }) => error)], [1, ["NONE", "ELECTION_NOT_NEEDED"]]);
});

Deno.test("unclean leaders, where there is none and somebody is there", () => {
  const setting = given();
  assertEquals(errors(setting, "unclean", [0, 3]), [[0, "ELECTION_NOT_NEEDED"], [3, "NONE"]]);
  const { records } = electLeaders(setting, { type: "unclean", partitions: [{ topic: "t", partition: 3 }] });
  assertEquals([outcome(setting, records, 3).leader, outcome(setting, records, 3).isr], [2, [2]]);
  const nobody = given({ fenced: [2, 3] });
  assertEquals(errors(nobody, "unclean", [3]), [[3, "ELIGIBLE_LEADERS_NOT_AVAILABLE"]]);
  assertEquals(electLeaders(nobody, { type: "unclean", partitions: null }).records, []);
});

Deno.test("leadership goes back to preferred replicas that are in sync and there, unless that is switched off", () => {
  const setting = given();
  const moved = (setting: Setting) => balance(setting, 10).map((record) => "partition" in record && record.partition);
  assertEquals(moved(setting), [1]);
  assertEquals(outcome(setting, balance(setting, 10), 1).leader, 1);
  assertEquals(moved({ ...setting, properties: { "auto.leader.rebalance.enable": "false" } }), []);
  assertEquals(moved(given({ leaving: [1] })), []);
});

Deno.test("no more than so many leaders move at once", () => {
  const many = Array.from({ length: 5 }, (_, at) => newPartition(at, [1, 2], { leader: 2 }));
  const setting = scene({ brokers: 2, topics: { t: many } });
  assertEquals([balance(setting, 3).length, balance(setting, 9).length], [3, 5]);
});

Deno.test("what nobody leads, somebody does where the topic allows that", () => {
  const setting = given({ configs: { t: { "unclean.leader.election.enable": "true" } } });
  assertEquals(outcome(setting, balance(setting, 10), 3).leader, 2);
  assertEquals(outcome(setting, reconsider(setting, setting.image.topics.values()), 3).leader, 2);
  const orphan = newPartition(0, [1], { leader: -1, isr: [] });
  const bare = given({ topics: { t: [orphan] }, configs: { t: { "unclean.leader.election.enable": "true" } } });
  assertEquals(outcome(bare, reconsider(bare, bare.image.topics.values())).leader, 1);
  assertEquals(reconsider(given(), given().image.topics.values()), []);
});

Deno.test("a smaller min.insync.replicas leaves nobody eligible who is not needed", () => {
  const partition = newPartition(0, [1, 2, 3], { isr: [1], elr: [2, 3] });
  const elr = (value: string) => {
    const topics = { t: [partition] };
    const setting = scene({ brokers: 3, topics, configs: { t: { "min.insync.replicas": value } } });
    return outcome(setting, reconsider(setting, setting.image.topics.values())).elr;
  };
  assertEquals([elr("2"), elr("1")], [[2, 3], []]);
});
