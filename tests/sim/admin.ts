/**
 * An administrator: makes topics and deletes them, moves partitions, elects leaders, changes configs, all through Kafka's API.
 *
 * What it was told for sure is checked at the end. An answer that never came leaves the matter open for good, since the request may be
 * carried out at any later time; requests that overlap leave it open until another one stands alone, since any of them may have been last.
 *
 * @module
 */
import type { Random } from "../../lib/prng.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import { incrementalAlterConfigs } from "../../protocol/tables/configs.ts";
import { alterPartitionReassignments, createTopics, deleteTopics, electLeaders } from "../../protocol/tables/topics.ts";
import type { MetadataImage } from "../../actors/controller/protocol.ts";
import { deleteRecords } from "../../protocol/tables/produce_fetch.ts";
import { KafkaClient } from "./client.ts";
import { keysOf, type Scene, type TopicPlan } from "./scene.ts";

/** What an administrator may do. */
export type AdminTask = "topics" | "reassign" | "elect" | "configs" | "trim";

/** How an administrator behaves. */
export interface AdminPlan {
  readonly topics: readonly TopicPlan[];
  readonly tasks: readonly AdminTask[];
  readonly nodes: number;
  readonly everyMs: number;
}

const TIMEOUT_MS = 3_000;
const PATIENCE_MS = 4_000;
const RETRY_MS = 100;
const PASSING_TOPICS = 3;
const SET = 0;
const TOPIC_RESOURCE = 2;

/** Something that was set, as far as anybody can know it. */
class Known<T> {
  value: T;
  /** Requests that have no answer, and perhaps never will. */
  #waiting = 0;
  /** All that there were. */
  #asked = 0;
  /** Some of those that were answered overlapped: nobody knows which was the last. */
  #isMixed = false;

  constructor(value: T) {
    this.value = value;
  }

  get isOpen(): boolean {
    return this.#waiting > 0 || this.#isMixed;
  }

  /** A request goes out. What is returned is to be called when its answer is sure, with the new value if it has one. */
  ask(): (set?: { readonly value: T }) => void {
    let isAlone = this.#waiting === 0;
    this.#waiting++;
    this.#asked++;
    const at = this.#asked;
    return (set) => {
      this.#waiting--;
      isAlone &&= this.#asked === at;
      if (set === undefined) return;
      this.value = set.value;
      this.#isMixed = !isAlone;
    };
  }
}

/** An administrator. */
export class Admin {
  readonly #scene: Scene;
  readonly #plan: AdminPlan;
  readonly #random: Random;
  readonly #client: KafkaClient;
  /** Whether topics that come and go are there. */
  readonly #passing = new Map<string, Known<boolean>>();
  /** min.insync.replicas by topic. */
  readonly #minIsr = new Map<string, Known<string>>();
  readonly #made = new Set<string>();

  constructor(scene: Scene, plan: AdminPlan, random: Random) {
    this.#scene = scene;
    this.#plan = plan;
    this.#random = random;
    this.#client = new KafkaClient(scene.world, "admin", random.split("client"));
    for (const { name, minIsr } of plan.topics) this.#minIsr.set(name, new Known(String(minIsr)));
  }

  get client(): KafkaClient {
    return this.#client;
  }

  /** Whether every topic of the run is there. */
  get isReady(): boolean {
    return this.#made.size === this.#plan.topics.length;
  }

