/**
 * An exchange without a connection: shows what a handler asks and what it replies.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { Answer, AskFailure } from "../../../../../actors/actor.ts";
import type { ApiHandler, Exchange } from "../../../../../actors/broker/handler.ts";
import type { BrokerRef, BrokerView } from "../../../../../actors/broker/protocol.ts";
import { FetchSessions } from "../../../../../actors/broker/fetch_sessions.ts";
import type { BrokerImage, ControllerRef } from "../../../../../actors/controller/protocol.ts";
import { decodeMessage, encodeMessage } from "../../../../../protocol/codec.ts";
import type { Api, Request, RequestInput, Response, ResponseInput } from "../../../../../protocol/schema.ts";
import { emptyImage, type MetadataRecord, type NewTopic, replay } from "../../../../../actors/controller/protocol.ts";
import type { QuorumRef } from "../../../../../actors/quorum/protocol.ts";
import { CLUSTER, newTopic, registered, topicsOf, unfenced } from "../records.ts";

/** A question that a handler asked, answered by the test. */
export interface Question {
  readonly to: string;
  readonly verb: string;
  readonly message: unknown;
  readonly timeoutMs: number | undefined;
  answer(value: unknown): void;
  fail(failure: AskFailure): void;
}

/** What came of calling a handler. */
export interface Called<T extends Api> {
  readonly questions: readonly Question[];
  /** The reply, as a client of that version reads it. */
  readonly reply: Response<T>;
}

/** Calls a handler with a request that went over the wire in that version. Bytes out and in again on both sides. */
export function call<T extends Api>(
  handler: ApiHandler<T>,
  version: number,
  request: RequestInput<T>,
  view: BrokerView = viewOf(),
): Called<T> {
  assert(version >= handler.min && version <= handler.max, `${handler.api.name} is not served in version ${version}`);
  const { api } = handler;
  const decoded = decodeMessage(api.request, version, encodeMessage(api.request, version, request as never));
  const questions: Question[] = [];
  const replies: Response<T>[] = [];
  const memory = { reserve: (bytes: number) => bytes, giveBack: () => {}, whenAbandoned: () => {} };
  const exchange: Exchange<T> = {
    ...memory,
    version,
    clientId: "test",
    host: "/10.0.0.9",
    connection: "1/connection/1",
    view,
    broker: "1/broker/broker" as BrokerRef,
    sessions: new FetchSessions(),
    now: () => 0,
    monotonic: () => 0,
    random: () => 0,
    ask(to, verb, message, then, timeoutMs) {
      const settle = (answer: Answer<unknown>) => then(answer as Parameters<typeof then>[0]);
      questions.push({
        to,
        verb,
        message,
        timeoutMs,
        answer: (value) => settle({ ok: true, value }),
        fail: (failure) => settle({ ok: false, failure }),
      });
    },
    askController: (verb, message, then, timeoutMs) => exchange.ask(view.controller!, verb, message, then, timeoutMs),
    reserve: (bytes) => bytes,
    giveBack: () => {},
    whenAbandoned: () => {},
    reply(body: ResponseInput<T>) {
      const bytes = encodeMessage(api.response, version, body as never);
      replies.push(decodeMessage(api.response, version, bytes) as Response<T>);
    },
    done: () => assert(false, "a reply was due"),
    close: (reason) => assert(false, reason),
  };
  handler.handle(decoded as Request<T>, exchange);
  return {
    questions,
    get reply() {
      assert(replies.length === 1, `there are ${replies.length} replies, not one`);
      return replies[0]!;
    },
  };
}

/** Broker 1 of a cluster of live brokers 1…n, one that is fenced, and some topics. */
export function viewOf(
  { brokers = 1, topics = [], records = [], properties = {}, racks = {}, suspects = [], departed = [], voters = [1] }: {
    readonly brokers?: number;
    readonly voters?: readonly number[];
    /** By broker id. */
    readonly racks?: Readonly<Record<number, string>>;
    readonly topics?: readonly (string | NewTopic)[];
    readonly records?: readonly MetadataRecord[];
    readonly properties?: Readonly<Record<string, string>>;
    readonly suspects?: readonly number[];
    readonly departed?: readonly BrokerImage[];
  } = {},
): BrokerView {
  const ids = Array.from({ length: brokers }, (_, at) => at + 1);
  const peopled = replay(emptyImage(), [
    CLUSTER,
    ...ids.flatMap((id) => unfenced(id, 2 * id - 1, { rack: racks[id] ?? null })),
    registered(99, 2 * brokers + 1),
  ]);
  const made = topics.map((topic) => typeof topic === "string" ? newTopic(topic) : topic);
  return {
    brokerId: 1,
    logDir: "/data/1",
    properties,
    controller: "2/controller/controller" as ControllerRef,
    quorum: "1/quorum/quorum" as QuorumRef,
    voters,
    image: replay(replay(peopled, topicsOf(peopled, made)), records),
    suspects: new Set(suspects),
    isIsolated: false,
    departed: new Map(departed.map((each) => [each.id, each])),
    version: 1,
  };
}
