/**
 * A cluster that consists of what the invariants see of it: logs, roles and images that tests write by hand, right or wrong.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { emptyImage, type MetadataRecord, replay } from "../../../actors/controller/protocol.ts";
import { Invariants, type InvariantsOptions } from "../../sim/invariants.ts";
import type {
  Batch,
  BrokerView,
  CoordinatorView,
  Entry,
  GroupView,
  NodeView,
  QuorumView,
  ReplicaView,
} from "../../sim/invariants/views.ts";

export const TOPIC = "t";
export const TOPIC_ID = "topic-t";

/** A batch of one record; what is in it is its crc. */
export function batch(base: number, epoch: number, content: string | Partial<Batch> = {}): Batch {
  const more = typeof content === "string" ? {} : content;
  const crc = [...typeof content === "string" ? content : ""].reduce((sum, c) => sum * 31 + c.charCodeAt(0), base);
  return { base, last: base, epoch, crc, producerId: -1n, producerEpoch: -1, baseSequence: -1, ...more };
}

/** Batches of one record each, `epochs` by offset. */
function history(...epochs: number[]): Batch[] {
  return epochs.map((epoch, base) => batch(base, epoch));
}

class FakeLog {
  batches: Batch[] = [];
  startOffset = 0;
  highWatermark = 0;
  /** Durable up to the end, unless said otherwise. */
  flushed: number | undefined;
  isUnreadable = false;
  isDamaged = false;

  get endOffset(): number {
    return Math.max(this.startOffset, (this.batches.at(-1)?.last ?? -1) + 1);
  }

  get flushedOffset(): number {
    return this.flushed ?? this.endOffset;
  }

  read(offset: number): readonly Batch[] | "damaged" | undefined {
    if (this.isDamaged) return "damaged";
    return this.isUnreadable ? undefined : this.batches.filter(({ last }) => last >= offset);
  }
}

export class FakeReplica extends FakeLog implements ReplicaView {
  name = `${TOPIC}-0`;
  readonly partition = 0;
  cleanedTo = 0;
  tombstonesGoneTo = 0;
  records: Entry[] = [];
  readonly topicId = TOPIC_ID;
  isCurrent = true;
  isLeader = false;
  leaderEpoch = 0;
  partitionEpoch = 0;
  stable: number | undefined;
  isr: readonly number[] = [1, 2, 3];
  proposed: readonly number[] | undefined;
  isPulling = false;
  minIsr = 2;
  flushBeforeAck = true;
  known: ReturnType<ReplicaView["producers"]> = [];
  ends = new Map<number, number>();

  get lastStableOffset(): number {
    return this.stable ?? this.highWatermark;
  }

  producers(): ReturnType<ReplicaView["producers"]> {
    return this.known;
  }

  entries(offset: number, untilOffset: number): readonly Entry[] | undefined {
    if (this.isUnreadable || this.isDamaged) return undefined;
    return this.records.filter((entry) => entry.offset >= offset && entry.offset < untilOffset);
  }

  endOffsetForEpoch(epoch: number): { readonly epoch: number; readonly endOffset: number } | undefined {
    const told = this.ends.get(epoch);
    if (told !== undefined) return { epoch, endOffset: told };
    const next = this.batches.find((each) => each.epoch > epoch);
    return next && { epoch, endOffset: next.base };
  }

  /** Writes more, and what it takes for committed. */
  write(batches: readonly Batch[], highWatermark: number = this.highWatermark): this {
    this.batches.push(...batches);
    this.highWatermark = highWatermark;
    return this;
  }

  lead(epoch: number, isr: readonly number[] = this.isr, partitionEpoch: number = epoch): this {
    return Object.assign(this, { isLeader: true, leaderEpoch: epoch, partitionEpoch, isr, isPulling: false });
  }

  follow(epoch: number, partitionEpoch: number = epoch): this {
    return Object.assign(this, { isLeader: false, leaderEpoch: epoch, partitionEpoch, isPulling: true });
  }

