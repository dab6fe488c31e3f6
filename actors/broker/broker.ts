/**
 * A broker: follows the metadata log, keeps the replicas that the controller gave it, and tells connections what it knows.
 *
 *     start ──register──▶ registered ──metadata caught up──▶ ready
 *       ▲                     │
 *       └──── no answer, try again after a back-off
 *
 * Invariant: a record is reported as applied only after its replicas were spawned or told and waiting connections have the
 * view, so a client that hears of a topic finds it.
 *
 * @module
 */
import type { Actor, Asker, Outbox, Ref } from "../actor.ts";
import { LATER } from "../actor.ts";
import { parseRef } from "../address.ts";
import type { MetadataImage, MetadataRecord, PartitionImage, TopicImage } from "../controller/protocol.ts";
import { emptyImage, imageOf, replay } from "../controller/protocol.ts";
import type { ReplicaConfig, ReplicaProtocol, ReplicaRole } from "../partition/protocol.ts";
import { REPLICA } from "../partition/protocol.ts";
import { resolveReplicaConfig } from "./replica_config.ts";
import type { BrokerArgs, BrokerProtocol, BrokerView, ConnectionProtocol } from "./protocol.ts";
import { BROKER } from "./protocol.ts";

type Out<R = unknown> = Outbox<BrokerProtocol, Broker, R>;
type ProducerIdReply = ReturnType<BrokerProtocol["nextProducerId"]>;

const REGISTER_RETRY_MS = 200;

interface LocalReplica {
  readonly ref: Ref<ReplicaProtocol>;
  readonly topicId: string;
  config: ReplicaConfig;
  role: ReplicaRole;
  /** Told to delete its log; its name and folder are free again when it has stopped. */
  leaving: boolean;
}

/** The state of a broker. */
export class Broker {
  image: MetadataImage;
  epoch = -1;
  registeredAt = -1;
  readonly replicas: Map<string, LocalReplica> = new Map();
  readonly subscribers: Map<string, Asker<BrokerView>> = new Map();
  readonly readyAskers: Asker<boolean>[] = [];
  readonly producerIdAskers: Asker<ProducerIdReply>[] = [];
  producerIds: { next: bigint; end: bigint } = { next: 0n, end: 0n };
  allocating = false;

  constructor(readonly args: BrokerArgs) {
    this.image = emptyImage(args.clusterId);
  }

  view(): BrokerView {
    const { brokerId, logDir, properties, controller } = this.args;
    return { brokerId, logDir, properties, controller, image: this.image };
  }

  get isReady(): boolean {
    return this.image.brokers.get(this.args.brokerId)?.epoch === this.epoch;
  }
}

