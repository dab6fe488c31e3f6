/**
 * A client of one group's coordinator: finds it, and finds it again when it has moved.
 *
 *     ask ──▶ (find) ──▶ coordinator ──▶ answer │ nothing, when nobody knows what became of it
 *
 * What it commits and fetches is in the {@linkcode GroupBook}, so that every answer is judged.
 *
 * @module
 */
import type { Random } from "../../lib/prng.ts";
import { type ErrorName, errorName } from "../../protocol/errors.ts";
import type { Api, RequestInput, Response } from "../../protocol/schema.ts";
import { findCoordinator, offsetCommit, offsetFetch } from "../../protocol/tables/groups.ts";
import { KafkaClient } from "./client.ts";
import type { Scene } from "./scene.ts";

/** Who commits or fetches: nobody in particular when there is no member id. */
export interface Committer {
  readonly memberId: string;
  readonly epoch: number;
  readonly instanceId: string | null;
  /** A member of the new protocol, from which commits of old versions are not taken. */
  readonly isModern?: boolean;
}

/** Somebody from outside of the group. */
export const OUTSIDER: Committer = { memberId: "", epoch: -1, instanceId: null };

/** How long it waits for an answer, unless told otherwise. */
const PATIENCE_MS = 6_000;
const FIND_PATIENCE_MS = 1_500;
const FIND_BACKOFF_MS = 100;

/** The coordinator is another, or has to be asked again. */
const MOVED = new Set<ErrorName>(["NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE"]);

/** A client of one group. */
export class GroupClient {
  readonly client: KafkaClient;
  readonly #scene: Scene;
  readonly #random: Random;
  readonly #patienceMs: number;
  #node = -1;
  #isOver = false;
  #offsets = 0;

  constructor(
    scene: Scene,
    readonly name: string,
    readonly groupId: string,
    random: Random,
    patienceMs: number = PATIENCE_MS,
  ) {
    this.#scene = scene;
    this.#patienceMs = patienceMs;
    this.#random = random;
    this.client = new KafkaClient(scene.world, name, random.split("client"));
  }

  /** Whom it takes for the coordinator; -1 when it does not know. */
  get node(): number {
    return this.#node;
  }

  /** Milliseconds since the world began. */
  now(): number {
    return this.#scene.world.now();
  }

  /** Does something later, unless it is over by then. */
  after(delayMs: number, task: () => void): void {
    this.#scene.world.env.clock.after(delayMs, () => this.#isOver || task());
  }

  /** Counts what became of something. */
  count(what: string, code: number): ErrorName {
    const error = errorName(code);
    this.#scene.count(`${what} ${error}`);
    if (MOVED.has(error)) this.#node = -1;
    return error;
  }

  /** Something must never happen, and has. */
  problem(sentence: string): void {
    this.#scene.problem(sentence);
  }

