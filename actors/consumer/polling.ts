/**
 * Handing out: a poll is answered when there are records, when something is wrong, or when its time is over.
 *
 *     at least once:  buffers ──▶ records handed out                         (committed after the next poll)
 *     at most once:   buffers ──▶ taken ──end committed──▶ records handed out
 *
 * Invariants: positions move when records are taken, and nothing is taken of a partition that is not to be used; at most once, a record
 * is handed out only after the coordinator has its offset, by the same assignment that it was taken under.
 *
 * @module
 */
import { InvalidBatchError } from "../../protocol/batch.ts";
import { CompressionError } from "../../protocol/compression/error.ts";
import type { Asker } from "../actor.ts";
import { autoCommit, commit } from "./committing.ts";
import { corrupt } from "./fetch_answers.ts";
import type { ConsumedRecord, Outcome } from "./protocol.ts";
import type { AssignedPartition } from "./assigned_partition.ts";
import type { Consumer, PendingBatch } from "./state.ts";
import { committable, failed, FINE, outcomeOf } from "./values.ts";

type Records = Outcome & { readonly records: readonly ConsumedRecord[] };

/** Somebody asks for records; who asked before gets none. */
export function poll(
  consumer: Consumer,
  { maxRecords, timeoutMs }: { readonly maxRecords: number; readonly timeoutMs: number },
  asker: Asker<Records>,
): void {
  reply(consumer, FINE, []);
  for (const partition of consumer.partitions.values()) {
    // Of what is being given back the program gets nothing more, not even what it was on its way to handing out.
    if (!partition.isLeaving) partition.safe = partition.position;
  }
  if (consumer.config.delivery === "at-least-once") autoCommit(consumer);
  consumer.poll = { asker, maxRecords: Math.max(1, maxRecords), dueMs: consumer.now() + Math.max(0, timeoutMs) };
  consumer.tell({ type: "polled" });
}

/** Answers whoever polls if there is anything to say; returns when to look again. */
export function answerPoll(consumer: Consumer, nowMs: number): number {
  const { poll } = consumer;
  if (poll === undefined) return Infinity;
  const problem = consumer.failure ?? consumer.complaint ?? troubleOf(consumer);
  if (problem !== undefined) {
    consumer.complaint = undefined;
    reply(consumer, problem, []);
    return Infinity;
  }
  const records = consumer.config.delivery === "at-most-once"
    ? takeCommitted(consumer, poll.maxRecords)
    : take(consumer, poll.maxRecords);
  if (records.length === 0 && consumer.complaint === undefined && nowMs < poll.dueMs) return poll.dueMs;
  if (records.length > 0) reply(consumer, FINE, records);
  else reply(consumer, consumer.complaint ?? unreachedBy(consumer) ?? FINE, []);
  return Infinity;
}

/** The consumer ends, or somebody else polls. */
export function endPoll(consumer: Consumer): void {
  reply(consumer, consumer.failure ?? FINE, []);
}

function reply(consumer: Consumer, outcome: Outcome, records: readonly ConsumedRecord[]): void {
  const { poll, out } = consumer;
  if (poll === undefined) return;
  consumer.poll = undefined;
  if (outcome === consumer.complaint) consumer.complaint = undefined;
  out.reply(poll.asker, { ...outcome, records });
  consumer.tell({ type: "polled" });
}

/** Nobody has ever answered: perhaps the address is wrong, and that must not look like a topic without records. */
function unreachedBy({ unreached }: Consumer): Outcome | undefined {
  return unreached === undefined ? undefined : failed("NETWORK_EXCEPTION", unreached);
}

function troubleOf({ partitions }: Consumer): Outcome | undefined {
  for (const { trouble, isUsable } of partitions.values()) if (trouble !== undefined && isUsable) return trouble;
  return undefined;
}

/** Takes records of partitions in turn: each poll begins behind the partition at which the last one ended. */
function take(consumer: Consumer, max: number): ConsumedRecord[] {
  const records: ConsumedRecord[] = [];
  const all = [...consumer.partitions.values()];
  const first = consumer.turn;
  for (let step = 0; step < all.length && records.length < max; step++) {
    const at = (first + step) % all.length;
    const partition = all[at]!;
    if (!partition.isUsable || partition.isPaused || partition.position === undefined) continue;
    if (partition.buffer.isEmpty) continue;
    takeFrom(consumer, partition, max - records.length, records);
    consumer.turn = at + 1;
  }
  return records;
}

function takeFrom(consumer: Consumer, partition: AssignedPartition, max: number, records: ConsumedRecord[]): void {
  try {
    partition.position = partition.buffer.take(partition, partition.position!, max, records);
    partition.attempts = 0;
  } catch (damage) {
    if (!(damage instanceof InvalidBatchError || damage instanceof CompressionError)) throw damage;
    corrupt(consumer, partition, damage);
  }
}

/** At most once: what is committed by now; takes and commits more if there is nothing. */
function takeCommitted(consumer: Consumer, max: number): readonly ConsumedRecord[] {
  const { batch } = consumer;
  if (batch?.state === "ready") {
    consumer.batch = undefined;
    return batch.records.filter((record) => isOurs(consumer, batch, record));
  }
  if (batch?.state === "committing") return [];
  const records = batch === undefined
    ? take(consumer, max)
    : batch.records.filter((record) => isOurs(consumer, batch, record));
  consumer.batch = undefined;
  if (records.length > 0) commitFirst(consumer, records);
  return [];
}

function isOurs({ partitions }: Consumer, { of }: PendingBatch, { topic, partition }: ConsumedRecord): boolean {
  const key = `${topic}-${partition}`;
  const taken = of.get(key);
  return taken !== undefined && partitions.get(key) === taken.partition &&
    taken.partition.version === taken.version && taken.partition.isUsable;
}

function commitFirst(consumer: Consumer, records: readonly ConsumedRecord[]): void {
  const of = new Map<string, { partition: AssignedPartition; version: number }>();
  const ends = new Map<string, ConsumedRecord>();
  for (const record of records) {
    const key = `${record.topic}-${record.partition}`;
    const partition = consumer.partitions.get(key);
    if (partition === undefined) continue;
    of.set(key, { partition, version: partition.version });
    ends.set(key, record);
  }
  const batch: PendingBatch = { records, of, state: "committing" };
  consumer.batch = batch;
  const offsets = [...ends.values()].map((record) =>
    committable(record, { offset: record.offset + 1, leaderEpoch: record.leaderEpoch })
  );
  commit(consumer, {
    what: { offsets, owned: true },
    then(outcome) {
      batch.state = outcome.error === "NONE" ? "ready" : "refused";
      if (batch.state === "refused" && outcome.error !== "REQUEST_TIMED_OUT") {
        consumer.complaint = outcomeOf(outcome.error, outcome.message);
      }
    },
  });
}
