/**
 * An administrator: makes topics and deletes them, gives them more partitions, moves these, elects leaders, changes configs, all through
 * Kafka's API.
 *
 * It holds the cluster to what it was told (`admin_book.ts`), asks any broker how things are after a change, and at the end each. One that
 * is impatient asks for the same again, of the same node or another, before it has the answer.
 *
 * @module
 */
import type { Random } from "../../lib/prng.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import type { MetadataImage } from "../../actors/controller/protocol.ts";
import { deleteRecords } from "../../protocol/tables/produce_fetch.ts";
import type { AdminBook } from "./admin_book.ts";
import { ask, minIsrIn, showMinIsr, showTopic, topicIn } from "./admin_calls.ts";
import type { AdminRequest } from "./admin_requests.ts";
import { KafkaClient } from "./client.ts";
import { keysOf, type Scene, type TopicPlan } from "./scene.ts";

/** What an administrator may do. */
export type AdminTask = "topics" | "grow" | "reassign" | "elect" | "configs" | "trim";

/** How an administrator behaves. */
export interface AdminPlan {
  readonly topics: readonly TopicPlan[];
  readonly tasks: readonly AdminTask[];
  readonly nodes: number;
  readonly everyMs: number;
  /** Does not always wait for an answer before it asks again. */
  readonly isImpatient: boolean;
}

const PATIENCE_MS = 4_000;
const TRIM_TIMEOUT_MS = 3_000;
const RETRY_MS = 100;
const PASSING_TOPICS = 3;
const PARTITIONS_MAX = 5;

/** What requests are called when they are counted. */
const NAMES: Readonly<Record<AdminRequest["f"], string>> = {
  create: "create topic",
  delete: "delete topic",
  configure: "alter configs",
  grow: "create partitions",
  move: "reassign",
  elect: "elect",
};

/** An administrator. */
export class Admin {
  readonly #scene: Scene;
  readonly #plan: AdminPlan;
  readonly #random: Random;
  readonly #book: AdminBook;
  readonly #client: KafkaClient;
  /** Asks again, and asks how things are, while the first waits for its answer. */
  readonly #other: KafkaClient;
  readonly #impatience: Random;
  /** Topics that come and go: how many partitions each had last, as far as it knows; 0 when it is not there. */
  readonly #passing = new Map<string, number>();
  readonly #made = new Set<string>();
  /** Looks that have not come back. */
  #looks = 0;

  constructor(scene: Scene, plan: AdminPlan, book: AdminBook, random: Random) {
    this.#scene = scene;
    this.#plan = plan;
    this.#book = book;
    this.#random = random;
    this.#client = new KafkaClient(scene.world, "admin", random.split("client"));
    this.#other = new KafkaClient(scene.world, "admin-again", random.split("other client"));
    this.#impatience = random.split("impatience");
  }