  /** Asks the coordinator; `then` gets nothing when nobody knows what became of it. */
  ask<T extends Api>(
    api: T,
    version: number,
    body: RequestInput<T>,
    then: (answer: Response<T> | undefined) => void,
    patienceMs: number = this.#patienceMs,
  ): void {
    if (this.#node < 0) return this.#find(() => this.ask(api, version, body, then, patienceMs));
    const node = this.#node;
    this.client.call(node, api, version, body, patienceMs, (result) => {
      if (!result.ok && this.#node === node) this.#node = -1;
      if (!this.#isOver) then(result.ok ? result.body : undefined);
    });
  }

  /** Commits one offset for each key. */
  commit(by: Committer, keys: readonly string[], then?: (errors: readonly ErrorName[]) => void): void {
    if (keys.length === 0) return;
    const { book } = this.#scene;
    const wanted = new Map(keys.map((key) => [key, ++this.#offsets + this.#random.below(3)]));
    const { memberId, epoch, instanceId } = by;
    const name = book.commit({ groupId: this.groupId, memberId, epoch, offsets: wanted });
    const version = this.#random.pick(by.isModern ? [9] : instanceId === null ? [5, 6, 8, 9, 9, 9] : [7, 9, 9]);
    const topics = byTopic(keys).map(([topic, partitions]) => ({
      name: topic,
      partitions: partitions.map((partitionIndex) => ({
        partitionIndex,
        committedOffset: BigInt(wanted.get(`${topic}-${partitionIndex}`)!),
        committedMetadata: name,
      })),
    }));
    const who = {
      memberId,
      generationIdOrMemberEpoch: epoch,
      ...(version >= 7 ? { groupInstanceId: instanceId } : {}),
    };
    this.ask(offsetCommit, version, { groupId: this.groupId, ...who, topics }, (answer) => {
      const errors = answer?.topics.flatMap((topic) =>
        topic.partitions.map(({ partitionIndex, errorCode }) => {
          const error = this.count("commit", errorCode);
          book.answered(name, `${topic.name}-${partitionIndex}`, error);
          return error;
        })
      );
      if (errors !== undefined) then?.(errors);
    });
  }

  /** Asks what is committed, and has the answer judged. */
  fetch(by: Committer, keys: readonly string[]): void {
    const { book } = this.#scene;
    const open = book.fetch(this.groupId, keys);
    const topics = byTopic(keys).map(([name, partitionIndexes]) => ({ name, partitionIndexes }));
    const version = this.#random.pick([1, 5, 7, 8, 9]);
    const { groupId } = this;
    const member = version === 9 && by.epoch >= 0 ? { memberId: by.memberId, memberEpoch: by.epoch } : {};
    const isAll = version >= 2 && this.#random.chance(1, 4);
    const asked = isAll ? null : topics;
    const body = version < 8 ? { groupId, topics: asked } : { groups: [{ groupId, ...member, topics: asked }] };
    this.ask(offsetFetch, version, body, (answer) => {
      if (answer === undefined) return;
      const group = version < 8 ? answer : answer.groups[0]!;
      if (this.count("fetch offsets", group.errorCode) !== "NONE") return;
      const missing = new Set(keys);
      for (const { name, partitions } of group.topics) {
        for (const { partitionIndex, errorCode, committedOffset, metadata } of partitions) {
          const key = `${name}-${partitionIndex}`;
          if (!missing.delete(key)) continue;
          if (errorCode !== 0) this.count("fetch offsets", errorCode);
          else book.fetched(open, key, { offset: Number(committedOffset), metadata: metadata ?? "" });
        }
      }
      if (isAll) { for (const key of missing) book.fetched(open, key, { offset: -1, metadata: "" }); }
    });
  }

  /** It is gone. */
  close(): void {
    this.#isOver = true;
    this.client.close();
  }

  #find(then: () => void): void {
    const again = () => this.after(FIND_BACKOFF_MS + this.#random.below(FIND_BACKOFF_MS), () => this.#find(then));
    const version = this.#random.pick([1, 3, 4, 6]);
    const body = version < 4 ? { key: this.groupId } : { coordinatorKeys: [this.groupId] };
    this.client.call(this.client.anyNode(), findCoordinator, version, body, FIND_PATIENCE_MS, (result) => {
      if (this.#isOver) return;
      const found = !result.ok ? undefined : version < 4 ? result.body : result.body.coordinators[0];
      if (found === undefined || this.count("find", found.errorCode) !== "NONE") return again();
      this.#node = found.nodeId;
      then();
    });
  }
}

/** Keys as topics with their partitions. */
export function byTopic(keys: readonly string[]): [topic: string, partitions: number[]][] {
  const topics = new Map<string, number[]>();
  for (const key of keys) {
    const at = key.lastIndexOf("-");
    const topic = key.slice(0, at);
    topics.set(topic, [...topics.get(topic) ?? [], Number(key.slice(at + 1))]);
  }
  return [...topics];
}
