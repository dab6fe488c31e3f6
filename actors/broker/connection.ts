/**
 * A connection: one client's socket as an actor. Decodes requests, lets the handler of each API answer, and replies in the
 * order in which they came.
 *
 *     frame ──▶ waiting ──▶ in flight (asked other actors) ──▶ answered ──▶ written, oldest first
 *
 * A request starts when those before it are answered, as in Kafka; only Produce requests overlap each other, because their
 * order is kept by the replicas' mailboxes and overlapping lets several share one flush.
 *
 * Invariants: replies leave in the order of the requests; nothing is started while too much waits to be sent; an error in a
 * handler closes this connection and no other.
 *
 * @module
 */
import type { Result, Settle } from "../../lib/env.ts";
import { Ring } from "../../lib/ring.ts";
import { DecodeError, decodeRequestBody, encodeResponse } from "../../protocol/codec.ts";
import { errorCode } from "../../protocol/errors.ts";
import { readHeader, type RequestHeader } from "../../protocol/header.ts";
import type { Api, Request, ResponseInput } from "../../protocol/schema.ts";
import { apiVersions } from "../../protocol/tables/metadata.ts";
import type { Actor, Answer, Message, Outbox, Ref, Reply, Verb } from "../actor.ts";
import { API_VERSIONS_RANGE } from "./api/18_api_versions.ts";
import { brokerInt } from "./broker_configs.ts";
import type { ControllerProtocol } from "../controller/protocol.ts";
import { ControllerAsk } from "./controller_asks.ts";
import { FetchSessions } from "./fetch_sessions.ts";
import type { ApiHandler, Exchange } from "./handler.ts";
import type { BrokerView, ConnectionArgs, ConnectionProtocol, ConnectionSocket } from "./protocol.ts";
import { CONNECTION } from "./protocol.ts";

type Out = Outbox<ConnectionProtocol, Connection>;

const PRODUCE = 0;
const API_VERSIONS = 18;
/** Produce requests of one connection that may overlap; clients have 5 in flight unless told otherwise. */
const OVERLAP_MAX = 32;
/** Nothing new is started while this much has not been taken by the socket yet. */
const UNSENT_BYTES_MAX = 1 << 20;
const SUBSCRIBE_PATIENCE_MS = 3_600_000;

/** One request, answered. */
export interface RequestServed {
  readonly api: string;
  readonly version: number;
  readonly durationMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** What connections need from outside. */
export interface ConnectionDeps {
  /** The APIs served, by key. */
  readonly handlers: ReadonlyMap<number, ApiHandler>;
  /** The socket with this number, or undefined when it is gone. */
  socket(id: number): ConnectionSocket | undefined;
  /** Told of each request served, for metrics. */
  observe?(served: RequestServed): void;
  /** Told, in a sentence, why a connection was closed by this side. */
  refused?(remote: string, reason: string): void;
}

/** The state of a connection. */
export class Connection {
  view: BrokerView | undefined;
  readonly sessions: FetchSessions = new FetchSessions();
  readonly controllerAsks: Set<Pick<ControllerAsk, "isOver" | "dueMs" | "look">> = new Set();
  /** Frames not started yet, oldest first. */
  readonly waiting: Ring<Uint8Array> = new Ring();
  /** Requests started and not yet written, oldest first. */
  readonly inFlight: Live[] = [];
  unsentBytes = 0;
  /** In the middle of {@linkcode proceed}. */
  proceeding = false;
  /** Why this side is going to close: nothing is started any more, what is in flight is still answered. */
  refusal: string | undefined;
  closing = false;
  lastActiveMs: number;

