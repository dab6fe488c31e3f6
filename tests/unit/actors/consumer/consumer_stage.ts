/**
 * A consumer under a probe, with brokers and a membership that do what the test says.
 *
 * @module
 */
import { assert } from "@std/assert";
import { CONSUMER_DEFAULTS } from "../../../../actors/consumer/config.ts";
import { consumer } from "../../../../actors/consumer/consumer.ts";
import type { Membership, MembershipAction, MembershipEvent } from "../../../../actors/consumer/membership.ts";
import { type Lane, type Network, NetworkError, type NodeAddress } from "../../../../actors/consumer/network.ts";
import type { ConsumerConfig, ConsumerProtocol, TopicPartition } from "../../../../actors/consumer/protocol.ts";
import type { Consumer } from "../../../../actors/consumer/state.ts";
import { type Asked, type Probe, probe } from "../../../../actors/probe.ts";
import { concatenate } from "../../../../lib/bytes.ts";
import type { Settle } from "../../../../lib/env.ts";
import { ZERO_UUID } from "../../../../lib/uuid.ts";
import { decodeRequestBody, encodeResponse } from "../../../../protocol/codec.ts";
import { errorCode, type ErrorName } from "../../../../protocol/errors.ts";
import { readHeader } from "../../../../protocol/header.ts";
import { encodeBatch } from "../../../../protocol/records.ts";
import type { Api, Request, ResponseInput } from "../../../../protocol/schema.ts";
import { describeConfigs } from "../../../../protocol/tables/configs.ts";
import { consumerGroupHeartbeat } from "../../../../protocol/tables/consumer_groups.ts";
import {
  findCoordinator,
  heartbeat,
  joinGroup,
  leaveGroup,
  offsetCommit,
  offsetFetch,
  syncGroup,
} from "../../../../protocol/tables/groups.ts";
import { apiVersions, metadata } from "../../../../protocol/tables/metadata.ts";
import { fetch, listOffsets } from "../../../../protocol/tables/produce_fetch.ts";

const APIS: readonly Api[] = [
  apiVersions,
  metadata,
  fetch,
  listOffsets,
  findCoordinator,
  offsetCommit,
  offsetFetch,
  joinGroup,
  syncGroup,
  heartbeat,
  leaveGroup,
  consumerGroupHeartbeat,
  describeConfigs,
];

export const T0: TopicPartition = { topic: "t", partition: 0 };
export const T1: TopicPartition = { topic: "t", partition: 1 };
/** The id of topic `t`. */
export const T_ID = "BAAAAAAAAAAAAAAAAAAAAA";

/** A request that waits for its answer. */
export interface Exchange<T extends Api = Api> {
  readonly to: NodeAddress;
  readonly lane: Lane;
  readonly api: T;
  readonly version: number;
  readonly body: Request<T>;
  readonly correlationId: number;
  readonly timeoutMs: number;
  readonly done: Settle<Uint8Array>;
}

/** Where node `id` is. */
export function address(id: number): NodeAddress {
  return { host: `host${id}`, port: 9000 + id };
}

/** A membership that wants what it is told to want. */
export class ScriptedMembership implements Membership {
  epoch = 1;
  readonly memberId = "m";
  owned: readonly TopicPartition[] = [];
  /** What it was told, but for the time. */
  readonly events: MembershipEvent[] = [];
  readonly wanted: MembershipAction[] = [];
  /** When it wants to be told the time. */
  wakeInMs = 1;
  /** What it wants as soon as it knows a coordinator. */
  onCoordinator: readonly MembershipAction[] = [];

  handle(event: MembershipEvent, nowMs: number): readonly MembershipAction[] {
    if (event.type !== "time") this.events.push(event);
    if (event.type === "coordinator" && event.isKnown) this.wanted.push(...this.onCoordinator);
    return [...this.wanted.splice(0), { type: "wake", atMs: nowMs + this.wakeInMs }];
  }

  heard(type: MembershipEvent["type"]): MembershipEvent[] {
    return this.events.filter((event) => event.type === type);
  }
}

/** How a stage is set. */
export interface StageOptions {
  readonly config?: Partial<ConsumerConfig>;
  /** The newest version that the brokers serve, by the API's name. */
  readonly newest?: Readonly<Record<string, number>>;
  /** Whether Metadata and FindCoordinator are answered by themselves. Default true. */
  readonly auto?: boolean;
  /** The same for ApiVersions. Default true. */
  readonly saysVersions?: boolean;
}