/** The broker actor; its name is "broker". */
export const broker: Actor<BrokerProtocol, Broker, BrokerArgs> = {
  kind: BROKER.kind,
  supervision: { then: "escalate" },

  start(args, out) {
    out.timer("register", 0, "register", undefined);
    return new Broker(args);
  },

  on: {
    register(broker, _, out) {
      const { brokerId, incarnationId, advertised, rack, controller } = broker.args;
      const registration = { brokerId, incarnationId, endpoint: advertised, rack, follower: out.self };
      out.ask(controller, "register", registration, (state, answer, out) => {
        if (!answer.ok || answer.value.error !== "NONE") {
          out.timer("register", REGISTER_RETRY_MS, "register", undefined);
          return;
        }
        state.epoch = answer.value.brokerEpoch;
        out.send(controller, "follow", { follower: out.self, fromOffset: state.image.offset });
        announce(state, out);
      });
    },

    metadata(broker, { baseOffset, records, snapshot = false }, out) {
      const { image } = broker;
      if (snapshot) {
        if (baseOffset > image.offset) replace(broker, imageOf(image.clusterId, baseOffset, records), out);
      } else if (baseOffset > image.offset) { // a gap: ask again from where this broker stands
        out.send(broker.args.controller, "follow", { follower: out.self, fromOffset: image.offset });
        return;
      } else {
        apply(broker, records.slice(image.offset - baseOffset), out); // what it had already is passed over
      }
      announce(broker, out);
      out.send(broker.args.controller, "applied", { brokerId: broker.args.brokerId, offset: broker.image.offset });
    },

    subscribe(broker, { ref, newerThan }, out) {
      if (broker.image.offset > newerThan && broker.isReady) return broker.view();
      if (!broker.subscribers.has(ref)) out.watch(ref);
      broker.subscribers.set(ref, out.asker());
      return LATER;
    },

    nextProducerId(broker, _, out) {
      const id = takeProducerId(broker);
      if (id !== undefined) return { error: "NONE", producerId: id };
      broker.producerIdAskers.push(out.asker());
      if (!broker.allocating) allocate(broker, out);
      return LATER;
    },

    look: (broker) => broker.view(),

    ready(broker, _, out) {
      if (broker.isReady) return true;
      broker.readyAskers.push(out.asker());
      return LATER;
    },
  },

  terminated(broker, ref, out) {
    const { kind, name } = parseRef(ref);
    if (kind !== REPLICA.kind) return void broker.subscribers.delete(ref);
    const replica = broker.replicas.get(name);
    broker.replicas.delete(name);
    if (replica?.leaving) respawn(broker, name, out);
  },
};

/** Answers everyone who waits for news. */
function announce(broker: Broker, out: Out): void {
  if (!broker.isReady) return;
  for (const asker of broker.readyAskers.splice(0)) out.reply(asker, true);
  const view = broker.view();
  for (const asker of broker.subscribers.values()) out.reply(asker, view);
  broker.subscribers.clear();
}

function apply(broker: Broker, records: readonly MetadataRecord[], out: Out): void {
  const before = broker.image;
  broker.image = replay(before, records);
  const { touched, reconfigured } = touchedTopics(broker.image, before, records);
  follow(broker, before, touched, out);
  const configured = reconfigured === "all" ? broker.image.topics.keys() : reconfigured;
  for (const name of configured) reconfigure(broker, name, out);
}

/** Takes over an image that came as a whole. */
function replace(broker: Broker, image: MetadataImage, out: Out): void {
  const before = broker.image;
  broker.image = image;
  follow(broker, before, new Set([...before.topics.keys(), ...image.topics.keys()]), out);
  for (const name of image.topics.keys()) reconfigure(broker, name, out);
}

/** Brings the replicas of some topics to where the image has them. */
function follow(broker: Broker, before: MetadataImage, topics: Iterable<string>, out: Out): void {
  for (const name of topics) {
    const old = before.topics.get(name);
    const now = broker.image.topics.get(name);
    if (old !== undefined && old.topicId !== now?.topicId) removeReplicas(broker, old, out);
    if (now !== undefined) keepReplicas(broker, now, out);
  }
}

/** Names of the topics that the records changed, and of those whose configs may have. */
function touchedTopics(
  image: MetadataImage,
  before: MetadataImage,
  records: readonly MetadataRecord[],
): { touched: Set<string>; reconfigured: Set<string> | "all" } {
  const touched = new Set<string>();
  const named = new Set<string>();
  let all = false;
  for (const record of records) {
    if (record.type === "Topic") touched.add(record.name);
    else if (record.type === "Config") {
      if (record.resourceType === "topic") named.add(record.resourceName);
      else all = true;
    } else if ("topicId" in record) {
      const name = before.topicNames.get(record.topicId) ?? image.topicNames.get(record.topicId);
      if (name !== undefined) touched.add(name);
    }
  }
  return { touched, reconfigured: all ? "all" : named };
}

