/**
 * Following the metadata log: committed records make a newer image, and whoever depends on it is told.
 *
 *     metadata ──▶ image ──▶ where nodes are ──▶ replicas, coordinators (only while acting) ──▶ connections ──▶ the controller: applied
 *
 * Invariant: a record is reported as applied only after its replicas were spawned or told and waiting connections have the
 * view, so a client that hears of a topic finds it. A replica is told before any connection is: no request that rests on a view
 * meets a replica that knows less.
 *
 * @module
 */
import type { Endpoint, MetadataFollower, MetadataImage, MetadataRecord } from "../controller/protocol.ts";
import { imageOf, replay } from "../controller/protocol.ts";
import { OFFSETS_TOPIC } from "../group/protocol.ts";
import { announce } from "./announcing.ts";
import { noteDepartures } from "./departures.ts";
import { answerHesitations } from "./suspects.ts";
import { answerIsrChanges } from "./isr_changes.ts";
import { keepCoordinators } from "./coordinators_here.ts";
import { keepTopic, keepTopics } from "./replicas_here.ts";
import type { Broker, BrokerOutbox } from "./state.ts";

/** A quorum actor that was restarted has forgotten its followers: being asked again costs it next to nothing. */
const FOLLOW_AGAIN_MS = 300;

/** Asks for what is committed from where this broker stands. */
export function follow(broker: Broker, out: BrokerOutbox): void {
  out.send(broker.args.quorum, "follow", { follower: out.self, fromOffset: broker.image.offset });
  out.timer("follow", FOLLOW_AGAIN_MS, "tick", "follow");
}

/** Takes committed records. */
export function metadata(
  broker: Broker,
  { baseOffset, records, snapshot = false }: Parameters<MetadataFollower["metadata"]>[0],
  out: BrokerOutbox,
): void {
  const { image } = broker;
  if (snapshot) {
    if (baseOffset > image.offset) takeOver(broker, imageOf(baseOffset, records), "all", out);
  } else if (baseOffset > image.offset) {
    follow(broker, out); // a gap
  } else {
    const news = records.slice(image.offset - baseOffset); // what it had already is passed over
    if (news.length > 0) takeOver(broker, replay(image, news), news, out);
  }
}

/** What changed between two images: some records, or anything. */
type Change = readonly MetadataRecord[] | "all";

function takeOver(broker: Broker, image: MetadataImage, change: Change, out: BrokerOutbox): void {
  const before = broker.image;
  broker.image = image;
  broker.version++;
  if (image.brokers !== before.brokers) {
    tellPeers(broker, out);
    noteDepartures(broker, before, out);
  }
  proceed(broker, change, out, before);
}

/** Acts on the image as far as that is allowed, and tells whoever waits for it. */
export function proceed(broker: Broker, change: Change, out: BrokerOutbox, before: MetadataImage = broker.image): void {
  if (broker.isActing) {
    const begins = broker.actedFor !== broker.epoch;
    broker.actedFor = broker.epoch;
    keepReplicas(broker, before, begins ? "all" : change, out);
    answerIsrChanges(broker, out);
    announce(broker, out);
    answerHesitations(broker, out);
    if (begins) out.timer("beat", 0, "beat", undefined); // it may be let in
    else reportApplied(broker, out);
  } else announce(broker, out);
}

function reportApplied({ controller, args: { brokerId }, epoch, image: { offset } }: Broker, out: BrokerOutbox): void {
  if (controller !== undefined) out.send(controller, "applied", { brokerId, brokerEpoch: epoch, offset });
}

function keepReplicas(broker: Broker, before: MetadataImage, change: Change, out: BrokerOutbox): void {
  const topics = change === "all" ? change : touchedTopics(broker.image, before, change);
  if (topics === "all") keepTopics(broker, out);
  else for (const [name, { isReconfigured }] of topics) keepTopic(broker, name, isReconfigured, out);
  if (topics === "all" || topics.has(OFFSETS_TOPIC)) keepCoordinators(broker, out);
}

/** Names of the topics that the records changed, and whether their configs may have changed too. */
function touchedTopics(
  image: MetadataImage,
  before: MetadataImage,
  records: readonly MetadataRecord[],
): ReadonlyMap<string, { readonly isReconfigured: boolean }> | "all" {
  const touched = new Map<string, { isReconfigured: boolean }>();
  const touch = (name: string, isReconfigured = touched.get(name)?.isReconfigured ?? false) =>
    touched.set(name, { isReconfigured });
  for (const record of records) {
    if (record.type === "Topic") touch(record.name);
    else if (record.type === "Config") {
      if (record.resourceType !== "topic") return "all";
      touch(record.resourceName, true);
    } else if ("topicId" in record) {
      const name = before.topicNames.get(record.topicId) ?? image.topicNames.get(record.topicId);
      if (name !== undefined) touch(name);
    }
  }
  return touched;
}

/** Where the other nodes are belongs to the transport: told when it has changed. */
function tellPeers(broker: Broker, out: BrokerOutbox): void {
  const peers = new Map<number, Endpoint>();
  for (const { id, nodeEndpoint } of broker.image.brokers.values()) {
    if (id !== broker.args.brokerId) peers.set(id, nodeEndpoint);
  }
  if (sameEndpoints(peers, broker.peers)) return;
  broker.peers = peers;
  out.call("peers", (done) => {
    broker.deps.peersChanged?.(peers);
    done({ ok: true, value: undefined });
  });
}

function sameEndpoints(a: ReadonlyMap<number, Endpoint>, b: ReadonlyMap<number, Endpoint>): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([id, { host, port }]) => b.get(id)?.host === host && b.get(id)?.port === port);
}
