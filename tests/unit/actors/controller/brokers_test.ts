import { assertEquals } from "@std/assert";
import {
  fenceBroker,
  moveLeadership,
  registerBroker,
  type Registration,
  unfenceBroker,
  unregisterBroker,
} from "../../../../actors/controller/brokers.ts";
import type { CleanLife } from "../../../../storage/log.ts";
import type { Setting } from "../../../../actors/controller/decision.ts";
import { replay } from "../../../../actors/controller/image.ts";
import type { MetadataRecord } from "../../../../actors/controller/protocol.ts";
import { newPartition, outcome, type Scene, scene } from "./setting.ts";

const LOOSE = { t: { "flush.before.ack": "false" } };
const UNCLEAN = { t: { "unclean.leader.election.enable": "true" } };

function broker(setting: Setting, id: number) {
  return setting.image.brokers.get(id)!;
}

function cleanAt(brokerEpoch: number, ...unheardIncarnationIds: string[]): CleanLife {
  return { brokerEpoch, unheardIncarnationIds };
}

/** Broker `brokerId` comes back as another process. */
function comesBack(setting: Setting, brokerId: number, more: Partial<Registration> = {}) {
  return registerBroker(setting, {
    brokerId,
    incarnationId: "another",
    endpoint: { host: "h", port: 1 },
    nodeEndpoint: { host: "h", port: 2 },
    directoryId: `d${brokerId}`,
    rack: null,
    cleanLife: cleanAt(-1),
    ...more,
  });
}

function after(setting: Setting, records: readonly MetadataRecord[]): Setting {
  return { ...setting, image: replay(setting.image, records) };
}

function changesOf(records: readonly MetadataRecord[]): string[] {
  return records.map(({ type }) => type);
}

Deno.test("a broker is known by its epoch, the offset of its registration, and is not let in yet", () => {
  const setting = scene({ brokers: 1, topics: { t: [newPartition(0, [1])] } });
  const { records, brokerEpoch } = comesBack(setting, 2, { rack: "r" });
  assertEquals([changesOf(records), brokerEpoch], [["RegisterBroker"], setting.image.offset]);
  const { fenced, epoch, rack } = broker(after(setting, records), 2);
  assertEquals([fenced, epoch, rack], [true, brokerEpoch, "r"]);
});

Deno.test("a leader that comes back leads anew, in a later epoch, when it is let in", () => {
  const setting = scene({ brokers: 2, topics: { t: [newPartition(0, [1])] } });
  const { records } = comesBack(setting, 1);
  const given = { isr: [], elr: [1], lastKnownElr: [1] };
  assertEquals(outcome(setting, records), { leader: -1, leaderEpoch: 1, ...given }, "before it has its epoch");
  const back = after(setting, records);
  const again = unfenceBroker(back, broker(back, 1));
  assertEquals(outcome(back, again), { leader: 1, leaderEpoch: 2, isr: [1], elr: [], lastKnownElr: [] });
});

Deno.test("who comes back after a crash stays eligible where records are synced before they are acknowledged", () => {
  const partition = newPartition(0, [1, 2, 3], { isr: [], elr: [1, 2], leader: -1, lastKnownElr: [1] });
  const elrOf = (more: Partial<Scene>, registration: Partial<Registration> = {}) => {
    const setting = scene({ brokers: 3, fenced: [1, 2, 3], topics: { t: [partition] }, ...more });
    return outcome(setting, comesBack(setting, 1, registration).records).elr;
  };
  assertEquals(elrOf({}), [1, 2]);
  assertEquals(elrOf({ configs: LOOSE }), [2], "it may have lost what it had acknowledged");
  assertEquals(elrOf({ configs: LOOSE }, { cleanLife: cleanAt(1) }), [1, 2], "it was stopped cleanly");
  assertEquals(elrOf({ configs: LOOSE }, { cleanLife: cleanAt(0) }), [2], "that was another stop");
  const unheard = scene({ brokers: 1, topics: {} }).image.brokers.get(1)!.incarnationId;
  assertEquals(elrOf({ configs: LOOSE }, { cleanLife: cleanAt(0, "x", unheard) }), [1, 2], "it never knew its epoch");
  assertEquals(elrOf({ configs: { "": { "log.flush.before.ack": "false" } } }), [2]);
  assertEquals(elrOf({}, { directoryId: "new", cleanLife: cleanAt(1) }), [2], "another folder has nothing");
});

