import { assert, assertEquals, assertFalse } from "@std/assert";
import { BATCHES_REMEMBERED, type ProducedBatch, Producers } from "../../../../actors/partition/producers.ts";
import type { ProducerDescription } from "../../../../actors/partition/protocol.ts";
import { SeededRandom } from "../../../../lib/prng.ts";
import { type BatchHeader, readBatchHeader } from "../../../../protocol/batch.ts";
import { encodeBatch, type NewRecord } from "../../../../protocol/records.ts";
import { sequenceAfter } from "../../../../protocol/validate.ts";

const MAX = 0x7fff_ffff;

function sent(
  producerId: number,
  producerEpoch: number,
  baseSequence: number,
  count = 1,
  maxTimestamp = 0,
): ProducedBatch {
  const lastSequence = sequenceAfter(baseSequence, count - 1);
  return { producerId: BigInt(producerId), producerEpoch, baseSequence, lastSequence, maxTimestamp };
}

/** Appends batches one after the other, each judged new before. */
function lived(...batches: ProducedBatch[]): Producers {
  const producers = new Producers();
  let offset = 0;
  for (const batch of batches) {
    assertEquals(producers.judge(batch).type, "new");
    const count = (batch.lastSequence - batch.baseSequence + 1 + 0x8000_0000) % 0x8000_0000;
    producers.append(batch, offset, offset + count - 1);
    offset += count;
    producers.written(offset);
  }
  return producers;
}

function error(producers: Producers, batch: ProducedBatch): string {
  const verdict = producers.judge(batch);
  return verdict.type === "refused" ? verdict.error : verdict.type;
}

Deno.test("batches without a producer id are always new, whatever epoch and sequence they carry", () => {
  const producers = new Producers();
  for (let at = 0; at < 2; at++) {
    assertEquals(error(producers, sent(-1, 0, 0)), "new");
    producers.append(sent(-1, 0, 0), at, at);
  }
  assertEquals(producers.size, 0);
});

Deno.test("the next sequence is new, a gap and a step back are out of order", () => {
  const producers = lived(sent(1, 0, 0, 3));
  assertEquals(error(producers, sent(1, 0, 3)), "new");
  assertEquals(error(producers, sent(1, 0, 4)), "OUT_OF_ORDER_SEQUENCE_NUMBER");
  assertEquals(error(producers, sent(1, 0, 2)), "OUT_OF_ORDER_SEQUENCE_NUMBER");
  assertEquals(error(producers, sent(2, 0, 9)), "new", "another producer has its own sequence");
});

Deno.test("an unknown producer may begin anywhere", () => {
  assertEquals(error(new Producers(), sent(1, 7, 1234)), "new");
});

Deno.test("sequences wrap from 2^31-1 to 0, also within a batch", () => {
  const producers = lived(sent(1, 0, MAX));
  assertEquals(error(producers, sent(1, 0, 0)), "new");
  assertEquals(error(producers, sent(1, 0, 1)), "OUT_OF_ORDER_SEQUENCE_NUMBER");
  const across = lived(sent(1, 0, MAX - 1, 5));
  assertEquals(error(across, sent(1, 0, 3)), "new");
  assertEquals(error(across, sent(1, 0, MAX - 1, 5)), "duplicate");
});

Deno.test("each of the last five batches is a duplicate when sent again, with the offsets that it has", () => {
  const batches = Array.from({ length: 6 }, (_, at) => sent(1, 0, at * 2, 2, 100 + at));
  const producers = lived(...batches);
  assertEquals(error(producers, batches[0]!), "OUT_OF_ORDER_SEQUENCE_NUMBER", "the sixth last is forgotten");
  for (let at = 1; at < 6; at++) {
    assertEquals(producers.judge(batches[at]!), {
      type: "duplicate",
      of: {
        firstSequence: at * 2,
        lastSequence: at * 2 + 1,
        firstOffset: at * 2,
        lastOffset: at * 2 + 1,
        timestamp: 100 + at,
      },
    });
  }
});

