/**
 * What one quorum actor knows: its log, its vote, its role, and what is committed.
 *
 * ```text
 *   unattached ──time to stand──▶ prospective ──majority would──▶ candidate ──majority votes──▶ leader
 *       ▲  │                          │                              │                            │
 *       │  └────────a leader is heard of: follower ◀─────────────────┘      a higher epoch, or no majority fetches
 *       └─────the leader is gone, a higher epoch───────┴──────────────────────────────────────────┘
 * ```
 *
 * Invariants: the epoch never falls, and a vote within it never changes: both are durable before anybody can hear of them. The
 * high watermark never falls within one life, and the image is that of everything below it.
 *
 * @module
 */
import { assert } from "../../lib/assert.ts";
import type { Log } from "../../storage/log.ts";
import type { ActorKind, Asker, Outbox, Ref } from "../actor.ts";
import type {
  ControllerArgs,
  ControllerProtocol,
  MetadataFollower,
  MetadataImage,
  MetadataRecord,
} from "../controller/protocol.ts";
import type { QuorumArgs, QuorumFetch, QuorumFetchReply, QuorumProtocol, SnapshotId } from "./protocol.ts";
import type { QuorumTimings } from "./timings.ts";

export type Out = Outbox<QuorumProtocol, Quorum>;

/** What of the vote must outlive the process. */
export interface StoredVote {
  readonly epoch: number;
  /** Whom this node voted for in `epoch`, -1 for nobody. */
  readonly votedFor: number;
  /** It votes in no epoch below this one. */
  readonly votesFrom: number;
}

/** Where a quorum actor keeps what must not be lost. Every method is done when it returns; all may throw. */
export interface QuorumStoreLike {
  /** Of the folder; "" while it is not known. */
  readonly clusterId: string;
  /** Opens the log, which begins where the newest snapshot ends. */
  open(): Log;
  state(): StoredVote | undefined;
  writeState(state: StoredVote): void;
  newestSnapshot(): SnapshotId | undefined;
  readSnapshot(id: SnapshotId): Uint8Array | undefined;
  writeSnapshot(id: SnapshotId, bytes: Uint8Array): void;
}

/** What a quorum actor is made with. */
export interface QuorumDeps {
  readonly store: QuorumStoreLike;
  /** Told which cluster this is, once that is committed, and again in each life. */
  readonly formed: (clusterId: string) => void;
  /** Kafka's broker configs by name; the quorum's timings are read from them. */
  readonly properties?: Readonly<Record<string, string>>;
  /** A snapshot is written after so many records, or as many as the image has if that is more. Default 20 000. */
  readonly snapshotEveryRecords?: number;
  /** What it spawns when it leads. Default {@linkcode CONTROLLER}. */
  readonly controllerKind?: ActorKind<ControllerProtocol, ControllerArgs>;
  /** Told, a sentence each, what an operator wants to know. */
  readonly report?: (sentence: string) => void;
}

/**
 * What this node may do: see `enquiry.ts` for the middle two.
 *
 * - `observing`: it is no voter.
 * - `enquiring`: a voter whose folder is new, and that has not heard from every other voter yet.
 * - `catchingUp`: a voter whose folder is new, in a cluster that has something to lose.
 * - `voting`: a voter like any other.
 */
export type Membership = "observing" | "enquiring" | "catchingUp" | "voting";

/** Somebody who wants this node's vote has a majority when enough have granted it. */
export interface Campaign {
  readonly type: "prospective" | "candidate";
  readonly granted: Set<number>;
  readonly refused: Set<number>;
}

/** How far one replica has come, as its leader knows. Times are monotonic, but for those that end in `AtMs`. */
export interface Progress {
  endOffset: number;
  /** What of it counts for the high watermark; it stays when the replica has lost it, see `enquiry.ts`. */
  acknowledged: number;
  lastFetch: number;
  lastFetchAtMs: number;
  lastCaughtUpAtMs: number;
}

/** A fetch that waits for something to tell. */
export interface ParkedFetch {
  readonly asker: Asker<QuorumFetchReply>;
  readonly request: QuorumFetch;
}

export interface Leader {
  readonly type: "leader";
  /** Offset of the first record of its epoch: nothing is committed before that one is. */
  readonly epochStart: number;
  readonly since: number;
  readonly replicas: Map<number, Progress>;
  readonly parked: Map<number, ParkedFetch>;
  /** Appends that are not committed yet, by the offset after them, ascending. */
  readonly appends: { readonly endOffset: number; readonly asker: Asker<boolean> }[];
  /** It is about to hand leadership over, and takes no more appends. */
  leaving: boolean;
}