Deno.test("the only copy comes back after a crash, though it may lack records; an empty folder never does by itself", () => {
  const loose = scene({ brokers: 1, topics: { t: [newPartition(0, [1])] }, configs: LOOSE });
  const led = (setting: Setting, registration: Partial<Registration>) => {
    const back = after(setting, comesBack(setting, 1, registration).records);
    return outcome(back, unfenceBroker(back, broker(back, 1))).leader;
  };
  assertEquals(led(loose, {}), 1);
  assertEquals(led(loose, { directoryId: "new" }), -1);
  const fenced = after(loose, fenceBroker(loose, broker(loose, 1)));
  assertEquals(led(fenced, {}), 1);
  assertEquals(led(fenced, { directoryId: "new" }), -1);
  const unclean = scene({ brokers: 1, topics: { t: [newPartition(0, [1])] }, configs: UNCLEAN });
  assertEquals(led(unclean, { directoryId: "new" }), 1, "asked for");
});

Deno.test("a broker that is gone leaves every ISR, and others lead in a later epoch", () => {
  const partitions = [
    newPartition(0, [1, 2]),
    newPartition(1, [2, 1]),
    newPartition(2, [2, 3]),
    newPartition(3, [1, 3], { isr: [1] }),
  ];
  const setting = scene({ brokers: 3, topics: { t: partitions } });
  const records = fenceBroker(setting, broker(setting, 1));
  assertEquals(changesOf(records), ["FenceBroker", "PartitionChange", "PartitionChange", "PartitionChange"]);
  const nobody = { elr: [], lastKnownElr: [] };
  assertEquals(outcome(setting, records, 0), { leader: 2, leaderEpoch: 1, isr: [2], ...nobody });
  assertEquals(outcome(setting, records, 1), { leader: 2, leaderEpoch: 0, isr: [2], ...nobody });
  assertEquals(outcome(setting, records, 3), { leader: -1, leaderEpoch: 1, isr: [], elr: [1], lastKnownElr: [1] });
});

Deno.test("min.insync.replicas of the topic, or else of the brokers, decides who stays eligible", () => {
  const elrOf = (configs: Scene["configs"]) => {
    const setting = scene({
      brokers: 3,
      topics: { t: [newPartition(0, [1, 2, 3], { isr: [1, 2] })] },
      configs: configs!,
    });
    return outcome(setting, fenceBroker(setting, broker(setting, 2))).elr;
  };
  assertEquals(elrOf({}), []);
  assertEquals(elrOf({ t: { "min.insync.replicas": "2" } }), [2]);
  assertEquals(elrOf({ "": { "min.insync.replicas": "2" } }), [2]);
});

Deno.test("a topic that allows it gets an unclean leader as soon as nobody else is left, and when somebody is let in", () => {
  const topics = { t: [newPartition(0, [1, 2], { isr: [1] })] };
  const setting = scene({ brokers: 2, topics, configs: UNCLEAN });
  assertEquals(outcome(setting, fenceBroker(setting, broker(setting, 1))).leader, 2);
  const strict = scene({ brokers: 2, topics });
  assertEquals(outcome(strict, fenceBroker(strict, broker(strict, 1))).leader, -1);
  const alone = scene({ brokers: 2, fenced: [2], topics, configs: UNCLEAN });
  const gone = after(alone, fenceBroker(alone, broker(alone, 1)));
  assertEquals(outcome(gone, unfenceBroker(gone, broker(gone, 2))).leader, 2);
  assertEquals(outcome(gone, unfenceBroker(gone, broker(gone, 1))), {
    leader: 1,
    leaderEpoch: 2,
    isr: [1],
    elr: [],
    lastKnownElr: [],
  });
});