/** A consumer, its brokers (1 and 2; partition p of topic `t` is led by p + 1) and its membership. */
export class Stage {
  readonly probe: Probe<ConsumerProtocol, Consumer>;
  readonly member: ScriptedMembership = new ScriptedMembership();
  /** Requests that are not answered, oldest first. */
  readonly waiting: Exchange[] = [];
  readonly disconnected: (NodeAddress & { readonly lane?: Lane })[] = [];
  isClosed = false;
  leaderEpoch = 5;
  leaders: number[] = [1, 2];
  topicId = T_ID;
  auto: boolean;
  saysVersions: boolean;
  readonly #newest: Readonly<Record<string, number>>;

  constructor({ config = {}, newest = {}, auto = true, saysVersions = true }: StageOptions = {}) {
    this.auto = auto;
    this.saysVersions = saysVersions;
    this.#newest = newest;
    const network: Network = {
      request: (to, lane, frame, timeoutMs, done) => this.#take(to, lane, concatenate(frame), timeoutMs, done),
      disconnect: (to, lane) => this.#disconnect(to, lane),
      close: () => this.isClosed = true,
    };
    const make = () => this.member;
    const actor = consumer({ openNetwork: () => network, memberships: { classic: make, consumer: make } });
    this.probe = probe(actor, { bootstrap: [address(1)], config: { ...CONSUMER_DEFAULTS, ...config } });
  }

  /** Requests of that API that wait. */
  all<T extends Api>(api: T): Exchange<T>[] {
    return this.waiting.filter((exchange) => exchange.api.key === api.key) as unknown as Exchange<T>[];
  }

  /** The oldest request of that API that waits. */
  one<T extends Api>(api: T): Exchange<T> {
    const [found] = this.all(api);
    assert(
      found !== undefined,
      `no ${api.name} waits; these do: ${this.waiting.map(({ api }) => api.name).join(", ")}`,
    );
    return found;
  }

  /** Answers a request, by default the oldest of that API. */
  answer<T extends Api>(api: T, body: ResponseInput<T>, exchange: Exchange<T> = this.one(api)): this {
    const chunks = encodeResponse(api, exchange.version, exchange.correlationId, body);
    return this.settle(exchange, concatenate(chunks).slice(4));
  }

  /** Answers a request with these very bytes, or not at all. */
  settle<T extends Api>(exchange: Exchange<T>, answer: Uint8Array | NetworkError["code"]): this {
    this.waiting.splice(this.waiting.indexOf(exchange as unknown as Exchange), 1);
    if (typeof answer === "string") {
      exchange.done({ ok: false, error: new NetworkError(answer, true, answer) });
    } else {
      exchange.done({ ok: true, value: answer });
    }
    this.probe.advance(0);
    return this;
  }

  /** Lets the membership want something. */
  want(...actions: MembershipAction[]): this {
    this.member.wanted.push(...actions);
    this.probe.advance(1);
    return this;
  }

  /** Subscribes, and is given these partitions; the group has committed these offsets. */
  own(partitions: readonly TopicPartition[], committed: readonly number[] = partitions.map(() => 0)): this {
    this.probe.ask("subscribe", { topics: ["t"] });
    if (partitions.length === 0) return this;
    this.want({ type: "assign", partitions });
    return this.committed(partitions, committed);
  }