  /** Makes the topics of the run, and when they are there begins to work. */
  begin(): void {
    for (const topic of this.#plan.topics) this.#make(topic);
    if (this.#plan.tasks.length > 0) this.#beat();
  }

  /** What is not as the administrator was told. */
  check(image: MetadataImage): string[] {
    const problems: string[] = [];
    for (const { name } of this.#plan.topics) {
      if (!image.topics.has(name)) problems.push(`the topic ${name} was made, and is not there`);
    }
    for (const [name, { value, isOpen }] of this.#passing) {
      if (isOpen || image.topics.has(name) === value) continue;
      problems.push(`the topic ${name} was ${value ? "made, and is not there" : "deleted, and is there"}`);
    }
    for (const [name, { value, isOpen }] of this.#minIsr) {
      const found = image.configs.get(`topic/${name}`)?.get("min.insync.replicas");
      if (!isOpen && found !== value) problems.push(`${name} has min.insync.replicas=${found}, not ${value}`);
    }
    return problems;
  }

  #make(topic: TopicPlan): void {
    const configs = [
      { name: "min.insync.replicas", value: String(topic.minIsr) },
      { name: "flush.before.ack", value: String(topic.flush) },
      { name: "segment.bytes", value: String(topic.segmentBytes) },
    ];
    this.#create(topic.name, topic.partitions, topic.replicationFactor, configs, (error) => {
      if (error === "NONE" || error === "TOPIC_ALREADY_EXISTS") this.#made.add(topic.name);
      else if (!this.#scene.isEnding) this.#scene.world.env.clock.after(RETRY_MS, () => this.#make(topic));
    });
  }

