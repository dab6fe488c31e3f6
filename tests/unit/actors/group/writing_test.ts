import { assert, assertEquals, assertMatch } from "@std/assert";
import type { GroupRecord } from "../../../../actors/group/records.ts";
import { LastWords } from "../../../../actors/group/last_words.ts";
import { records } from "../../../../protocol/records.ts";
import { viewOf } from "../broker/api/fake_exchange.ts";
import { CoordinatorStage, EPOCH, inShort, offset } from "./coordinator_stage.ts";

/** What a batch says, in short. */
function said(bytes: Uint8Array): string[] {
  const words = new LastWords();
  words.take(bytes, 0);
  return [...words.byGroup().values()].flat().map((record) => `${record.group} ${inShort([record])![0]}`);
}

function many(group: string, count: number, from = 0): GroupRecord[] {
  return Array.from({ length: count }, (_, at) => offset(group, `topic-${from + at}`, 1));
}

Deno.test("what groups decide is appended in order, fenced with the epoch and the place, and answered when committed", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 1), offset("b", "t", 1)]);
  const first = stage.write("a", offset("a", "t", 2), offset("a", "u", 2));
  const [{ message }] = stage.appends as [CoordinatorStage["appends"][number]];
  assertEquals([message.acks, message.fence], [-1, { leaderEpoch: EPOCH, baseOffset: 2 }]);
  assertEquals(said(message.records), ["a t@2", "a u@2"]);
  const { timestamp } = [...records(message.records)][0]!;
  assertEquals(timestamp, stage.probe.env.clock.now());
  const second = stage.write("b", offset("b", "t", 2));
  assertEquals(stage.appends[1]!.message.fence, { leaderEpoch: EPOCH, baseOffset: 4 });
  assertEquals([first.reply, second.reply], [undefined, undefined]);
  stage.take();
  assertEquals([first.reply, second.reply], [true, undefined]);
  stage.take();
  assertEquals([second.reply, stage.probe.ask("describe", undefined).reply!.endOffset], [true, 5]);
});

Deno.test("writes that came together are one batch; while eight are on their way the next is gathered", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 0)]);
  const asked = Array.from({ length: 8 }, (_, at) => stage.write("a", offset("a", "t", at)));
  assertEquals(stage.appends.length, 8);
  asked.push(stage.write("a", offset("a", "t", 8)), stage.write("a", offset("a", "u", 9)));
  assertEquals(stage.appends.length, 8);
  stage.take();
  assertEquals(stage.appends.length, 8);
  assertEquals(said(stage.appends[7]!.message.records), ["a t@8", "a u@9"]);
  while (stage.appends.length > 0) stage.take();
  assertEquals(asked.map(({ reply }) => reply), Array(10).fill(true));
});

Deno.test("what one turn has decided is never parted, and what does not fit beside it goes into the next batch", () => {
  const properties = { "log.segment.bytes": "2000", "message.max.bytes": "700" };
  const stage = new CoordinatorStage();
  stage.store([offset("a", "t", 0)]);
  stage.commitAll().show(viewOf({ properties })).follow();
  for (let at = 0; at < 8; at++) stage.write("a", offset("a", "t", at));
  const sizes = [3, 3, 6, 1, 8];
  const asked = sizes.map((size, at) => stage.write("a", ...many("a", size, 10 * at)));
  for (let at = 0; at < 8; at++) stage.take();
  const batches = stage.appends.map(({ message }) => message.records);
  assertEquals(batches.map((bytes) => said(bytes).length), [6, 7, 8]);
  assert(batches.every(({ length }) => length <= 700));
  const tooMuch = stage.write("a", ...many("a", 20));
  assertEquals([tooMuch.reply, stage.phase], [false, "active"]);
  while (stage.appends.length > 0) stage.take();
  assertEquals(asked.map(({ reply }) => reply), Array(5).fill(true));
});

Deno.test("who is no group of this term writes nothing", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 0)]);
  assertEquals(stage.writeIn(2, "a", offset("a", "t", 1)).reply, false);
  assertEquals(stage.writeIn(0, "a", offset("a", "t", 1)).reply, false);
  assertEquals(stage.writeIn(1, "stranger", offset("stranger", "t", 1)).reply, false);
  assertEquals(stage.write("a").reply, true); // nothing to write
  assertEquals(stage.appends, []);
  const loading = new CoordinatorStage();
  assertEquals(loading.writeIn(0, "a", offset("a", "t", 1)).reply, false);
});

