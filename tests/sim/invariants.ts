/**
 * What must never be seen in a cluster, looked for after every event.
 *
 *     turn on node n ──▶ quorum ──▶ committed metadata ──▶ the broker's image ──▶ replicas
 *
 * Looking costs a few comparisons where nothing has changed. What is committed is learned from the leaders, batch by batch, when their
 * high watermarks pass it; from then on it must stay, wherever it is and whoever leads (`invariants/`). Faults that take away what nobody was
 * promised are told: a lost disk (`forgive`), an unclean election (`forget`, or by the image itself).
 *
 * @module
 */
import type { MetadataImage, TopicImage } from "../../actors/controller/protocol.ts";
import { groupPartition, OFFSETS_TOPIC } from "../../actors/group/protocol.ts";
import { refOf } from "../../actors/address.ts";
import { REPLICA } from "../../actors/partition/protocol.ts";
import type { TraceEvent, TraceType } from "../../actors/trace.ts";
import { Groups } from "./invariants/groups.ts";
import { Metadata, type MetadataRules } from "./invariants/metadata.ts";
import { Partition, type ReplicaWatch } from "./invariants/partition.ts";
import { Quorum, type QuorumWatch } from "./invariants/quorum.ts";
import { unrest } from "./invariants/quiet.ts";
import type { BrokerView, NodeView, ReplicaView } from "./invariants/views.ts";

export type { MetadataRules } from "./invariants/metadata.ts";
export type * from "./invariants/views.ts";

/** What the invariants are made with. */
export interface InvariantsOptions extends Partial<MetadataRules> {
  readonly nodes: readonly NodeView[];
  readonly voters: readonly number[];
  /** How many problems are kept; later ones follow from the first, mostly. Default 10. */
  readonly limit?: number;
}

/** One node, as it was at the last look. */
interface NodeWatch {
  readonly node: NodeView;
  life: number;
  disks: number;
  quorum: QuorumWatch | undefined;
  broker: BrokerView | undefined;
  image: MetadataImage | undefined;
  views: readonly ReplicaView[];
  replicas: readonly ReplicaWatch[];
}

/** What is seen of a process that is no more. */
const GONE = { quorum: undefined, broker: undefined, image: undefined, views: [], replicas: [] };

/** Events that come before a turn, and not in the middle of one. */
const TURNS: ReadonlySet<TraceType> = new Set<TraceType>(["message", "answer", "result", "terminated"]);

/** The invariants of one cluster. */
export class Invariants {
  /** What was wrong, a sentence each, in the order in which it was seen. */
  readonly problems: string[] = [];
  readonly groups: Groups;
  readonly #quorum: Quorum;
  readonly #metadata: Metadata;
  readonly #partitions = new Map<string, Partition>();
  readonly #nodes = new Map<number, NodeWatch>();
  readonly #watches: readonly NodeWatch[];
  /** The replicas that run, by their refs. */
  readonly #replicas = new Map<string, ReplicaWatch>();
  /** The replica that has taken a turn since everything was looked at, if nothing else has happened. */
  #turned: ReplicaWatch | undefined;
  /** Nodes on which something else has happened since they were last looked at. */
  readonly #touched = new Set<number>();
  /** Coordinators and groups to which something has happened. */
  readonly #coordination = new Set<string>();

