/**
 * ISR changes on their way from the leaders on this broker to the controller (AlterPartition).
 *
 *     replica ──alterPartition──▶ waiting ──one batch at a time──▶ controller ──▶ decided ──image has it──▶ answered
 *                                    ▲              │ no answer, or no controller
 *                                    └──────────────┘
 *
 * What the controller has decided is told only when this broker's image has it: an answer that overtook the metadata would let a
 * leader count by the new ISR and an old min.insync.replicas, under which somebody else may be eligible.
 *
 * Invariant: everybody who asked is answered once: by the controller, or because the partition has a newer leader epoch, its
 * leader a newer wish, or this broker a newer epoch. Repeating is safe: the controller refuses what rests on an older
 * partition epoch.
 *
 * @module
 */
import { type Answer, LATER } from "../actor.ts";
import type { ControllerProtocol, IsrChange, IsrChangeResult, MetadataImage } from "../controller/protocol.ts";
import type { BrokerProtocol } from "./protocol.ts";
import type { Broker, BrokerOutbox, PendingIsrChange } from "./state.ts";

type IsrReply = ReturnType<BrokerProtocol["alterPartition"]>;
type BatchAnswer = Answer<ReturnType<ControllerProtocol["alterPartitions"]>>;

const PATIENCE_MS = 2_000;
const RETRY_MS = 100;
const NO_ANSWER: IsrReply = { error: "REQUEST_TIMED_OUT" };

/** A leader wants another ISR; a newer wish for a partition takes the place of one that waits. */
export function alterPartition(
  broker: Broker,
  change: IsrChange,
  out: BrokerOutbox<IsrReply>,
): IsrReply | typeof LATER {
  const key = keyOf(change);
  const older = broker.isrChanges.get(key);
  if (older !== undefined) out.reply(older.asker, NO_ANSWER);
  broker.isrChanges.set(key, { change, asker: out.asker() });
  sendIsrChanges(broker, out);
  return LATER;
}

/** Sends what waits as one batch, unless one is under way. */
export function sendIsrChanges(broker: Broker, out: BrokerOutbox): void {
  const { controller, isrChanges, epoch: brokerEpoch, args: { brokerId } } = broker;
  if (controller === undefined || brokerEpoch < 0 || broker.isrBatch.length > 0 || isrChanges.size === 0) return;
  const batch = [...isrChanges.values()];
  isrChanges.clear();
  broker.isrBatch = batch;
  const request = { brokerId, brokerEpoch, changes: batch.map(({ change }) => change) };
  out.ask(controller, "alterPartitions", request, (broker, answer, out) => {
    if (broker.isrBatch !== batch) return;
    broker.isrBatch = [];
    settle(broker, batch, answer, out);
    if (!hasFailed(answer)) sendIsrChanges(broker, out);
    else if (broker.isrChanges.size > 0) out.timer("alterPartitions", RETRY_MS, "tick", "alterPartitions");
  }, PATIENCE_MS);
}

/** There is another controller: what the one before was asked and has not answered is asked again. */
export function sendIsrChangesAnew(broker: Broker, out: BrokerOutbox): void {
  const batch = broker.isrBatch;
  broker.isrBatch = [];
  keepWaiting(broker, batch, out);
  sendIsrChanges(broker, out);
}

function hasFailed(answer: BatchAnswer): boolean {
  return !answer.ok || answer.value.error !== "NONE";
}

function settle(broker: Broker, batch: readonly PendingIsrChange[], answer: BatchAnswer, out: BrokerOutbox): void {
  if (answer.ok && answer.value.error === "STALE_BROKER_EPOCH") {
    for (const { asker } of batch) out.reply(asker, NO_ANSWER);
    return out.timer("beat", 0, "beat", undefined); // hears the same, and registers anew
  }
  if (!answer.ok || answer.value.error !== "NONE") return keepWaiting(broker, batch, out);
  const results = new Map(answer.value.results.map((result) => [keyOf(result), result]));
  for (const { change, asker } of batch) {
    const result = results.get(keyOf(change));
    if (result === undefined) out.reply(asker, NO_ANSWER);
    else decide(broker, result, asker, out);
  }
}

function decide(broker: Broker, result: IsrChangeResult, asker: PendingIsrChange["asker"], out: BrokerOutbox): void {
  if (result.error !== "NONE" || isKnown(broker.image, result)) return out.reply(asker, result);
  const key = keyOf(result);
  const older = broker.isrDecided.get(key);
  if (older !== undefined) out.reply(older.asker, NO_ANSWER);
  broker.isrDecided.set(key, { result, asker });
}

/** The image has come further: who waited for that, and who waits in vain, is answered. */
export function answerIsrChanges(broker: Broker, out: BrokerOutbox): void {
  for (const [key, { result, asker }] of broker.isrDecided) {
    if (!isKnown(broker.image, result)) continue;
    broker.isrDecided.delete(key);
    out.reply(asker, result);
  }
  dropMovedIsrChanges(broker, out);
}

/** Whether the image has a decision, or has come past it. */
function isKnown(image: MetadataImage, { topicId, partition, partitionEpoch }: IsrChangeResult): boolean {
  const known = image.topics.get(image.topicNames.get(topicId) ?? "")?.partitions[partition];
  return known === undefined || known.partitionEpoch >= partitionEpoch;
}

/** Nobody has decided: they wait on, but those whose leader has a newer wish. */
function keepWaiting(broker: Broker, batch: readonly PendingIsrChange[], out: BrokerOutbox): void {
  for (const pending of batch) {
    const key = keyOf(pending.change);
    if (broker.isrChanges.has(key)) out.reply(pending.asker, NO_ANSWER);
    else broker.isrChanges.set(key, pending);
  }
  dropMovedIsrChanges(broker, out);
}

/** Answers those who wait although their partition has a newer leader epoch by now, or is gone. */
function dropMovedIsrChanges(broker: Broker, out: BrokerOutbox): void {
  for (const [key, { change, asker }] of broker.isrChanges) {
    const moved = refusalOf(broker.image, change);
    if (moved === undefined) continue;
    broker.isrChanges.delete(key);
    out.reply(asker, moved);
  }
}

/** This broker has another epoch: what its leaders wanted before rests on the old one. */
export function abandonIsrChanges(broker: Broker, out: BrokerOutbox): void {
  const waiting = [...broker.isrBatch, ...broker.isrChanges.values(), ...broker.isrDecided.values()];
  for (const { asker } of waiting) out.reply(asker, NO_ANSWER);
  broker.isrBatch = [];
  broker.isrDecided.clear();
  broker.isrChanges.clear();
}

function refusalOf(image: MetadataImage, { topicId, partition, ...change }: IsrChange): IsrChangeResult | undefined {
  const known = image.topics.get(image.topicNames.get(topicId) ?? "")?.partitions[partition];
  if (known === undefined) {
    const { leaderEpoch, partitionEpoch } = change;
    return { topicId, partition, error: "UNKNOWN_TOPIC_ID", leader: -1, leaderEpoch, partitionEpoch, isr: [] };
  }
  const { leader, leaderEpoch, partitionEpoch, isr } = known;
  if (leaderEpoch <= change.leaderEpoch) return undefined;
  return { topicId, partition, error: "FENCED_LEADER_EPOCH", leader, leaderEpoch, partitionEpoch, isr };
}

function keyOf({ topicId, partition }: { readonly topicId: string; readonly partition: number }): string {
  return `${topicId}/${partition}`;
}
