/**
 * What must hold of the cluster's metadata: of the image after every batch of the committed log, and of every broker's view of it.
 *
 * - It can be replayed, which demands that ISR and ELR are among the replicas and have nobody in common, and that the leader is in the ISR.
 * - Nobody is in them twice; while enough are in sync the ELR is empty; nobody in the ISR is fenced; who joins it is not about to stop.
 * - Epochs only grow; another leader means another leader epoch, and it was a candidate before, unless the election may be unclean.
 * - A broker has applied a prefix of the committed log, and never goes back while its process lives.
 *
 * @module
 */
import { emptyImage, replay } from "../../../actors/controller/protocol.ts";
import type { BrokerImage, MetadataImage, PartitionImage, TopicImage } from "../../../actors/controller/protocol.ts";
import type { Batch, Tell } from "./views.ts";

/** What of the configuration the rules depend on. */
export interface MetadataRules {
  /** min.insync.replicas where the image has none. */
  readonly minInsyncReplicas: number;
  /** Whether somebody who was no candidate may lead: because it was asked for, or by configuration. */
  readonly mayElectUnclean: (
    topic: TopicImage,
    was: PartitionImage,
    now: PartitionImage,
    image: MetadataImage,
  ) => boolean;
}

/** Whoever wants to know what the controller has decided. */
export interface MetadataListener {
  decided(topic: TopicImage, partition: PartitionImage): void;
  /** Whether the leader of `was` has proposed to take `id` into the ISR: then it waits for it already. */
  wasProposed(topic: TopicImage, was: PartitionImage, id: number): boolean;
  /** Nothing is promised of what the partition had. */
  unclean(topic: TopicImage, partition: PartitionImage): void;
}

/** The committed metadata, replayed here once more. */
export class Metadata {
  image: MetadataImage = emptyImage();
  /** The image after each batch, oldest first. */
  readonly history: MetadataImage[] = [this.image];
  /** The same by its offset. */
  readonly #images = new Map<number, MetadataImage>([[0, this.image]]);

  /** The newest epoch of each broker, also of those that were forgotten. */
  readonly #epochs = new Map<number, number>();

  constructor(readonly rules: MetadataRules, readonly listener: MetadataListener, readonly tell: Tell) {}

  /** More batches are committed. */
  commit(batches: readonly Batch[]): void {
    for (const { records } of batches) {
      const before = this.image;
      try {
        this.image = replay(before, records!);
      } catch (error) {
        return this.tell(`the committed metadata at ${before.offset} cannot be replayed: ${error}`);
      }
      this.#images.set(this.image.offset, this.image);
      this.history.push(this.image);
      this.#checkBrokers(before);
      this.#checkTopics(before);
    }
  }

  /** What a broker knows must be what was committed. */
  checkApplied(node: number, image: MetadataImage, before: MetadataImage | undefined, committedEnd: number): void {
    if (before !== undefined && image.offset < before.offset) {
      this.tell(`the broker of node ${node} has gone back from metadata offset ${before.offset} to ${image.offset}.`);
    }
    const committed = this.#images.get(image.offset);
    if (committed === undefined) {
      const { offset } = this.image;
      if (image.offset > offset && image.offset <= committedEnd) return; // nobody could read them to us yet
      const why = image.offset > offset ? `only ${offset} are committed` : "no batch ends there";
      this.tell(`the broker of node ${node} has applied ${image.offset} metadata records, but ${why}.`);
    } else if (fingerprint(committed) !== fingerprint(image)) {
      this.tell(
        `the broker of node ${node} has applied ${image.offset} metadata records and made something else of them: ${
          firstDifference(fingerprint(committed), fingerprint(image))
        }`,
      );
    }
  }

