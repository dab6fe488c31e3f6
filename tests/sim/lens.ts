/**
 * How the invariants see a simulated cluster: the states of its actors, through the fields that matter.
 *
 * Nothing here is worked out by the code that is checked. Views read through to the states, so that looking at what has not changed costs next to nothing.
 *
 * @module
 */
import type { Broker } from "../../actors/broker/state.ts";
import { BROKER } from "../../actors/broker/protocol.ts";
import { refOf } from "../../actors/address.ts";
import { entriesOf, readBatches } from "./log_lens.ts";
import { coordinatorOf, groupOf } from "./group_lens.ts";
import { REPLICA } from "../../actors/partition/protocol.ts";
import type { Replica } from "../../actors/partition/state.ts";
import type { MetadataRecord } from "../../actors/controller/protocol.ts";
import { decodeMetadata } from "../../actors/quorum/log.ts";
import { QUORUM } from "../../actors/quorum/protocol.ts";
import type { Quorum } from "../../actors/quorum/state.ts";
import type { ActorSystem } from "../../actors/system.ts";
import type { CleanableLog } from "../../storage/cleaning.ts";
import type { Log } from "../../storage/log.ts";
import type {
  Batch,
  BrokerView,
  CoordinatorView,
  Entry,
  GroupView,
  NodeView,
  QuorumView,
  ReplicaView,
} from "./invariants/views.ts";

/** What of a simulated node can be looked at. */
export interface SeenNode {
  readonly id: number;
  /** The actors; undefined when there is no process. */
  readonly system: ActorSystem | undefined;
  readonly alive: boolean;
  readonly life: number;
  readonly disks: number;
}

/** The nodes of a simulated cluster, as the invariants want them. */
export function lenses(nodes: readonly SeenNode[]): NodeView[] {
  return nodes.map((node) => new NodeLens(node));
}

const NO_REPLICAS: readonly ReplicaView[] = [];

class NodeLens implements NodeView {
  readonly #node: SeenNode;
  readonly #quorumRef;
  readonly #brokerRef;
  #system: ActorSystem | undefined;
  #quorum: QuorumLens | undefined;
  #image: Broker["image"] | undefined;
  #count = -1;
  #refs: { readonly ref: ReturnType<typeof refOf>; lens: ReplicaLens | undefined }[] = [];
  #replicas: readonly ReplicaView[] = NO_REPLICAS;

  constructor(node: SeenNode) {
    this.#node = node;
    this.#quorumRef = refOf(node.id, QUORUM.kind, "quorum");
    this.#brokerRef = refOf(node.id, BROKER.kind, "broker");
  }

  get id(): number {
    return this.#node.id;
  }

  get isAlive(): boolean {
    return this.#node.alive;
  }

  get life(): number {
    return this.#node.life;
  }

  get disks(): number {
    return this.#node.disks;
  }

  get incarnationId(): string {
    return this.#brokerState()?.args.incarnationId ?? "";
  }

