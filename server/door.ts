/**
 * A broker's door to the other nodes: sockets where there can be others, and nothing where there cannot.
 *
 * @module
 */
import type { Endpoint } from "../actors/controller/protocol.ts";
import type { Env } from "../lib/env.ts";
import { LocalHub } from "../transport/local.ts";
import { TcpTransport } from "../transport/tcp.ts";
import type { PeerAddress, Transport } from "../transport/transport.ts";
import { bindProblem } from "./bind_problem.ts";
import type { BrokerOptions } from "./broker_options.ts";
import { nodePortOf } from "./voters.ts";

/** One node's end of the wire, and where others are told to find it; port 0 stands for nowhere. */
export interface Door {
  readonly transport: Transport;
  readonly endpoint: Endpoint;
  /** Ends all links, and resolves when they have let go. */
  close(): Promise<void>;
}

/** Whose door it is. */
export interface DoorOf {
  readonly env: Env;
  readonly incarnationId: string;
  /** "" while the node belongs to no cluster yet. */
  readonly clusterId: () => string;
}

/**
 * Opens the door that the options ask for.
 *
 * @throws {Error} with one sentence when its port cannot be used
 */
export function openDoor(options: BrokerOptions, { env, incarnationId, clusterId }: DoorOf): Door {
  const { id = 1, host = "127.0.0.1", voters = [], advertised, log = () => {} } = options;
  if (voters.length === 0 && options.nodePort === undefined) {
    return doorTo(new LocalHub({ scheduler: env.scheduler }).join(id), { host, port: 0 });
  }
  const own = voters.find((voter) => voter.id === id);
  const port = options.nodePort ?? own?.port ?? nodePortOf(options.port ?? 0);
  let transport: TcpTransport;
  try {
    transport = new TcpTransport({ nodeId: id, incarnationId, clusterId, hostname: host, port, env, report: log });
  } catch (error) {
    throw new Error(bindProblem(host, port, error), { cause: error });
  }
  const told = new Map(voters.filter((voter) => voter !== own).map(({ id, host, port }) => [id, { host, port }]));
  transport.setPeers(told);
  const reached = isWildcard(host) ? advertised?.host ?? host : host;
  const endpoint = { host: own?.host ?? reached, port: own?.port ?? transport.port };
  return {
    transport: withPeers(transport, (peers) => new Map([...peers].filter(([peer]) => !told.has(peer)))),
    endpoint,
    close() {
      transport.close();
      return transport.ended();
    },
  };
}

/** A door that has nothing to wait for. */
export function doorTo(transport: Transport, endpoint: Endpoint): Door {
  return {
    transport,
    endpoint,
    close() {
      transport.close();
      return Promise.resolve();
    },
  };
}

/** What an operator has said of where a node is counts more than what that node says of itself. */
function withPeers(
  transport: Transport,
  choose: (peers: ReadonlyMap<number, PeerAddress>) => ReadonlyMap<number, PeerAddress>,
): Transport {
  return {
    node: transport.node,
    send: (node, envelope) => transport.send(node, envelope),
    onReceive: (receive) => transport.onReceive(receive),
    onPeer: (hear) => transport.onPeer(hear),
    setPeers: (addresses) => transport.setPeers(choose(addresses)),
    close: () => transport.close(),
  };
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
