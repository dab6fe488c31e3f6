/**
 * The leader's side: what it is told by those who fetch, and what is committed because of it.
 *
 * ```text
 *   append ──▶ log ──▶ parked fetches are answered        own log synced ─┐
 *                          followers sync and fetch again ────────────────┴▶ majority ⇒ high watermark ⇒ replies
 * ```
 *
 * Invariants: only what is durable counts, its own log included; nothing is committed before a record of its own epoch is, and
 * with that one all before it. A leader that a majority has not fetched from for some time resigns.
 *
 * @module
 */
import { randomUuid } from "../../lib/uuid.ts";
import { type Asker, LATER, type Message } from "../actor.ts";
import type { MetadataRecord } from "../controller/protocol.ts";
import { spawnController } from "./active_controller.ts";
import { commitTo } from "./commit.ts";
import { flush } from "./flushing.ts";
import { encodeMetadataBatch, fitOf, fitsOnDisk } from "./log.ts";
import type { QuorumFetch, QuorumFetchReply, QuorumProtocol } from "./protocol.ts";
import { detach, hear, leave, quorumOf, refuseFetch } from "./roles.ts";
import { handOver } from "./resigning.ts";
import { tellReaders } from "./readers.ts";
import type { Leader, Out, Progress, Quorum } from "./state.ts";
import { checkQuorumMs, fetchWaitMs } from "./timings.ts";

/** The voters have decided. */
export function becomeLeader(quorum: Quorum, out: Out): void {
  leave(quorum, out);
  const { log, nodeId: leaderId, epoch, voters, timings, deps } = quorum;
  const isEmpty = log.endOffset === 0;
  quorum.role = {
    type: "leader",
    epochStart: log.endOffset,
    since: out.monotonic(),
    replicas: new Map(),
    parked: new Map(),
    appends: [],
    leaving: false,
  };
  quorum.failedElections = 0;
  quorum.gone = undefined;
  const first: MetadataRecord[] = [{ type: "QuorumLeader", leaderId, epoch, voters }];
  if (isEmpty) first.push({ type: "Cluster", clusterId: deps.store.clusterId || randomUuid(out.random.bytes(16)) });
  // A node that cannot even write this lets others stand first.
  if (!write(quorum, quorum.role, first, out)) return detach(quorum, out, timings.fetchTimeoutMs * 2);
  introduce(quorum, out);
  if (quorum.others.length > 0) out.timer("check", timings.fetchTimeoutMs / 2, "tick", "check");
  tellReaders(quorum, out);
}

/** The controller wants a batch committed. */
export function append(
  quorum: Quorum,
  { epoch, baseOffset, records }: Message<QuorumProtocol, "append">,
  out: Out,
  asker: () => Asker<boolean>,
): boolean | typeof LATER {
  const { role, log, controller } = quorum;
  if (role.type !== "leader" || role.leaving || epoch !== quorum.epoch) return false;
  // One that has ended may have left something behind.
  if (controller === undefined || controller.stopping || baseOffset !== log.endOffset) return false;
  if (!write(quorum, role, records, out)) return false;
  role.appends.push({ endOffset: log.endOffset, asker: asker() });
  return LATER;
}

/** Appends one batch; false when there is no room for it: there may be again later. */
function write(quorum: Quorum, role: Leader, records: readonly MetadataRecord[], out: Out): boolean {
  const { log, epoch } = quorum;
  const nowMs = out.now();
  if (!fitsOnDisk(() => log.append(encodeMetadataBatch(records, { baseOffset: log.endOffset, epoch, nowMs }), nowMs))) {
    return false;
  }
  for (const replicaId of [...role.parked.keys()]) answerParked(quorum, role, replicaId, out);
  flush(quorum, out);
  return true;
}

/** A replica asks for what comes after its log, and says by that how far it has come. */
export function answerFetch(
  quorum: Quorum,
  request: QuorumFetch,
  out: Out,
  asker: () => Asker<QuorumFetchReply>,
): QuorumFetchReply | typeof LATER {
  hear(quorum, out, request.epoch, -1, request.replicaId);
  const { role } = quorum;
  if (role.type !== "leader") return refuseFetch(quorum);
  if (request.epoch < quorum.epoch) return refuseFetch(quorum, "FENCED_LEADER_EPOCH");
  const progress = progressOf(role, request, out);
  if (fitOf(quorum, request).type === "fits") {
    progress.endOffset = request.endOffset;
    if (request.votes) progress.acknowledged = Math.max(progress.acknowledged, request.endOffset);
    if (request.endOffset === quorum.log.endOffset) progress.lastCaughtUpAtMs = progress.lastFetchAtMs;
    advance(quorum, out);
  }
  const { reply, isNews } = replyTo(quorum, request);
  if (isNews || request.waitMs <= 0) return reply;
  answerParked(quorum, role, request.replicaId, out); // an older question of the same replica
  role.parked.set(request.replicaId, { asker: asker(), request });
  out.timer(`park/${request.replicaId}`, request.waitMs, "tick", `park/${request.replicaId}`);
  return LATER;
}

