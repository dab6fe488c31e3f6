import { assertEquals, assertMatch } from "@std/assert";
import { ASK_AGAIN } from "../../../../actors/group/dispatch.ts";
import { group } from "../../../../actors/group/group.ts";
import { groupConfig } from "../../../../actors/group/group_config.ts";
import type { CoordinatorRef, GroupNews } from "../../../../actors/group/protocol.ts";
import type { GroupRecord } from "../../../../actors/group/records.ts";
import { NO_TOPOLOGY } from "../../../../actors/group/topology.ts";
import { MemoryJournal } from "../../../../actors/memory_journal.ts";
import { probe } from "../../../../actors/probe.ts";
import { errorName } from "../../../../protocol/errors.ts";
import { forget, inShort, offset } from "./coordinator_stage.ts";

const CLIENT = { id: "test", host: "/127.0.0.1" };
const NEWS: GroupNews = { version: 1, topology: NO_TOPOLOGY, config: groupConfig({ properties: {} }) };

/** A classic group as the log has it when it is empty. */
const EMPTY: GroupRecord = {
  type: "classicGroup",
  group: "g",
  value: {
    protocolType: "consumer",
    generation: 3,
    protocol: null,
    leader: null,
    currentStateTimestamp: 5n,
    members: [],
  },
};

/** A group of the new protocol that has no members. */
const MODERN: GroupRecord = { type: "group", group: "g", value: { epoch: 2, metadataHash: 0n, creationTimeMs: -1n } };

/** A group that was loaded with these records. */
function start(...records: readonly GroupRecord[]) {
  const journal = new MemoryJournal();
  let held: readonly GroupRecord[] | undefined = records;
  const takeRecords = () => {
    const taken = held;
    held = undefined;
    return taken;
  };
  const args = { groupId: "g", term: 2, coordinator: "1/coordinator/3" as CoordinatorRef, takeRecords, news: NEWS };
  const p = probe(group(), args, { name: "g", journal });
  return { p, journal };
}

function commitOf(topics: readonly { readonly name: string; readonly partitions: readonly number[] }[]) {
  return {
    version: 8,
    client: CLIENT,
    body: {
      groupId: "g",
      generationIdOrMemberEpoch: -1,
      memberId: "",
      groupInstanceId: null,
      retentionTimeMs: -1n,
      topics: topics.map(({ name, partitions }) => ({
        name,
        topicId: "",
        partitions: partitions.map((partitionIndex) => ({
          partitionIndex,
          committedOffset: 7n,
          committedLeaderEpoch: -1,
          committedMetadata: null,
        })),
      })),
    },
  };
}

function retirements(p: ReturnType<typeof start>["p"]) {
  return p.take().filter((effect) => effect.type === "send" && effect.verb === "retire");
}

Deno.test("a group is what its records say, of either kind, and what is taken back is gone", () => {
  const { p } = start(offset("g", "t", 1), EMPTY, forget("g", "u"));
  assertEquals(inShort(p.state.offsets.records()), ["t@1"]);
  assertEquals([p.state.classic?.records(), p.state.modern], [[EMPTY], undefined]);
  const modern = start(MODERN).p.state;
  assertEquals([modern.classic, modern.modern?.records()], [undefined, [MODERN]]);
});

Deno.test("a group that is started again with what has been taken is given up at once", () => {
  const { p } = start(offset("g", "t", 1));
  p.kill();
  assertEquals([p.stopped, p.restarts], [true, 0]);
  const twice = start(offset("g", "t", 1)).p;
  const args = { ...twice.state.args };
  assertMatch(probe(group(), args, { name: "g" }).crash!.message, /what has been taken before/);
});

Deno.test("a group becomes one of the other kind with a record of that kind", () => {
  const { p } = start(EMPTY);
  const { state } = p;
  const fold = group().replay!;
  fold(state, MODERN); // whatever order the batch has
  assertEquals([state.classic, state.modern?.records()], [undefined, [MODERN]]);
  fold(state, { ...EMPTY, value: null });
  assertEquals([state.classic, state.modern?.records()], [undefined, [MODERN]]);
  fold(state, EMPTY);
  assertEquals([state.classic?.records(), state.modern], [[EMPTY], undefined]);
  fold(state, { ...MODERN, value: null });
  assertEquals([state.classic?.records(), state.modern], [[EMPTY], undefined]);
  fold(state, { ...EMPTY, value: null });
  fold(state, { ...MODERN, value: null });
  assertEquals([state.classic, state.modern], [undefined, undefined]);
});

