/**
 * Clients of a simulated broker: they write, read, make and change topics, and write down what they were told.
 *
 * Every step is drawn from the seed and happens in virtual time, so a life of the broker can end between any two of them.
 *
 * @module
 */
import { CONTROLLER } from "../../actors/controller/protocol.ts";
import { BROKER } from "../../actors/broker/protocol.ts";
import { REPLICA } from "../../actors/partition/protocol.ts";
import type { Answer, Message, Ref, Reply, Verb } from "../../actors/actor.ts";
import type { Random } from "../../lib/prng.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";
import { batches, lastOffsetOf } from "../../protocol/batch.ts";
import { records } from "../../protocol/records.ts";
import { BROKER_REF, CONTROLLER_REF, replicaRef, type SimulatedBroker } from "../helpers/simulated_broker.ts";
import { Place, PlaceWriter, Topic } from "./simulated_places.ts";

const TOPICS = ["a", "b", "c"];
const text = new TextDecoder();

/** The clients. */
export class SimulatedLoad {
  readonly topics: readonly Topic[] = TOPICS.map((name) => new Topic(name));
  readonly producerIds: Set<bigint> = new Set();
  /** What was wrong, a sentence each. */
  readonly problems: string[] = [];
  /** Batches acknowledged. */
  acknowledged = 0;
  /** The newest broker epoch that anybody was told. */
  brokerEpoch = -1;
  readonly #broker: SimulatedBroker;
  readonly #random: Random;
  /** A number per life: answers and ticks of an earlier one do not count. */
  #life = 0;
  /** Errors are to be expected in this life. */
  #excused = false;
  #mayBeNew = true;

  constructor(broker: SimulatedBroker, random: Random) {
    this.#broker = broker;
    this.#random = random;
  }

  get places(): Place[] {
    return this.topics.flatMap(({ places }) => places);
  }

  /** Whether every idempotent writer has all its answers. */
  get isDone(): boolean {
    return this.places.every(({ writers }) => writers.every((writer) => writer.isDone));
  }

  /**
   * Begins to work on a broker that has just started.
   *
   * @param excused errors are to be expected: the disk fails, or actors are killed
   * @param mayBeNew with false, only what was begun is brought to an end
   */
  begin(excused: boolean, mayBeNew: boolean): void {
    this.#life++;
    this.#excused = excused;
    this.#mayBeNew = mayBeNew;
    for (const topic of this.topics) topic.busy = false;
    for (const { writers } of this.places) for (const writer of writers) writer.reset();
    this.#tick(this.#life);
  }

  /** Lets go: nothing is sent any more, no answer counts. */
  end(): void {
    this.#life++;
  }

  /** Errors from now on are the run's own doing. */
  excuse(): void {
    this.#excused = true;
  }

  #tick(life: number): void {
    if (life !== this.#life) return;
    for (let count = 1 + this.#random.below(3); count > 0; count--) this.#act();
    this.#broker.env.clock.after(this.#random.below(4), () => this.#tick(life));
  }

  #act(): void {
    const there = this.topics.filter(({ state }) => state === "there");
    const dice = this.#random.below(this.#mayBeNew ? 100 : 60);
    const topic = there.length === 0 ? undefined : this.#random.pick(there);
    const place = topic && this.#random.pick(topic.places);
    if (topic === undefined || place === undefined) return this.#mayBeNew ? this.#create() : undefined;
    if (dice < 60) this.#write(topic, place);
    else if (dice < 85) this.#read(place);
    else if (dice < 88) this.#deleteRecords(place);
    else if (dice < 91) this.#create();
    else if (dice < 93) this.#delete(topic);
    else if (dice < 97) this.#configure(topic);
    else if (dice < 98) this.#grow(topic);
    else this.#join(place);
  }

