import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { SeededRandom } from "../../../../lib/prng.ts";
import type { Asked } from "../../../../actors/probe.ts";
import type { AppendReply } from "../../../../actors/partition/protocol.ts";
import { batch, Harness, produced } from "./harness.ts";
import { diskError, diskFull } from "./fake_log.ts";

const done = (...asked: Asked<AppendReply>[]) => asked.map(({ reply }) => reply !== undefined);
const RELAXED = { flushBeforeAck: false } as const;

Deno.test("acks 1 and all are answered after the flush, acks 0 at once", () => {
  const h = new Harness();
  const one = h.append({ acks: 1 });
  const all = h.append({ acks: -1 });
  const none = h.append({ acks: 0 });
  assertEquals(done(one, all, none), [false, false, true]);
  assertEquals(h.describe().highWatermark, 0, "nothing is readable before it is durable");
  h.endFlush().endFlush();
  assertEquals(done(one, all), [true, true]);
  assertEquals(h.describe().highWatermark, 3);
});

Deno.test("one flush at a time: appends that come meanwhile share the next one", () => {
  const h = new Harness();
  const first = h.append();
  const others = [h.append(), h.append({ acks: 1 }), h.append()];
  assertEquals([h.log.flushing, h.log.flushCount], [1, 1]);
  h.endFlush();
  assertEquals(done(first, ...others), [true, false, false, false]);
  assertEquals([h.log.flushing, h.log.flushCount], [1, 2]);
  h.endFlush();
  assertEquals(done(...others), [true, true, true]);
  assertEquals([h.log.flushing, h.log.flushCount], [0, 2], "and there is none without need");
});

Deno.test("a flush covers only what was written before it began", () => {
  const h = new Harness();
  h.append();
  const late = h.append();
  h.endFlush();
  assertEquals([h.describe().highWatermark, h.describe().flushedOffset, done(late)], [1, 1, [false]]);
});

Deno.test("answers leave in the order of the appends", () => {
  const h = new Harness();
  const order: number[] = [];
  for (let at = 0; at < 4; at++) h.append({ records: produced(1, 0, at, 1) });
  h.endFlush();
  h.probe.take().forEach((each) => each.type === "reply" && order.push((each.value as AppendReply).baseOffset));
  h.endFlush();
  h.probe.take().forEach((each) => each.type === "reply" && order.push((each.value as AppendReply).baseOffset));
  assertEquals(order, [0, 1, 2, 3]);
});

Deno.test("without flush.before.ack a written record is acknowledged and readable, and nothing is flushed", () => {
  const h = new Harness({ config: RELAXED });
  assertEquals(done(h.append({ acks: -1 }), h.append({ acks: 1 })), [true, true]);
  assertEquals([h.describe().highWatermark, h.describe().flushedOffset, h.log.flushCount], [2, 0, 0]);
});

Deno.test("without flush.before.ack an answer waits for the write all the same", () => {
  const h = new Harness({ config: RELAXED });
  h.log.broken.set("append", diskError());
  for (const acks of [1, -1] as const) assertEquals(h.append({ acks }).reply?.error, "KAFKA_STORAGE_ERROR");
});

Deno.test("flush.messages flushes when so many records have come together", () => {
  const h = new Harness({ config: { ...RELAXED, flushMessages: 3 } });
  h.append();
  h.append();
  assertEquals(h.log.flushCount, 0);
  h.append();
  assertEquals(h.log.flushCount, 1);
  h.append({ records: batch(5) });
  h.endFlush();
  assertEquals(h.log.flushCount, 2, "what came meanwhile is flushed next");
});

Deno.test("flush.ms flushes that long after the first record, once", () => {
  const h = new Harness({ config: { ...RELAXED, flushMs: 1_000 } });
  h.append();
  h.probe.advance(600);
  h.append();
  h.probe.advance(399);
  assertEquals(h.log.flushCount, 0);
  h.probe.advance(1);
  assertEquals(h.log.flushCount, 1);
  h.endFlush();
  h.probe.advance(5_000);
  assertEquals(h.log.flushCount, 1, "nothing new, no flush");
  h.append();
  h.probe.advance(1_000);
  assertEquals(h.log.flushCount, 2);
});

Deno.test("a flush.ms beyond what timers can be set for never flushes", () => {
  const h = new Harness({ config: { ...RELAXED, flushMs: 2 ** 31 } });
  h.append();
  assertEquals(h.probe.take().filter((each) => each.type === "timer" && each.key === "flush"), []);
});

