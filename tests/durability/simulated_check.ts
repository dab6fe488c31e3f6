/**
 * Looks at everything a simulated broker has after a start, and compares it with what its clients were told.
 *
 * @module
 */
import type { MetadataImage } from "../../actors/controller/protocol.ts";
import {
  EARLIEST_TIMESTAMP,
  LATEST_TIMESTAMP,
  type ProducerDescription,
  type ReplicaDescription,
} from "../../actors/partition/protocol.ts";
import { batches, crcMatches, readBatchHeader } from "../../protocol/batch.ts";
import { records as recordsOf } from "../../protocol/records.ts";
import { BROKER_REF, replicaRef, type SimulatedBroker } from "../helpers/simulated_broker.ts";
import { sawEnds, type SimulatedLoad } from "./simulated_load.ts";
import type { Place, Topic } from "./simulated_places.ts";

const text = new TextDecoder();

/** What one partition was found to hold. */
interface Found {
  readonly description: ReplicaDescription;
  readonly records: { readonly offset: number; readonly value: string | null }[];
  /** The last epoch and sequence of each producer. */
  readonly producers: Map<bigint, { readonly epoch: number; readonly lastSequence: number }>;
  readonly problems: string[];
}

/**
 * What is wrong, a sentence each. What nobody was sure of is known from now on.
 *
 * @param isFresh the broker has just started, so that it and every leader must have a new epoch
 */
export function checkAll(broker: SimulatedBroker, load: SimulatedLoad, isFresh: boolean): string[] {
  const looked = broker.demand(BROKER_REF, "look", undefined);
  if (!looked.ok) return [`the broker does not say what it knows: ${looked.failure}`];
  const { image } = looked.value;
  const problems = load.topics.flatMap((topic) => checkTopic(topic, image));
  const brokerEpoch = image.brokers.get(looked.value.brokerId)?.epoch ?? -1;
  if (brokerEpoch < load.brokerEpoch || (isFresh && brokerEpoch === load.brokerEpoch)) {
    problems.push(`the broker has epoch ${brokerEpoch}, and had ${load.brokerEpoch} before`);
  }
  load.brokerEpoch = brokerEpoch;
  for (const place of load.places) problems.push(...checkPlace(broker, place, isFresh));
  return problems;
}

function checkTopic(topic: Topic, { topics, configs }: MetadataImage): string[] {
  const { name, state, topicId } = topic;
  const found = topics.get(name);
  if (found === undefined) {
    topic.gone();
    return state === "there" ? [`LOST: the topic ${name}`] : [];
  }
  if (state === "gone") return [`the topic ${name} was deleted and is there`];
  if (topicId !== "" && found.topicId !== topicId) return [`${name} has the id ${found.topicId}, not ${topicId}`];
  const problems: string[] = [];
  const partitions = found.partitions.length;
  if (state !== "creating" && !topic.partitions.allows(partitions)) {
    problems.push(`${name} has ${partitions} partitions, not ${topic.partitions}`);
  }
  const segmentBytes = configs.get(`topic/${name}`)?.get("segment.bytes") ?? "";
  if (!topic.segmentBytes.allows(segmentBytes)) {
    problems.push(`${name} has segment.bytes=${segmentBytes}, not ${topic.segmentBytes}`);
  }
  topic.found(found.topicId, partitions);
  topic.segmentBytes.known(segmentBytes);
  return problems;
}

function checkPlace(broker: SimulatedBroker, place: Place, isFresh: boolean): string[] {
  const { name, ledger, leaderEpoch } = place;
  const found = readPlace(broker, place);
  if (typeof found === "string") return [`${name}: ${found}`];
  const { description, records, problems } = found;
  const { startOffset, endOffset, flushedOffset, highWatermark } = description;
  if (!(startOffset <= highWatermark && highWatermark <= flushedOffset && flushedOffset <= endOffset)) {
    problems.push(`start ${startOffset}, high watermark ${highWatermark}, flushed ${flushedOffset}, end ${endOffset}`);
  }
  if (highWatermark !== endOffset) problems.push(`the end is ${endOffset} and only ${highWatermark} is readable`);
  if (isFresh && description.leaderEpoch <= leaderEpoch) {
    problems.push(`it leads epoch ${description.leaderEpoch} after a start, and led ${leaderEpoch} before it`);
  }
  const wrongEnd = sawEnds(place, highWatermark, description.leaderEpoch);
  if (wrongEnd !== undefined) problems.push(wrongEnd);
  problems.push(...checkOffsets(broker, place, description), ...checkProducers(broker, place, found));
  const wrong = ledger.check(records, startOffset, place.deleteAsked);
  ledger.deletedBelow(startOffset);
  place.deleteAsked = startOffset;
  return [...wrong, ...problems.map((problem) => `${name}: ${problem}`)];
}