  #create(
    name: string,
    numPartitions: number,
    replicationFactor: number,
    configs: { readonly name: string; readonly value: string }[],
    then: (error: ErrorName | undefined) => void,
  ): void {
    const body = {
      topics: [{ name, numPartitions, replicationFactor, assignments: [], configs }],
      timeoutMs: TIMEOUT_MS,
      validateOnly: false,
    };
    this.#client.call(this.#client.anyNode(), createTopics, 7, body, PATIENCE_MS, (result) => {
      then(result.ok ? this.#counted("create topic", result.body.topics[0]!.errorCode) : undefined);
    });
  }

  #beat(): void {
    this.#scene.world.env.clock.after(1 + this.#random.below(2 * this.#plan.everyMs), () => {
      if (this.#scene.isEnding) return;
      if (this.isReady) this.#work(this.#random.pick(this.#plan.tasks));
      this.#beat();
    });
  }

  #work(task: AdminTask): void {
    switch (task) {
      case "topics":
        return this.#changeTopic();
      case "reassign":
        return this.#reassign();
      case "elect":
        return this.#elect();
      case "configs":
        return this.#changeConfig();
      case "trim":
        return this.#trim();
    }
  }

  #changeTopic(): void {
    const name = `passing-${this.#random.below(PASSING_TOPICS)}`;
    const known = this.#passing.get(name) ?? new Known(false);
    this.#passing.set(name, known);
    const wanted = !known.value;
    const sure = known.ask();
    const done = (error: ErrorName | undefined) => {
      if (error === undefined) return;
      // The cluster asks its controller again when no answer came: then this request itself has done it.
      const isSo = error === "NONE" || error === (wanted ? "TOPIC_ALREADY_EXISTS" : "UNKNOWN_TOPIC_OR_PARTITION");
      if (isSo) sure({ value: wanted });
      else if (DEFINITE.has(error)) sure();
    };
    if (wanted) {
      const least = Math.min(...this.#plan.topics.map(({ minIsr }) => minIsr));
      const partitions = 1 + this.#random.below(2);
      const replicas = Math.min(this.#plan.nodes, Math.max(least, 1 + this.#random.below(3)));
      // Where disks are lost, whoever acknowledges alone loses what it has.
      const configs = [{ name: "min.insync.replicas", value: String(Math.min(least, replicas)) }];
      return this.#create(name, partitions, replicas, configs, done);
    }
    const body = { topics: [{ name }], timeoutMs: TIMEOUT_MS };
    this.#client.call(this.#client.anyNode(), deleteTopics, 6, body, PATIENCE_MS, (result) => {
      done(result.ok ? this.#counted("delete topic", result.body.responses[0]!.errorCode) : undefined);
    });
  }

  #reassign(): void {
    const { name, partitions, replicationFactor } = this.#random.pick(this.#plan.topics);
    const partitionIndex = this.#random.below(partitions);
    const replicas = this.#random.chance(1, 6) ? null : this.#nodes(replicationFactor);
    const body = { timeoutMs: TIMEOUT_MS, topics: [{ name, partitions: [{ partitionIndex, replicas }] }] };
    const node = this.#client.anyNode();
    this.#client.call(node, alterPartitionReassignments, 0, body, PATIENCE_MS, (result) => {
      if (result.ok) {
        this.#counted("reassign", result.body.responses[0]?.partitions[0]?.errorCode ?? result.body.errorCode);
      }
    });
  }

  /** Different nodes, in a random order. */
  #nodes(count: number): number[] {
    const nodes = Array.from({ length: this.#plan.nodes }, (_, index) => index + 1);
    return Array.from({ length: count }, () => nodes.splice(this.#random.below(nodes.length), 1)[0]!);
  }

  /** Lets whoever is there lead, whatever it has lost. */
  electUnclean(topic: string, partition: number): void {
    const topicPartitions = [{ topic, partitions: [partition] }];
    const body = { electionType: 1, topicPartitions, timeoutMs: TIMEOUT_MS };
    this.#client.call(this.#client.anyNode(), electLeaders, 2, body, PATIENCE_MS, (result) => {
      if (result.ok) this.#counted("elect unclean", result.body.errorCode);
    });
  }

  #elect(): void {
    const { name, partitions } = this.#random.pick(this.#plan.topics);
    const one = [{ topic: name, partitions: [this.#random.below(partitions)] }];
    const body = { electionType: 0, topicPartitions: this.#random.chance(1, 2) ? null : one, timeoutMs: TIMEOUT_MS };
    this.#client.call(this.#client.anyNode(), electLeaders, 2, body, PATIENCE_MS, (result) => {
      if (result.ok) this.#counted("elect", result.body.errorCode);
    });
  }

  #changeConfig(): void {
    const topic = this.#random.pick(this.#plan.topics);
    // Never below what it began with: what may be lost was decided by that.
    const least = topic.minIsr;
    const value = String(least + this.#random.below(Math.max(1, topic.replicationFactor - least + 1)));
    const sure = this.#minIsr.get(topic.name)!.ask();
    const configs = [{ name: "min.insync.replicas", configOperation: SET, value }];
    const body = {
      resources: [{ resourceType: TOPIC_RESOURCE, resourceName: topic.name, configs }],
      validateOnly: false,
    };
    this.#client.call(this.#client.anyNode(), incrementalAlterConfigs, 1, body, PATIENCE_MS, (result) => {
      if (!result.ok) return;
      const error = this.#counted("alter configs", result.body.responses[0]!.errorCode);
      if (error === "NONE") sure({ value });
    });
  }

  #trim(): void {
    const { ends, trimmed } = this.#scene;
    const key = this.#random.pick(this.#plan.topics.flatMap(keysOf));
    const place = this.#client.place(key);
    const end = ends.get(key) ?? 0;
    if (place === undefined || place.leader < 0 || end === 0) return;
    const offset = this.#random.below(end + 1);
    trimmed.set(key, Math.max(trimmed.get(key) ?? 0, offset));
    const partitions = [{ partitionIndex: place.partition, offset: BigInt(offset) }];
    const body = { topics: [{ name: place.topic, partitions }], timeoutMs: TIMEOUT_MS };
    this.#client.call(place.leader, deleteRecords, 2, body, PATIENCE_MS, (result) => {
      if (result.ok) this.#counted("delete records", result.body.topics[0]!.partitions[0]!.errorCode);
    });
  }

  #counted(what: string, code: number): ErrorName {
    const error = errorName(code);
    this.#scene.count(`${what} ${error}`);
    return error;
  }
}

/** After these nothing was changed, nor ever will be. */
const DEFINITE = new Set<ErrorName>(["INVALID_REPLICATION_FACTOR", "INVALID_PARTITIONS"]);