  /** Asks; what the answer leads to runs unless this life is over by then, and says what is wrong unless that is excused. */
  #ask<P, V extends Verb<P>>(
    ref: Ref<P>,
    verb: V,
    message: Message<P, V>,
    then: (answer: Answer<Reply<P, V>>) => string | undefined,
  ): void {
    const life = this.#life;
    this.#broker.ask(ref, verb, message, (answer) => {
      if (life !== this.#life) return;
      const problem = then(answer);
      if (problem !== undefined && !this.#excused) this.problems.push(problem);
    });
  }

  /** What nothing excuses. */
  #wrong(problem: string | undefined): void {
    if (problem !== undefined) this.problems.push(problem);
  }

  #write(topic: Topic, place: Place): void {
    if (place.writers.length === 0) {
      if (this.#mayBeNew) place.writers.push(new PlaceWriter(place, null));
      return;
    }
    const writer = this.#random.pick(place.writers);
    const isFirst = writer.inFlight === 0;
    const sent = writer.next(this.#random, this.#mayBeNew, this.#broker.env.clock.now());
    if (sent === undefined) return;
    const acks = this.#random.chance(1, 4) ? 1 : -1; // with one replica they promise the same
    const message = { records: sent.bytes, acks, zstdAllowed: true } as const;
    this.#ask(replicaRef(place.topic, place.partition), "append", message, (answer) => {
      const problem = writer.answered(sent.batch, answer, isFirst);
      if (sent.batch.offset !== undefined) this.acknowledged++;
      return topic.state === "there" ? problem : undefined;
    });
  }

  #read(place: Place): void {
    const start = place.ledger.startOffset;
    const offset = start + this.#random.below(place.highWatermark - start + 1);
    const isolation = this.#random.chance(1, 2) ? "read_committed" : "read_uncommitted";
    const maxBytes = 1 + this.#random.below(3000);
    const message = { offset, maxBytes, minOneBatch: true, currentLeaderEpoch: -1, lastFetchedEpoch: -1, isolation };
    const { topicId } = this.topics.find(({ name }) => name === place.topic)!;
    this.#ask(replicaRef(place.topic, place.partition), "fetch", { ...message, isolation }, (answer) => {
      if (this.topics.find(({ name }) => name === place.topic)!.topicId !== topicId) return undefined;
      if (!answer.ok) return `${place.name}: a fetch was not answered: ${answer.failure}`;
      const { error, highWatermark, leaderEpoch, records } = answer.value;
      if (error === "OFFSET_OUT_OF_RANGE" && offset < place.deleteAsked) return undefined;
      if (error !== "NONE") return `${place.name}: a fetch from ${offset} got ${error}`;
      this.#wrong(sawEnds(place, highWatermark, leaderEpoch));
      for (const problem of sawRecords(place, records, offset, highWatermark)) this.#wrong(problem);
      return undefined;
    });
  }

  #deleteRecords(place: Place): void {
    const start = place.ledger.startOffset;
    const beforeOffset = this.#random.chance(1, 8) ? -1 : start + this.#random.below(place.highWatermark - start + 1);
    place.deleteAsked = beforeOffset === -1 ? Number.MAX_SAFE_INTEGER : Math.max(place.deleteAsked, beforeOffset);
    this.#ask(replicaRef(place.topic, place.partition), "deleteRecords", { beforeOffset }, (answer) => {
      if (!answer.ok) return `${place.name}: DeleteRecords was not answered: ${answer.failure}`;
      const { error, lowWatermark } = answer.value;
      if (error !== "NONE") return `${place.name}: DeleteRecords below ${beforeOffset} got ${error}`;
      place.ledger.deletedBelow(lowWatermark);
      place.highWatermark = Math.max(place.highWatermark, lowWatermark);
      return undefined;
    });
  }

  #create(): void {
    const topic = this.topics.find(({ state, isBusyWriting }) => state === "gone" && !isBusyWriting);
    if (topic === undefined) return;
    const { name } = topic;
    const segmentBytes = String(700 + this.#random.below(4000));
    const configs = [
      { name: "segment.bytes", value: segmentBytes },
      { name: "index.interval.bytes", value: String(this.#random.below(1000)) },
    ];
    topic.state = "creating";
    topic.segmentBytes.known(segmentBytes);
    const partitions = 1 + this.#random.below(2);
    const topics = [{ name, partitions, replicationFactor: 1, assignments: [], configs }];
    this.#ask(CONTROLLER_REF, "createTopics", { topics, validateOnly: false, timeoutMs: 20_000 }, (answer) => {
      if (!answer.ok) return `${name} was not created: ${answer.failure}`;
      const { error, message, topicId } = answer.value[0]!;
      if (error !== "NONE") return `${name} was not created: ${error} ${message}`;
      topic.found(topicId, partitions);
      return undefined;
    });
  }

  #delete(topic: Topic): void {
    if (topic.busy) return;
    topic.state = "deleting";
    const topics = [{ name: topic.name, topicId: ZERO_UUID }];
    this.#ask(CONTROLLER_REF, "deleteTopics", { topics, timeoutMs: 20_000 }, (answer) => {
      const error = answer.ok ? answer.value[0]!.error : answer.failure;
      if (error !== "NONE") return `${topic.name} was not deleted: ${error}`;
      topic.gone();
      return undefined;
    });
  }

  #configure(topic: Topic): void {
    if (topic.busy) return;
    topic.busy = true;
    const value = String(700 + this.#random.below(4000));
    topic.segmentBytes.asked(value);
    const operations = [{ name: "segment.bytes", operation: "set" as const, value }];
    const change = { resourceType: "topic" as const, resourceName: topic.name, operations, replaceAll: false };
    this.#ask(CONTROLLER_REF, "alterConfigs", { changes: [change], validateOnly: false }, (answer) => {
      const error = answer.ok ? answer.value[0]!.error : answer.failure;
      if (error !== "NONE") return `the configs of ${topic.name} were not changed: ${error}`;
      topic.segmentBytes.known(value);
      topic.busy = false;
      return undefined;
    });
  }

  #grow(topic: Topic): void {
    if (topic.busy || topic.places.length > 2) return;
    topic.busy = true;
    const count = topic.places.length + 1;
    topic.partitions.asked(count);
    const topics = [{ name: topic.name, count, assignments: null }];
    this.#ask(CONTROLLER_REF, "createPartitions", { topics, validateOnly: false, timeoutMs: 20_000 }, (answer) => {
      const error = answer.ok ? answer.value[0]!.error : answer.failure;
      if (error !== "NONE") return `${topic.name} did not get ${count} partitions: ${error}`;
      topic.found(topic.topicId, count);
      topic.busy = false;
      return undefined;
    });
  }

  /** A new idempotent producer. */
  #join(place: Place): void {
    if (place.writers.length > 3) return;
    this.#ask(BROKER_REF, "nextProducerId", undefined, (answer) => {
      const error = answer.ok ? answer.value.error : answer.failure;
      if (!answer.ok || error !== "NONE") return `nobody got a producer id: ${error}`;
      const { producerId } = answer.value;
      if (this.producerIds.has(producerId)) this.#wrong(`producer id ${producerId} was given out twice`);
      this.producerIds.add(producerId);
      place.writers.push(new PlaceWriter(place, producerId));
      return undefined;
    });
  }

  /** Kills some actor, as anybody may through the public API. */
  killOne(): void {
    this.excuse();
    const { system } = this.#broker;
    const kinds = [REPLICA.kind, REPLICA.kind, BROKER.kind, CONTROLLER.kind];
    const kind = this.#random.pick(kinds);
    const found = system.actors().filter((actor) => actor.kind === kind && actor.state === "running");
    if (found.length > 0) system.kill(this.#random.pick(found).ref);
  }
}