Deno.test("a duplicate has the very first and last sequence of a batch, no less and no more", () => {
  const producers = lived(sent(1, 0, 0, 4), sent(1, 0, 4, 4));
  assertEquals(error(producers, sent(1, 0, 0, 4)), "duplicate");
  assertEquals(error(producers, sent(1, 0, 0, 3)), "OUT_OF_ORDER_SEQUENCE_NUMBER");
  assertEquals(error(producers, sent(1, 0, 1, 3)), "OUT_OF_ORDER_SEQUENCE_NUMBER");
  assertEquals(error(producers, sent(1, 0, 0, 8)), "OUT_OF_ORDER_SEQUENCE_NUMBER");
});

Deno.test("an older epoch is fenced, even with the sequences of a batch that is there", () => {
  const producers = lived(sent(1, 3, 0, 2), sent(1, 4, 0, 2));
  assertEquals(error(producers, sent(1, 3, 0, 2)), "INVALID_PRODUCER_EPOCH");
  assertEquals(error(producers, sent(1, 3, 2)), "INVALID_PRODUCER_EPOCH");
});

Deno.test("a new epoch begins at 0 and forgets the batches of the old one", () => {
  const producers = lived(sent(1, 3, 0, 2));
  assertEquals(error(producers, sent(1, 4, 2)), "OUT_OF_ORDER_SEQUENCE_NUMBER");
  assertEquals(
    error(producers, sent(1, 4, 0, 2)),
    "new",
    "the same sequences as a batch of the old epoch are no duplicate",
  );
  producers.append(sent(1, 4, 0, 1), 2, 2);
  assertEquals(error(producers, sent(1, 4, 1)), "new");
});

Deno.test("what the old epoch sent is no duplicate in the new one, even later on", () => {
  const producers = lived(sent(1, 3, 0, 2), sent(1, 3, 2, 2), sent(1, 4, 0, 2));
  assertEquals(error(producers, sent(1, 4, 2, 2)), "new");
});

Deno.test("producers are forgotten when their last timestamp is old enough, and may then begin anywhere", () => {
  const producers = lived(sent(1, 0, 0, 1, 1_000), sent(2, 0, 0, 1, 2_000));
  producers.expire(10_999, 10_000);
  assertEquals(producers.size, 2);
  producers.expire(11_000, 10_000);
  assertEquals(producers.describe().map(({ producerId }) => producerId), [2n]);
  assertEquals(error(producers, sent(1, 0, 77)), "new");
});

Deno.test("producers are described as they stand", () => {
  assertEquals(lived(sent(9, 2, 0, 5, 44)).describe(), [{
    producerId: 9n,
    producerEpoch: 2,
    lastSequence: 4,
    lastTimestamp: 44,
    coordinatorEpoch: -1,
    currentTransactionStartOffset: -1,
  }]);
});

Deno.test("a snapshot for an offset knows of no batch at or above it", () => {
  const producers = lived(sent(1, 0, 0, 2));
  const before = producers.snapshot(2);
  producers.append(sent(1, 0, 2, 2), 2, 3); // taken, but not yet in the log
  producers.append(sent(1, 1, 0, 2), 4, 5);
  producers.append(sent(7, 0, 0, 1), 6, 6);
  assertEquals(producers.snapshot(2), before);
  assertEquals(producers.snapshot(4), lived(sent(1, 0, 0, 2), sent(1, 0, 2, 2)).snapshot(4));
  producers.written(7);
  const all = producers.snapshot(7);
  assertEquals(producers.snapshot(2), all, "what the log has can no longer be taken back");
  const loaded = new Producers();
  assert(loaded.load(all));
  assertEquals(error(loaded, sent(7, 0, 0, 1)), "duplicate");
});

Deno.test("batches that the log could not take were never there", () => {
  const producers = lived(sent(1, 0, 0, 2));
  const before = producers.snapshot(2);
  producers.append(sent(1, 0, 2, 2), 2, 3);
  const first = producers.snapshot(4);
  producers.append(sent(1, 1, 0, 2), 4, 5);
  producers.append(sent(7, 0, 0, 1), 6, 6);
  producers.rollBack(4);
  assertEquals([producers.snapshot(4), producers.size], [first, 1]);
  assertEquals(error(producers, sent(1, 0, 2, 2)), "duplicate");
  producers.rollBack(2);
  assertEquals(producers.snapshot(2), before);
  assertEquals(error(producers, sent(1, 0, 2, 2)), "new");
});

