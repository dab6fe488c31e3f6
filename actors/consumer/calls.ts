/**
 * Requests to brokers: in the newest version that both sides know, and answered in a turn of the consumer.
 *
 *     call ──versions known──▶ frame ──▶ network ──▶ response, decoded │ failed
 *       └──not yet──▶ waits for ApiVersions ──┘
 *
 * Invariant: every call ends once; what a broker has said of its versions is forgotten when it cannot be reached.
 *
 * @module
 */
import type { Result } from "../../lib/env.ts";
import { decodeResponse, EncodeError, encodeRequest } from "../../protocol/codec.ts";
import { errorCode } from "../../protocol/errors.ts";
import type { Api, RequestInput, Response } from "../../protocol/schema.ts";
import { apiVersions } from "../../protocol/tables/metadata.ts";
import { type Lane, NetworkError, type NodeAddress } from "./network.ts";
import type { Consumer } from "./state.ts";
import { OK } from "./values.ts";
import { addressKey } from "./versions.ts";

/** What came of a call. */
export type CallResult<T> = { readonly ok: true; readonly body: T; readonly version: number } | {
  readonly ok: false;
  /** "unsupported": the broker does not serve it in any version that we know. */
  readonly why: "unreachable" | "unsupported";
  readonly message: string;
};

/** One request, to whom, and how it goes on. */
export interface Call<T extends Api> {
  readonly to: NodeAddress;
  readonly lane: Lane;
  readonly api: T;
  /** The newest version to be used, where that depends on what is said. */
  readonly maxVersion?: number;
  /** What to say in that version. */
  readonly body: (version: number) => RequestInput<T>;
  readonly timeoutMs: number;
  /** Runs in a turn of its own. */
  readonly then: (result: CallResult<Response<T>>) => void;
}

const API_VERSIONS_NEWEST = 3;
/** Any broker that is well says at once which versions it serves. */
const API_VERSIONS_PATIENCE_MS = 5_000;

/** Calls that wait until their broker has said which versions it serves, by its address. */
export class VersionQuestions {
  readonly waiting: Map<string, ((problem: string | undefined) => void)[]> = new Map();
}

/** Sends a request. */
export function call<T extends Api>(consumer: Consumer, request: Call<T>): void {
  if (consumer.versions.knows(request.to)) return send(consumer, request);
  const key = addressKey(request.to);
  const { waiting } = consumer.versionQuestions;
  const go = (problem: string | undefined) =>
    problem === undefined ? send(consumer, request) : fail(request, "unreachable", problem);
  const others = waiting.get(key);
  if (others !== undefined) return void others.push(go);
  waiting.set(key, [go]);
  askVersions(consumer, request.to, API_VERSIONS_NEWEST, (problem) => {
    const all = waiting.get(key) ?? [];
    waiting.delete(key);
    for (const then of all) then(problem);
  });
}

function send<T extends Api>(consumer: Consumer, request: Call<T>): void {
  const { to, lane, api, timeoutMs, then } = request;
  const version = consumer.versions.pick(to, api, request.maxVersion);
  if (version === undefined) {
    const message = consumer.versions.knows(to)
      ? `The broker at ${addressKey(to)} serves no version of ${api.name} that is known here.`
      : `The broker at ${addressKey(to)} was lost.`;
    const why = consumer.versions.knows(to) ? "unsupported" : "unreachable";
    return consumer.later(() => fail(request, why, message));
  }
  const id = ++consumer.correlationId;
  let frame: Uint8Array[];
  try {
    frame = encodeRequest(api, version, id, consumer.config.clientId, request.body(version));
  } catch (error) {
    if (!(error instanceof EncodeError)) throw error;
    return consumer.later(() => fail(request, "unsupported", error.message));
  }
  exchange(consumer, to, lane, frame, timeoutMs, (result) => {
    const read = result.ok ? decode(api, version, id, result.value) : result;
    if (read.ok) return then({ ok: true, body: read.value, version });
    lost(consumer, to, read.error);
    fail(request, "unreachable", read.error.message);
  });
}

function fail<T extends Api>({ then }: Call<T>, why: "unreachable" | "unsupported", message: string): void {
  then({ ok: false, why, message });
}

/** KIP-511: a broker that does not know our version of this answers in version 0, with those that it knows. */
function askVersions(
  consumer: Consumer,
  to: NodeAddress,
  version: number,
  then: (problem: string | undefined) => void,
): void {
  const id = ++consumer.correlationId;
  const body = { clientSoftwareName: "samsa", clientSoftwareVersion: "1" };
  const frame = encodeRequest(apiVersions, version, id, consumer.config.clientId, body);
  const timeoutMs = Math.min(API_VERSIONS_PATIENCE_MS, consumer.config.requestTimeoutMs);
  exchange(consumer, to, "control", frame, timeoutMs, (result) => {
    if (!result.ok) {
      lost(consumer, to, result.error);
      return then(result.error.message);
    }
    let read = decode(apiVersions, version, id, result.value);
    if (!read.ok) read = decode(apiVersions, 0, id, result.value);
    if (read.ok && read.value.errorCode === errorCode("UNSUPPORTED_VERSION") && version > 0) {
      return askVersions(consumer, to, 0, then);
    }
    if (!read.ok || read.value.errorCode !== 0) {
      const why = read.ok ? `it answered with error ${read.value.errorCode}` : read.error.message;
      if (!read.ok) lost(consumer, to, read.error);
      return then(`The broker at ${addressKey(to)} did not say which versions it serves: ${why}`);
    }
    consumer.versions.learn(to, read.value.apiKeys);
    then(undefined);
  });
}

/** One frame there, one frame back; nothing comes of it any more when the consumer is over. */
function exchange(
  { out, network }: Consumer,
  to: NodeAddress,
  lane: Lane,
  frame: readonly Uint8Array[],
  timeoutMs: number,
  then: (result: Result<Uint8Array>) => void,
): void {
  const work = (done: (result: Result<Uint8Array>) => void) => network.request(to, lane, frame, timeoutMs, done);
  out.call<Uint8Array>("request", work, (consumer, result, out) => {
    if (consumer.isOver) return;
    consumer.out = out;
    then(result);
    consumer.pump();
  });
}

/** Bytes that are no answer to what was asked are as good as none, and so is the connection that they came over. */
function decode<T extends Api>(api: T, version: number, id: number, frame: Uint8Array): Result<Response<T>> {
  try {
    const { correlationId, body } = decodeResponse(api, version, frame);
    if (correlationId === id) return { ok: true, value: body as Response<T> };
    return { ok: false, error: new Error(`It answered request ${correlationId} where ${id} was asked.`) };
  } catch (error) {
    return { ok: false, error: error as Error };
  }
}

/** A broker that could not be reached may be another one when it is back. */
function lost(consumer: Consumer, to: NodeAddress, error: Error): void {
  consumer.versions.forget(to);
  if (!(error instanceof NetworkError)) disconnect(consumer, to);
}

/** Gives up connections to a broker, of all lanes or of one: whoever waits there is told that there will be no answer. */
export function disconnect({ out, network }: Consumer, to: NodeAddress, lane?: Lane): void {
  out.call<void>("disconnect", (done) => {
    network.disconnect(to, lane);
    done(OK);
  });
}
