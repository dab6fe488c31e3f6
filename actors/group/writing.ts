/**
 * Writing down what groups decide: whole writes, in the order in which they came, gathered into batches.
 *
 *     write … write ──tick──▶ batch ─┬─append, fenced with epoch and offset──▶ replica ──committed──▶ true to all in it
 *                                    └ up to 8 on their way; the next is gathered meanwhile
 *
 * The coordinator is the only one who writes to its partition in its leader epoch, so it counts the offsets itself, and each batch goes
 * to its own place or nowhere: when one fails, all behind it do.
 *
 * Invariant: what one turn of a group has decided is in one batch. After a write of which nobody knows whether it is committed, nothing
 * that was applied for it is trusted any more: see {@linkcode WriteHooks.doubt}.
 *
 * @module
 */
import { encodeBatch, type NewRecord } from "../../protocol/records.ts";
import type { Answer, Message } from "../actor.ts";
import { LATER } from "../actor.ts";
import type { AppendReply } from "../partition/protocol.ts";
import type { Coordinator, CoordinatorOutbox, Write } from "./coordinator_state.ts";
import type { CoordinatorProtocol } from "./protocol.ts";
import { encodeRecord, type GroupRecord } from "./records.ts";
import { BATCH_OVERHEAD, sizeOfEncoded } from "./write_size.ts";

/** As many batches are on their way at once as an idempotent producer of Kafka might have, and a few more. */
const IN_FLIGHT_MAX = 8;

/** Why a write may not be committed: an error of the replica's, or how asking it has failed; and what it had to say. */
export interface Problem {
  readonly error: string;
  readonly message: string | null;
}

/** Who hears how writes end. */
export interface WriteHooks {
  /** A batch may or may not be committed. */
  doubt(coordinator: Coordinator, why: Problem, out: CoordinatorOutbox): void;
  /** A batch is committed, and everybody in it has been told. */
  settled(coordinator: Coordinator, out: CoordinatorOutbox): void;
}

/** Handles `write`. */
export function write(
  coordinator: Coordinator,
  { groupId, term, records }: Message<CoordinatorProtocol, "write">,
  out: CoordinatorOutbox<boolean>,
): boolean | typeof LATER {
  const group = coordinator.groups.get(groupId);
  if (coordinator.phase !== "active" || group?.term !== term) return false;
  if (records.length === 0) return true;
  const encoded = records.map((record) => encode(record, out.now()));
  const bytes = encoded.reduce((sum, record) => sum + sizeOfEncoded(record), 0);
  if (bytes + BATCH_OVERHEAD > maxBytes(coordinator)) return false; // a group judges that before: this one is not to be trusted
  coordinator.pending.push({ groupId, records: encoded, bytes, asker: out.asker() });
  writeSoon(coordinator, out);
  return LATER;
}

/** What else is in the mailbox goes first: it may be writes, too. */
function writeSoon(coordinator: Coordinator, out: CoordinatorOutbox): void {
  if (coordinator.writesSoon || coordinator.inFlight.size >= IN_FLIGHT_MAX) return;
  coordinator.writesSoon = true;
  out.send(out.self, "tick", "write");
}

/** Sends what is pending, as far as there may be more on its way. */
export function sendWrites(coordinator: Coordinator, hooks: WriteHooks, out: CoordinatorOutbox): void {
  coordinator.writesSoon = false;
  while (coordinator.pending.length > 0 && coordinator.inFlight.size < IN_FLIGHT_MAX) {
    send(coordinator, takeBatch(coordinator), hooks, out);
  }
}

/** As many whole writes as one batch holds; at least one. */
function takeBatch(coordinator: Coordinator): Write[] {
  const { pending } = coordinator;
  const max = maxBytes(coordinator);
  let bytes = BATCH_OVERHEAD;
  let count = 0;
  while (count < pending.length && (count === 0 || bytes + pending[count]!.bytes <= max)) {
    bytes += pending[count++]!.bytes;
  }
  return pending.splice(0, count);
}

function send(coordinator: Coordinator, batch: readonly Write[], hooks: WriteHooks, out: CoordinatorOutbox): void {
  const { args: { replica, leaderEpoch }, endOffset: baseOffset } = coordinator;
  const records = batch.flatMap((write) => write.records);
  const request = {
    records: encodeBatch(records),
    acks: -1,
    zstdAllowed: true,
    fence: { leaderEpoch, baseOffset },
  } as const;
  coordinator.endOffset += records.length;
  coordinator.inFlight.add(batch);
  out.ask(replica, "append", request, (coordinator, answer, out) => {
    if (!coordinator.inFlight.has(batch)) return; // given up long ago
    const problem = problemOf(answer);
    if (problem !== undefined) return hooks.doubt(coordinator, problem, out);
    coordinator.isComplaining = false;
    coordinator.inFlight.delete(batch);
    for (const { asker } of batch) out.reply(asker, true);
    if (!coordinator.writesSoon) sendWrites(coordinator, hooks, out);
    hooks.settled(coordinator, out);
  });
}

function problemOf(answer: Answer<AppendReply>): Problem | undefined {
  if (!answer.ok) return { error: answer.failure, message: null };
  return answer.value.error === "NONE" ? undefined : answer.value;
}

/** Answers everybody whose write is not known to be committed. */
export function giveUpWrites(coordinator: Coordinator, out: CoordinatorOutbox): void {
  const writes = [...coordinator.inFlight].flat();
  for (const { asker } of [...writes, ...coordinator.pending.splice(0)]) out.reply(asker, false);
  coordinator.inFlight.clear();
}

function maxBytes({ news }: Coordinator): number {
  return news!.config.maxWriteBytes; // an active coordinator has news
}

function encode(record: GroupRecord, timestamp: number): NewRecord {
  return { ...encodeRecord(record), timestamp };
}