Deno.test("a snapshot gives back the sequences of a batch that wrapped", () => {
  const loaded = new Producers();
  assert(loaded.load(lived(sent(1, 0, MAX - 1, 5)).snapshot(5)));
  assertEquals(error(loaded, sent(1, 0, MAX - 1, 5)), "duplicate");
  assertEquals(error(loaded, sent(1, 0, 3)), "new");
});

Deno.test("what was on its way behind the first batch of a producer does not overtake it when there was no room for it", () => {
  const producers = new Producers();
  producers.append(sent(1, 0, 5, 2), 0, 1);
  producers.append(sent(1, 0, 7), 2, 2);
  producers.rollBack(0);
  assertEquals(producers.size, 0);
  assertEquals(error(producers, sent(1, 0, 7)), "OUT_OF_ORDER_SEQUENCE_NUMBER");
  assertEquals(error(producers, sent(1, 1, 7)), "new", "it has begun anew");
  assertEquals(error(producers, sent(1, 0, 5, 2)), "new");
  producers.append(sent(1, 0, 5, 2), 0, 1);
  assertEquals(error(producers, sent(1, 0, 7)), "new");
  producers.rollBack(0);
  producers.expire(0, 1000);
  assertEquals(error(producers, sent(1, 0, 7)), "new", "after a while it is forgotten");
});

Deno.test("unusable bytes change nothing, no bytes empty everything", () => {
  const producers = lived(sent(1, 0, 0, 2));
  assertFalse(producers.load(new Uint8Array(10)));
  assertEquals(producers.size, 1);
  producers.append(sent(1, 0, 2), 2, 2);
  recover(producers, encodeBatch([{ value: null }], { producerId: 3n, isTransactional: true, baseOffset: 3 }));
  assert(producers.load(undefined));
  assertEquals([producers.size, producers.firstUnstableOffset()], [0, undefined]);
  assertEquals(producers.snapshot(0), new Producers().snapshot(0));
});

Deno.test("an open transaction holds the last stable offset until its marker, and is not forgotten meanwhile", () => {
  const producers = new Producers();
  const record: NewRecord = { value: null, timestamp: 5 };
  const options = { producerId: 3n, producerEpoch: 0, isTransactional: true };
  recover(producers, encodeBatch([record], { ...options, baseSequence: 0, baseOffset: 10 }));
  recover(producers, encodeBatch([record], { ...options, baseSequence: 1, baseOffset: 11 }));
  assertEquals(producers.firstUnstableOffset(), 10);
  producers.expire(1e12, 1);
  assertEquals(producers.describe()[0]?.currentTransactionStartOffset, 10);
  const loaded = new Producers();
  assert(loaded.load(producers.snapshot(12)));
  assertEquals(loaded.firstUnstableOffset(), 10);
  for (const each of [producers, loaded]) {
    recover(each, encodeBatch([record], { ...options, producerEpoch: 1, isControl: true, baseOffset: 12 }));
    assertEquals(each.firstUnstableOffset(), undefined);
    assertEquals(error(each, sent(3, 0, 2)), "INVALID_PRODUCER_EPOCH", "the marker brought a new epoch");
    assertEquals(error(each, sent(3, 1, 2)), "OUT_OF_ORDER_SEQUENCE_NUMBER");
    assertEquals(error(each, sent(3, 1, 0)), "new");
  }
});

function recover(producers: Producers, bytes: Uint8Array): void {
  producers.recovered(readBatchHeader(bytes));
}

