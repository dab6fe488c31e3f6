/**
 * A connection under a probe, between a socket that a test holds in its hands and handlers that do what they are told.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { Ref } from "../../../../actors/actor.ts";
import { type Connection, connection, type RequestServed } from "../../../../actors/broker/connection.ts";
import { type ApiHandler, type Exchange, handler } from "../../../../actors/broker/handler.ts";
import { apiVersionsHandler } from "../../../../actors/broker/api/18_api_versions.ts";
import type {
  BrokerRef,
  BrokerView,
  ConnectionProtocol,
  ConnectionSocket,
} from "../../../../actors/broker/protocol.ts";
import { type Probe, probe } from "../../../../actors/probe.ts";
import { decodeResponse, encodeRequest } from "../../../../protocol/codec.ts";
import type { Api, Request, RequestInput, Response } from "../../../../protocol/schema.ts";
import { apiVersions, metadata } from "../../../../protocol/tables/metadata.ts";
import { fetch, listOffsets, produce } from "../../../../protocol/tables/produce_fetch.ts";
import { concat } from "../../../helpers/raw_client.ts";
import { viewOf } from "./api/fake_exchange.ts";

/** Somebody whom the handlers ask; a test answers for it. */
export interface OracleProtocol {
  decide(question: { readonly api: string; readonly correlation: string | null }): string;
}

const ORACLE = "1/oracle/oracle" as Ref<OracleProtocol>;

/** A socket that takes nothing until it is told to. */
export class FakeSocket implements ConnectionSocket {
  readonly written: Uint8Array[] = [];
  readonly released: number[] = [];
  closed = false;
  reservedBytes = 0;
  /** What may still be reserved. */
  leftBytes = Infinity;
  #unsent: (() => void)[] = [];

  write(chunks: readonly Uint8Array[], sent: () => void): void {
    this.written.push(concat(chunks));
    this.#unsent.push(sent);
  }
  release(frameBytes: number): void {
    this.released.push(frameBytes);
  }
  reserve(bytes: number): number {
    const granted = Math.min(bytes, this.leftBytes);
    this.reservedBytes += granted;
    return granted;
  }
  giveBack(bytes: number): void {
    this.reservedBytes -= bytes;
  }
  close(): void {
    this.closed = true;
  }

  /** How many writes the peer has not taken. */
  get unsent(): number {
    return this.#unsent.length;
  }

  /** The peer takes everything written so far. */
  drain(): void {
    for (const sent of this.#unsent.splice(0)) sent();
  }

  /** The answers written so far, whole frames. */
  get frames(): Uint8Array[] {
    const bytes = concat(this.written);
    const frames: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const size = new DataView(bytes.buffer, bytes.byteOffset).getInt32(at);
      frames.push(bytes.subarray(at + 4, at + 4 + size));
      at += 4 + size;
    }
    return frames;
  }

  /** Correlation ids of the answers, in the order of writing. */
  get answered(): number[] {
    return this.frames.map((frame) => new DataView(frame.buffer, frame.byteOffset).getInt32(0));
  }
}

/** What a handler of the stage does with a request; the default asks the oracle and replies when it has answered. */
export type Script<T extends Api = Api> = (request: Request<T>, exchange: Exchange<T>) => void;

/** One connection and everything around it. */
export class ClientStage {
  readonly socket = new FakeSocket();
  readonly served: RequestServed[] = [];
  readonly refusals: string[] = [];
  readonly probe: Probe<ConnectionProtocol, Connection>;
  /** What handlers do, by the name of the API; others ask the oracle. */
  readonly scripts: Record<string, Script> = {};
  view: BrokerView;
  #correlationId = 0;

  constructor(
    { view = viewOf({ topics: ["t"] }), hasView = true, hasSocket = true }: {
      view?: BrokerView;
      hasView?: boolean;
      hasSocket?: boolean;
    } = {},
  ) {
    this.view = view;
    const handlers = new Map<number, ApiHandler>();
    for (
      const [api, min, max] of [[produce, 3, 11], [fetch, 4, 17], [listOffsets, 1, 10], [metadata, 0, 13]] as const
    ) {
      handlers.set(
        api.key,
        handler(api as Api, min, max, (request, exchange) => {
          (this.scripts[api.name] ?? asksOracle)(request as never, exchange as never);
        }),
      );
    }
    handlers.set(apiVersions.key, apiVersionsHandler(handlers));
    const deps = {
      handlers,
      socket: (id: number) => hasSocket && id === 7 ? this.socket : undefined,
      observe: (served: RequestServed) => void this.served.push(served),
      refused: (remote: string, reason: string) => void this.refusals.push(`${remote}: ${reason}`),
    };
    const args = { broker: "1/broker/broker" as BrokerRef, socketId: 7, remote: "far:1" };
    this.probe = probe(connection(deps), args, { name: "7" });
    if (hasView) this.learn(view);
  }

  /** The broker tells of a view. */
  learn(view: BrokerView): void {
    this.view = view;
    this.probe.answer("subscribe", view);
  }

  /** Sends a request, and returns its correlation id. */
  send<T extends Api>(api: T, version: number, body: RequestInput<T>): number {
    const id = ++this.#correlationId;
    this.frame(concat(encodeRequest(api, version, id, String(id), body as never)).slice(4));
    return id;
  }

  /** Sends a frame as it is. */
  frame(bytes: Uint8Array): void {
    this.probe.tell("frame", bytes);
  }

  produce(acks = -1): number {
    return this.send(produce, 9, { acks, timeoutMs: 1000, topicData: [] });
  }

  fetch(): number {
    return this.send(fetch, 11, { maxWaitMs: 0, minBytes: 1, topics: [] });
  }

  listOffsets(): number {
    return this.send(listOffsets, 7, { replicaId: -1, topics: [] });
  }

  apiVersions(): number {
    return this.send(apiVersions, 0, {});
  }

  /** Correlation ids of the requests that have been started and ask the oracle, oldest first. */
  get started(): number[] {
    return this.probe.asks.filter(({ verb }) => verb === "decide").map(({ message }) =>
      Number((message as { correlation: string }).correlation)
    );
  }

  /** The oracle answers for one request. */
  decide(id: number): void {
    const question = this.probe.asks.find(({ message }) => {
      return (message as { correlation?: string }).correlation === String(id);
    });
    assert(question, `request ${id} does not ask; these do: ${this.started.join()}`);
    this.probe.answer(question, "yes");
  }

  /** The n-th answer, decoded. */
  answer<T extends Api>(at: number, api: T, version: number): { correlationId: number; body: Response<T> } {
    return decodeResponse(api, version, this.socket.frames[at]!) as { correlationId: number; body: Response<T> };
  }
}

/** Replies with nothing in it once the oracle has spoken. */
export function asksOracle(_: Request<Api>, exchange: Exchange<Api>): void {
  exchange.ask(ORACLE, "decide", { api: "", correlation: exchange.clientId }, () => exchange.reply({} as never));
}