Deno.test("a broker that is let in takes what nobody leads, and nothing from anybody", () => {
  const partitions = [
    newPartition(0, [1, 2], { isr: [], elr: [1], leader: -1 }),
    newPartition(1, [1, 2], { isr: [2], leader: 2 }),
  ];
  const setting = scene({ brokers: 2, fenced: [1], topics: { t: partitions } });
  const records = unfenceBroker(setting, broker(setting, 1));
  assertEquals(changesOf(records), ["UnfenceBroker", "PartitionChange"]);
  assertEquals(outcome(setting, records, 0).leader, 1);
});

Deno.test("who wants to stop hands over what others can lead, and leaves the ISRs of the rest", () => {
  const partitions = [
    newPartition(0, [1, 2]),
    newPartition(1, [2, 1]),
    newPartition(2, [1]),
    newPartition(3, [2, 3]),
  ];
  const setting = scene({ brokers: 3, topics: { t: partitions } });
  const { records, moves, hopes } = moveLeadership(setting, broker(setting, 1));
  assertEquals([changesOf(records), moves, hopes], [["PartitionChange", "PartitionChange"], true, false]);
  assertEquals([outcome(setting, records, 0).leader, outcome(setting, records, 0).isr], [2, [2]]);
  assertEquals([outcome(setting, records, 1).leader, outcome(setting, records, 1).isr], [2, [2]]);
  assertEquals(outcome(setting, records, 2).leader, 1, "it leads its only copy to the end");
});

Deno.test("who wants to stop waits for a replica that is there to catch up, and not for one that is not", () => {
  const departure = (more: Partial<Scene>, partition = newPartition(0, [1, 2], { isr: [1] })) => {
    const { moves, hopes } = moveLeadership(...leaving({ brokers: 2, topics: { t: [partition] }, ...more }));
    return { moves, hopes };
  };
  const leaving = (given: Scene) => {
    const setting = scene(given);
    return [setting, broker(setting, 1)] as const;
  };
  assertEquals(departure({}), { moves: false, hopes: true });
  assertEquals(departure({ fenced: [2] }), { moves: false, hopes: false });
  assertEquals(departure({ leaving: [2] }), { moves: false, hopes: false });
  const eligible = newPartition(0, [1, 2], { isr: [1], elr: [2] });
  const configs = { t: { "min.insync.replicas": "2" } };
  assertEquals(departure({ configs }, eligible), { moves: true, hopes: false }, "an eligible one need not");
  const setting = scene({ brokers: 2, topics: { t: [eligible] }, configs });
  const { records } = moveLeadership(setting, broker(setting, 1));
  assertEquals([outcome(setting, records).leader, outcome(setting, records).elr], [2, [1]]);
});

Deno.test("the last two that go at the same time do not leave a partition without leader before they have gone", () => {
  const setting = scene({ brokers: 2, leaving: [2], topics: { t: [newPartition(0, [2, 1])] } });
  const { records, moves, hopes } = moveLeadership(setting, broker(setting, 2));
  assertEquals([outcome(setting, records).leader, moves, hopes], [1, true, false]);
  const both = scene({ brokers: 2, leaving: [1, 2], topics: { t: [newPartition(0, [2, 1])] } });
  const last = moveLeadership(both, broker(both, 2));
  assertEquals([last.records, last.moves, last.hopes], [[], false, false]);
});

Deno.test("nobody counts on a broker that is forgotten", () => {
  const partition = newPartition(0, [1, 2], { isr: [], elr: [1], leader: -1, lastKnownElr: [1] });
  const setting = scene({ brokers: 2, fenced: [1], topics: { t: [partition] } });
  const records = unregisterBroker(setting, broker(setting, 1));
  assertEquals(changesOf(records), ["UnregisterBroker", "PartitionChange"]);
  assertEquals(outcome(setting, records), { leader: -1, leaderEpoch: 0, isr: [], elr: [], lastKnownElr: [] });
  const back = after(setting, records);
  const again = after(back, comesBack(back, 1).records);
  assertEquals(outcome(again, unfenceBroker(again, broker(again, 1))).leader, -1, "it might be another folder");
});
