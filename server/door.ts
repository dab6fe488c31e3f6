/**
 * A broker's door to the other nodes: sockets where there can be others, and nothing where there cannot.
 *
 * @module
 */
import type { Endpoint } from "../actors/controller/protocol.ts";
import type { Env } from "../lib/env.ts";
import { LocalHub } from "../transport/local.ts";
import { TcpTransport } from "../transport/tcp.ts";
import type { Transport } from "../transport/transport.ts";
import { bindProblem } from "./bind_problem.ts";
import type { BrokerOptions } from "./broker_options.ts";
import { nodePortOf } from "./voters.ts";

/** One node's end of the wire, and where others are told to find it; port 0 stands for nowhere. */
export interface Door {
  readonly transport: Transport;
  readonly endpoint: Endpoint;
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
    return { transport: new LocalHub({ scheduler: env.scheduler }).join(id), endpoint: { host, port: 0 } };
  }
  const own = voters.find((voter) => voter.id === id);
  const port = options.nodePort ?? own?.port ?? nodePortOf(options.port ?? 0);
  let transport: TcpTransport;
  try {
    transport = new TcpTransport({ nodeId: id, incarnationId, clusterId, hostname: host, port, env, report: log });
  } catch (error) {
    throw new Error(bindProblem(host, port, error), { cause: error });
  }
  transport.setPeers(
    new Map(voters.filter((voter) => voter !== own).map(({ id, host, port }) => [id, { host, port }])),
  );
  const reached = isWildcard(host) ? advertised?.host ?? host : host;
  return { transport, endpoint: { host: own?.host ?? reached, port: own?.port ?? transport.port } };
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
