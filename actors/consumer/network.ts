/**
 * The way from a client actor to Kafka's brokers: frames out, frames back. Implemented over TCP, over connection actors in the same
 * process, and by the simulator; one contract suite for all.
 *
 * @module
 */
import type { Settle } from "../../lib/env.ts";

/** A broker's address, as Metadata names it. */
export interface NodeAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Which connection to that address: brokers answer one request of a connection after the other, so what may wait long must not stand
 * before what must not. Joins and syncs, which wait for the other members, have the lane "coordinator" to themselves; fetches wait for records;
 * "control" is for whatever is answered soon, and keeps heartbeats, commits and leaving in their order.
 */
export type Lane = "control" | "coordinator" | "fetch";

/** Why a request brought no response. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";
  /** @param sent it may have been received, and may have had its effect */
  constructor(readonly code: "refused" | "closed" | "timeout", readonly sent: boolean, message: string) {
    super(message);
  }
}

/** Connections that are opened when they are needed. One network belongs to one client actor, which closes it when it ends. */
export interface Network {
  /**
   * Sends one request frame (with its size prefix, as `encodeRequest` makes it) and settles with the response frame, without its size
   * prefix, or with a {@linkcode NetworkError}. Responses come in the order of the requests of a lane; after a timeout the lane's connection is
   * given up, as Kafka's clients do, and all that wait on it are told "closed".
   */
  request(
    to: NodeAddress,
    lane: Lane,
    frame: readonly Uint8Array[],
    timeoutMs: number,
    done: Settle<Uint8Array>,
  ): void;
  /** Gives up the connection of that lane to that address, or all of them: whoever waits is told "closed". */
  disconnect(to: NodeAddress, lane?: Lane): void;
  /** Gives up everything: whoever waits is told "closed". */
  close(): void;
}
