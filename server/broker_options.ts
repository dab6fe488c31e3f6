/**
 * How a broker is to be started.
 *
 * @module
 */
import type { Endpoint } from "../actors/controller/protocol.ts";
import type { Voter } from "./voters.ts";

/** How a broker is to be started. */
export interface BrokerOptions {
  /** Broker id, from 0. Default 1. */
  readonly id?: number;
  /** Address to bind. Default 127.0.0.1. */
  readonly host?: string;
  /** Kafka port to bind; 0 takes any free one. Default 0. */
  readonly port?: number;
  /** What clients are told to connect to. Default: the address bound. */
  readonly advertised?: Endpoint;
  /**
   * Who votes for the controller, the same list on every broker: 1, 3 or 5 of them. A broker that is not among them follows. Default:
   * this broker alone.
   */
  readonly voters?: readonly Voter[];
  /**
   * Port for the other brokers; 0 takes any free one. Default: where `voters` says that this broker is, else the Kafka port + 10 000;
   * and without voters none.
   */
  readonly nodePort?: number;
  /** Data folder. Default: in memory, gone when the broker stops. */
  readonly dir?: string;
  readonly rack?: string;
  /** Port of the console; 0 takes any free one. Default: no console. */
  readonly httpPort?: number;
  /** Kafka's broker configs by name. */
  readonly config?: Readonly<Record<string, string>>;
  /** Told of what an operator would want to know, a line at a time. Default: nobody. */
  readonly log?: (line: string) => void;
  /** Calls the start off. */
  readonly signal?: AbortSignal;
}
