import { assertEquals, assertMatch } from "@std/assert";
import { encodeBatch } from "../../../../protocol/records.ts";
import { viewOf } from "../broker/api/fake_exchange.ts";
import { CoordinatorStage, EPOCH, forget, offset } from "./coordinator_stage.ts";

Deno.test("a coordinator reads the log from its start, and starts a group for each of which it has something", () => {
  const stage = new CoordinatorStage();
  stage.batchesPerFetch = 1;
  stage.store([offset("a", "t", 1), offset("b", "t", 2)]);
  stage.store([offset("a", "u", 3)]);
  stage.store([offset("a", "t", 4)]);
  stage.highWatermark = stage.endOffset;
  stage.show().read();
  assertEquals(stage.newGroups(), { a: ["u@3", "t@4"], b: ["t@2"] }); // newest per key, in the order of offsets
  assertEquals(stage.probe.ask("describe", undefined).reply, {
    phase: "active",
    term: 2,
    endOffset: 4,
    groups: ["b", "a"],
  });
  assertEquals(stage.readings, 1);
});

Deno.test("tombstones take back what their key said before, and a group of which nothing is left is none", () => {
  const stage = CoordinatorStage.active(
    [offset("a", "t", 1), offset("a", "u", 1), offset("gone", "t", 1)],
    [forget("a", "t"), forget("gone", "t"), forget("never", "t")],
    [offset("back", "t", 1)],
    [forget("back", "t")],
    [offset("back", "t", 2)],
  );
  assertEquals(stage.newGroups(), { a: ["u@1"], back: ["t@2"] });
  assertEquals(["a", "gone", "never"].map((groupId) => stage.errorOf(groupId)), [
    "NONE",
    "GROUP_ID_NOT_FOUND",
    "GROUP_ID_NOT_FOUND",
  ]);
});

Deno.test("it serves when everything is committed that the log had at first, and nothing before", () => {
  const stage = new CoordinatorStage();
  stage.store([offset("a", "t", 1)]);
  stage.highWatermark = 1;
  stage.store([offset("a", "t", 2)]); // an earlier leader's: acknowledged, for all that is known here
  stage.store([offset("b", "t", 2)]);
  stage.show().read();
  assertEquals([stage.errorOf("a"), stage.errorOf("new", true)], Array(2).fill("COORDINATOR_LOAD_IN_PROGRESS"));
  assertEquals(stage.probe.ask("groups", undefined).reply, { error: "COORDINATOR_LOAD_IN_PROGRESS", groups: [] });
  stage.highWatermark = 2;
  stage.read();
  assertEquals([stage.phase, stage.newGroups()], ["loading", {}]);
  stage.commitAll();
  assertEquals([stage.phase, stage.newGroups()], ["active", { a: ["t@2"], b: ["t@2"] }]);
  const { error, groups } = stage.probe.ask("groups", undefined).reply!;
  assertEquals([error, ...groups], ["NONE", "1/group/a", "1/group/b"]);
});

Deno.test("a wait for the high watermark that brings nothing is put again", () => {
  const stage = new CoordinatorStage();
  stage.store([offset("a", "t", 1)]);
  stage.show().read();
  for (let time = 0; time < 3; time++) {
    stage.probe.answer("awaitData", false);
    stage.read();
    assertEquals(stage.probe.asks.map(({ verb }) => verb).sort(), ["awaitData", "subscribe"]);
  }
  stage.commitAll();
  assertEquals(stage.phase, "active");
});

Deno.test("an empty log is read at once, and one that begins later is read from there", () => {
  assertEquals(CoordinatorStage.active().newGroups(), {});
  const stage = new CoordinatorStage();
  stage.store([offset("cut", "t", 1), offset("kept", "t", 2)]);
  stage.startOffset = 1; // within the batch
  stage.highWatermark = stage.endOffset;
  stage.show().read();
  assertEquals(stage.newGroups(), { kept: ["t@2"] });
});