  quorum(): QuorumView | undefined {
    const state = this.#node.system?.stateOf(this.#quorumRef) as Quorum | undefined;
    if (state !== this.#quorum?.state) this.#quorum = state === undefined ? undefined : new QuorumLens(state);
    return this.#quorum;
  }

  broker(): BrokerView | undefined {
    return this.#brokerState();
  }

  replicas(): readonly ReplicaView[] {
    const { system } = this.#node;
    const broker = this.#brokerState();
    if (broker === undefined || system === undefined) return this.#replicas = NO_REPLICAS;
    let isNew = system !== this.#system;
    this.#system = system;
    let count = 0;
    for (const replicas of broker.replicas.values()) count += replicas.size;
    if (isNew || count !== this.#count || broker.image !== this.#image) {
      isNew = true;
      this.#count = count;
      this.#image = broker.image;
      this.#refs = refsOf(broker).map((ref) => ({ ref, lens: this.#refs.find((known) => known.ref === ref)?.lens }));
    }
    for (const known of this.#refs) {
      const state = system.stateOf(known.ref) as Replica | undefined;
      const shown = state !== undefined && isOpen(state) ? state : undefined;
      if (shown === known.lens?.state) continue;
      isNew = true;
      known.lens = shown && new ReplicaLens(shown, system, known.ref);
    }
    if (!isNew) return this.#replicas;
    const replicas = this.#refs.flatMap(({ lens }) => lens ?? []);
    if (!isSame(replicas, this.#replicas)) this.#replicas = replicas;
    return this.#replicas;
  }

  coordinator(partition: number): CoordinatorView | undefined {
    return coordinatorOf(this.#node.system, this.#node.id, partition);
  }

  group(groupId: string): GroupView | undefined {
    return groupOf(this.#node.system, this.#node.id, groupId);
  }

  #brokerState(): Broker | undefined {
    return this.#node.system?.stateOf(this.#brokerRef) as Broker | undefined;
  }
}

/** Open for business. */
function isOpen({ hasLog, offline, removed }: Replica): boolean {
  return hasLog && offline === null && !removed;
}

function refsOf({ replicas, args: { brokerId } }: Broker): ReturnType<typeof refOf>[] {
  return [...replicas.values()].flatMap((topic) =>
    [...topic.values()].map(({ name }) => refOf(brokerId, REPLICA.kind, name))
  );
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

/** A log. */
abstract class LogLens {
  protected constructor(
    /** It stays here when its actor has given it back, until somebody looks at that. */
    protected readonly log: Log,
    protected readonly decode?: (batch: Uint8Array) => readonly MetadataRecord[],
  ) {}

  get startOffset(): number {
    return this.log.startOffset;
  }

  get endOffset(): number {
    return this.log.endOffset;
  }

  get flushedOffset(): number {
    return this.log.flushedOffset;
  }

  read(offset: number): readonly Batch[] | "damaged" | undefined {
    try {
      return [...readBatches(this.log, offset, this.log.endOffset)].map(({ header, bytes }) =>
        this.decode === undefined ? header : { ...header, records: this.decode(bytes) }
      );
    } catch (error) {
      if (error instanceof Error && error.name === "DiskError") return undefined;
      if (error instanceof Error && error.name === "CorruptLogError") return "damaged";
      throw error;
    }
  }
}

class QuorumLens extends LogLens implements QuorumView {
  constructor(readonly state: Quorum) {
    super(state.log, decodeMetadata);
  }

  get startEpoch(): number | undefined {
    return this.state.snapshot?.epoch;
  }

  get highWatermark(): number {
    return this.state.highWatermark;
  }

  get epoch(): number {
    return this.state.epoch;
  }

  get votedFor(): number {
    return this.state.votedFor;
  }

  get isLeader(): boolean {
    return this.state.role.type === "leader";
  }

  get isVoting(): boolean {
    return this.state.membership === "voting";
  }

  get votes(): ReadonlySet<number> | undefined {
    const { role } = this.state;
    return role.type === "candidate" ? role.granted : undefined;
  }
}

class ReplicaLens extends LogLens implements ReplicaView {
  readonly #system: ActorSystem;
  readonly #ref;

  constructor(readonly state: Replica, system: ActorSystem, ref: ReturnType<typeof refOf>) {
    super(state.log);
    this.#system = system;
    this.#ref = ref;
  }

  get cleanedTo(): number {
    return (this.log as Partial<CleanableLog>).rewrittenTo ?? 0;
  }

  get tombstonesGoneTo(): number {
    return (this.log as Partial<CleanableLog>).tombstonesGoneTo ?? 0;
  }

  entries(offset: number, untilOffset: number): readonly Entry[] | undefined {
    return entriesOf(this.log, offset, untilOffset);
  }

  get isCurrent(): boolean {
    return this.#system.stateOf(this.#ref) === this.state && isOpen(this.state);
  }

  get name(): string {
    return this.state.name;
  }

  get topicId(): string {
    return this.state.args.topicId;
  }

  get partition(): number {
    return this.state.args.partition;
  }

  get highWatermark(): number {
    return this.#within(this.state.highWatermark);
  }

  get lastStableOffset(): number {
    return this.#within(this.state.lastStableOffset);
  }

  /** Between a cut of the log and the turn that hears of it nobody can ask: what is known of its end does not count any more. */
  #within(offset: number): number {
    return this.log.endOffset < this.state.endOffset ? Math.min(offset, this.log.endOffset) : offset;
  }

  /** A replica that was told to lead and must not is no leader. */
  get isLeader(): boolean {
    return this.state.leadership !== null;
  }

  get leaderEpoch(): number {
    return this.state.role.leaderEpoch;
  }

  get partitionEpoch(): number {
    return this.state.role.partitionEpoch;
  }

  get isr(): readonly number[] {
    return this.state.role.isr;
  }

  get proposed(): readonly number[] | undefined {
    return this.state.leadership?.proposal?.isr;
  }

  get isPulling(): boolean {
    return this.state.following !== null;
  }

  get minIsr(): number {
    return Math.min(this.state.config.minInsyncReplicas, this.state.role.replicas.length);
  }

  get flushBeforeAck(): boolean {
    return this.state.config.flushBeforeAck;
  }

  producers(): ReturnType<ReplicaView["producers"]> {
    return this.state.producers.describe();
  }

  endOffsetForEpoch(epoch: number): ReturnType<ReplicaView["endOffsetForEpoch"]> {
    return this.log.endOffsetForEpoch(epoch);
  }
}