  /** The same log in another life of the actor. */
  again(): FakeReplica {
    const next = Object.assign(new FakeReplica(), this);
    next.batches = [...this.batches];
    next.records = [...this.records];
    return next;
  }
}

export class FakeQuorum extends FakeLog implements QuorumView {
  epoch = 0;
  votedFor = -1;
  isLeader = false;
  isVoting = true;
  votes: ReadonlySet<number> | undefined;
  /** What the batches hold, by their base offsets. */
  readonly contents: Map<number, readonly MetadataRecord[]>;

  constructor(contents: Map<number, readonly MetadataRecord[]>) {
    super();
    this.contents = contents;
  }

  override read(offset: number): readonly Batch[] | "damaged" | undefined {
    const batches = super.read(offset);
    return typeof batches === "object"
      ? batches.map((batch) => ({ ...batch, records: this.contents.get(batch.base) ?? [] }))
      : batches;
  }

  /** The same log and vote in another life of the actor, which leads nothing. */
  again(): FakeQuorum {
    const next = Object.assign(new FakeQuorum(this.contents), this, { isLeader: false, votes: undefined });
    next.batches = [...this.batches];
    return next;
  }
}

export class FakeNode implements NodeView {
  isAlive = true;
  life = 1;
  disks = 1;
  quorumView: FakeQuorum | undefined;
  brokerView: { image: BrokerView["image"] } | undefined;
  replicaViews: readonly FakeReplica[] = [];
  readonly coordinators: Map<number, CoordinatorView> = new Map();
  readonly groups: Map<string, GroupView> = new Map();

  constructor(readonly id: number) {}

  get incarnationId(): string {
    return `node ${this.id} life ${this.life}`;
  }

  quorum(): QuorumView | undefined {
    return this.quorumView;
  }

  broker(): BrokerView | undefined {
    return this.brokerView;
  }

  replicas(): readonly ReplicaView[] {
    return this.replicaViews;
  }

  coordinator(partition: number): CoordinatorView | undefined {
    return this.coordinators.get(partition);
  }

  group(groupId: string): GroupView | undefined {
    return this.groups.get(groupId);
  }

  get replica(): FakeReplica {
    return this.replicaViews[0]!;
  }
}

/** Three nodes, each with a voter and a replica of t-0. */
export class FakeCluster {
  readonly nodes: readonly FakeNode[] = [1, 2, 3].map((id) => new FakeNode(id));
  readonly invariants: Invariants;
  /** The metadata that is committed. */
  image = emptyImage();
  readonly #contents = new Map<number, readonly MetadataRecord[]>();

