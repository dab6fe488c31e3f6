/**
 * What a consumer knows: of its partitions, of who asks it, of what is to be done next.
 *
 * @module
 */
import type { Asker, Outbox } from "../actor.ts";
import type { AssignedPartition } from "./assigned_partition.ts";
import { VersionQuestions } from "./calls.ts";
import { Commits } from "./committing.ts";
import { CoordinatorSearch } from "./coordinator.ts";
import { FetchSession } from "./fetch_session.ts";
import type { MakeMembership, Membership, MembershipEvent } from "./membership.ts";
import { ClusterMetadata } from "./metadata.ts";
import type { Network } from "./network.ts";
import type { ConsumedRecord, ConsumerArgs, ConsumerConfig, ConsumerProtocol, Outcome } from "./protocol.ts";
import { Rebalances } from "./rebalancing.ts";
import type { CommittedQuestion } from "./committed.ts";
import type { PositionQuestion } from "./positions.ts";
import { OK } from "./values.ts";
import { Versions } from "./versions.ts";

export type Out = Outbox<ConsumerProtocol, Consumer>;

/** What a consumer needs from outside. */
export interface ConsumerDeps {
  /** A network of its own for the consumer of that ref, which closes it when it ends. */
  openNetwork(self: string): Network;
  /** Both protocols of membership. */
  readonly memberships: Readonly<Record<ConsumerConfig["groupProtocol"], MakeMembership>>;
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
  /** Topics that the membership has to know beside those. */
  lookedUp: readonly string[] = [];
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
  readonly wanting: PositionQuestion[] = [];
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
      /** Tells the membership something, if there is one, and does what it wants. */
      tell(consumer: Consumer, event: MembershipEvent): void;
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

  tell(event: MembershipEvent): void {
    this.wiring.tell(this, event);
  }

  now(): number {
    return this.out.monotonic();
  }

  /** Why no broker could be reached so far; undefined when one could, or it is too early to say. */
  get unreached(): string | undefined {
    return this.metadata.unreached(this.now(), this.config);
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
