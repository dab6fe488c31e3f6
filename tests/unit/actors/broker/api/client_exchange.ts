/**
 * An exchange in a time of its own: for handlers that wait, close, or keep something from one request to the next.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { Answer, AskFailure } from "../../../../../actors/actor.ts";
import { FetchSessions } from "../../../../../actors/broker/fetch_sessions.ts";
import type { ApiHandler, Exchange } from "../../../../../actors/broker/handler.ts";
import type { BrokerRef, BrokerView } from "../../../../../actors/broker/protocol.ts";
import { decodeMessage, encodeMessage } from "../../../../../protocol/codec.ts";
import type { Api, Request, RequestInput, Response, ResponseInput } from "../../../../../protocol/schema.ts";
import { viewOf } from "./fake_exchange.ts";

/** One question that has not been answered. */
export interface Open {
  readonly to: string;
  readonly verb: string;
  readonly message: Record<string, unknown>;
  readonly timeoutMs: number | undefined;
  readonly settle: (answer: Answer<unknown>) => void;
}

/** A client's connection as handlers see it. */
export class Client {
  nowMs = 1_000;
  view: BrokerView;
  readonly sessions = new FetchSessions();
  /** Memory that answers may still take. */
  leftBytes = Infinity;
  heldBytes = 0;
  #random = 40;

  constructor(options: Parameters<typeof viewOf>[0] = {}) {
    this.view = viewOf(options);
  }

  /** Calls a handler with a request that went over the wire in that version. */
  call<T extends Api>(handler: ApiHandler<T>, version: number, request: RequestInput<T>): Call<T> {
    assert(version >= handler.min && version <= handler.max, `${handler.api.name} is not served in version ${version}`);
    return new Call(this, handler, version, request);
  }

  random(): number {
    return ++this.#random;
  }
}

/** One request and what came of it. */
export class Call<T extends Api> implements Exchange<T> {
  readonly clientId = "test";
  readonly host = "/10.0.0.9";
  readonly connection = "1/connection/1";
  readonly broker = "1/broker/broker" as BrokerRef;
  readonly sessions: FetchSessions;
  /** Questions that wait for an answer, oldest first. */
  readonly open: Open[] = [];
  /** The reply, as a client of that version reads it. */
  response: Response<T> | undefined;
  isDone = false;
  closed: string | undefined;
  abandon: () => void = () => {};
  readonly #client: Client;
  readonly #handler: ApiHandler<T>;

  constructor(client: Client, handler: ApiHandler<T>, readonly version: number, request: RequestInput<T>) {
    this.#client = client;
    this.#handler = handler;
    this.sessions = client.sessions;
    const { api } = handler;
    const decoded = decodeMessage(api.request, version, encodeMessage(api.request, version, request as never));
    handler.handle(decoded as Request<T>, this);
  }

  /** The reply that must be there. */
  get got(): Response<T> {
    assert(this.response, `there is no reply; these are asked: ${this.open.map(({ verb, to }) => `${verb} ${to}`)}`);
    return this.response;
  }

  /** The question to `to` (the end of its ref) with that verb that waits longest. */
  question(verb: string, to = ""): Open {
    const found = this.open.find((open) => open.verb === verb && open.to.endsWith(to));
    assert(found, `no "${verb}" to ${to} waits; these do: ${this.open.map(({ verb, to }) => `${verb} ${to}`)}`);
    return found;
  }

  /** Answers that question. */
  answer(verb: string, to: string, value: unknown): void {
    this.#settle(this.question(verb, to), { ok: true, value });
  }

  /** Lets that question fail. */
  fail(verb: string, to: string, failure: AskFailure): void {
    this.#settle(this.question(verb, to), { ok: false, failure });
  }

  #settle(open: Open, answer: Answer<unknown>): void {
    this.open.splice(this.open.indexOf(open), 1);
    open.settle(answer);
  }

  // Of Exchange.

  get view(): BrokerView {
    return this.#client.view;
  }
  now(): number {
    return this.#client.nowMs;
  }
  monotonic(): number {
    return this.#client.nowMs;
  }
  random(): number {
    return this.#client.random();
  }
  ask: Exchange<T>["ask"] = (to, verb, message, then, timeoutMs) => {
    const settle = (answer: Answer<unknown>) => then(answer as Parameters<typeof then>[0]);
    this.open.push({ to, verb, message: message as Record<string, unknown>, timeoutMs, settle });
  };
  askController: Exchange<T>["askController"] = (verb, message, then, timeoutMs) =>
    this.ask(this.view.controller!, verb, message, then, timeoutMs);
  reserve(bytes: number): number {
    const granted = Math.min(bytes, this.#client.leftBytes);
    this.#client.leftBytes -= granted;
    this.#client.heldBytes += granted;
    return granted;
  }
  giveBack(bytes: number): void {
    this.#client.leftBytes += bytes;
    this.#client.heldBytes -= bytes;
  }
  whenAbandoned(task: () => void): void {
    this.abandon = task;
  }
  reply(body: ResponseInput<T>): void {
    this.#once();
    const { api } = this.#handler;
    const bytes = encodeMessage(api.response, this.version, body as never);
    this.response = decodeMessage(api.response, this.version, bytes) as Response<T>;
  }
  done(): void {
    this.#once();
    this.isDone = true;
  }
  close(reason: string): void {
    this.#once();
    this.closed = reason;
  }
  #once(): void {
    assert(!this.isDone && this.closed === undefined && this.response === undefined, "it was answered twice");
  }
}