export type Role =
  | { readonly type: "unattached" }
  | Campaign
  | Leader
  | { readonly type: "follower"; readonly leaderId: number };

/** A follower of the metadata on this node. One message to it is under way at a time, so that it is never flooded. */
export interface MetadataReader {
  readonly ref: Ref<MetadataFollower>;
  /** It has, or is about to have, everything below. */
  offset: number;
  told: { readonly controllerId: number; readonly epoch: number } | undefined;
  busy: boolean;
}

/** A snapshot that is being fetched. */
export interface Download {
  readonly id: SnapshotId;
  readonly parts: Uint8Array[];
  position: number;
}

/** The state of a quorum actor. */
export class Quorum {
  readonly nodeId: number;
  readonly voters: readonly number[];
  /** The voters that are not this node. */
  readonly others: readonly number[];
  readonly deps: QuorumDeps;
  readonly timings: QuorumTimings;
  readonly log: Log;
  snapshot: SnapshotId | undefined;
  membership: Membership = "observing";
  epoch = 0;
  votedFor = -1;
  votesFrom = 0;
  role: Role = { type: "unattached" };
  highWatermark: number;
  image: MetadataImage;

  /** Elections that came to nothing since somebody led. */
  failedElections = 0;
  /** The leader that was given up last; nobody's word but its own makes it leader again in that epoch. */
  gone: { readonly leaderId: number; readonly epoch: number } | undefined;
  /** It was asked to resign, and never stands again. */
  retired = false;
  resigning: Asker<boolean>[] = [];

  /** Counts fetches; the one under way, 0 for none. */
  fetches = 0;
  fetching = 0;
  /** Counts the voters that were asked who leads, since that was last known. */
  sought = 0;
  download: Download | undefined;
  flushing = false;

  /** What other voters said to the enquiry of a new folder. */
  readonly heard = new Map<number, { readonly formed: boolean }>();
  enquiries = 0;
  readonly readers = new Map<string, MetadataReader>();
  /** Records that were committed last, for readers that have everything before them. */
  recent: { readonly baseOffset: number; readonly records: readonly MetadataRecord[] } = { baseOffset: 0, records: [] };

  controller: { readonly ref: Ref<ControllerProtocol>; stopping: boolean } | undefined;
  /** The next controller must not be spawned yet. */
  controllerWaits = false;
  /** When controllers crashed, monotonic, within the last minute. */
  controllerCrashes: number[] = [];
  formedAs = "";
  /** Records that the image needs, as counted when it last was; a snapshot is worth writing after that many more. */
  imageRecords = 0;
  /** The snapshot that was read last for those who fetch it. */
  served: Uint8Array | undefined;

  constructor(
    { nodeId, voters }: QuorumArgs,
    deps: QuorumDeps,
    timings: QuorumTimings,
    log: Log,
    image: MetadataImage,
  ) {
    this.nodeId = nodeId;
    this.voters = voters;
    this.others = voters.filter((voter) => voter !== nodeId);
    this.deps = deps;
    this.timings = timings;
    this.log = log;
    this.image = image;
    this.highWatermark = image.offset;
    this.snapshot = deps.store.newestSnapshot();
  }

  get isVoter(): boolean {
    return this.voters.includes(this.nodeId);
  }

  /** How many voters decide. */
  get majority(): number {
    return Math.floor(this.voters.length / 2) + 1;
  }

  get leaderId(): number {
    if (this.role.type === "leader") return this.nodeId;
    return this.role.type === "follower" ? this.role.leaderId : -1;
  }

  /** Whether it may ask for votes. */
  get mayStand(): boolean {
    return this.membership === "voting" && !this.retired;
  }

  /** Enters an epoch, or votes in the one that it is in; durable on return. */
  enter(epoch: number, votedFor: number): void {
    assert(epoch >= this.epoch, `epoch ${epoch} cannot follow ${this.epoch}`);
    assert(
      epoch > this.epoch || this.votedFor === -1 || this.votedFor === votedFor,
      `a vote for ${votedFor} in epoch ${epoch}, where it was for ${this.votedFor}`,
    );
    if (epoch === this.epoch && votedFor === this.votedFor) return;
    this.epoch = epoch;
    this.votedFor = votedFor;
    this.save();
  }

  /** Writes the vote down. A node that may not vote has none, and must find that out again if it is restarted. */
  save(): void {
    const { epoch, votedFor, votesFrom } = this;
    if (this.membership === "voting") this.deps.store.writeState({ epoch, votedFor, votesFrom });
  }
}