Deno.test("headers that the cleaner has left are read over", () => {
  const stage = new CoordinatorStage();
  stage.append(encodeBatch([], { baseOffset: 0, lastOffsetDelta: 99 }));
  stage.store([offset("a", "t", 1)], { lastOffsetDelta: 9 });
  stage.append(encodeBatch([], { baseOffset: 110, lastOffsetDelta: 4 }));
  stage.batchesPerFetch = 1;
  stage.highWatermark = stage.endOffset;
  stage.show().read();
  assertEquals([stage.newGroups(), stage.probe.ask("describe", undefined).reply!.endOffset], [{ a: ["t@1"] }, 115]);
});

Deno.test("what is committed, and cannot be read, is asked for again a little later, not at once", () => {
  const stage = new CoordinatorStage();
  stage.store([offset("a", "t", 1)], { lastOffsetDelta: 9 });
  stage.highWatermark = 5;
  stage.show().read();
  assertEquals([stage.phase, stage.readings, stage.probe.asks.map(({ verb }) => verb)], ["loading", 1, ["subscribe"]]);
  stage.commitAll().probe.advance(100);
  stage.read();
  assertEquals([stage.phase, stage.readings], ["active", 2]);
});

Deno.test("what is not understood is passed over and reported once; control records are not for it", () => {
  const stage = new CoordinatorStage();
  const junk = { key: new Uint8Array([0, 99, 1]), value: new Uint8Array([0, 0]) };
  stage.store([offset("a", "t", 1)]);
  stage.append(encodeBatch([junk, { key: null, value: null }, { ...junk, key: new Uint8Array([0, 1, 0]) }], {
    baseOffset: 1,
  }));
  stage.append(encodeBatch([junk], { baseOffset: 4, isControl: true }));
  const damaged = encodeBatch([junk, junk], { baseOffset: 5 });
  damaged[61] = 0x7f; // the first record's length
  stage.append(damaged);
  stage.store([offset("b", "t", 1)]);
  stage.highWatermark = stage.endOffset;
  stage.show().read();
  assertEquals(stage.newGroups(), { a: ["t@1"], b: ["t@1"] });
  assertEquals(stage.reports.length, 1);
  assertMatch(stage.reports[0]!, /^__consumer_offsets-3: 5 records could not be understood/);
});

Deno.test("whatever goes wrong, it begins anew a little later, and later still when that goes wrong too", () => {
  const stage = new CoordinatorStage();
  stage.store([offset("a", "t", 1)]);
  stage.highWatermark = 1;
  stage.show();
  stage.leaderEpoch = EPOCH + 1;
  const waits: number[] = [];
  for (let time = 0; time < 7; time++) {
    stage.read();
    assertEquals(stage.phase, "loading");
    let waitMs = 0;
    while (stage.probe.asks.length === 1) stage.probe.advance(1), waitMs++;
    waits.push(waitMs);
  }
  waits.forEach((waitMs, time) => {
    const fullMs = Math.min(2_000, 100 * 2 ** time);
    assertEquals([waitMs >= fullMs / 2, waitMs <= fullMs], [true, true], `${time}: ${waitMs} ms`);
  });
  stage.leaderEpoch = EPOCH;
  stage.read();
  assertEquals(stage.phase, "active");
});

Deno.test("each step of the reading can fail, and is not gone on from", () => {
  const fail: Record<string, (stage: CoordinatorStage) => unknown> = {
    confirm: (stage) => stage.probe.answer("confirm", "NOT_LEADER_OR_FOLLOWER"),
    describe: (stage) =>
      stage.probe.answer("describe", { error: "NONE", startOffset: 0, endOffset: 0, leaderEpoch: 8 }),
    fetch: (stage) => stage.probe.answer("fetch", { error: "OFFSET_OUT_OF_RANGE", records: new Uint8Array() }),
    awaitData: (stage) => stage.probe.fail("awaitData", "crashed"),
  };
  for (const step of Object.keys(fail)) {
    for (const how of ["error", "unreachable"]) {
      const stage = new CoordinatorStage();
      stage.store([offset("a", "t", 1)]);
      stage.show();
      const before = Object.entries({
        confirm: "NONE",
        describe: { error: "NONE", startOffset: 0, endOffset: 1, leaderEpoch: EPOCH },
        fetch: { error: "NONE", records: new Uint8Array() },
      });
      for (const [verb, answer] of before) {
        if (stage.asked === step) break;
        stage.probe.answer(verb, answer);
      }
      if (how === "error") fail[step]!(stage);
      else stage.probe.fail(step, "unreachable");
      assertEquals(
        [stage.phase, stage.probe.asks.map(({ verb }) => verb)],
        ["loading", ["subscribe"]],
        `${step} ${how}`,
      );
      stage.commitAll().probe.advance(100);
      stage.read();
      assertEquals([stage.phase, stage.newGroups()], ["active", { a: ["t@1"] }], `${step} ${how}`);
    }
  }
});

