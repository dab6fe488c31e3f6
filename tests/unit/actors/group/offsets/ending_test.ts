import { assert, assertEquals } from "@std/assert";
import type { GroupProtocol } from "../../../../../actors/group/protocol.ts";
import type { Group } from "../../../../../actors/group/state.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import { MemoryJournal } from "../../../../../actors/memory_journal.ts";
import type { Probe } from "../../../../../actors/probe.ts";
import {
  commit,
  COORDINATOR,
  emptyGroup,
  errorsOf,
  fetched,
  membersOf,
  newsOf,
  offsetRecord,
  stage,
  written,
} from "./stage.ts";

const DAY = { offsetsRetentionMs: 100_000, offsetsRetentionCheckIntervalMs: 1_000 };

function hasRetired(p: Probe<GroupProtocol, Group>): boolean {
  return p.take().some((each) =>
    each.type === "send" && each.to === COORDINATOR && each.verb === "retire" &&
    JSON.stringify(each.message) === '{"groupId":"g","term":3}'
  );
}

Deno.test("offsets of a group that never had members expire one by one, each since its commit", () => {
  const p = stage({ records: [offsetRecord("t", 0, 1, 99_000), offsetRecord("t", 1, 2, 50_000)], config: DAY });
  p.advance(900);
  assertEquals(written(p), []);
  p.advance(2_000);
  assertEquals(written(p), ["t-0=gone"]);
  assertEquals(fetched(p, null), ["t-1:2:"]);
  p.advance(50_000);
  assertEquals(fetched(p, null), "COORDINATOR_LOAD_IN_PROGRESS");
  assert(hasRetired(p));
});

Deno.test("a group that had members keeps offsets until it has been empty for the whole time, and goes with them", () => {
  const records = [offsetRecord("t", 0, 1, 1_000_000), offsetRecord("u", 0, 1, 1_000_000), emptyGroup(90_000)];
  const p = stage({ records, config: DAY });
  p.advance(8_000);
  assertEquals(written(p), []);
  p.advance(4_000);
  const did = p.take();
  const gone = did.flatMap((each) => each.type === "append" ? [(each.event as { type: string }).type] : []);
  assertEquals(gone, ["offset", "offset", "classicGroup"]);
  assert(did.findIndex((each) => each.type === "send" && each.verb === "retire") > 0);
});

Deno.test("a commit for a group that has been empty for long is kept for the whole time from then on", () => {
  const p = stage({ records: [offsetRecord("t", 0, 1, 95_000), emptyGroup(95_000)], config: DAY });
  commit(p, [["t", 1, 9]]);
  p.advance(10_000);
  assertEquals(fetched(p, null), ["t-1:9:"]);
});

Deno.test("offsets-expire-with-members: what members read does not expire, what they do not read does, since the commit", () => {
  const records = [offsetRecord("t", 0, 1, 200_000), offsetRecord("u", 0, 1, 200_000), offsetRecord("u", 1, 1, 0)];
  const p = stage({ records, config: DAY });
  p.state.classic = membersOf({ isSubscribedTo: (topic) => topic === "t" });
  p.advance(3_000);
  assertEquals(written(p), ["u-0=gone"]);
  p.state.classic = membersOf();
  p.advance(3_000);
  assertEquals(written(p), ["t-0=gone"]);
  p.advance(200_000);
  assertEquals(written(p), ["u-1=gone"]);
  assertEquals(p.state.retired, false, "it has members");
});

Deno.test("nothing expires while members join a classic group: those who read it may be on their way", () => {
  const records = [offsetRecord("t", 0, 1, 200_000), offsetRecord("u", 0, 1, 200_000, 50_000)];
  const p = stage({ records, config: DAY });
  for (const state of ["PreparingRebalance", "CompletingRebalance"]) {
    for (const hasMembers of [true, false]) {
      p.state.classic = membersOf({ state, hasMembers });
      p.advance(3_000);
      assertEquals(written(p), [], state);
    }
  }
  p.state.classic = membersOf();
  p.advance(60_000);
  assertEquals(written(p), ["t-0=gone", "u-0=gone"]);
});

Deno.test("an offset with a time of its own expires then", () => {
  const p = stage({
    records: [offsetRecord("t", 0, 1, 200_000, 50_000), offsetRecord("t", 1, 1, 0, 500)],
    config: DAY,
  });
  p.advance(5_000);
  assertEquals(written(p), ["t-1=gone"]);
  p.advance(50_000);
  assertEquals(written(p), ["t-0=gone"]);
});