/** Everything from the start to the high watermark, or why it cannot be had. */
function readPlace(broker: SimulatedBroker, place: Place): Found | string {
  const ref = replicaRef(place.topic, place.partition);
  const described = broker.demand(ref, "describe", undefined);
  if (!described.ok) {
    const { state, lastError } = broker.system.actors().find((actor) => actor.ref === ref) ?? { state: "unknown" };
    return `its replica does not answer (${described.failure}): it is ${state}, ${lastError}`;
  }
  const description = described.value;
  if (description.error !== "NONE") return `it is not served: ${description.error}, ${description.offline}`;
  const found: Found = { description, records: [], producers: new Map(), problems: [] };
  let epoch = -1;
  for (let offset = description.startOffset; offset < description.highWatermark;) {
    const request = { offset, maxBytes: 1 << 20, minOneBatch: true, currentLeaderEpoch: -1, lastFetchedEpoch: -1 };
    const fetched = broker.demand(ref, "fetch", { ...request, isolation: "read_uncommitted" });
    if (!fetched.ok) return `a fetch from ${offset} was not answered: ${fetched.failure}`;
    const { error, records: bytes } = fetched.value;
    if (error !== "NONE" || bytes.length === 0) return `a fetch from ${offset} got ${error}, ${bytes.length} bytes`;
    for (const { at } of batches(bytes)) {
      const header = readBatchHeader(bytes, at);
      if (!crcMatches(bytes, at)) found.problems.push(`the batch at ${header.baseOffset} does not match its CRC`);
      if (header.partitionLeaderEpoch < epoch) found.problems.push(`epochs fall at ${header.baseOffset}`);
      epoch = header.partitionLeaderEpoch;
      const lastSequence = header.baseSequence + header.lastOffsetDelta;
      if (header.producerId >= 0n) {
        found.producers.set(header.producerId, { epoch: header.producerEpoch, lastSequence });
      }
      for (const record of recordsOf(bytes, at)) {
        if (record.offset < offset) continue;
        found.records.push({ offset: record.offset, value: record.value && text.decode(record.value) });
      }
      offset = header.baseOffset + header.lastOffsetDelta + 1;
    }
  }
  if (epoch > description.leaderEpoch) found.problems.push(`it has records of epoch ${epoch}`);
  return found;
}

function checkOffsets(broker: SimulatedBroker, place: Place, description: ReplicaDescription): string[] {
  const ref = replicaRef(place.topic, place.partition);
  const offsets = [EARLIEST_TIMESTAMP, LATEST_TIMESTAMP].map((timestamp) => {
    const request = { timestamp, currentLeaderEpoch: -1, isolation: "read_uncommitted" } as const;
    const answer = broker.demand(ref, "listOffsets", request);
    return answer.ok ? answer.value.offset : answer.failure;
  });
  const { startOffset, highWatermark } = description;
  if (offsets[0] === startOffset && offsets[1] === highWatermark) return [];
  return [`ListOffsets says ${offsets.join(" to ")} where ${startOffset} to ${highWatermark} is`];
}

/** What the replica knows of its producers must be what the log says: rebuilt state is live state. */
function checkProducers(broker: SimulatedBroker, place: Place, { producers, description }: Found): string[] {
  const answer = broker.demand(replicaRef(place.topic, place.partition), "describeProducers", undefined);
  if (!answer.ok) return [`it does not say who its producers are: ${answer.failure}`];
  const known = new Map<bigint, ProducerDescription>();
  for (const producer of answer.value.producers) known.set(producer.producerId, producer);
  const problems: string[] = [];
  for (const [producerId, { epoch, lastSequence }] of producers) {
    const found = known.get(producerId);
    known.delete(producerId);
    if (found?.producerEpoch === epoch && found.lastSequence === lastSequence) continue;
    const told = found === undefined ? "nothing" : `${found.producerEpoch}/${found.lastSequence}`;
    problems.push(`of producer ${producerId} it knows ${told} where the log has ${epoch}/${lastSequence}`);
  }
  // What was deleted may have had others.
  if (description.startOffset === 0) {
    for (const producerId of known.keys()) problems.push(`it knows producer ${producerId}, who is not in its log`);
  }
  return problems;
}