Deno.test("what it is told of the cluster it asks for, again and again, also when nobody answers", () => {
  const { p } = start();
  assertEquals(p.asks.map(({ to, verb, message }) => [to, verb, message]), [[
    "1/coordinator/3",
    "news",
    { groupId: "g", term: 2, after: 1 },
  ]]);
  p.answer("news", { ...NEWS, version: 5 });
  assertEquals(p.state.news.version, 5);
  assertEquals(p.asks.map(({ message }) => message), [{ groupId: "g", term: 2, after: 5 }]);
  p.fail("news", "timeout");
  assertEquals(p.asks.map(({ message }) => message), [{ groupId: "g", term: 2, after: 5 }]);
  p.fail("news", "unreachable");
  assertEquals(p.asks, []);
});

Deno.test("a group that is nothing any more retires, and then tells everybody to ask again", () => {
  const { p, journal } = start();
  p.take();
  p.advance(10_000);
  assertEquals(retirements(p), [{
    type: "send",
    to: "1/coordinator/3",
    verb: "retire",
    message: { groupId: "g", term: 2 },
  }]);
  const topics = [{ name: "t", partitions: [0, 4] }, { name: "u", partitions: [1] }];
  const reply = p.ask("commit", commitOf(topics)).reply!;
  assertEquals(
    reply.topics!.map(({ name, partitions }) => [
      name,
      ...partitions.map(({ partitionIndex, errorCode }) => `${partitionIndex} ${errorName(errorCode)}`),
    ]),
    [["t", "0 COORDINATOR_LOAD_IN_PROGRESS", "4 COORDINATOR_LOAD_IN_PROGRESS"], [
      "u",
      "1 COORDINATOR_LOAD_IN_PROGRESS",
    ]],
  );
  const heartbeat = { groupId: "g", generationId: 1, memberId: "m", groupInstanceId: null };
  assertEquals(
    errorName(p.ask("heartbeat", { version: 4, client: CLIENT, body: heartbeat }).reply!.errorCode),
    "COORDINATOR_LOAD_IN_PROGRESS",
  );
  assertEquals(p.ask("remove", undefined).reply, { error: "COORDINATOR_LOAD_IN_PROGRESS", message: null });
  assertEquals(p.ask("summary", undefined).reply, null);
  p.tell("expire", undefined);
  p.tell("memberLate", { memberId: "m", token: 1 });
  p.answer("news", { ...NEWS, version: 2 });
  p.advance(60_000);
  assertEquals([journal.events, retirements(p), p.crash], [[], [], undefined]);
});

Deno.test("whatever is left of a group keeps it, and the look at it comes after what was decided", () => {
  for (const record of [offset("g", "t", 1), EMPTY, MODERN]) {
    const { p } = start(record);
    p.advance(600_000);
    assertEquals(retirements(p), [], record.type);
  }
  const { p, journal } = start();
  journal.hold();
  p.ask("commit", commitOf([{ name: "t", partitions: [0] }]));
  p.advance(10_000);
  assertEquals(retirements(p), []); // applied, though not durable yet
  assertEquals(p.state.retired, false);
});

Deno.test("every request has an answer that says: ask again", () => {
  const LOADING = 14;
  for (
    const verb of [
      "sync",
      "heartbeat",
      "leave",
      "fetchOffsets",
      "deleteOffsets",
      "describe",
      "describeConsumer",
    ] as const
  ) {
    assertEquals((ASK_AGAIN[verb](undefined as never) as { errorCode: number }).errorCode, LOADING, verb);
  }
  const body = { body: { memberId: "m", topics: [] } } as never;
  assertEquals([ASK_AGAIN.join(body).errorCode, ASK_AGAIN.join(body).memberId], [LOADING, "m"]);
  assertEquals(ASK_AGAIN.consumerHeartbeat(body).errorCode, LOADING);
});
