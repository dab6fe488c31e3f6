/**
 * What happens in a cluster that is worth telling: who leads, who is in sync, which log was cut.
 *
 * News is sorted by what it is about and told in the order of its coming within that, so that a script says nothing about what
 * comes first where nobody may rely on it.
 *
 * @module
 */
import type { BrokerImage, MetadataImage, PartitionImage } from "../../actors/controller/protocol.ts";
import type { NodeView, ReplicaView } from "../sim/invariants.ts";

/** Collects news. */
export class News {
  readonly #nodes: readonly NodeView[];
  readonly #image: () => MetadataImage;
  #before: MetadataImage;
  #leader = { node: -1, epoch: -1 };
  readonly #ends = new Map<string, { readonly view: ReplicaView; readonly end: number }>();
  #told: { readonly about: string; readonly sentence: string }[] = [];
  /** Counts what was told. */
  count = 0;

  constructor(nodes: readonly NodeView[], image: () => MetadataImage) {
    this.#nodes = nodes;
    this.#image = image;
    this.#before = image();
  }

  /** Somebody has something to say. */
  tell(about: string, sentence: string): void {
    this.count++;
    this.#told.push({ about, sentence: `${about}: ${sentence}` });
  }

  /** Looks for what is new. */
  look(): void {
    this.#lookAtQuorum();
    const image = this.#image();
    if (image !== this.#before) this.#compare(this.#before, image);
    this.#before = image;
    for (const node of this.#nodes) if (node.isAlive) this.#lookAtLogs(node);
  }

  /** Everything since the last time. */
  take(): string[] {
    const told = this.#told;
    this.#told = [];
    const subjects = [...new Set(told.map(({ about }) => about))].sort(inOrder);
    return subjects.flatMap((subject) => told.filter(({ about }) => about === subject).map(({ sentence }) => sentence));
  }

  #lookAtQuorum(): void {
    for (const node of this.#nodes) {
      const quorum = node.isAlive ? node.quorum() : undefined;
      if (!quorum?.isLeader || quorum.epoch <= this.#leader.epoch) continue;
      this.#leader = { node: node.id, epoch: quorum.epoch };
      this.tell("quorum", `led by ${node.id} in epoch ${quorum.epoch}`);
    }
  }

  #compare(before: MetadataImage, now: MetadataImage): void {
    for (const broker of now.brokers.values()) {
      const old = before.brokers.get(broker.id);
      const isNew = old?.incarnationId !== broker.incarnationId;
      if (old !== broker) this.tell(`broker ${broker.id}`, isNew && broker.fenced ? "registered" : stateOf(broker));
    }
    for (const topic of now.topics.values()) {
      const old = before.topics.get(topic.name);
      for (const partition of topic.partitions) {
        const was = old?.topicId === topic.topicId ? old.partitions[partition.partition] : undefined;
        if (was !== partition) this.tell(`${topic.name}-${partition.partition}`, describe(partition, was));
      }
    }
    for (const name of before.topics.keys()) if (!now.topics.has(name)) this.tell(`topic ${name}`, "deleted");
  }

  #lookAtLogs(node: NodeView): void {
    for (const view of node.replicas()) {
      const about = `${view.name} on ${node.id}`;
      const known = this.#ends.get(about);
      const { endOffset: end } = view;
      if (known !== undefined && end < known.end) {
        this.tell(about, known.view === view ? `cut from ${known.end} to ${end}` : `back with ${end} of ${known.end}`);
      }
      this.#ends.set(about, { view, end });
    }
  }
}

function stateOf({ fenced, inControlledShutdown }: BrokerImage): string {
  if (fenced) return "fenced";
  return inControlledShutdown ? "about to stop" : "unfenced";
}

function describe(
  { leader, leaderEpoch, replicas, isr, elr, lastKnownElr, adding }: PartitionImage,
  was?: PartitionImage,
): string {
  const led = leader < 0 ? `nobody leads in epoch ${leaderEpoch}` : `led by ${leader} in epoch ${leaderEpoch}`;
  const parts = [led, `in sync ${list(isr)}`];
  if (elr.length > 0) parts.push(`eligible ${list(elr)}`);
  if (lastKnownElr.length > 0) parts.push(`last known ${list(lastKnownElr)}`);
  if (adding.length > 0) parts.push(`adding ${list(adding)}`);
  if (was !== undefined && String(was.replicas) !== String(replicas)) parts.push(`replicas ${replicas}`);
  return parts.join(", ");
}

function list(ids: readonly number[]): string {
  return ids.length === 0 ? "nobody" : [...ids].sort((a, b) => a - b).join(",");
}

/** The quorum first, then brokers, then partitions, then their replicas, then what clients were told. */
function inOrder(a: string, b: string): number {
  return rank(a) - rank(b) || (a < b ? -1 : 1);
}

function rank(about: string): number {
  if (about === "quorum") return 0;
  if (about.startsWith("broker ")) return 1;
  if (about.startsWith("topic ")) return 2;
  if (/^\S+-\d+$/.test(about)) return 3;
  return about.includes(" on ") ? 4 : 5;
}