Deno.test("groups that were loaded together do not look all at the same time", () => {
  const delays = new Set<number>();
  for (let seed = 0; seed < 20; seed++) {
    const p = stage({ records: [offsetRecord("t", seed, 1)] });
    p.state.news = newsOf(1, {});
    p.tell("expire", undefined);
    for (const each of p.take()) {
      if (each.type !== "timer" || each.key !== "expire") continue;
      delays.add(each.delayMs);
      assert(each.delayMs >= 15_000 && each.delayMs <= 25_001, `${each.delayMs}`);
    }
    p.tell("expire", undefined);
    for (const each of p.take()) if (each.type === "timer" && each.key === "expire") delays.add(each.delayMs);
  }
  assert(delays.size > 1);
});

Deno.test("a topic that was seen and then is gone, or is another, takes its offsets along", () => {
  const records = [offsetRecord("t", 0, 1), offsetRecord("t", 1, 1), offsetRecord("u", 0, 1), offsetRecord("v", 0, 1)];
  const p = stage({ records, topics: { t: "id-t", u: "id-u", v: "id-v" } });
  p.answer("news", newsOf(2, { u: "id-other", v: "id-v", w: "id-w" }));
  assertEquals(written(p).sort(), ["t-0=gone", "t-1=gone", "u-0=gone"]);
  assertEquals(fetched(p, null), ["v-0:1:"]);
  p.answer("news", newsOf(3, { u: "id-other", v: "id-v", t: "id-t2" }));
  assertEquals(written(p), []);
});

Deno.test("what is committed for a new topic, before the group has heard that the old one is gone, stays", () => {
  for (const inOne of [true, false]) {
    const p = stage({ topics: { t: "id-t" } });
    commit(p, [["t", 0, 5], ["t", 1, 5], ["t", 2, 5]], { topicId: "id-t" });
    commit(p, [["t", 0, 1], ["t", 1, 1]], { topicId: "id-new" });
    commit(p, [["t", 1, 6]], { topicId: "id-t" });
    written(p);
    if (!inOne) p.answer("news", newsOf(2, {}));
    p.answer("news", newsOf(3, { t: "id-new" }));
    assertEquals(written(p).sort(), ["t-1=gone", "t-2=gone"]);
    assertEquals(fetched(p, null), ["t-0:1:"]);
    p.answer("news", newsOf(4, {}));
    assertEquals(written(p), ["t-0=gone"], "and goes with that one");
  }
});

Deno.test("first-view-deletes-offsets: a topic that was never seen is not missed", () => {
  const p = stage({ records: [offsetRecord("t", 0, 1), offsetRecord("late", 0, 1)], topics: {} });
  p.answer("news", newsOf(2, { late: "id-late" }));
  p.answer("news", newsOf(3, { late: "id-late", x: "id-x" }));
  assertEquals(written(p), []);
  p.answer("news", newsOf(4, { x: "id-x" }));
  assertEquals(written(p), ["late-0=gone"]);
});

Deno.test("offsets of a topic that is gone are given up in several writes if need be; a new commit in between stays", () => {
  const journal = new MemoryJournal();
  const records = Array.from({ length: 9 }, (_, partition) => offsetRecord("t", partition, 1));
  const p = stage({ records, journal, config: { maxWriteBytes: 400 } });
  journal.hold();
  p.answer("news", newsOf(2, { t: "id-new" }, { maxWriteBytes: 400 }));
  const first = written(p).length;
  assert(first > 0 && first < 8, `${first} at once`);
  commit(p, [["t", 8, 99]]); // of the new topic
  journal.release();
  p.advance(1_000);
  assertEquals(fetched(p, null), ["t-8:99:"]);
});

Deno.test("what is to be given up is not handed out any more", () => {
  const p = stage({ records: [offsetRecord("t", 0, 1)] });
  p.state.offsets.doom("t", "id-t");
  assertEquals([fetched(p, null), fetched(p, [["t", [0]]])], [[], ["t-0:-1:"]]);
});

Deno.test("deleting a group takes back all that it has, and then it is nothing", () => {
  const p = stage({ records: [offsetRecord("t", 0, 1), offsetRecord("u", 0, 1), emptyGroup()] });
  assertEquals(p.ask("remove", undefined).reply, { error: "NONE", message: null, isWritten: true });
  assertEquals(hasRetired(p), true);
  assertEquals([p.state.offsets.isEmpty, p.state.classic], [true, undefined]);
  assertEquals(errorsOf(commit(p, [["t", 0, 7]]).reply), ["COORDINATOR_LOAD_IN_PROGRESS"]);
  assertEquals(p.ask("remove", undefined).reply?.error, "COORDINATOR_LOAD_IN_PROGRESS");
});