Deno.test("without a view there is nothing to show to groups, so they are not started", () => {
  const stage = new CoordinatorStage();
  stage.store([offset("a", "t", 1)]);
  stage.commitAll();
  assertEquals([stage.phase, stage.newGroups()], ["loading", {}]);
  stage.show().follow();
  assertEquals([stage.phase, stage.newGroups()], ["active", { a: ["t@1"] }]);
});

Deno.test("who asks a coordinator whose replica does not lead is sent to look for another, until it leads again", () => {
  const stage = new CoordinatorStage();
  stage.store([offset("a", "t", 1)]);
  stage.highWatermark = 1;
  stage.show();
  const next = (error: string) => {
    stage.error = error;
    stage.read().probe.advance(2_000);
    return stage.errorOf("a", true);
  };
  for (const error of ["NOT_LEADER_OR_FOLLOWER", "FENCED_LEADER_EPOCH", "UNKNOWN_TOPIC_OR_PARTITION"]) {
    assertEquals(next(error), "NOT_COORDINATOR", error);
    assertEquals(next("KAFKA_STORAGE_ERROR"), "COORDINATOR_LOAD_IN_PROGRESS", "that may pass");
  }
  next("NOT_LEADER_OR_FOLLOWER");
  assertEquals(next("NONE"), "NONE");
});

Deno.test("one that is cut off while it waits for the high watermark says so", () => {
  const stage = new CoordinatorStage();
  stage.store([offset("a", "t", 1)]);
  stage.show().read();
  assertEquals([stage.asked, stage.errorOf("a")], ["awaitData", "COORDINATOR_LOAD_IN_PROGRESS"]);
  const { message } = stage.probe.asks.find(({ verb }) => verb === "awaitData")!;
  assertEquals((message as { deadlineMs: number }).deadlineMs - stage.probe.env.clock.monotonic(), 1_000);
  stage.error = "NOT_LEADER_OR_FOLLOWER";
  stage.probe.answer("awaitData", false);
  stage.read();
  assertEquals(stage.errorOf("a"), "NOT_COORDINATOR");
});

Deno.test("while its broker is isolated it looks whether it may still speak, and is silent once it may not", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 1)]);
  stage.probe.advance(10_000);
  assertEquals(stage.asked, undefined); // why should it
  stage.show({ ...viewOf(), isIsolated: true }).read();
  stage.probe.advance(499);
  assertEquals(stage.asked, undefined);
  for (let time = 0; time < 3; time++) {
    stage.probe.advance(time === 0 ? 1 : 500);
    assertEquals(stage.asked, "confirm");
    stage.read();
    assertEquals(stage.errorOf("a"), "NONE");
  }
  stage.error = "NOT_LEADER_OR_FOLLOWER";
  stage.probe.advance(500);
  stage.read();
  assertEquals([stage.phase, stage.stopped, stage.errorOf("a")], ["loading", ["1/group/a"], "NOT_COORDINATOR"]);
  stage.end("a").probe.advance(10_000);
  stage.read();
  assertEquals([stage.phase, stage.errorOf("a")], ["loading", "NOT_COORDINATOR"]);
  stage.error = "NONE"; // its followers pull again
  stage.probe.advance(2_000);
  stage.read();
  assertEquals(stage.errorOf("a"), "NONE");
  stage.probe.advance(500);
  assertEquals(stage.asked, "confirm");
  stage.read();
  stage.show().probe.advance(10_000); // in touch
  assertEquals(stage.asked, undefined);
});

Deno.test("a replica that does not answer whether it leads is asked again: it may be between two lives", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 1)]);
  stage.show({ ...viewOf(), isIsolated: true });
  for (const error of ["unreachable", "timeout", "crashed"] as const) {
    stage.probe.fail("confirm", error).advance(500);
    assertEquals([stage.phase, stage.asked], ["active", "confirm"]);
  }
});
