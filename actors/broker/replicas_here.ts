/**
 * The replicas that the controller gave to this broker: one child for each.
 *
 *     wanted ──spawn──▶ here ──remove──▶ leaving ──stopped──▶ gone (or spawned anew, if it is wanted again)
 *                        │ given up by its supervisor
 *                        ▼
 *                     resting ──after a back-off──▶ spawned anew
 *
 * What a replica was spawned with is kept for as long as its log is, and outlives the broker actor: a replica that is spawned
 * anew with the same arguments remembers what it had promised as a leader, and goes on.
 *
 * Invariant: there is one replica of a partition at a time. One of a topic that was deleted, or that has been made again under
 * another id, deletes its log before its successor is spawned.
 *
 * @module
 */
import type { Ref } from "../actor.ts";
import type { PartitionImage, TopicImage } from "../controller/protocol.ts";
import type { ReplicaArgs, ReplicaConfig, ReplicaProtocol, ReplicaRole } from "../partition/protocol.ts";
import { REPLICA } from "../partition/protocol.ts";
import { beatSoon } from "./offline.ts";
import { resolveReplicaConfig } from "./replica_config.ts";
import type { Broker, BrokerOutbox } from "./state.ts";

const RESPAWN_MS = 500;
const RESPAWN_MAX_MS = 30_000;
/** A replica that has lived so long has recovered: if it fails again, counting begins anew. */
const RECOVERED_MS = 60_000;

/** One replica on this broker. */
export interface LocalReplica {
  readonly name: string;
  readonly args: ReplicaArgs;
  readonly ref: Ref<ReplicaProtocol>;
  readonly spawnedMs: number;
  /** How often in a row it was given up. */
  failures: number;
  role: ReplicaRole;
  config: ReplicaConfig;
  phase: "here" | "leaving" | "resting";
  /** It has said that it serves nothing. */
  offline: boolean;
}

/** Brings all replicas to where the image has them. */
export function keepTopics(broker: Broker, out: BrokerOutbox): void {
  for (const args of [...broker.remembered.values()]) removeForgotten(broker, args, out);
  for (const name of new Set([...broker.replicas.keys(), ...broker.image.topics.keys()])) {
    keepTopic(broker, name, true, out);
  }
}

/** Brings the replicas of one topic to where the image has them; their configuration too, if that may be another one. */
export function keepTopic(broker: Broker, name: string, isReconfigured: boolean, out: BrokerOutbox): void {
  const topic = broker.image.topics.get(name);
  for (const [index, replica] of broker.replicas.get(name) ?? []) {
    if (!isWanted(broker, topic, index) || replica.args.topicId !== topic?.topicId) remove(replica, out);
  }
  const config = isReconfigured && topic !== undefined ? configOf(broker, name) : undefined;
  for (const partition of topic?.partitions ?? []) {
    if (isWanted(broker, topic, partition.partition)) keep(broker, topic!, partition, config, out);
  }
}

/** A replica has stopped for good: it has left, or its supervisor has given it up. */
export function replicaEnded(broker: Broker, name: string, out: BrokerOutbox): void {
  const { topic, partition } = partitionOf(name);
  const replica = broker.replicas.get(topic)?.get(partition);
  if (replica === undefined) return;
  if (replica.phase === "leaving") {
    forget(broker, topic, partition);
    if (broker.isActing) keepTopic(broker, topic, false, out);
    return;
  }
  if (out.monotonic() - replica.spawnedMs >= RECOVERED_MS) replica.failures = 0;
  replica.phase = "resting";
  beatSoon(broker, out);
  const restMs = Math.min(RESPAWN_MAX_MS, RESPAWN_MS * 2 ** replica.failures++);
  out.timer(`replica/${name}`, restMs, "spawnAgain", name);
}

/** A replica that was given up has rested. */
export function spawnAgain(broker: Broker, name: string, out: BrokerOutbox): void {
  const { topic: topicName, partition: index } = partitionOf(name);
  const replica = broker.replicas.get(topicName)?.get(index);
  if (replica?.phase !== "resting") return;
  const topic = broker.image.topics.get(topicName);
  const partition = topic?.partitions[index];
  if (topic === undefined || partition === undefined || !broker.isActing) { // an image that counts will say what becomes of it
    return out.timer(`replica/${name}`, RESPAWN_MS, "spawnAgain", name);
  }
  spawn(broker, topic, partition, replica.failures, out);
}

