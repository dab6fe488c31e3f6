/**
 * What a consumer knows: of its partitions, of who asks it, of what is to be done next.
 *
 * @module
 */
import type { Asker, Outbox } from "../actor.ts";
import { PartitionBuffer } from "./buffer.ts";
import { VersionQuestions } from "./calls.ts";
import { Commits } from "./committing.ts";
import { CoordinatorSearch } from "./coordinator.ts";
import { FetchSession } from "./fetch_session.ts";
import type { MakeMembership, Membership } from "./membership.ts";
import { ClusterMetadata } from "./metadata.ts";
import type { Network } from "./network.ts";
import type {
  ConsumedRecord,
  ConsumerArgs,
  ConsumerConfig,
  ConsumerProtocol,
  Outcome,
  TopicPartition,
} from "./protocol.ts";
import { Rebalances } from "./rebalancing.ts";
import type { CommittedQuestion } from "./positions.ts";
import { keyOf, OK, type Position } from "./values.ts";
import { Versions } from "./versions.ts";

export type Out = Outbox<ConsumerProtocol, Consumer>;

/** What a consumer needs from outside. */
export interface ConsumerDeps {
  /** A network of its own for the consumer of that ref, which closes it when it ends. */
  openNetwork(self: string): Network;
  /** Both protocols of membership. */
  readonly memberships: Readonly<Record<ConsumerConfig["groupProtocol"], MakeMembership>>;
}

/** How a position that is not known is to be found. */
export type Need =
  | { readonly by: "committed" }
  /** Timestamps below zero are Kafka's: -1 for the end, -2 for the beginning. */
  | { readonly by: "timestamp"; readonly timestamp: number };

/** One partition that is read here. */
export class AssignedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  /** Undefined as long as it is to be found out. */
  position: Position | undefined;
  /** What may be committed without being told to: what was handed out before the last poll. */
  safe: Position | undefined;
  need: Need | undefined = { by: "committed" };
  isAsking = false;
  isPaused = false;
  /** Not to be used yet: the listener has not heard of it. */
  isHeld = false;
  /** Not to be used any more: it is given back. */
  isLeaving = false;
  readonly buffer: PartitionBuffer = new PartitionBuffer();
  /** Grows whenever it is put elsewhere: what was asked for before is not wanted any more. */
  version = 0;
  /** Why it cannot be read until the application says where to go on. */
  trouble: Outcome | undefined;
  /** Not to be asked for before this. */
  retryAtMs = 0;
  attempts = 0;
  /** The follower that the leader has sent us to (KIP-392), and until when. */
  preferred: { readonly node: number; readonly untilMs: number } | undefined;
  /** How far it could be read at the last fetch; -1 when that is not known. */
  readableEnd = -1;
  /** The newest offset that is known to be committed; -1 for none. */
  committed = -1;
  /** The application has gone back behind what was committed, and means it. */
  hasSought = false;

  constructor({ topic, partition }: TopicPartition) {
    this.topic = topic;
    this.partition = partition;
    this.key = keyOf({ topic, partition });
  }

  /** Whether its records may be handed out. */
  get isUsable(): boolean {
    return !this.isHeld && !this.isLeaving;
  }

  /** Goes on somewhere else: what is buffered or on its way is not wanted any more. */
  moveTo(position: Position): void {
    this.position = position;
    this.need = undefined;
    this.#startOver();
  }

  /** Has to find out where to go on. */
  lookFor(need: Need): void {
    this.position = undefined;
    this.need = need;
    this.#startOver();
  }

  /** It was not to be had: asked for again later. */
  putOff(nowMs: number, delayMs: number): void {
    this.attempts++;
    this.retryAtMs = nowMs + delayMs;
  }

  #startOver(): void {
    this.version++;
    this.isAsking = false;
    this.trouble = undefined;
    this.preferred = undefined;
    this.attempts = 0;
    this.retryAtMs = 0;
    this.buffer.clear();
  }
}