  constructor(options: Partial<InvariantsOptions> = {}) {
    for (const node of this.nodes) {
      node.quorumView = new FakeQuorum(this.#contents);
      node.brokerView = { image: this.image };
    }
    const voters = [1, 2, 3];
    this.invariants = new Invariants({ nodes: this.nodes, voters, minInsyncReplicas: 2, ...options });
  }

  node(id: number): FakeNode {
    return this.nodes[id - 1]!;
  }

  quorum(id: number): FakeQuorum {
    return this.node(id).quorumView!;
  }

  replica(id: number): FakeReplica {
    return this.node(id).replica;
  }

  /** Node `id` is elected by `votes` (itself included). */
  elect(id: number, epoch: number, votes: readonly number[] = [1, 2]): this {
    const quorum = this.quorum(id);
    Object.assign(quorum, { epoch, votedFor: id, votes: new Set(votes), isLeader: false });
    this.invariants.look(id);
    Object.assign(quorum, { votes: undefined, isLeader: true });
    this.invariants.look(id);
    return this;
  }

  /** The quorum's leader (node 1) writes a batch of records, all have it, and it is committed. */
  commit(...records: MetadataRecord[]): this {
    const base = this.quorum(1).endOffset;
    this.#contents.set(base, records);
    const { epoch } = this.quorum(1);
    const written = { ...batch(base, epoch, JSON.stringify(records)), last: base + records.length - 1 };
    for (const { quorumView } of this.nodes) quorumView!.batches.push(written);
    this.invariants.lookAtAll();
    for (const { quorumView } of this.nodes) quorumView!.highWatermark = base + records.length;
    this.invariants.lookAtAll();
    try {
      this.image = replay(this.image, records);
    } catch {
      return this; // as every node, it refuses
    }
    for (const { brokerView } of this.nodes) brokerView!.image = this.image;
    this.invariants.lookAtAll();
    return this;
  }

  /** Brokers are registered and t-0 (or the first partition of another topic) is there, led by node 1 in epoch 0; the replicas run and are empty. */
  begin(topic: string = TOPIC): this {
    this.elect(1, 1);
    for (const { id } of this.nodes) this.commit(registration(id, id, this.node(id).incarnationId), unfence(id, id));
    this.commit({ type: "Topic", name: topic, topicId: TOPIC_ID }, partition());
    for (const node of this.nodes) {
      node.replicaViews = [Object.assign(new FakeReplica().follow(0), { name: `${topic}-0` })];
    }
    this.replica(1).lead(0);
    this.invariants.lookAtAll();
    return this;
  }

  /** What was wrong, joined. */
  look(): string {
    this.invariants.lookAtAll();
    return this.invariants.problems.join("\n");
  }
}

export function registration(brokerId: number, brokerEpoch: number, incarnationId: string): MetadataRecord {
  const endpoint = { host: "h", port: 1 };
  return {
    type: "RegisterBroker",
    brokerId,
    incarnationId,
    brokerEpoch,
    endpoint,
    nodeEndpoint: endpoint,
    directoryId: `directory ${brokerId}`,
    rack: null,
  };
}

function unfence(brokerId: number, brokerEpoch: number): MetadataRecord {
  return { type: "UnfenceBroker", brokerId, brokerEpoch };
}

type PartitionRecord = Extract<MetadataRecord, { type: "Partition" }>;

export function partition(more: Partial<PartitionRecord> = {}): PartitionRecord {
  return {
    type: "Partition",
    topicId: TOPIC_ID,
    partition: 0,
    replicas: [1, 2, 3],
    isr: [1, 2, 3],
    leader: 1,
    leaderEpoch: 0,
    partitionEpoch: 0,
    adding: [],
    removing: [],
    elr: [],
    lastKnownElr: [],
    ...more,
  };
}

type ChangeRecord = Extract<MetadataRecord, { type: "PartitionChange" }>;

export function change(more: Partial<ChangeRecord>): ChangeRecord {
  return { type: "PartitionChange", topicId: TOPIC_ID, partition: 0, ...more };
}

/** Three brokers that are registered, and t-0, which is empty. */
export function cluster(): FakeCluster {
  return new FakeCluster().begin();
}

/** The same with three records, on all, committed by node 1 in epoch 0. */
export function withRecords(): FakeCluster {
  const world = cluster();
  for (const id of [1, 2, 3]) world.replica(id).write(history(0, 0, 0));
  world.look();
  for (const id of [1, 2, 3]) world.replica(id).highWatermark = 3;
  assertEquals(world.look(), "");
  return world;
}

/** A process dies, and the next of its node registers and comes to have this log. */
export function restart(world: FakeCluster, id: number, log: FakeReplica, brokerEpoch: number): void {
  const node = world.node(id);
  Object.assign(node, { isAlive: false, replicaViews: [] });
  world.look();
  const [view, image] = [node.quorumView!.again(), world.image];
  Object.assign(node, { isAlive: true, life: node.life + 1, quorumView: view, brokerView: { image } });
  world.look();
  if (id === 1) world.elect(1, world.quorum(1).epoch + 1);
  world.commit(registration(id, brokerEpoch, node.incarnationId), unfence(id, brokerEpoch));
  node.replicaViews = [log];
}

/** Something was wrong, and this was said of it. */
export function finds(world: FakeCluster, sentence: string): void {
  assertStringIncludes(world.look(), sentence);
}
