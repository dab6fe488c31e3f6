/**
 * The metadata image: what the cluster looks like after some record of the metadata log.
 *
 * ```text
 *   image ──replay(records)──▶ image     the old one stays as it was; maps and topics that did not change are shared
 *   image ──snapshotOf──▶ records ──imageOf──▶ image
 * ```
 *
 * The invariant: the same records always make the same image, and the records of a snapshot make the very image that it was taken of.
 *
 * @module
 */
import { MetadataDraft } from "./draft.ts";
import type { ConfigResourceType, MetadataImage, MetadataRecord } from "./protocol.ts";

/** The image before the first record. */
export function emptyImage(): MetadataImage {
  return {
    clusterId: "",
    offset: 0,
    brokers: new Map(),
    topics: new Map(),
    topicNames: new Map(),
    configs: new Map(),
    nextProducerId: 0n,
  };
}

/** The image after some more records. */
export function replay(image: MetadataImage, records: readonly MetadataRecord[]): MetadataImage {
  const draft = new MetadataDraft(image);
  for (const record of records) draft.apply(record);
  return draft.freeze();
}

/** The image as of `offset`, from the records of {@linkcode snapshotOf}. */
export function imageOf(offset: number, records: readonly MetadataRecord[]): MetadataImage {
  return { ...replay(emptyImage(), records), offset };
}

/** The fewest records that make this image out of an empty one. */
export function snapshotOf(image: MetadataImage): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  if (image.clusterId !== "") records.push({ type: "Cluster", clusterId: image.clusterId });
  for (const { id: brokerId, epoch: brokerEpoch, fenced, inControlledShutdown, ...rest } of image.brokers.values()) {
    records.push({ type: "RegisterBroker", brokerId, brokerEpoch, ...rest });
    if (!fenced) records.push({ type: "UnfenceBroker", brokerId, brokerEpoch });
    if (inControlledShutdown) records.push({ type: "ControlledShutdown", brokerId, brokerEpoch });
  }
  for (const { name, topicId, partitions } of image.topics.values()) {
    records.push({ type: "Topic", name, topicId });
    for (const partition of partitions) records.push({ type: "Partition", topicId, ...partition });
  }
  for (const [resource, configs] of image.configs) {
    const at = resource.indexOf("/");
    const resourceType = resource.slice(0, at) as ConfigResourceType;
    const resourceName = resource.slice(at + 1);
    for (const [name, value] of configs) records.push({ type: "Config", resourceType, resourceName, name, value });
  }
  // Whom the last block went to does not matter: nobody gets it again.
  if (image.nextProducerId > 0n) {
    records.push({ type: "ProducerIds", brokerId: -1, nextProducerId: image.nextProducerId });
  }
  return records;
}