/** Somebody who waits for records. */
export interface WaitingPoll {
  readonly asker: Asker<Outcome & { readonly records: readonly ConsumedRecord[] }>;
  readonly maxRecords: number;
  readonly dueMs: number;
}

/** Records that were taken, and may be handed out once their end is committed. */
export interface PendingBatch {
  readonly records: readonly ConsumedRecord[];
  /** The partitions that they are of, as they were then. */
  readonly of: ReadonlyMap<string, { readonly partition: AssignedPartition; readonly version: number }>;
  state: "committing" | "refused" | "ready";
}

/** The state of a consumer. */
export class Consumer {
  readonly config: ConsumerConfig;
  readonly versions: Versions = new Versions();
  readonly metadata: ClusterMetadata;
  readonly coordinator: CoordinatorSearch = new CoordinatorSearch();
  readonly commits: Commits = new Commits();
  readonly rebalances: Rebalances = new Rebalances();
  readonly partitions: Map<string, AssignedPartition> = new Map();
  /** What is known of each node that is fetched from, by its id. */
  readonly fetches: Map<number, FetchSession> = new Map();
  /** How it came to its partitions. */
  mode: "none" | "assigned" | "subscribed" = "none";
  subscription: { readonly topics: readonly string[]; readonly pattern: string | null } | undefined;
  membership: Membership | undefined;
  poll: WaitingPoll | undefined;
  /** At most once: what is handed out as soon as its end is committed. */
  batch: PendingBatch | undefined;
  /** Which partition the next poll begins with. */
  turn = 0;
  /** Said by the next poll, once. */
  complaint: Outcome | undefined;
  /** Said by every poll from now on. */
  failure: Outcome | undefined;
  /** Who waits for a position to be known. */
  readonly wanting: { readonly key: string; readonly asker: Asker<Outcome & { readonly offset: number }> }[] = [];
  /** Who waits to know what is committed. */
  readonly questions: CommittedQuestion[] = [];
  readonly versionQuestions: VersionQuestions = new VersionQuestions();
  /** It is about to leave its group; then these are run. */
  leaving: (() => void)[] | undefined;
  /** It is about to end, and who is told: nothing is begun any more. */
  closing: Asker<Outcome> | undefined;
  isOver = false;
  isPumping = false;
  nextAutoCommitMs = 0;
  correlationId = 0;
  /** When the timer of {@linkcode pump} is set to; Infinity when it is not. */
  timerMs = Infinity;

  constructor(
    readonly args: ConsumerArgs,
    readonly deps: ConsumerDeps,
    readonly network: Network,
    /** The outbox of the turn that is running. */
    public out: Out,
    readonly wiring: {
      /** Does whatever is due; at the end of every turn. */
      pump(consumer: Consumer): void;
      metadataChanged(consumer: Consumer): void;
    },
  ) {
    this.config = args.config;
    this.metadata = new ClusterMetadata(args.bootstrap);
  }

  pump(): void {
    this.wiring.pump(this);
  }

  metadataChanged(): void {
    this.wiring.metadataChanged(this);
  }

  now(): number {
    return this.out.monotonic();
  }

  /** The time until a further attempt: twice as long each time, up to a limit, more or less a fifth. */
  backoffMs(attempts: number): number {
    const { retryBackoffMs, retryBackoffMaxMs } = this.config;
    const fullMs = Math.min(retryBackoffMaxMs, retryBackoffMs * 2 ** Math.min(attempts, 20));
    return fullMs * (80 + this.out.random.below(41)) / 100;
  }

  /** Does `task` in a turn of its own, soon. */
  later(task: () => void): void {
    this.out.call<void>("later", (done) => done(OK), (consumer, _, out) => {
      consumer.out = out;
      if (consumer.isOver) return;
      task();
      consumer.pump();
    });
  }
}