function isWanted({ args: { brokerId } }: Broker, topic: TopicImage | undefined, index: number): boolean {
  return topic?.partitions[index]?.replicas.includes(brokerId) === true;
}

/** `config`: undefined if it is the one that the replica has. */
function keep(
  broker: Broker,
  topic: TopicImage,
  partition: PartitionImage,
  config: ReplicaConfig | undefined,
  out: BrokerOutbox,
): void {
  const replica = broker.replicas.get(topic.name)?.get(partition.partition);
  if (replica === undefined) return spawn(broker, topic, partition, 0, out);
  if (replica.phase !== "here") return; // spawned with what is right then
  const { ref, role: had } = replica;
  const role = roleOf(broker, partition);
  const hasRole = role.partitionEpoch === had.partitionEpoch && role.brokerEpoch === had.brokerEpoch;
  const hasConfig = config === undefined || JSON.stringify(config) === JSON.stringify(replica.config);
  if (!hasRole) replica.role = role;
  if (!hasConfig) replica.config = config;
  if (!hasRole && !hasConfig) out.send(ref, "become", { role, config });
  else if (!hasRole) out.send(ref, "assume", role);
  else if (!hasConfig) out.send(ref, "configure", config);
}

function spawn(
  broker: Broker,
  { name: topic, topicId }: TopicImage,
  image: PartitionImage,
  failures: number,
  out: BrokerOutbox,
): void {
  const { partition } = image;
  const role = roleOf(broker, image);
  const config = configOf(broker, topic);
  const remembered = broker.remembered.get(`${topic}-${partition}`);
  if (remembered === undefined) {
    put(broker, { topic, topicId, partition, config, role }, failures, out);
    return;
  }
  const replica = put(broker, remembered, failures, out);
  replica.role = role;
  replica.config = config;
  out.send(replica.ref, "become", { role, config }); // before anybody else can say anything to it
}

function put(broker: Broker, args: ReplicaArgs, failures: number, out: BrokerOutbox): LocalReplica {
  const { topic, partition, role, config } = args;
  const name = `${topic}-${partition}`;
  const ref = out.spawn(REPLICA, name, args);
  out.watch(ref);
  broker.remembered.set(name, args);
  let replicas = broker.replicas.get(topic);
  if (replicas === undefined) broker.replicas.set(topic, replicas = new Map());
  const spawnedMs = out.monotonic();
  const replica: LocalReplica = { name, args, ref, spawnedMs, failures, role, config, phase: "here", offline: false };
  replicas.set(partition, replica);
  return replica;
}

/** A replica of this actor's last life whose partition has gone meanwhile, or is another one: its log is still there. */
function removeForgotten(broker: Broker, args: ReplicaArgs, out: BrokerOutbox): void {
  const { topic: name, topicId, partition } = args;
  if (broker.replicas.get(name)?.has(partition)) return;
  const topic = broker.image.topics.get(name);
  if (topic?.topicId !== topicId || !isWanted(broker, topic, partition)) remove(put(broker, args, 0, out), out);
}

function remove(replica: LocalReplica, out: BrokerOutbox): void {
  const { name, args, phase } = replica;
  if (phase === "leaving") return;
  replica.phase = "leaving";
  if (phase === "resting") out.watch(out.spawn(REPLICA, name, args)); // its log is still there
  out.send(replica.ref, "remove", undefined);
}

function forget(broker: Broker, topic: string, partition: number): void {
  const replicas = broker.replicas.get(topic);
  broker.remembered.delete(`${topic}-${partition}`);
  replicas?.delete(partition);
  if (replicas?.size === 0) broker.replicas.delete(topic);
}

function configOf({ image, args: { brokerId, properties } }: Broker, topic: string): ReplicaConfig {
  return resolveReplicaConfig(image, brokerId, properties, topic);
}

function roleOf({ epoch: brokerEpoch }: Broker, partition: PartitionImage): ReplicaRole {
  const { leader, leaderEpoch, partitionEpoch, replicas, isr } = partition;
  return { leader, leaderEpoch, partitionEpoch, replicas, isr, brokerEpoch };
}

/** Topics may have dashes in their names; the last one is before the partition. */
function partitionOf(name: string): { readonly topic: string; readonly partition: number } {
  const at = name.lastIndexOf("-");
  return { topic: name.slice(0, at), partition: Number(name.slice(at + 1)) };
}