  /** Answers the OffsetFetch that waits. */
  committed(partitions: readonly TopicPartition[], offsets: readonly number[]): this {
    const rows = partitions.map(({ partition }, at) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offsets[at]!),
      committedLeaderEpoch: -1,
      metadata: "",
      errorCode: 0,
    }));
    return this.answer(offsetFetch, {
      groups: [{ groupId: "g", topics: [{ name: "t", partitions: rows }], errorCode: 0 }],
    });
  }

  /** Reads this partition without a group, from an offset on. */
  assign(partitions: readonly TopicPartition[], offset = 0): this {
    this.probe.ask("assign", partitions);
    this.probe.ask("seek", { partitions, to: { offset } });
    return this;
  }

  poll(maxRecords = 100, timeoutMs = 1_000): Asked<{ error: ErrorName; records: readonly { offset: number }[] }> {
    return this.probe.ask("poll", { maxRecords, timeoutMs }, timeoutMs + 10_000) as never;
  }

  /** Whoever waits there is told, as any network does. */
  #disconnect(to: NodeAddress, lane?: Lane): void {
    const { host, port } = to;
    this.disconnected.push({ host, port, ...(lane === undefined ? {} : { lane }) });
    const gone = this.waiting.filter((one) => one.to.port === to.port && one.lane === (lane ?? one.lane));
    for (const { done } of gone) done({ ok: false, error: new NetworkError("closed", true, "given up") });
    this.waiting.splice(0, Infinity, ...this.waiting.filter((one) => !gone.includes(one)));
  }

  #take(to: NodeAddress, lane: Lane, bytes: Uint8Array, timeoutMs: number, done: Settle<Uint8Array>): void {
    const frame = bytes.slice(4);
    const { apiKey, apiVersion, correlationId, bodyOffset } = readHeader(frame);
    const api = APIS.find(({ key }) => key === apiKey)!;
    const body = decodeRequestBody(api, apiVersion, frame, bodyOffset) as Request<Api>;
    const exchange: Exchange = { to, lane, api, version: apiVersion, body, correlationId, timeoutMs, done };
    this.waiting.push(exchange);
    const answer = this.#usual(exchange);
    if (answer === undefined) return;
    this.waiting.pop();
    done({ ok: true, value: concatenate(encodeResponse(api, apiVersion, correlationId, answer as never)).slice(4) });
  }

  #usual({ api, version }: Exchange): object | undefined {
    if (api === apiVersions as Api) return this.saysVersions ? this.versions() : undefined;
    if (!this.auto) return undefined;
    if (api === metadata as Api) return this.metadata();
    if (api !== findCoordinator as Api) return undefined;
    const where = { nodeId: 2, ...address(2), errorCode: 0 };
    return version >= 4 ? { coordinators: [{ key: "g", ...where }] } : where;
  }

  /** The usual answer to ApiVersions. */
  versions(): ResponseInput<typeof apiVersions> {
    return {
      errorCode: 0,
      apiKeys: APIS.map(({ key, name, versions }) => ({
        apiKey: key,
        minVersion: versions.min,
        maxVersion: this.#newest[name] ?? versions.max,
      })),
    };
  }

  /** The usual answer to Metadata. */
  metadata(hasIds = true): ResponseInput<typeof metadata> {
    return {
      brokers: [1, 2].map((id) => ({ nodeId: id, ...address(id), rack: null })),
      topics: [{
        errorCode: 0,
        name: "t",
        topicId: hasIds ? this.topicId : ZERO_UUID,
        partitions: this.leaders.map((leaderId, partitionIndex) => ({
          errorCode: 0,
          partitionIndex,
          leaderId,
          leaderEpoch: this.leaderEpoch,
          replicaNodes: [1, 2],
          isrNodes: [1, 2],
          offlineReplicas: [],
        })),
      }],
    };
  }

  /** What a broker answers to a fetch: per partition an error, or batches. */
  fetched(
    partitions: readonly {
      readonly partition?: number;
      readonly error?: ErrorName;
      readonly records?: Uint8Array;
      readonly end?: number;
      readonly more?: object;
    }[],
    sessionId = 0,
    exchange: Exchange<typeof fetch> = this.one(fetch),
  ): this {
    const rows = partitions.map(({ partition = 0, error = "NONE", records = new Uint8Array(0), end = 100, more }) => ({
      partitionIndex: partition,
      errorCode: errorCode(error),
      highWatermark: BigInt(end),
      lastStableOffset: BigInt(end),
      logStartOffset: 0n,
      abortedTransactions: null,
      preferredReadReplica: -1,
      records,
      ...more,
    }));
    const name = exchange.version >= 13 ? { topicId: this.topicId } : { topic: "t" };
    return this.answer(fetch, { errorCode: 0, sessionId, responses: [{ ...name, partitions: rows }] }, exchange);
  }
}

/** A batch of texts from an offset on. */
export function batchOf(baseOffset: number, ...values: readonly string[]): Uint8Array {
  const encoder = new TextEncoder();
  return encodeBatch(values.map((value) => ({ value: encoder.encode(value) })), {
    baseOffset,
    partitionLeaderEpoch: 5,
  });
}

/** Offsets of what a poll brought. */
export function offsets(asked: Asked<{ records: readonly { offset: number }[] }>): number[] | undefined {
  return asked.reply?.records.map(({ offset }) => offset);
}

/** Fetches that wait, one line each: node, session and epoch, what they name and what they forget. */
export function asks(stage: Stage): string[] {
  return stage.all(fetch).map(({ to, body }) => {
    const session = body.sessionId === 0 && body.sessionEpoch === 0 ? "full" : `${body.sessionId}/${body.sessionEpoch}`;
    const named = body.topics.flatMap(({ topic, topicId, partitions }) =>
      partitions.map(({ partition, fetchOffset }) => `${nameOf(topic, topicId)}-${partition}@${fetchOffset}`)
    );
    const forgotten = body.forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
      partitions.map((partition) => `-${nameOf(topic, topicId)}-${partition}`)
    );
    return [`${to.port - 9000}`, session, ...named, ...forgotten].join(" ");
  });
}

function nameOf(topic: string, topicId: string): string {
  return topicId === T_ID ? `#${topic === "" ? "t" : "?"}` : topic;
}
