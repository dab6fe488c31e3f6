/**
 * Which broker has replicas of what, kept beside the image so that a broker's end walks its own partitions and no others.
 *
 * Invariant: it says of each broker what the `replicas` of the image's partitions say; ISR and ELR are among them.
 *
 * @module
 */
import type { MetadataImage, MetadataRecord, PartitionImage, TopicImage } from "./protocol.ts";

/** How much a broker has been given. */
export interface Load {
  /** Partitions whose preferred leader it is. */
  readonly leaders: number;
  readonly replicas: number;
}

/** One partition and its topic. */
export interface Found {
  readonly topic: TopicImage;
  readonly partition: PartitionImage;
}

interface Shelf {
  leaders: number;
  replicas: number;
  /** Partition numbers by topic id. */
  readonly partitions: Map<string, Set<number>>;
}

/** Partitions by broker. */
export class ReplicaIndex {
  readonly #shelves = new Map<number, Shelf>();

  constructor({ topics }: Pick<MetadataImage, "topics">) {
    for (const { topicId, partitions } of topics.values()) {
      for (const partition of partitions) this.#put(topicId, partition.partition, partition.replicas);
    }
  }

  /** Takes in a record that `image` does not have yet. */
  follow(image: MetadataImage, record: MetadataRecord): void {
    switch (record.type) {
      case "Partition":
        this.#take(image, record.topicId, record.partition);
        this.#put(record.topicId, record.partition, record.replicas);
        break;
      case "PartitionChange":
        if (record.replicas === undefined) break;
        this.#take(image, record.topicId, record.partition);
        this.#put(record.topicId, record.partition, record.replicas);
        break;
      case "RemoveTopic":
        for (const { partition } of topicOf(image, record.topicId)?.partitions ?? []) {
          this.#take(image, record.topicId, partition);
        }
    }
  }

  /** The partitions with a replica on this broker, as `image` has them. */
  *on(brokerId: number, image: MetadataImage): Generator<Found> {
    for (const [topicId, partitions] of this.#shelves.get(brokerId)?.partitions ?? []) {
      const topic = topicOf(image, topicId)!;
      for (const partition of partitions) yield { topic, partition: topic.partitions[partition]! };
    }
  }

  /** How much a broker has. */
  loadOf(brokerId: number): Load {
    const { leaders = 0, replicas = 0 } = this.#shelves.get(brokerId) ?? {};
    return { leaders, replicas };
  }

  #put(topicId: string, partition: number, replicas: readonly number[]): void {
    for (const [at, id] of replicas.entries()) {
      let shelf = this.#shelves.get(id);
      if (shelf === undefined) this.#shelves.set(id, shelf = { leaders: 0, replicas: 0, partitions: new Map() });
      const numbers = shelf.partitions.get(topicId);
      if (numbers === undefined) shelf.partitions.set(topicId, new Set([partition]));
      else numbers.add(partition);
      shelf.replicas++;
      if (at === 0) shelf.leaders++;
    }
  }

  #take(image: MetadataImage, topicId: string, partition: number): void {
    for (const [at, id] of (topicOf(image, topicId)?.partitions[partition]?.replicas ?? []).entries()) {
      const shelf = this.#shelves.get(id)!;
      const numbers = shelf.partitions.get(topicId)!;
      numbers.delete(partition);
      if (numbers.size === 0) shelf.partitions.delete(topicId);
      shelf.replicas--;
      if (at === 0) shelf.leaders--;
    }
  }
}

function topicOf(image: MetadataImage, topicId: string): TopicImage | undefined {
  return image.topics.get(image.topicNames.get(topicId) ?? "");
}
