/**
 * One quorum actor under a probe, on a folder that the test has prepared, with syncs that end when the test says so.
 *
 * @module
 */
import type { Asked, Probe, Recorded } from "../../../../actors/probe.ts";
import { probe } from "../../../../actors/probe.ts";
import type { MetadataRecord } from "../../../../actors/controller/protocol.ts";
import { encodeMetadataBatch } from "../../../../actors/quorum/log.ts";
import type { QuorumFetch, QuorumFetchReply, QuorumProtocol, VoteRequest } from "../../../../actors/quorum/protocol.ts";
import { quorum } from "../../../../actors/quorum/quorum.ts";
import type { Quorum, QuorumDeps, StoredVote } from "../../../../actors/quorum/state.ts";
import { concatenate } from "../../../../lib/bytes.ts";
import { SeededRandom } from "../../../../lib/prng.ts";
import type { Settle } from "../../../../lib/env.ts";
import type { Disk } from "../../../../storage/disk.ts";
import type { Log } from "../../../../storage/log.ts";
import { DiskLogStore } from "../../../../storage/log_store.ts";
import { MemoryDisk } from "../../../../storage/memory_disk.ts";
import { QuorumStore } from "../../../../storage/quorum_store.ts";

/** How the node under test begins. */
export interface Beginning {
  readonly nodeId?: number;
  /** Default 1, 2, 3. */
  readonly voters?: readonly number[];
  /** What it has voted; default nothing in epoch 0; null for a new folder. */
  readonly state?: Partial<StoredVote> | null;
  /** Epochs of the records in its log, each a batch of its own. */
  readonly log?: readonly number[];
  readonly disk?: Disk;
  readonly deps?: Partial<QuorumDeps>;
}

/** The node under test. */
export interface Node {
  readonly p: Probe<QuorumProtocol, Quorum>;
  readonly store: QuorumStore;
  readonly folder: DiskLogStore;
  /** Votes as they were written. */
  readonly written: StoredVote[];
  readonly formed: string[];
  /** From now on, syncs wait for {@linkcode Node.sync}. */
  hold(): void;
  /** Lets the syncs that wait end. */
  sync(): void;
}

/** A record that fits everywhere; `value` tells one from another. */
export function entry(value: string): MetadataRecord {
  return { type: "Config", resourceType: "broker", resourceName: "", name: "n", value };
}

/** Batches of one record each, of these epochs, from an offset on. */
export function batchesOf(epochs: readonly number[], from = 0): Uint8Array {
  return concatenate(
    epochs.map((epoch, index) =>
      encodeMetadataBatch([entry(`${from + index} of ${epoch}`)], { baseOffset: from + index, epoch, nowMs: 0 })
    ),
  );
}

/** Starts a node. */
export function begin(beginning: Beginning = {}): Node {
  const { nodeId = 1, voters = [1, 2, 3], state = {}, log = [], disk = new MemoryDisk(), deps = {} } = beginning;
  const folder = new DiskLogStore(disk, { nodeId, random: new SeededRandom(nodeId), clusterId: null });
  const written: StoredVote[] = [];
  const formed: string[] = [];
  const store = new HeldStore(folder, written);
  const opened = store.open();
  if (log.length > opened.endOffset) opened.append(batchesOf(log.slice(opened.endOffset), opened.endOffset), 0);
  if (state !== null && store.state() === undefined) {
    store.writeState({ epoch: 0, votedFor: -1, votesFrom: 0, ...state });
  }
  opened.close(false);
  written.length = 0;
  const actor = quorum({ store, formed: (clusterId) => void formed.push(clusterId), ...deps });
  const p = probe(actor, { nodeId, voters }, { node: nodeId, name: "quorum" });
  return { p, store, folder, written, formed, hold: () => store.hold(), sync: () => store.sync(p) };
}

class HeldStore extends QuorumStore {
  readonly #written: StoredVote[];
  #isHeld = false;
  #waiting: (() => void)[] = [];

  constructor(folder: DiskLogStore, written: StoredVote[]) {
    super(folder);
    this.#written = written;
  }

  override open(): Log {
    const log = super.open();
    const flush = log.flush.bind(log);
    log.flush = (done: Settle<void>) => this.#isHeld ? void this.#waiting.push(() => flush(done)) : flush(done);
    return log;
  }

  override writeState(vote: StoredVote): void {
    super.writeState(vote);
    this.#written.push(vote);
  }

  hold(): void {
    this.#isHeld = true;
  }

  sync(p: { advance(ms: number): unknown }): void {
    this.#isHeld = false;
    for (const each of this.#waiting.splice(0)) each();
    p.advance(0);
  }
}

/** A vote that is asked for by node 2. */
export function voteOf(request: Partial<VoteRequest> = {}): VoteRequest {
  return { candidateId: 2, epoch: 1, preVote: false, lastEpoch: -1, endOffset: 0, ...request };
}

/** A fetch by node 2, a voter, that wants an answer at once. */
export function fetchOf(request: Partial<QuorumFetch> = {}): QuorumFetch {
  const { replicaId = 2, epoch = 1, endOffset = 0, lastEpoch = endOffset === 0 ? -1 : epoch, ...rest } = request;
  const usual = { votes: true, highWatermark: 0, maxBytes: 1 << 20, waitMs: 0 };
  return { replicaId, epoch, endOffset, lastEpoch, ...usual, ...rest };
}

/** What the leader, node 2 in epoch 1, answers a fetch. */
export function fetchReplyOf(reply: Partial<QuorumFetchReply> = {}): QuorumFetchReply {
  const nothing = { records: new Uint8Array(0), highWatermark: 0, divergingEpoch: null, snapshot: null };
  return { error: "NONE", epoch: 1, leaderId: 2, ...nothing, ...reply };
}

/** Makes the node leader: it stands, and node 2 votes for it. Returns its epoch. */
export function lead({ p }: Node, others: readonly number[] = [2]): number {
  p.tell("tick", "stand");
  for (const preVote of [true, false]) {
    for (const voter of others) {
      const question = p.asks.findLast(({ to, verb, message }) =>
        to === `${voter}/quorum/quorum` && verb === "vote" && (message as VoteRequest).preVote === preVote
      );
      if (question !== undefined) {
        p.answer(question, { granted: true, epoch: (question.message as VoteRequest).epoch, leaderId: -1 });
      }
    }
  }
  return p.state.epoch;
}

/** Makes the node a follower of node 2 in an epoch; its first fetch is under way. */
export function follow({ p }: Node, epoch = 1): void {
  p.tell("beginEpoch", { leaderId: 2, epoch });
}

/** What was asked of others since the record was last taken. */
export function asked(
  p: Probe<QuorumProtocol, Quorum>,
  verb: string,
): { readonly to: string; readonly message: unknown }[] {
  return p.take().filter((done): done is Extract<Recorded, { type: "ask" }> =>
    done.type === "ask" && done.verb === verb
  );
}

export type { Asked };
