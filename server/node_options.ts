/**
 * What a node is made of.
 *
 * @module
 */
import type { RequestServed } from "../actors/broker/connection.ts";
import type { ConnectionSocket } from "../actors/broker/protocol.ts";
import type { Endpoint } from "../actors/controller/protocol.ts";
import type { Trace } from "../actors/trace.ts";
import type { Env } from "../lib/env.ts";
import type { Random } from "../lib/prng.ts";
import type { DiskLogStore } from "../storage/log_store.ts";
import type { Transport } from "../transport/transport.ts";

/** What a node is made of. */
export interface NodeOptions {
  readonly nodeId: number;
  /** Ids of the nodes that vote; this node may be among them. */
  readonly voters: readonly number[];
  readonly env: Env;
  readonly transport: Transport;
  /** The data folder, open and locked. The node closes it when it shuts down. */
  readonly store: DiskLogStore;
  readonly incarnationId: string;
  readonly advertised: Endpoint;
  readonly nodeEndpoint: Endpoint;
  readonly rack: string | null;
  /** Kafka's broker configs by name. */
  readonly properties: Readonly<Record<string, string>>;
  /** Told, a sentence each, what an operator wants to know. */
  readonly report: (sentence: string) => void;
  /** The socket of a connection actor, by its number. */
  readonly socket: (id: number) => ConnectionSocket | undefined;
  readonly observe?: (served: RequestServed) => void;
  readonly refused?: (remote: string, reason: string) => void;
  readonly trace?: Trace;
  /** A snapshot of the metadata is written after so many records. Default 20 000. */
  readonly snapshotEveryRecords?: number;
  /** Decides which of several runnable actors goes next; without it the first that became so. */
  readonly order?: Random;
}