Deno.test("a write that fails ends everything that was decided: all groups end, and the log is read again", () => {
  for (
    const how of [
      "NOT_ENOUGH_REPLICAS",
      "NOT_LEADER_OR_FOLLOWER",
      "OFFSET_OUT_OF_RANGE",
      "timeout",
      "crashed",
      "unreachable",
    ]
  ) {
    const stage = CoordinatorStage.active([offset("a", "t", 0), offset("b", "t", 0)]);
    const asked = [stage.write("a", offset("a", "t", 1)), stage.write("b", offset("b", "t", 1))];
    for (let at = 0; at < 8; at++) asked.push(stage.write("a", offset("a", "t", 1))); // the last two wait
    assertEquals(stage.appends.length, 8);
    if (how === "timeout") stage.probe.advance(30_000);
    else if (how === "crashed" || how === "unreachable") stage.probe.fail("append", how);
    else stage.answer(how);
    stage.follow();
    assertEquals(asked.map(({ reply }) => reply), Array(10).fill(false), how);
    assertEquals(stage.stopped, ["1/group/a", "1/group/b"], how);
    const error = how === "NOT_LEADER_OR_FOLLOWER" ? "NOT_COORDINATOR" : "COORDINATOR_LOAD_IN_PROGRESS";
    assertEquals(stage.errorOf("a"), error, how);
    assertEquals(stage.writeIn(1, "a", offset("a", "t", 2)).reply, false, how);
    stage.spawned.length = 0;
    stage.store([offset("a", "t", 1)]); // one of them came through
    stage.highWatermark = stage.endOffset;
    stage.probe.advance(100);
    stage.read();
    assertEquals(stage.phase, "loading"); // its groups have not ended yet: their names are taken
    stage.end("b");
    assertEquals([stage.phase, stage.newGroups()], ["loading", {}]);
    stage.end("a");
    assertEquals([stage.phase, stage.newGroups()], ["active", { a: ["t@1"], b: ["t@0"] }], how);
    assertEquals(stage.probe.state.groups.get("a")!.term > 2, true);
    const again = stage.write("a", offset("a", "t", 3));
    assertEquals(stage.appends.at(-1)!.message.fence!.baseOffset, 3, how);
    if (stage.appends.length === 1) assertEquals(stage.take() && again.reply, true, how);
  }
});

Deno.test("answers to batches of before a doubt change nothing", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 0)]);
  stage.write("a", offset("a", "t", 1));
  stage.write("a", offset("a", "t", 2));
  stage.answer("NOT_ENOUGH_REPLICAS");
  stage.end("a").probe.advance(100);
  stage.read();
  assertEquals(stage.phase, "active");
  stage.answer("OFFSET_OUT_OF_RANGE"); // the second
  assertEquals([stage.phase, stage.readings], ["active", 2]);
});

Deno.test("an operator is told why groups are read again, once in a row, and not when another leads by now", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 0)]);
  const fail = (error: string) => {
    stage.write("a", offset("a", "t", 1));
    stage.answer(error, "Too few.").end("a").probe.advance(2_000);
    stage.read();
  };
  fail("NOT_LEADER_OR_FOLLOWER");
  stage.write("a", offset("a", "t", 1));
  stage.take();
  assertEquals(stage.reports, []);
  for (let time = 0; time < 3; time++) fail("NOT_ENOUGH_REPLICAS");
  assertEquals(stage.reports.length, 1);
  assertMatch(stage.reports[0]!, /^__consumer_offsets-3 could not be written \(NOT_ENOUGH_REPLICAS: Too few.\)/);
  stage.write("a", offset("a", "t", 1));
  stage.take();
  fail("NOT_ENOUGH_REPLICAS");
  assertEquals(stage.reports.length, 2);
});

Deno.test("however many writes are refused in a row, all is soon read again after each", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 0)]);
  for (let time = 0; time < 10; time++) {
    stage.write("a", offset("a", "t", 1));
    stage.answer("NOT_ENOUGH_REPLICAS").end("a").probe.advance(49);
    assertEquals([stage.asked, stage.errorOf("a")], [undefined, "COORDINATOR_LOAD_IN_PROGRESS"]);
    stage.probe.advance(51);
    stage.read();
    assertEquals([stage.phase, stage.errorOf("a")], ["active", "NONE"], `${time}`);
  }
  assertEquals(stage.reports.length, 1);
});

/** Has a write refused, and lets the reading that follows take so long. */
function refusedAndRead(stage: CoordinatorStage, tookMs: number): void {
  refuse(stage);
  stage.probe.advance(100);
  stage.readTo("fetch");
  stage.probe.advance(tookMs);
  stage.read();
}

function refuse(stage: CoordinatorStage): void {
  stage.write("a", offset("a", "t", 1));
  stage.answer("NOT_ENOUGH_REPLICAS").end("a");
}

Deno.test("a partition is read for half of the time at most, however long it takes", () => {
  for (const tookMs of [300, 20_000]) {
    const stage = CoordinatorStage.active([offset("a", "t", 0)]);
    refusedAndRead(stage, tookMs);
    assertEquals(stage.phase, "active");
    refuse(stage);
    stage.probe.advance(tookMs - 1);
    assertEquals(stage.asked, undefined, `${tookMs}`);
    stage.probe.advance(1);
    assertEquals(stage.asked, "confirm", `${tookMs}`);
  }
});

Deno.test("a partition that took long to read is soon read again if that was long ago", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 0)]);
  refusedAndRead(stage, 20_000);
  stage.probe.advance(20_000);
  refuse(stage);
  stage.probe.advance(100);
  assertEquals(stage.asked, "confirm");
});

Deno.test("to wait for what is not committed yet is not to read", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 0)]);
  refuse(stage);
  stage.store([offset("a", "t", 2)]); // by a leader that is gone
  stage.probe.advance(100);
  stage.read();
  for (let time = 0; time < 30; time++) {
    assertEquals(stage.asked, "awaitData");
    stage.probe.advance(1_000).answer("awaitData", false);
    stage.read();
  }
  stage.commitAll();
  assertEquals(stage.phase, "active");
  refuse(stage);
  stage.probe.advance(100);
  assertEquals(stage.asked, "confirm");
});