Deno.test("producers rebuilt from a log, from any snapshot on, judge as those that lived through it", () => {
  for (let seed = 0; seed < 100; seed++) {
    const random = new SeededRandom(seed);
    const live = new Producers();
    const log: BatchHeader[] = [];
    const snapshots = new Map<number, Uint8Array>();
    let offset = 0;
    for (let step = 0; step < 60; step++) {
      const batch = anyBatch(random, live);
      if (live.judge(batch.sent).type !== "new") continue;
      snapshots.set(offset, live.snapshot(offset));
      live.append(batch.sent, offset, offset + batch.count - 1);
      if (random.chance(1, 4)) {
        assertEquals(live.snapshot(offset), snapshots.get(offset), `seed ${seed}: not yet written`);
      }
      log.push(headerOf(batch.sent, batch.count, offset));
      offset += batch.count;
      live.written(offset);
    }
    snapshots.set(offset, live.snapshot(offset));
    const tried = log.map(sentAs).flatMap((each) => [each, { ...each, producerEpoch: each.producerEpoch + 1 }]);
    const next = live.describe().map(({ producerId, producerEpoch, lastSequence }) =>
      sent(Number(producerId), producerEpoch, sequenceAfter(Math.max(lastSequence, 0), 1))
    );
    const rebuilt = new Producers();
    rebuilt.load(undefined);
    log.forEach((header) => rebuilt.recovered(header));
    assertEquals(rebuilt.snapshot(offset), live.snapshot(offset), `seed ${seed}: from the log alone`);
    for (const each of [...tried, ...next]) assertEquals(rebuilt.judge(each), live.judge(each));
    for (const [at, snapshot] of snapshots) {
      const resumed = new Producers();
      assert(resumed.load(snapshot));
      for (const header of log) if (header.baseOffset >= at) resumed.recovered(header);
      assertEquals(sorted(resumed), sorted(live), `seed ${seed}: from a snapshot at ${at}`);
      for (const each of [...tried, ...next]) assertEquals(resumed.judge(each), live.judge(each), `seed ${seed}`);
    }
  }
});

function sentAs(header: BatchHeader): ProducedBatch {
  return { ...header, lastSequence: sequenceAfter(header.baseSequence, header.lastOffsetDelta) };
}

Deno.test("sequences of any accepted history are contiguous per producer and epoch", () => {
  for (let seed = 0; seed < 100; seed++) {
    const random = new SeededRandom(`contiguous ${seed}`);
    const live = new Producers();
    const last = new Map<string, number>();
    let offset = 0;
    for (let step = 0; step < 200; step++) {
      const { sent, count } = anyBatch(random, live);
      const verdict = live.judge(sent);
      const key = `${sent.producerId}/${sent.producerEpoch}`;
      if (verdict.type === "duplicate") {
        assertEquals(verdict.of.firstSequence, sent.baseSequence);
        assert(verdict.of.lastOffset < offset);
      }
      if (verdict.type !== "new") continue;
      const before = last.get(key);
      if (before !== undefined) assertEquals(sent.baseSequence, (before + 1) % 0x8000_0000, `seed ${seed}`);
      last.set(key, sent.lastSequence);
      live.append(sent, offset, offset += count - 1);
      live.written(++offset);
    }
    assert(last.size > 0 && offset > BATCHES_REMEMBERED);
  }
});

/** What a producer may send: mostly the next, else something old, wrong or of another epoch. */
function anyBatch(random: SeededRandom, live: Producers): { sent: ProducedBatch; count: number } {
  const producerId = random.below(3);
  const known = live.describe().find((each) => each.producerId === BigInt(producerId));
  const epoch = Math.max(0, (known?.producerEpoch ?? 0) + random.pick([0, 0, 0, 0, 0, 0, 1, -1]));
  const next = known === undefined
    ? MAX - 3
    : sequenceAfter(Math.max(0, known.lastSequence), known.lastSequence < 0 ? 0 : 1);
  const base = random.pick([next, next, next, next, 0, Math.max(0, next - 2)]);
  const count = 1 + random.below(3);
  return { sent: sent(producerId, epoch, base, count, random.below(1000)), count };
}

function headerOf(batch: ProducedBatch, count: number, baseOffset: number): BatchHeader {
  const { producerId, producerEpoch, baseSequence, maxTimestamp: timestamp } = batch;
  const records = Array.from({ length: count }, () => ({ timestamp }));
  return readBatchHeader(encodeBatch(records, { producerId, producerEpoch, baseSequence, baseOffset }));
}

/** All producers, in an order that does not depend on who came first. */
function sorted(producers: Producers): ProducerDescription[] {
  return producers.describe().sort((a, b) => Number(a.producerId - b.producerId));
}