  #checkBrokers({ brokers: before }: MetadataImage): void {
    for (const [id, broker] of this.image.brokers) {
      if (before.get(id)?.epoch === broker.epoch) continue;
      const known = this.#epochs.get(id) ?? -1;
      if (broker.epoch <= known) {
        this.tell(`broker ${id} was registered with epoch ${known}, and now with ${broker.epoch}.`);
      }
      this.#epochs.set(id, broker.epoch);
    }
  }

  #checkTopics({ topics: before, brokers }: MetadataImage): void {
    const { topics, brokers: now } = this.image;
    for (const topic of topics.values()) {
      const known = before.get(topic.name);
      const old = known?.topicId === topic.topicId ? known : undefined;
      if (old === topic && brokers === now) continue;
      for (const partition of topic.partitions) {
        const was = old?.partitions[partition.partition];
        if (was === partition && brokers === now) continue;
        this.#checkPartition(topic, partition, now);
        if (was === partition) continue;
        this.#checkMembers(topic, partition);
        if (was !== undefined) this.#checkChange(topic, was, partition);
        this.listener.decided(topic, partition);
      }
    }
  }

  /** What must hold also when only brokers have changed. */
  #checkPartition(topic: TopicImage, partition: PartitionImage, brokers: ReadonlyMap<number, BrokerImage>): void {
    const { isr } = partition;
    for (const id of isr) {
      if (brokers.get(id)?.fenced === false) continue;
      this.#tell(
        topic,
        partition,
        `has broker ${id} in its ISR (${isr}), which is ${brokers.has(id) ? "fenced" : "not registered"}`,
      );
    }
  }

  #checkMembers(topic: TopicImage, partition: PartitionImage): void {
    const { isr, elr } = partition;
    const members = [...isr, ...elr];
    if (new Set(members).size !== members.length) {
      this.#tell(topic, partition, `has somebody twice in its ISR (${isr}) and ELR (${elr})`);
    }
    const minIsr = this.#minIsr(topic, partition);
    if (isr.length >= minIsr && elr.length > 0) {
      this.#tell(topic, partition, `has the ELR ${elr}, although ${isr.length} are in sync and ${minIsr} are enough`);
    }
  }

  #checkChange(topic: TopicImage, was: PartitionImage, now: PartitionImage): void {
    if (now.partitionEpoch <= was.partitionEpoch) {
      this.#tell(
        topic,
        now,
        `was changed, but its partition epoch went from ${was.partitionEpoch} to ${now.partitionEpoch}`,
      );
    }
    if (now.leaderEpoch < was.leaderEpoch || (now.leader !== was.leader && now.leaderEpoch === was.leaderEpoch)) {
      this.#tell(
        topic,
        now,
        `went from leader ${was.leader} in epoch ${was.leaderEpoch} to leader ${now.leader} in epoch ${now.leaderEpoch}`,
      );
    }
    for (const id of now.isr) {
      if (was.isr.includes(id) || !this.image.brokers.get(id)?.inControlledShutdown) continue;
      this.#tell(topic, now, `has taken broker ${id} into its ISR, which is about to stop`);
    }
    if (now.leader < 0 || now.leader === was.leader) return;
    if (was.isr.includes(now.leader) || was.elr.includes(now.leader)) return;
    // Who completes a move joins the ISR and may lead, in one record.
    if (now.isr.includes(now.leader) && this.listener.wasProposed(topic, was, now.leader)) return;
    if (this.rules.mayElectUnclean(topic, was, now, this.image)) return this.listener.unclean(topic, was);
    this.#tell(
      topic,
      now,
      `has elected ${now.leader}, who was neither in its ISR (${was.isr}) nor in its ELR (${was.elr})`,
    );
  }

  #minIsr({ name }: TopicImage, { replicas }: PartitionImage): number {
    const { configs } = this.image;
    const set = configs.get(`topic/${name}`)?.get("min.insync.replicas") ??
      configs.get("broker/")?.get("min.insync.replicas");
    return Math.min(set === undefined ? this.rules.minInsyncReplicas : Number(set), replicas.length);
  }

  #tell({ name }: TopicImage, { partition }: PartitionImage, what: string): void {
    this.tell(`at metadata offset ${this.image.offset} ${name}-${partition} ${what}.`);
  }
}

const fingerprints = new WeakMap<object, string>();

/** An image as text that is the same for the same image, however it came to be. */
export function fingerprint(image: MetadataImage): string {
  return remembered(image, () => {
    const { clusterId, offset, brokers, topics, topicNames, configs, nextProducerId } = image;
    const lines = [
      `cluster ${clusterId} offset ${offset} producers ${nextProducerId}`,
      ...[...brokers.values()].map((broker) => `broker ${remembered(broker, () => text(broker))}`).sort(),
      ...[...topics.values()].map((topic) => `topic ${remembered(topic, () => text(topic))}`).sort(),
      ...[...topicNames].map(([id, name]) => `id ${id} ${name}`).sort(),
      ...[...configs].map(([key, values]) => `config ${key} ${text([...values].sort())}`).sort(),
    ];
    return lines.join("\n");
  });
}

function remembered(of: object, make: () => string): string {
  let made = fingerprints.get(of);
  if (made === undefined) fingerprints.set(of, made = make());
  return made;
}

/** JSON with the keys in order. */
function text(value: unknown): string {
  return JSON.stringify(
    value,
    (_, inner) =>
      inner !== null && typeof inner === "object" && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => a < b ? -1 : 1))
        : inner,
  );
}

function firstDifference(committed: string, applied: string): string {
  const [a, b] = [committed.split("\n"), applied.split("\n")];
  const at = a.findIndex((line, i) => line !== b[i]);
  const i = at < 0 ? a.length : at;
  return `committed is [${a[i] ?? "nothing more"}], it has [${b[i] ?? "nothing more"}].`;
}