function keepReplicas(broker: Broker, topic: TopicImage, out: Out): void {
  for (const partition of topic.partitions) {
    const name = `${topic.name}-${partition.partition}`;
    const mine = partition.replicas.includes(broker.args.brokerId);
    const replica = broker.replicas.get(name);
    if (!mine) {
      if (replica !== undefined) removeReplica(replica, out);
    } else if (replica === undefined) spawnReplica(broker, topic, partition, name, out);
    else if (replica.leaving) continue; // spawned again when the old one has gone
    else if (replica.role.partitionEpoch !== partition.partitionEpoch) {
      replica.role = roleOf(partition);
      out.send(replica.ref, "assume", replica.role);
    }
  }
}

function spawnReplica(broker: Broker, topic: TopicImage, partition: PartitionImage, name: string, out: Out): void {
  const config = configOf(broker, topic.name);
  const role = roleOf(partition);
  const args = { topic: topic.name, topicId: topic.topicId, partition: partition.partition, config, role };
  const ref = out.spawn(REPLICA, name, args);
  broker.replicas.set(name, { ref, topicId: topic.topicId, config, role, leaving: false });
  out.watch(ref);
}

/** A topic was deleted and made again while its old replica was still going: now the name is free. */
function respawn(broker: Broker, name: string, out: Out): void {
  const at = name.lastIndexOf("-");
  const topic = broker.image.topics.get(name.slice(0, at));
  const partition = topic?.partitions[Number(name.slice(at + 1))];
  if (topic === undefined || partition === undefined || !partition.replicas.includes(broker.args.brokerId)) return;
  spawnReplica(broker, topic, partition, name, out);
}

function removeReplicas(broker: Broker, topic: TopicImage, out: Out): void {
  for (const { partition } of topic.partitions) {
    const name = `${topic.name}-${partition}`;
    const replica = broker.replicas.get(name);
    if (replica !== undefined) removeReplica(replica, out);
  }
}

function removeReplica(replica: LocalReplica, out: Out): void {
  if (replica.leaving) return;
  replica.leaving = true;
  out.send(replica.ref, "remove", undefined);
}

function reconfigure(broker: Broker, name: string, out: Out): void {
  const topic = broker.image.topics.get(name);
  if (topic === undefined) return;
  const config = configOf(broker, name);
  for (const { partition } of topic.partitions) {
    const replica = broker.replicas.get(`${name}-${partition}`);
    if (replica === undefined || replica.leaving) continue;
    replica.config = config;
    out.send(replica.ref, "configure", config);
  }
}

function configOf(broker: Broker, topic: string): ReplicaConfig {
  return resolveReplicaConfig(broker.image, broker.args.brokerId, broker.args.properties, topic);
}

function roleOf(partition: PartitionImage): ReplicaRole {
  const { leader, leaderEpoch, partitionEpoch, replicas, isr } = partition;
  return { leader, leaderEpoch, partitionEpoch, replicas, isr };
}

function takeProducerId(broker: Broker): bigint | undefined {
  const ids = broker.producerIds;
  return ids.next < ids.end ? ids.next++ : undefined;
}

function allocate(broker: Broker, out: Out): void {
  broker.allocating = true;
  const { controller, brokerId } = broker.args;
  out.ask(controller, "allocateProducerIds", { brokerId }, (state, answer, out) => {
    state.allocating = false;
    if (answer.ok && answer.value.error === "NONE") {
      state.producerIds = { next: answer.value.first, end: answer.value.first + BigInt(answer.value.count) };
    }
    const waiting = state.producerIdAskers.splice(0);
    for (const asker of waiting) {
      const id = takeProducerId(state);
      if (id !== undefined) out.reply(asker, { error: "NONE", producerId: id });
      else if (answer.ok && answer.value.error === "NONE") state.producerIdAskers.push(asker);
      else out.reply(asker, { error: "COORDINATOR_NOT_AVAILABLE", producerId: -1n });
    }
    if (state.producerIdAskers.length > 0) allocate(state, out);
  }, 5_000);
}

/** Type carrier for connections that subscribe. */
export type Subscriber = Ref<ConnectionProtocol>;