function progressOf({ replicas }: Leader, { replicaId }: QuorumFetch, out: Out): Progress {
  let progress = replicas.get(replicaId);
  if (progress === undefined) {
    progress = { endOffset: 0, acknowledged: 0, lastFetch: 0, lastFetchAtMs: -1, lastCaughtUpAtMs: -1 };
    replicas.set(replicaId, progress);
  }
  progress.lastFetch = out.monotonic();
  progress.lastFetchAtMs = out.now();
  return progress;
}

/** What there is to tell, and whether it is worth telling at once. */
function replyTo(quorum: Quorum, request: QuorumFetch): { reply: QuorumFetchReply; isNews: boolean } {
  const { log, highWatermark, snapshot } = quorum;
  const reply = { ...refuseFetch(quorum), error: "NONE" } as const;
  const fit = fitOf(quorum, request);
  if (fit.type === "needsSnapshot") return { reply: { ...reply, snapshot: snapshot! }, isNews: true };
  if (fit.type === "diverges") {
    const { epoch, endOffset } = fit;
    return { reply: { ...reply, divergingEpoch: { epoch, endOffset } }, isNews: true };
  }
  const records = log.read(request.endOffset, log.endOffset, request.maxBytes, true).bytes;
  return { reply: { ...reply, records }, isNews: records.length > 0 || highWatermark > request.highWatermark };
}

/** Answers a question that waits, with what there is by now. */
export function answerParked(quorum: Quorum, role: Leader, replicaId: number, out: Out): void {
  const parked = role.parked.get(replicaId);
  if (parked === undefined) return;
  role.parked.delete(replicaId);
  out.cancel(`park/${replicaId}`);
  out.reply(parked.asker, replyTo(quorum, parked.request).reply);
}

/** Something more may be durable on a majority. */
export function advance(quorum: Quorum, out: Out): void {
  const { role, log, nodeId, voters, majority } = quorum;
  if (role.type !== "leader") return;
  const ends = voters
    .map((voter) => voter === nodeId ? log.flushedOffset : role.replicas.get(voter)?.acknowledged ?? 0)
    .sort((a, b) => b - a);
  const committed = Math.min(ends[majority - 1]!, log.endOffset);
  if (committed <= role.epochStart || committed <= quorum.highWatermark) return;
  commitTo(quorum, out, committed);
  while (role.appends[0] !== undefined && role.appends[0].endOffset <= committed) {
    out.reply(role.appends.shift()!.asker, true);
  }
  for (const [replicaId, { request }] of [...role.parked]) {
    if (request.highWatermark < committed) answerParked(quorum, role, replicaId, out);
  }
  spawnController(quorum, out);
  if (role.leaving && committed === log.endOffset) handOver(quorum, out);
}

/** Tells voters that do not fetch who leads; again and again, since a message may be lost. */
export function introduce(quorum: Quorum, out: Out): void {
  const { role, epoch, nodeId: leaderId, timings, others } = quorum;
  if (role.type !== "leader" || others.length === 0) return;
  const recently = out.monotonic() - timings.fetchTimeoutMs / 2;
  for (const voter of others) {
    const lastFetch = role.replicas.get(voter)?.lastFetch;
    if (lastFetch !== undefined && lastFetch > recently) continue;
    out.ask(quorumOf(voter), "beginEpoch", { leaderId, epoch }, (quorum, answer, out) => {
      if (answer.ok) hear(quorum, out, answer.value.epoch, -1, voter);
    }, timings.fetchTimeoutMs);
  }
  out.timer("begin", fetchWaitMs(timings), "tick", "begin");
}

/** Resigns when a majority may have chosen another leader. */
export function checkQuorum(quorum: Quorum, out: Out): void {
  const { role, others, majority, timings } = quorum;
  if (role.type !== "leader") return;
  const longAgo = out.monotonic() - checkQuorumMs(timings);
  const heard = others.filter((voter) => (role.replicas.get(voter)?.lastFetch ?? role.since) > longAgo);
  if (heard.length + 1 < majority) detach(quorum, out, timings.electionTimeoutMs);
  else out.timer("check", timings.fetchTimeoutMs / 2, "tick", "check");
}
