/**
 * A client of a cluster that runs somewhere else, over TCP.
 *
 * @module
 */
import type { NodeAddress } from "../actors/consumer/network.ts";
import type { Consumer } from "../client/consumer.ts";
import { Consumers } from "../client/consumers.ts";
import type { ConsumerOptions } from "../client/options.ts";
import { tcpNetwork } from "../client/tcp_network.ts";
import { realEnv } from "./env.ts";

/** How long the consumers of a client that closes may take to leave their groups. */
const CLOSE_TIMEOUT_MS = 30_000;

/** A client of a cluster: Samsa's, or an Apache Kafka. Close it with {@linkcode Client.close}, or let `await using` do so. */
export class Client implements AsyncDisposable {
  readonly #consumers: Consumers;
  #closed: Promise<void> | undefined;

  /** Use {@linkcode connect}. */
  constructor(bootstrap: readonly NodeAddress[], report: (line: string) => void) {
    const env = realEnv();
    this.#consumers = new Consumers({
      env,
      bootstrap: () => bootstrap,
      openNetwork: () => tcpNetwork(env.clock),
      report,
    });
  }

  /**
   * Starts a consumer. It returns at once: connections are made in the background, and what goes wrong with them polls say.
   *
   * @throws {RangeError} when there is no such option, one can never be right, they do not go together, or the name is taken
   * @throws {ConsumerError} INVALID_REQUEST when the client is closed
   */
  consumer(options: ConsumerOptions): Consumer {
    return this.#consumers.open(options);
  }

  /** Closes all its consumers: each leaves its group. */
  close(): Promise<void> {
    return this.#closed ??= this.#consumers.close(CLOSE_TIMEOUT_MS);
  }

  /** The same as {@linkcode Client.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * A client of the cluster at these addresses. Nothing is sent before a consumer wants something.
 *
 * @param bootstrap `host:port[,host:port…]` of some of its brokers
 * @param options.log told of consumers that crashed
 * @throws {RangeError} when that is no list of addresses; one where nobody answers is told of by polls
 *
 * @example
 * ```ts ignore
 * import { connect } from "@samsa/samsa";
 *
 * await using client = connect("localhost:9092");
 * await using consumer = client.consumer({ groupId: "billing", topics: ["orders"] });
 * for await (const record of consumer) {
 *   console.log(record.offset, record.value);
 *   await consumer.commit();
 * }
 * ```
 */
export function connect(bootstrap: string, options: { readonly log?: (line: string) => void } = {}): Client {
  return new Client(bootstrap.split(",").map((text) => addressOf(text.trim())), options.log ?? (() => {}));
}

function addressOf(text: string): NodeAddress {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 0xffff || Number(port) === 0) {
    throw new RangeError(`"${text}" is no address: write host:port.`);
  }
  return { host, port: Number(port) };
}
