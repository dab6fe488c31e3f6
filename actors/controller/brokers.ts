/**
 * Brokers come, go and lead: what the controller decides about them, as records.
 *
 * ```text
 *             register                      gone                        register (another incarnation)
 *   unknown ───────────▶ live, epoch n ───────────▶ fenced, epoch n ───────────▶ live, epoch m > n
 *                           └──────────────── register (another incarnation) ──────────▶┘
 * ```
 *
 * A broker's epoch is the offset of the record that registered it, so it only grows. A new incarnation takes the place of the
 * one before: a data folder is locked by one process, so whoever registers is the one that has the data.
 *
 * **Why a restart begins a new leader epoch, even for the only replica.** A process that died may have lost records that it had
 * written but not synced, and that somebody had read or, with acks=1, had acknowledged. Under the same epoch other records
 * would appear at the same offsets, and nobody could tell. With a new epoch a client asks where the old one ended
 * (OffsetForLeaderEpoch), finds that it stands past that end, and notices. A request that was on its way to the old
 * incarnation, or a replica of it that still runs, carries the old epoch and is refused with FENCED_LEADER_EPOCH. The new
 * epoch is written in the same event as the registration, before the broker gets its epoch, so no replica is ever told twice to
 * lead in one epoch. Epochs cannot go back, because they are counted in the metadata log, which is durable before it is seen.
 *
 * @module
 */
import type { Endpoint, MetadataImage, MetadataRecord, PartitionImage } from "./protocol.ts";

/** Nobody leads. */
export const NO_LEADER = -1;

/** Ids of the brokers that can lead and take replicas. */
export function liveBrokerIds(image: MetadataImage): Set<number> {
  const live = new Set<number>();
  for (const { id, fenced } of image.brokers.values()) if (!fenced) live.add(id);
  return live;
}

/** The first replica in order of preference that is in sync and live, or {@linkcode NO_LEADER}. */
export function electLeader(
  { replicas, isr }: Pick<PartitionImage, "replicas" | "isr">,
  live: ReadonlySet<number>,
): number {
  return replicas.find((id) => live.has(id) && isr.includes(id)) ?? NO_LEADER;
}

/** A broker introduces itself: the records that make it live, and its epoch. */
export function registerBroker(
  image: MetadataImage,
  broker: {
    readonly brokerId: number;
    readonly incarnationId: string;
    readonly endpoint: Endpoint;
    readonly rack: string | null;
  },
): { readonly records: readonly MetadataRecord[]; readonly brokerEpoch: number } {
  const { brokerId, incarnationId, endpoint, rack } = broker;
  const brokerEpoch = image.offset;
  const live = liveBrokerIds(image).add(brokerId);
  const records: MetadataRecord[] = [
    { type: "RegisterBroker", brokerId, incarnationId, brokerEpoch, endpoint, rack },
    { type: "UnfenceBroker", brokerId, brokerEpoch },
  ];
  forEachPartition(image, (topicId, partition) => {
    const mine = partition.leader === brokerId;
    if (!mine && partition.leader !== NO_LEADER) return;
    const leader = electLeader(partition, live);
    if (mine || leader !== NO_LEADER) {
      records.push({ type: "PartitionChange", topicId, partition: partition.partition, leader });
    }
  });
  return { records, brokerEpoch };
}

/** A broker is gone: the records that fence it and let others lead. None when it is fenced already. */
export function fenceBroker(image: MetadataImage, brokerId: number): MetadataRecord[] {
  const broker = image.brokers.get(brokerId);
  if (broker === undefined || broker.fenced) return [];
  const live = liveBrokerIds(image);
  live.delete(brokerId);
  const records: MetadataRecord[] = [{ type: "FenceBroker", brokerId, brokerEpoch: broker.epoch }];
  forEachPartition(image, (topicId, partition) => {
    if (!partition.isr.includes(brokerId)) return;
    const rest = partition.isr.filter((id) => id !== brokerId);
    // The last in-sync replica stays named: only it is known to have everything.
    const isr = rest.length === 0 ? partition.isr : rest;
    const change = { type: "PartitionChange", topicId, partition: partition.partition, isr } as const;
    if (partition.leader === brokerId) records.push({ ...change, leader: electLeader({ ...partition, isr }, live) });
    else if (rest.length > 0) records.push(change);
  });
  return records;
}

function forEachPartition(image: MetadataImage, visit: (topicId: string, partition: PartitionImage) => void): void {
  for (const { topicId, partitions } of image.topics.values()) {
    for (const partition of partitions) visit(topicId, partition);
  }
}