Deno.test("a group with members is not deleted, nor one that is nothing", () => {
  const p = stage({ records: [offsetRecord("t", 0, 1)] });
  p.state.classic = membersOf();
  const { error, isWritten } = p.ask("remove", undefined).reply!;
  assertEquals([error, isWritten], ["NON_EMPTY_GROUP", false]);
  assertEquals(written(p), []);
  assertEquals(stage().ask("remove", undefined).reply?.error, "GROUP_ID_NOT_FOUND");
});

Deno.test("a group of which there is nothing but an id that was given out is deleted, though nothing has to be written for it", () => {
  const p = stage();
  const body = {
    groupId: "g",
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId: "",
    groupInstanceId: null,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: new Uint8Array() }],
    reason: null,
  };
  const joined = p.ask("join", { version: 9, client: { id: "c", host: "/10.0.0.1" }, body }).reply!;
  assertEquals(errorName(joined.errorCode ?? 0), "MEMBER_ID_REQUIRED");
  assertEquals(p.ask("remove", undefined).reply, { error: "NONE", message: null, isWritten: false });
  assertEquals(hasRetired(p), true);
});

Deno.test("a deletion that takes several writes is answered after the last, and stops when somebody joins", () => {
  const records = [...Array.from({ length: 20 }, (_, partition) => offsetRecord("t", partition, 1)), emptyGroup()];
  const p = stage({ records, config: { maxWriteBytes: 400 } });
  const asked = p.ask("remove", undefined);
  p.advance(10);
  assertEquals(asked.reply, { error: "NONE", message: null, isWritten: true });
  assertEquals(p.state.retired, true);

  const journal = new MemoryJournal();
  const q = stage({ records, journal, config: { maxWriteBytes: 400 } });
  journal.hold();
  const twice = [q.ask("remove", undefined), q.ask("remove", undefined)];
  q.state.classic = membersOf();
  journal.release();
  q.advance(10);
  assertEquals(twice.map((each) => each.reply?.error), ["NON_EMPTY_GROUP", "NON_EMPTY_GROUP"]);
  assert(q.state.offsets.count > 0);
  assertEquals(q.state.retired, false);
  assert(q.advance(30_000).take().some((each) => each.type === "timer" && each.key === "expire"), "it looks on");
});

Deno.test("all who delete a group at the same time are answered, where that takes several writes", () => {
  const records = Array.from({ length: 8 }, (_, partition) => offsetRecord("t", partition, 1));
  const journal = new MemoryJournal();
  const p = stage({ records, journal, config: { maxWriteBytes: 400 } });
  journal.hold();
  const asked = [p.ask("remove", undefined), p.ask("remove", undefined), p.ask("remove", undefined)];
  journal.release();
  p.advance(10);
  assertEquals(asked.map(({ reply }) => reply?.error), ["NONE", "NONE", "NONE"]);
  assertEquals([p.state.offsets.count, p.state.retired], [0, true]);
});

Deno.test("nobody comes in between while a group is deleted in several writes", () => {
  const records = [...Array.from({ length: 20 }, (_, partition) => offsetRecord("t", partition, 1)), emptyGroup()];
  const journal = new MemoryJournal();
  const p = stage({ records, journal, config: { maxWriteBytes: 400 } });
  journal.hold();
  const asked = p.ask("remove", undefined);
  const left = p.state.offsets.count;
  assert(left > 0 && left < 20);
  const between = commit(p, [["t", 0, 7]]);
  assertEquals(p.state.offsets.count, left);
  journal.release();
  p.advance(10);
  assertEquals(errorsOf(between.reply), ["COORDINATOR_LOAD_IN_PROGRESS"]);
  assertEquals([asked.reply?.error, p.state.offsets.count, p.state.retired], ["NONE", 0, true]);
});

Deno.test("a list shows a group that has something, and which kind it is", () => {
  assertEquals(stage().ask("summary", undefined).reply, null);
  const p = stage({ records: [offsetRecord("t", 0, 1)] });
  const shown = { groupId: "g", protocolType: "", groupState: "Empty", groupType: "classic" };
  assertEquals(p.ask("summary", undefined).reply, shown);
  p.state.classic = membersOf({ state: "PreparingRebalance" });
  assertEquals(p.ask("summary", undefined).reply, {
    ...shown,
    protocolType: "consumer",
    groupState: "PreparingRebalance",
  });
  p.state.classic = undefined;
  p.state.modern = membersOf({ state: "Assigning" });
  assertEquals(p.ask("summary", undefined).reply?.groupType, "consumer");
});