Deno.test("once written, a batch is part of every snapshot", () => {
  const h = new Harness();
  h.append({ records: produced(1, 0, 0, 1) });
  const { producers } = h.probe.state;
  assertEquals(producers.snapshot(0), producers.snapshot(1));
});

Deno.test("turning flush.before.ack on flushes what is not durable; turning it off answers who waits", () => {
  const h = new Harness({ config: RELAXED });
  h.append();
  h.probe.tell("configure", { ...h.probe.state.config, flushBeforeAck: true });
  assertEquals(h.log.flushCount, 1);
  assertEquals(h.describe().highWatermark, 1, "what was readable stays readable");
  const waiting = h.append();
  assertEquals(done(waiting), [false]);
  h.probe.tell("configure", { ...h.probe.state.config, ...RELAXED });
  assertEquals([done(waiting), h.describe().highWatermark], [[true], 2]);
});

Deno.test("a failed write takes the replica offline: everyone who waits is told, nothing is served", () => {
  const h = new Harness().fill(1);
  const before = h.append({ acks: 1 });
  const fetching = h.await(1);
  h.log.broken.set("append", diskError("the cable is gone"));
  const failed = h.append();
  assertEquals([before.reply?.error, failed.reply?.error], ["KAFKA_STORAGE_ERROR", "KAFKA_STORAGE_ERROR"]);
  assertStringIncludes(failed.reply!.message!, "the cable is gone");
  assertEquals(fetching.reply, true);
  assertOffline(h, "could not append to its log");
});

Deno.test("a failed flush takes the replica offline, and is not tried again", () => {
  const h = new Harness().fill(1);
  const waiting = [h.append({ acks: 1 }), h.append({ acks: -1 })];
  h.endFlush(diskError("input/output error"));
  assertEquals(waiting.map(({ reply }) => reply?.error), ["KAFKA_STORAGE_ERROR", "KAFKA_STORAGE_ERROR"]);
  assertEquals([h.log.flushing, h.log.flushCount], [0, 2]);
  assertOffline(h, "could not flush its log");
});

Deno.test("a full disk refuses the batch and nothing else: it was never taken", () => {
  const h = new Harness();
  const before = h.append({ records: produced(1, 0, 0, 1), acks: 1 });
  h.log.broken.set("append", diskFull());
  const refused = [
    h.append({ records: produced(1, 0, 1, 1), acks: 1 }),
    h.append({ records: produced(1, 0, 1, 1), acks: -1 }),
    h.append({ records: produced(2, 0, 9, 1) }),
  ].map(({ reply }) => [reply?.error, reply?.message]);
  assertEquals(refused, Array(3).fill(["KAFKA_STORAGE_ERROR", "no space left on device"]));
  assertEquals(h.probe.ask("describeProducers", undefined).reply!.producers.length, 1);
  while (h.log.flushing > 0) h.endFlush();
  assertEquals(before.reply?.error, "NONE", "what was written before is not touched");
  assertEquals([h.describe().error, h.fetch(0).records.length > 0, h.describe().endOffset], ["NONE", true, 1]);
  h.log.broken.clear();
  const after = h.append({ records: produced(1, 0, 1, 1) });
  h.endFlush();
  assertEquals([after.reply?.error, after.reply?.baseOffset], ["NONE", 1]);
});

Deno.test("a full disk neither stops retention nor is it taken for a failed flush", () => {
  const h = new Harness().fill(1);
  h.log.broken.set("retain", diskFull());
  h.probe.tell("tidy", undefined);
  assertEquals(h.describe().error, "NONE");
  h.append();
  h.endFlush(diskFull());
  assertEquals(h.describe().error, "KAFKA_STORAGE_ERROR", "a flush that had no room has lost what was written");
});

function assertOffline(h: Harness, why: string): void {
  const described = h.describe();
  assertEquals(described.error, "KAFKA_STORAGE_ERROR");
  assertStringIncludes(described.offline!, why);
  const { batches, flushCount } = h.log;
  assertEquals(h.append().reply?.error, "KAFKA_STORAGE_ERROR");
  assertEquals(h.fetch(0).error, "KAFKA_STORAGE_ERROR");
  const latest = { timestamp: -1, currentLeaderEpoch: -1, isolation: "read_uncommitted" } as const;
  assertEquals(h.probe.ask("listOffsets", latest).reply?.error, "KAFKA_STORAGE_ERROR");
  assertEquals(
    h.probe.ask("endOffsetForEpoch", { epoch: 5, currentLeaderEpoch: -1 }).reply?.error,
    "KAFKA_STORAGE_ERROR",
  );
  assertEquals(h.probe.ask("deleteRecords", { beforeOffset: -1 }).reply?.error, "KAFKA_STORAGE_ERROR");
  assertEquals(h.probe.ask("describeProducers", undefined).reply?.error, "KAFKA_STORAGE_ERROR");
  assertEquals(h.await(100).reply, true);
  h.probe.tell("assume", { ...h.probe.state.role, partitionEpoch: 9, leaderEpoch: 9 });
  h.probe.tell("configure", { ...h.probe.state.config, flushBeforeAck: false });
  h.probe.tell("tidy", undefined).tell("flush", undefined).advance(1_000_000);
  assertEquals([h.log.batches, h.log.retained, h.log.flushCount, h.probe.restarts], [batches, [], flushCount, 0]);
  h.probe.stop();
  assertEquals(h.log.closed, false, "an offline log is not closed as if it were whole");
}