/** What is wrong with ends that somebody was told, given those told before. */
export function sawEnds(place: Place, highWatermark: number, leaderEpoch: number): string | undefined {
  const { highWatermark: before, leaderEpoch: epochBefore } = place;
  place.highWatermark = Math.max(before, highWatermark);
  place.leaderEpoch = Math.max(epochBefore, leaderEpoch);
  if (leaderEpoch < epochBefore) return `${place.name}: leader epoch ${leaderEpoch} came after ${epochBefore}`;
  return highWatermark < before ? `${place.name}: high watermark ${highWatermark} came after ${before}` : undefined;
}

function* sawRecords(place: Place, bytes: Uint8Array, offset: number, highWatermark: number): Generator<string> {
  const { name, ledger } = place;
  let next: number | undefined;
  for (const { at } of batches(bytes)) {
    if (next === undefined && lastOffsetOf(bytes, at) < offset) yield `${name}: a fetch from ${offset} began too early`;
    for (const record of records(bytes, at)) {
      if (next !== undefined && record.offset !== next) yield `${name}: ${record.offset} came where ${next} must`;
      next = record.offset + 1;
      const changed = ledger.saw({ offset: record.offset, value: record.value && text.decode(record.value) });
      if (changed !== undefined) yield changed;
    }
  }
  if (next === undefined && offset < highWatermark) yield `${name}: a fetch from ${offset} brought nothing`;
  if (next !== undefined && next > highWatermark) yield `${name}: ${next - 1} was read, above ${highWatermark}`;
}
