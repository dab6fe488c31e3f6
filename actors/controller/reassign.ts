/**
 * What the controller decides when partitions are to move to other replicas (KIP-455).
 *
 * ```text
 *   replicas [1 2 3]  ──to [3 4 5]──▶  [3 4 5 1 2], adding 4 5, removing 1 2  ──3 4 5 in sync──▶  [3 4 5]
 *                                          └──called off──▶ [3 1 2]
 * ```
 *
 * A move that takes the place of another counts from where the first began: calling off goes back there.
 *
 * @module
 */
import { Changes } from "./changes.ts";
import { type Decision, type Refusal, refusal, type Setting } from "./decision.ts";
import { NO_LEADER, type Wish } from "./partition_change.ts";
import type { ControllerProtocol, MetadataImage, PartitionImage, PartitionResult, TopicImage } from "./protocol.ts";

type Request = Omit<Parameters<ControllerProtocol["reassign"]>[0], "timeoutMs">;
type Move = Request["partitions"][number];

/** Decides about moves; each stands for itself. */
export function reassign(setting: Setting, request: Request): Decision<PartitionResult> {
  const { partitions, allowReplicationFactorChange } = request;
  const changes = new Changes(setting);
  const results = partitions.map((move): PartitionResult => {
    const { topic, partition } = move;
    const refused = decide(setting.image, changes, move, allowReplicationFactorChange);
    return { topic, partition, ...(refused ?? { error: "NONE", message: null }) };
  });
  return { records: changes.records, results };
}

function decide(image: MetadataImage, changes: Changes, move: Move, anyFactor: boolean): Refusal | undefined {
  const topic = image.topics.get(move.topic);
  const partition = topic && changes.partition(topic, move.partition);
  if (topic === undefined || partition === undefined) {
    return refusal("UNKNOWN_TOPIC_OR_PARTITION", `There is no partition ${move.partition} of a topic "${move.topic}".`);
  }
  if (move.replicas === null) return callOff(changes, topic, partition);
  const problem = problemOf(image, partition, move.replicas, anyFactor);
  if (problem === undefined) changes.wish(topic, move.partition, wishFor(partition, move.replicas));
  return problem;
}

function problemOf(
  image: MetadataImage,
  { replicas, removing }: PartitionImage,
  target: readonly number[],
  anyFactor: boolean,
): Refusal | undefined {
  if (target.length === 0) return refusal("INVALID_REPLICA_ASSIGNMENT", "A partition needs at least one replica.");
  if (new Set(target).size !== target.length) {
    return refusal("INVALID_REPLICA_ASSIGNMENT", "A broker is named twice: name each once.");
  }
  const unknown = target.find((id) => !image.brokers.has(id));
  if (unknown !== undefined) return refusal("INVALID_REPLICA_ASSIGNMENT", `Broker ${unknown} is not registered.`);
  const factor = replicas.length - removing.length;
  if (anyFactor || target.length === factor) return undefined;
  const message = `The partition has ${factor} replicas, not ${target.length}, and this may not be changed.`;
  return refusal("INVALID_REPLICATION_FACTOR", message);
}

/** What is to go stays until what is to come is in sync. */
function wishFor({ replicas, adding, removing }: PartitionImage, target: readonly number[]): Wish {
  const leaving = replicas.filter((id) => !target.includes(id));
  const coming = target.filter((id) => !replicas.includes(id));
  // Under way from another move: what it adds is still to be taken back if this one is called off.
  const wish = { replicas: [...target, ...leaving], adding: [...adding, ...coming], removing: leaving };
  if (adding.length > 0 || removing.length > 0 || coming.length > 0 || leaving.length > 0) return wish;
  return { replicas: target }; // only in another order
}

/** Back to where it began, unless all that is known to be complete is on what was to come. */
function callOff(changes: Changes, topic: TopicImage, partition: PartitionImage): Refusal | undefined {
  const { adding, removing, isr, elr, leader } = partition;
  if (adding.length === 0 && removing.length === 0) {
    return refusal("NO_REASSIGNMENT_IN_PROGRESS", "The partition's replicas are not being reassigned.");
  }
  const stays = (id: number) => !adding.includes(id);
  const { unclean } = changes.policy(topic.name);
  const complete = [...isr, ...elr].filter(stays);
  const led = leader === NO_LEADER || isr.some(stays) ||
    elr.some((id) => stays(id) && changes.mayLead(topic, partition.partition, id));
  if (!unclean && (!led || (complete.length === 0 && isr.length + elr.length > 0))) {
    const message = "None of the replicas that it would go back to is in sync: this would need an unclean election.";
    return refusal("INVALID_REPLICA_ASSIGNMENT", message);
  }
  const back = { replicas: partition.replicas.filter(stays), isr: isr.filter(stays), adding: [], removing: [] };
  changes.wish(topic, partition.partition, { ...back, unclean });
}