  constructor(
    readonly args: ConnectionArgs,
    readonly deps: ConnectionDeps,
    readonly socket: ConnectionSocket | undefined,
    /** The outbox of the turn that is running. */
    public out: Out,
  ) {
    this.lastActiveMs = out.monotonic();
  }
}

/** The connection actor. */
export function connection(deps: ConnectionDeps): Actor<ConnectionProtocol, Connection, ConnectionArgs> {
  return {
    kind: CONNECTION.kind,
    supervision: { restarts: 0, then: "stop" }, // what a client was in the middle of is gone: it has to connect again
    mailboxCapacity: 128,

    start(args, out) {
      const state = new Connection(args, deps, deps.socket(args.socketId), out);
      if (state.socket === undefined) out.stop(); // closed meanwhile; nobody else would tell
      else subscribe(state, -1);
      return state;
    },

    on: {
      frame(connection, bytes, out) {
        if (connection.closing || connection.refusal !== undefined) return;
        connection.out = out;
        connection.lastActiveMs = out.monotonic();
        connection.waiting.push(bytes);
        proceed(connection);
      },
      disconnected(connection, _, out) {
        connection.out = out;
        end(connection);
      },
      idle(connection, _, out) {
        connection.out = out;
        const limitMs = brokerInt(connection.view!, "connections.max.idle.ms");
        const idleMs = out.monotonic() - connection.lastActiveMs;
        const busy = connection.inFlight.length > 0 && connection.unsentBytes === 0;
        if (limitMs >= 0 && idleMs >= limitMs && !busy) {
          return close(connection, `it was idle for ${Math.round(idleMs)} ms (connections.max.idle.ms)`);
        }
        watchIdleness(connection, busy ? limitMs : limitMs - idleMs);
      },
      lookForController(connection, _, out) {
        connection.out = out;
        lookForController(connection);
      },
    },

    stopped(connection, why) {
      if (why === "crashed") connection.deps.refused?.(connection.args.remote, "its actor crashed");
      connection.socket?.close();
    },
  };
}

/** Asks for the view now and for each newer one. */
function subscribe(connection: Connection, newerThan: number): void {
  const { out } = connection;
  const request = { ref: out.self, newerThan };
  out.ask(connection.args.broker, "subscribe", request, (connection, answer, out) => {
    connection.out = out;
    const first = connection.view === undefined;
    if (answer.ok) connection.view = answer.value;
    else if (answer.failure === "unreachable") return close(connection, "the broker is stopping");
    subscribe(connection, answer.ok ? answer.value.version : -1); // a broker that crashed will be back, and counts anew
    if (connection.view === undefined) return;
    if (first) watchIdleness(connection, brokerInt(connection.view, "connections.max.idle.ms"));
    lookForController(connection);
    proceed(connection);
  }, SUBSCRIBE_PATIENCE_MS);
}

/** Lets the questions that wait for a controller do what is due, and wakes up for the next. */
function lookForController(connection: Connection): void {
  const { controllerAsks: asks, out } = connection;
  let dueMs = Infinity;
  for (const ask of asks) {
    ask.look();
    if (ask.isOver) asks.delete(ask);
    else dueMs = Math.min(dueMs, ask.dueMs);
  }
  if (dueMs === Infinity) out.cancel("controller");
  else out.timer("controller", Math.max(1, dueMs - out.monotonic()), "lookForController", undefined);
}

function watchIdleness(connection: Connection, afterMs: number): void {
  if (afterMs >= 0) connection.out.timer("idle", Math.max(1, afterMs), "idle", undefined);
}

/**
 * Takes what is answered and starts what may start, until neither goes on, and sends it all at once. Requests that are
 * answered in the turn that starts them come back to this loop instead of calling it: thousands may be waiting.
 */
function proceed(connection: Connection): void {
  if (connection.proceeding || connection.closing) return;
  connection.proceeding = true;
  const answers = new Answers();
  do takeAnswered(connection, answers); while (startNext(connection));
  connection.proceeding = false;
  if (answers.bytes > 0) send(connection, answers);
  if (connection.refusal !== undefined && connection.inFlight.length === 0) close(connection, connection.refusal);
}

function startNext(connection: Connection): boolean {
  if (connection.waiting.length === 0 || !mayStart(connection)) return false;
  start(connection, connection.waiting.shift()!);
  return true;
}

function mayStart(connection: Connection): boolean {
  const { view, unsentBytes, inFlight } = connection;
  if (view === undefined || unsentBytes > UNSENT_BYTES_MAX) return false;
  if (inFlight.length === 0) return true;
  return apiKeyOf(connection.waiting.peek()!) === PRODUCE && inFlight.length < OVERLAP_MAX &&
    inFlight.every((live) => live.handler.api.key === PRODUCE);
}

function apiKeyOf(frame: Uint8Array): number {
  return frame.length < 2 ? -1 : frame[0]! << 8 | frame[1]!;
}

function start(connection: Connection, frame: Uint8Array): void {
  let header: RequestHeader;
  let live: Live;
  try {
    header = readHeader(frame);
    const handler = connection.deps.handlers.get(header.apiKey);
    if (handler === undefined) return refuse(connection, `it sent API key ${header.apiKey}, which is not served here`);
    if (header.apiVersion < handler.min || header.apiVersion > handler.max) {
      if (header.apiKey === API_VERSIONS) return rejectApiVersions(connection, handler, header, frame.length);
      const { api, min, max } = handler;
      const range = `versions ${min} to ${max} are served`;
      return refuse(connection, `it sent ${api.name} version ${header.apiVersion}; ${range}`);
    }
    live = new Live(connection, handler, header, frame.length);
    live.request = decodeRequestBody(handler.api, header.apiVersion, frame, header.bodyOffset);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return refuse(connection, `it sent a request that does not decode: ${error.message}`);
  }
  connection.inFlight.push(live);
  live.handler.handle(live.request, live);
}

/** KIP-511: whatever the version, the client learns in version 0 which ones it may use. */
function rejectApiVersions(
  connection: Connection,
  handler: ApiHandler,
  header: RequestHeader,
  frameBytes: number,
): void {
  const live = new Live(connection, handler, header, frameBytes);
  connection.inFlight.push(live);
  const { min: minVersion, max: maxVersion } = API_VERSIONS_RANGE;
  const apiKeys = [{ apiKey: apiVersions.key, minVersion, maxVersion }];
  const body = { errorCode: errorCode("UNSUPPORTED_VERSION"), apiKeys };
  live.answer(encodeResponse(apiVersions, 0, header.correlationId, body));
}

/** Nothing more is started; closes when everything in flight is answered. */
function refuse(connection: Connection, reason: string): void {
  connection.refusal ??= reason;
  connection.waiting.clear();
}

/** Closes from this side. */
function close(connection: Connection, reason: string): void {
  if (connection.closing) return;
  connection.deps.refused?.(connection.args.remote, reason);
  end(connection);
}

function end(connection: Connection): void {
  if (connection.closing) return;
  connection.closing = true;
  for (const live of connection.inFlight) live.abandon();
  connection.out.stop();
}

/** What goes out in one write. */
class Answers {
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  reservedBytes = 0;
}

/** Takes the answers that are due, oldest first. */
function takeAnswered(connection: Connection, answers: Answers): void {
  const { inFlight, socket, deps } = connection;
  while (inFlight.length > 0 && inFlight[0]!.answered) {
    const live = inFlight.shift()!;
    let size = 0;
    for (const chunk of live.chunks) {
      answers.chunks.push(chunk);
      size += chunk.length;
    }
    answers.bytes += size;
    answers.reservedBytes += live.reservedBytes;
    connection.unsentBytes += size;
    connection.out.call("release", (done) => {
      socket?.release(live.frameBytes);
      done(OK);
    });
    deps.observe?.({
      api: live.handler.api.name,
      version: live.version,
      durationMs: connection.out.monotonic() - live.startedMs,
      requestBytes: live.frameBytes,
      responseBytes: size,
    });
  }
}

function send(connection: Connection, { chunks, bytes, reservedBytes }: Answers): void {
  const { socket } = connection;
  const work = (done: Settle<void>) => {
    socket?.giveBack(reservedBytes); // counted as unsent from here on
    socket?.write(chunks, () => done(OK));
  };
  connection.out.call("write", work, (connection, _, out) => {
    connection.out = out;
    connection.lastActiveMs = out.monotonic();
    connection.unsentBytes -= bytes;
    proceed(connection);
  });
}

const OK: Result<void> = { ok: true, value: undefined };

/** One request in flight: the exchange that its handler speaks through. */
class Live implements Exchange<Api> {
  request: Request<Api> = {} as Request<Api>;
  answered = false;
  chunks: readonly Uint8Array[] = [];
  reservedBytes = 0;
  readonly startedMs: number;
  readonly #connection: Connection;
  readonly #correlationId: number;
  #abandoned: (() => void) | undefined;
  readonly version: number;
  readonly clientId: string | null;

