/**
 * What must hold once faults have ended and some time has passed: the cluster is whole, and everybody has the same.
 *
 * @module
 */
import type { MetadataImage, TopicImage } from "../../../actors/controller/protocol.ts";
import { describeBatch, lastSequence, sameBatch } from "./mirror.ts";
import { fingerprint } from "./metadata.ts";
import type { Partition, ReplicaWatch } from "./partition.ts";
import type { Batch, NodeView } from "./views.ts";

/** What is not at rest yet, or is wrong, a sentence each. */
export function unrest(
  nodes: readonly NodeView[],
  image: MetadataImage,
  partitionOf: (topic: TopicImage, partition: number) => Partition | undefined,
): string[] {
  const problems: string[] = [];
  for (const node of nodes) {
    const applied = node.isAlive ? node.broker()?.image : undefined;
    if (!node.isAlive) problems.push(`node ${node.id} is down.`);
    else if (applied === undefined || fingerprint(applied) !== fingerprint(image)) {
      problems.push(`the broker of node ${node.id} has metadata up to ${applied?.offset ?? 0}, of ${image.offset}.`);
    }
    if (image.brokers.get(node.id)?.fenced !== false) problems.push(`broker ${node.id} is fenced, or not registered.`);
  }
  for (const topic of image.topics.values()) {
    for (const { partition: index } of topic.partitions) {
      const partition = partitionOf(topic, index);
      if (partition === undefined) problems.push(`${topic.name}-${index} has no replica.`);
      else problems.push(...unrestOf(partition));
    }
  }
  return problems;
}

function unrestOf(partition: Partition): string[] {
  const { image, name, watches, ledger } = partition;
  const problems: string[] = [];
  const { replicas = [], isr = [], leader = -1 } = image ?? {};
  const lacking = replicas.filter((id) => !isr.includes(id));
  if (leader < 0) problems.push(`${name} has no leader (ISR ${isr}, ELR ${image?.elr}).`);
  if (lacking.length > 0) problems.push(`${name} does not have ${lacking} in its ISR (${isr}).`);
  for (const id of replicas) {
    const watch = watches.get(id);
    if (watch === undefined) {
      problems.push(`${name} does not run on node ${id}.`);
      continue;
    }
    const { endOffset, highWatermark } = watch.view;
    if (endOffset !== ledger.end || highWatermark !== ledger.end) {
      problems.push(
        `${name} on node ${id} ends at ${endOffset} with the high watermark ${highWatermark}; ${ledger.end} is committed.`,
      );
    }
    problems.push(...readAgain(watch, name, ledger.cleanedTo), ...rebuild(watch, name), ...followEpochs(watch, name));
  }
  return problems;
}

/** The log still has what it had when it was written. */
function readAgain({ view, follower, node }: ReplicaWatch, name: string, cleanedTo: number): string[] {
  const { batches } = follower.mirror;
  const found = view.read(Math.max(view.startOffset, cleanedTo));
  if (found === undefined || found === "damaged") return [`${name} on node ${node} cannot be read.`];
  const first = found[0];
  const from = first === undefined ? batches.length : follower.mirror.find(first.base);
  const differs = found.findIndex((batch, i) =>
    from < 0 || batches[from + i] === undefined || !sameBatch(batch, batches[from + i]!)
  );
  if (differs >= 0) {
    return [
      `${name} on node ${node} has ${describeBatch(found[differs]!)}, and had ${
        batches[from + differs]?.base
      } there before.`,
    ];
  }
  return [];
}

/** What the replica knows of its producers is what its log says. */
function rebuild({ view, follower, node }: ReplicaWatch, name: string): string[] {
  const last = new Map<bigint, Batch>();
  for (const batch of follower.mirror.batches) {
    if (batch.producerId >= 0n && batch.baseSequence >= 0) last.set(batch.producerId, batch);
  }
  const problems: string[] = [];
  for (const { producerId, producerEpoch, lastSequence: sequence } of view.producers()) {
    const batch = last.get(producerId);
    last.delete(producerId);
    if (batch === undefined) {
      if (view.startOffset === 0) {
        problems.push(`${name} on node ${node} knows producer ${producerId}, who is not in its log.`);
      }
    } else if (batch.producerEpoch !== producerEpoch || lastSequence(batch) !== sequence) {
      problems.push(
        `${name} on node ${node} has producer ${producerId} at ${producerEpoch}/${sequence}, its log at ${batch.producerEpoch}/${
          lastSequence(batch)
        }.`,
      );
    }
  }
  for (const producerId of last.keys()) {
    problems.push(`${name} on node ${node} does not know producer ${producerId} of its log.`);
  }
  return problems;
}

/** Each epoch of the log ends where the next begins, as the replica tells it to followers. */
function followEpochs({ view, follower, node }: ReplicaWatch, name: string): string[] {
  const { batches } = follower.mirror;
  const problems: string[] = [];
  for (let i = 1; i < batches.length; i++) {
    const [before, next] = [batches[i - 1]!, batches[i]!];
    if (before.epoch === next.epoch || before.last < view.startOffset) continue;
    const told = view.endOffsetForEpoch(before.epoch);
    if (told?.epoch === before.epoch && told.endOffset === next.base) continue;
    problems.push(
      `${name} on node ${node} says that epoch ${before.epoch} ends at ${told?.endOffset} (${told?.epoch}), but ${next.epoch} begins at ${next.base}.`,
    );
  }
  return problems;
}