  get clients(): readonly KafkaClient[] {
    return [this.#client, this.#other];
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

  /** Asks every node how all topics are; done when nothing is {@linkcode Admin.isLooking} any more. */
  lookEverywhere(): void {
    this.#book.close();
    const names = [...this.#plan.topics.map(({ name }) => name), ...this.#passing.keys()];
    for (const { id } of this.#scene.world.machines) {
      for (const name of names) this.#look(id, name);
    }
  }

  get isLooking(): boolean {
    return this.#looks > 0;
  }

  /** What is not there that must be. */
  check(image: MetadataImage): string[] {
    this.#book.close();
    return this.#plan.topics.filter(({ name }) => !image.topics.has(name)).map(({ name }) =>
      `the topic ${name} was made, and is not there`
    );
  }

  #make(topic: TopicPlan): void {
    const { name, partitions, replicationFactor } = topic;
    const configs = [
      { name: "min.insync.replicas", value: String(topic.minIsr) },
      { name: "flush.before.ack", value: String(topic.flush) },
      { name: "segment.bytes", value: String(topic.segmentBytes) },
    ];
    const request = { f: "create", topic: name, partitions, replicationFactor, configs } as const;
    this.#ask(this.#client, this.#client.anyNode(), request, (error) => {
      if (error === "NONE" || error === "TOPIC_ALREADY_EXISTS") this.#made.add(name);
      else if (!this.#scene.isEnding) this.#scene.world.env.clock.after(RETRY_MS, () => this.#make(topic));
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
      case "grow":
        return this.#grow();
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

  /** Asks for something, perhaps once more before there is an answer; `then` is told of the first alone. */
  #change(request: AdminRequest, then: (error: ErrorName | undefined) => void = () => {}): void {
    const node = this.#client.anyNode();
    this.#ask(this.#client, node, request, (error) => {
      if (error === "NONE" && "topic" in request) this.#look(this.#other.anyNode(), request.topic);
      then(error);
    });
    const random = this.#impatience;
    if (!this.#plan.isImpatient || !random.chance(1, 2)) return;
    const other = random.chance(1, 2) ? node : this.#other.anyNode();
    this.#scene.world.env.clock.after(random.below(random.pick([2, 20, 200])), () => {
      this.#scene.count("asked again");
      this.#ask(this.#other, other, request, () => {});
    });
  }

  #ask(client: KafkaClient, node: number, request: AdminRequest, then: (error: ErrorName | undefined) => void): void {
    const asked = this.#book.begin(request);
    ask(client, node, request, (outcome) => {
      if (outcome === "refused") this.#book.withdraw(asked);
      if (outcome === "refused" || outcome === "silence") return then(undefined);
      this.#scene.count(`${NAMES[request.f]} ${outcome.error}`);
      this.#book.end(asked, outcome);
      then(outcome.error);
    });
  }

  /** Asks a node how a topic is. */
  #look(node: number, topic: string): void {
    const reading = this.#book.look(node);
    if (reading === undefined) return;
    const shown = (shows: (image: MetadataImage) => string) => (found: string | undefined) => {
      this.#looks--;
      if (found !== undefined) this.#book.shown(reading, found, shows);
      this.#scene.count(found === undefined ? "admin looks in vain" : "admin looks");
    };
    this.#looks += 2;
    showTopic(this.#other, node, topic, shown((image) => topicIn(image, topic)));
    showMinIsr(this.#other, node, topic, shown((image) => minIsrIn(image, topic)));
  }

  #changeTopic(): void {
    const name = `passing-${this.#random.below(PASSING_TOPICS)}`;
    if ((this.#passing.get(name) ?? 0) === 0) return this.#makePassing(name);
    this.#change({ f: "delete", topic: name }, (error) => {
      if (error === "NONE" || error === "UNKNOWN_TOPIC_OR_PARTITION") this.#passing.set(name, 0);
    });
  }

  #makePassing(topic: string): void {
    const least = Math.min(...this.#plan.topics.map(({ minIsr }) => minIsr));
    const partitions = 1 + this.#random.below(2);
    const replicationFactor = Math.min(this.#plan.nodes, Math.max(least, 1 + this.#random.below(3)));
    // Where disks are lost, whoever acknowledges alone loses what it has.
    const configs = [{ name: "min.insync.replicas", value: String(Math.min(least, replicationFactor)) }];
    this.#change({ f: "create", topic, partitions, replicationFactor, configs }, (error) => {
      if (error === "NONE" || error === "TOPIC_ALREADY_EXISTS") this.#passing.set(topic, partitions);
    });
  }

  #grow(): void {
    const topic = `passing-${this.#random.below(PASSING_TOPICS)}`;
    const known = this.#passing.get(topic) ?? 0;
    if (known === 0) return this.#makePassing(topic);
    const count = known + 1;
    if (count > PARTITIONS_MAX) return;
    this.#change({ f: "grow", topic, count }, (error) => {
      if (error === "NONE" || error === "INVALID_PARTITIONS") this.#passing.set(topic, count);
      if (error === "UNKNOWN_TOPIC_OR_PARTITION") this.#passing.set(topic, 0);
    });
  }

  #reassign(): void {
    const { name: topic, partitions, replicationFactor } = this.#random.pick(this.#plan.topics);
    const partition = this.#random.below(partitions);
    const replicas = this.#random.chance(1, 6) ? null : this.#nodes(replicationFactor);
    this.#change({ f: "move", topic, partition, replicas });
  }

  /** Different nodes, in a random order. */
  #nodes(count: number): number[] {
    const nodes = Array.from({ length: this.#plan.nodes }, (_, index) => index + 1);
    return Array.from({ length: count }, () => nodes.splice(this.#random.below(nodes.length), 1)[0]!);
  }

  /** Lets whoever is there lead, whatever it has lost. */
  electUnclean(topic: string, partition: number): void {
    this.#ask(
      this.#client,
      this.#client.anyNode(),
      { f: "elect", of: { topic, partition }, isUnclean: true },
      () => {},
    );
  }

  #elect(): void {
    const { name: topic, partitions } = this.#random.pick(this.#plan.topics);
    const one = { topic, partition: this.#random.below(partitions) };
    this.#change({ f: "elect", of: this.#random.chance(1, 2) ? null : one, isUnclean: false });
  }

  #changeConfig(): void {
    const topic = this.#random.pick(this.#plan.topics);
    // Never below what it began with: what may be lost was decided by that.
    const least = topic.minIsr;
    const value = String(least + this.#random.below(Math.max(1, topic.replicationFactor - least + 1)));
    this.#change({ f: "configure", topic: topic.name, name: "min.insync.replicas", value });
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
    const body = { topics: [{ name: place.topic, partitions }], timeoutMs: TRIM_TIMEOUT_MS };
    this.#client.call(place.leader, deleteRecords, 2, body, PATIENCE_MS, (result) => {
      if (result.ok) {
        this.#scene.count(`delete records ${errorName(result.body.topics[0]!.partitions[0]!.errorCode)}`);
      }
    });
  }
}