  constructor(
    connection: Connection,
    readonly handler: ApiHandler,
    header: RequestHeader,
    readonly frameBytes: number,
  ) {
    this.#connection = connection;
    this.#correlationId = header.correlationId;
    this.version = header.apiVersion;
    this.clientId = header.clientId;
    this.startedMs = connection.out.monotonic();
  }

  get host(): string {
    return `/${this.#connection.args.remote.replace(/:[^:]*$/, "")}`;
  }
  get connection(): string {
    return this.#connection.out.self;
  }
  get view(): BrokerView {
    return this.#connection.view!;
  }
  get broker(): ConnectionArgs["broker"] {
    return this.#connection.args.broker;
  }
  get sessions(): FetchSessions {
    return this.#connection.sessions;
  }
  now(): number {
    return this.#connection.out.now();
  }
  monotonic(): number {
    return this.#connection.out.monotonic();
  }
  random(): number {
    return this.#connection.out.random.uint32();
  }

  ask<Q, V extends Verb<Q>>(
    to: Ref<Q>,
    verb: V,
    message: Message<Q, V>,
    then: (answer: Answer<Reply<Q, V>>) => void,
    timeoutMs?: number,
  ): void {
    this.#connection.out.ask(to, verb, message, (connection, answer, out) => {
      connection.out = out;
      if (!connection.closing) then(answer);
    }, timeoutMs);
  }

  askController<V extends Verb<ControllerProtocol>>(
    verb: V,
    message: Message<ControllerProtocol, V>,
    then: (answer: Answer<Reply<ControllerProtocol, V>>) => void,
    timeoutMs: number,
  ): void {
    const connection = this.#connection;
    const changed = () => lookForController(connection);
    connection.controllerAsks.add(new ControllerAsk(this, { verb, message, timeoutMs }, then, changed));
    changed();
  }

  reply(body: ResponseInput<Api>): void {
    this.answer(encodeResponse(this.handler.api, this.version, this.#correlationId, body));
  }

  done(): void {
    this.answer([]);
  }

  close(reason: string): void {
    refuse(this.#connection, reason);
    this.answer([]);
  }

  whenAbandoned(task: () => void): void {
    this.#abandoned = task;
  }

  /** The connection closes; an answer could not be sent any more. */
  abandon(): void {
    if (!this.answered) this.#abandoned?.();
  }

  reserve(bytes: number): number {
    const granted = this.#connection.socket?.reserve(bytes) ?? 0;
    this.reservedBytes += granted;
    return granted;
  }

  giveBack(bytes: number): void {
    this.reservedBytes -= bytes;
    this.#connection.socket?.giveBack(bytes);
  }

  /** Answers with what is to be sent, which may be nothing. */
  answer(chunks: readonly Uint8Array[]): void {
    if (this.answered) return;
    this.answered = true;
    this.chunks = chunks;
    proceed(this.#connection);
  }
}