Deno.test("restarting an offline replica opens its log anew", () => {
  const h = new Harness().fill(2);
  h.append();
  h.endFlush(diskError());
  assertEquals(h.describe().error, "KAFKA_STORAGE_ERROR");
  h.store.onOpen = (log) => log.truncateTo(2); // what recovery finds: the third was lost
  h.probe.kill().advance(1_000);
  assertEquals([h.describe().error, h.describe().endOffset, h.describe().highWatermark], ["NONE", 2, 2]);
  h.fill(1);
  assertEquals(h.describe().highWatermark, 3);
});

Deno.test("an error that is no disk's crashes the replica, which recovers", () => {
  const h = new Harness().fill(1);
  h.log.broken.set("append", new TypeError("a bug"));
  assertEquals(h.append().answer, { ok: false, failure: "crashed" });
  h.log.broken.clear();
  h.probe.advance(1_000);
  assertEquals([h.probe.restarts, h.describe().error, h.describe().endOffset], [1, "NONE", 1]);
});

Deno.test("what was acknowledged survives any crash with a power loss, and is never written twice", () => {
  for (let seed = 0; seed < 150; seed++) {
    const random = new SeededRandom(seed);
    const h = new Harness({ config: { flushBeforeAck: true } });
    h.store.onOpen = (log) => { // the power was lost: of what was not flushed, some is there
      const from = log.flushedOffset;
      log.truncateTo(from + random.below(log.endOffset - from + 1));
      log.flushedOffset = log.endOffset;
    };
    const acked = new Map<number, number>(); // sequence → offset
    let sequence = 0;
    let waiting: { readonly sequence: number; readonly asked: Asked<AppendReply> }[] = [];
    for (let step = 0; step < 60; step++) {
      const act = random.below(8);
      if (act < 4) {
        waiting.push({
          sequence,
          asked: h.append({ records: produced(1, 0, sequence++, 1), acks: random.pick([1, -1]) }),
        });
      } else if (act < 7) {
        if (h.log.flushing > 0) h.endFlush();
      } else {
        while (h.log.flushing > 0) h.log.endFlush(new Error("nobody hears of it")); // the flushes of this life
        h.probe.kill().advance(5_000);
      }
      const open: typeof waiting = [];
      for (const each of waiting) {
        const { answer } = each.asked;
        if (answer === undefined) open.push(each);
        else if (answer.ok && answer.value.error === "NONE") acked.set(each.sequence, answer.value.baseOffset);
      }
      const crashed = open.length + acked.size < sequence;
      waiting = crashed ? resend(h, acked, sequence) : open;
      const { highWatermark, flushedOffset, endOffset } = h.describe();
      assert(highWatermark <= flushedOffset && flushedOffset <= endOffset, `seed ${seed}`);
      for (const offset of acked.values()) assert(offset < highWatermark, `seed ${seed}: acknowledged and readable`);
    }
    const stored = h.log.batches.map(({ header }) => header.baseSequence);
    assertEquals(stored, [...stored.keys()], `seed ${seed}: in order, once`);
    for (const [number, offset] of acked) {
      assertEquals(h.log.batches[offset]?.header.baseSequence, number, `seed ${seed}`);
    }
    assert(acked.size > 0, `seed ${seed} made progress`);
  }
});

/** As an idempotent producer does: everything that was not acknowledged, again and in order. */
function resend(h: Harness, acked: ReadonlyMap<number, number>, end: number) {
  const waiting: { readonly sequence: number; readonly asked: Asked<AppendReply> }[] = [];
  for (let sequence = 0; sequence < end; sequence++) {
    if (acked.has(sequence)) continue;
    waiting.push({ sequence, asked: h.append({ records: produced(1, 0, sequence, 1) }) });
  }
  return waiting;
}
