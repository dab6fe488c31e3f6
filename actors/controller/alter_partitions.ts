/**
 * What the controller decides when leaders want other ISRs (AlterPartition: KIP-497, KIP-841, KIP-903).
 *
 * A leader adds a follower that has caught up, and takes out one that is behind. What it does not know, and the controller does: whether
 * the follower has been fenced, is offline, is about to stop, or has come back as another incarnation, which may have lost what the leader counts on.
 *
 * Each change stands for itself. A change that has been made already is answered as if it were made now: the first answer was lost.
 *
 * Who leaves is eligible as long as the ISR is smaller than min.insync.replicas, also by a number that the leader's broker has not applied yet:
 * no leader counts by the new ISR before its broker has applied the change, and with it all that was decided before.
 *
 * @module
 */
import type { ErrorName } from "../../protocol/errors.ts";
import { Changes } from "./changes.ts";
import type { Decision, Setting } from "./decision.ts";
import type { IsrChange, IsrChangeResult, MetadataImage, PartitionImage } from "./protocol.ts";

/** Decides about changes of ISRs that a broker's leaders want. */
export function alterPartitions(
  setting: Setting,
  brokerId: number,
  wanted: readonly IsrChange[],
): Decision<IsrChangeResult> {
  const { image } = setting;
  const changes = new Changes(setting);
  const results = wanted.map((change): IsrChangeResult => {
    const { topicId, partition: index } = change;
    const topic = image.topics.get(image.topicNames.get(topicId) ?? "");
    if (topic === undefined) return resultOf(change, "UNKNOWN_TOPIC_ID");
    const partition = changes.partition(topic, index);
    if (partition === undefined) return resultOf(change, "UNKNOWN_TOPIC_OR_PARTITION");
    const verdict = judge(setting, brokerId, partition, change);
    if (verdict === "made") return resultOf(change, "NONE", partition);
    if (verdict !== "NONE") return resultOf(change, verdict, partition);
    const isr = change.isr.map((member) => member.brokerId);
    const next = changes.wish(topic, index, { isr, unclean: changes.policy(topic.name).unclean });
    return resultOf(change, next.leader === brokerId ? "NONE" : "NEW_LEADER_ELECTED", next);
  });
  return { records: changes.records, results };
}

function judge(
  { image, isOffline }: Setting,
  brokerId: number,
  partition: PartitionImage,
  change: IsrChange,
): ErrorName | "made" {
  const { leader, leaderEpoch, partitionEpoch, replicas } = partition;
  // It knows more than this controller, which then is none any more.
  if (change.leaderEpoch > leaderEpoch || change.partitionEpoch > partitionEpoch) return "NOT_CONTROLLER";
  if (change.leaderEpoch < leaderEpoch) return "FENCED_LEADER_EPOCH";
  if (leader !== brokerId) return "INVALID_REQUEST";
  const isr = new Set(change.isr.map((member) => member.brokerId));
  if (isr.size === partition.isr.length && partition.isr.every((id) => isr.has(id))) return "made";
  if (change.partitionEpoch < partitionEpoch) return "INVALID_UPDATE_VERSION";
  if (isr.size !== change.isr.length || !isr.has(leader)) return "INVALID_REQUEST";
  if (!change.isr.every((member) => replicas.includes(member.brokerId))) return "INVALID_REQUEST";
  const eligible = change.isr.every((member) =>
    isEligible(image, partition, member) && isOffline?.(member.brokerId, change) !== true
  );
  return eligible ? "NONE" : "INELIGIBLE_REPLICA";
}

function isEligible(
  image: MetadataImage,
  { leader, isr }: PartitionImage,
  { brokerId, brokerEpoch }: IsrChange["isr"][number],
): boolean {
  const broker = image.brokers.get(brokerId);
  if (broker === undefined || broker.fenced) return false;
  // A leader that is about to stop may still let those in who can lead after it.
  if (broker.inControlledShutdown && brokerId !== leader) return false;
  // Whoever is in the ISR is there as what it is now: fencing and registration take it out.
  return brokerEpoch === broker.epoch || (brokerEpoch === -1 && isr.includes(brokerId));
}

function resultOf({ topicId, partition }: IsrChange, error: ErrorName, now?: PartitionImage): IsrChangeResult {
  const { leader = -1, leaderEpoch = -1, partitionEpoch = -1, isr = [] } = now ?? {};
  return { topicId, partition, error, leader, leaderEpoch, partitionEpoch, isr };
}