  constructor({ nodes, voters, limit = 10, minInsyncReplicas = 1, mayElectUnclean = uncleanIsOn }: InvariantsOptions) {
    const tell = (sentence: string): void => {
      if (this.problems.length < limit) this.problems.push(sentence);
    };
    this.#quorum = new Quorum(voters, tell);
    this.groups = new Groups((topicId) => this.#metadata.image.topicNames.get(topicId), tell);
    this.#metadata = new Metadata({ minInsyncReplicas, mayElectUnclean }, {
      decided: (topic, partition) => this.#partition(topic.topicId, partition.partition, topic.name).decide(partition),
      wasProposed: (topic, partition, id) =>
        this.#partition(topic.topicId, partition.partition, topic.name).wasProposed(id, partition.leaderEpoch),
      unclean: (topic, { partition }) => this.#partition(topic.topicId, partition, topic.name).forget(),
    }, tell);
    for (const node of nodes) {
      this.#nodes.set(node.id, { ...GONE, node, life: -1, disks: node.disks });
    }
    this.#watches = [...this.#nodes.values()];
  }

  /** Everything committed in the metadata log so far, as an image. */
  get image(): MetadataImage {
    return this.#metadata.image;
  }

  /** The image after each batch that was committed so far, oldest first. */
  get images(): readonly MetadataImage[] {
    return this.#metadata.history;
  }

  /** The partitions that have been seen. */
  get partitions(): Iterable<Partition> {
    return this.#partitions.values();
  }

  /** Up to where a partition, `<topic>-<partition>`, is committed. */
  endOf(key: string): number {
    for (const { name, ledger } of this.#partitions.values()) if (name === key) return ledger.end;
    return 0;
  }

  /**
   * Told of every turn, as a trace is, before it is taken: so the states between any two turns are seen, also where one step of the
   * clock has many.
   */
  readonly hear = ({ type, ref }: TraceEvent): void => {
    const at = ref.indexOf("/") + 1;
    const kind = ref.charAt(at);
    // Of quorum, broker and replica, of coordinators and groups.
    const isGroup = kind === "g" || (kind === "c" && ref.startsWith("coordinator/", at));
    if (kind !== "q" && kind !== "b" && kind !== "r" && !isGroup) return;
    const isTurn = TURNS.has(type);
    // Other events come in the middle of turns, when nothing is as it will be.
    if (isTurn && this.#isUnsettled) this.settle();
    if (isGroup) {
      this.#coordination.add(ref);
      return;
    }
    if (isTurn && kind === "r") {
      this.#turned = this.#replicas.get(ref);
      if (this.#turned !== undefined) return;
    }
    const id = parseInt(ref);
    if (this.#nodes.has(id)) this.#touched.add(id);
  };

  /** Looks at whatever was touched: to be called after each step of the clock. */
  settle(): void {
    for (const watch of this.#watches) if (watch.life !== watch.node.life || !watch.node.isAlive) this.#bury(watch);
    const turned = this.#turned;
    this.#turned = undefined;
    if (turned?.view.isCurrent) turned.partition.look(turned);
    else if (turned !== undefined) this.#touched.add(turned.node);
    if (this.#touched.size > 0) {
      for (const id of this.#touched) this.#look(this.#nodes.get(id)!);
      this.#touched.clear();
    }
    if (this.#coordination.size === 0) return;
    for (const ref of this.#coordination) this.#lookAtCoordination(ref);
    this.#coordination.clear();
  }

  get #isUnsettled(): boolean {
    return this.#turned !== undefined || this.#touched.size > 0 || this.#coordination.size > 0;
  }

  #lookAtCoordination(ref: string): void {
    const at = ref.indexOf("/");
    const node = this.#nodes.get(Number(ref.slice(0, at)))?.node;
    if (node === undefined) return;
    const name = ref.slice(ref.indexOf("/", at + 1) + 1);
    if (ref.charAt(at + 1) === "g") this.groups.lookAtGroup(node, name);
    else this.groups.lookAtCoordinator(node, Number(name));
  }

  /** Looks at this node. */
  look(id: number): void {
    this.#touched.add(id);
    this.settle();
  }

  /** Looks at all nodes. */
  lookAtAll(): void {
    for (const id of this.#nodes.keys()) this.look(id);
  }

  /** What was on the disk of a node has rotted: nothing is expected of it. (That a disk is another is seen.) */
  forgive(id: number): void {
    this.#quorum.forgive(id);
    for (const partition of this.#partitions.values()) partition.forgive(id);
  }

  /** Nothing is promised any more of what a partition had: its last copies are gone, or it was elected for uncleanly. */
  forget(topic: string, partition: number): void {
    const image = this.image.topics.get(topic);
    if (image !== undefined) this.#partition(image.topicId, partition, topic).forget();
  }

  /** What has not come to rest yet, a sentence each; nothing when the cluster is whole and everybody has everything. */
  unrest(): string[] {
    const nodes = [...this.#nodes.values()].map(({ node }) => node);
    const partitionOf = (topic: TopicImage, index: number) => this.#partitions.get(`${topic.topicId}/${index}`);
    return [...unrest(nodes, this.image, partitionOf), ...this.unrestOfGroups()];
  }

  /** The same of groups alone. */
  unrestOfGroups(): string[] {
    return this.groups.unrest([...this.#nodes.values()].map(({ node }) => node), groupPartition);
  }

  #look(watch: NodeWatch): void {
    const { node } = watch;
    if (watch.disks !== node.disks) {
      watch.disks = node.disks;
      this.forgive(node.id);
    }
    if (!node.isAlive) return;
    const views = node.replicas();
    const isChanged = views !== watch.views;
    if (isChanged) this.#partFrom(watch, views);
    this.#lookAtQuorum(watch);
    this.#lookAtBroker(watch);
    if (isChanged) this.#meet(watch, views);
    const { replicas } = watch;
    for (let i = 0; i < replicas.length; i++) replicas[i]!.partition.look(replicas[i]!);
  }

  #lookAtQuorum(watch: NodeWatch): void {
    const { node } = watch;
    const view = node.quorum();
    if (view !== watch.quorum?.view) {
      if (watch.quorum !== undefined) this.#quorum.leave(node.id);
      watch.quorum = view === undefined ? undefined : this.#quorum.join(node.id, node.life, view);
    } else if (watch.quorum !== undefined) this.#quorum.look(watch.quorum);
    const { end } = this.#quorum.ledger;
    const { offset } = this.#metadata.image;
    if (offset < end) this.#metadata.commit(this.#quorum.ledger.batches.slice(this.#quorum.ledger.find(offset)));
  }

  #lookAtBroker(watch: NodeWatch): void {
    const { node } = watch;
    const broker = node.broker();
    if (broker !== watch.broker) {
      watch.broker = broker;
      watch.image = undefined;
    }
    const image = broker?.image;
    if (image === watch.image || image === undefined) return;
    this.#metadata.checkApplied(node.id, image, watch.image, this.#quorum.ledger.end);
    watch.image = image;
  }

  /** Some replicas of a node are no more, or in another life. */
  #partFrom(watch: NodeWatch, views: readonly ReplicaView[]): void {
    const stay = new Set(views);
    for (const { view, partition } of watch.replicas) {
      if (stay.has(view)) continue;
      partition.leave(watch.node.id);
      this.#replicas.delete(refOf(watch.node.id, REPLICA.kind, view.name));
    }
    watch.replicas = watch.replicas.filter(({ view }) => stay.has(view));
  }

  /** Some replicas of a node are new, or in another life. */
  #meet(watch: NodeWatch, views: readonly ReplicaView[]): void {
    const { node } = watch;
    const registered = watch.image?.brokers.get(node.id)?.incarnationId;
    const known = new Map(watch.replicas.map((replica) => [replica.view, replica]));
    watch.views = views;
    watch.replicas = views.map((view) => {
      const before = known.get(view);
      if (before !== undefined) return before;
      if (registered !== node.incarnationId) {
        this.#quorum.tell(`node ${node.id} has the replica ${view.name}, and has not seen its own registration.`);
      }
      const topic = view.name.slice(0, view.name.lastIndexOf("-"));
      const replica = this.#partition(view.topicId, view.partition, topic).join(node.id, node.life, view);
      this.#replicas.set(refOf(node.id, REPLICA.kind, view.name), replica);
      return replica;
    });
  }

  /** The process has ended. */
  #bury(watch: NodeWatch): void {
    const { node } = watch;
    if (watch.quorum !== undefined) this.#quorum.leave(node.id);
    this.#partFrom(watch, []);
    this.groups.leave(watch.node);
    Object.assign(watch, { ...GONE, life: node.life });
    this.#touched.add(node.id);
  }

  #partition(topicId: string, index: number, topic: string): Partition {
    const key = `${topicId}/${index}`;
    let partition = this.#partitions.get(key);
    if (partition === undefined) {
      this.#partitions.set(key, partition = new Partition(`${topic}-${index}`, this.#quorum.tell));
      if (topic === OFFSETS_TOPIC) partition.groups = this.groups.join(index, partition);
    }
    return partition;
  }
}

/**
 * Whether `unclean.leader.election.enable` is set for the topic or for all. Where records are acknowledged before they are durable, the last
 * leader may lead again when nobody is left, although it may have lost some.
 */
export const uncleanIsOn: MetadataRules["mayElectUnclean"] = ({ name: topic }, was, now, { configs }) => {
  const config = (name: string) => configs.get(`topic/${topic}`)?.get(name) ?? configs.get("broker/")?.get(name);
  if (config("unclean.leader.election.enable") === "true") return true;
  return was.isr.length === 0 && was.lastKnownElr.includes(now.leader) && config("flush.before.ack") === "false";
};
