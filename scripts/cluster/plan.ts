/**
 * What `scripts/cluster.ts` starts: which broker has which ports, and who votes.
 *
 * @module
 */
import type { BrokerProcessOptions } from "../../server/broker_process.ts";
import { configOfSize, nodePortOf, voterCount } from "../../server/voters.ts";
import { votersUnder } from "../../server/voters_file.ts";

/** Everything listens here: a cluster of one machine is nobody else's business. */
const HOST = "127.0.0.1";

/** What was asked for. */
export interface ClusterPlan {
  readonly brokers: number;
  /** 0: any free ports. */
  readonly port: number;
  /** 0: no console. */
  readonly httpPort: number;
  /** Undefined: the data is in memory. */
  readonly dir: string | undefined;
  readonly rack: string | undefined;
  readonly config: ReadonlyMap<string, string>;
}

/**
 * How to start each broker.
 *
 * @param freePorts finds so many ports that nobody has at the moment
 * @throws {Error} with one sentence when the ports do not suffice, or the folder is not fit
 */
export function planBrokers(
  plan: ClusterPlan,
  freePorts: (count: number) => readonly number[],
): BrokerProcessOptions[] {
  const { brokers, port, httpPort, dir, rack, config } = plan;
  for (const [name, first] of [["--port", port], ["--http-port", httpPort]] as const) {
    const last = first + brokers - 1;
    if (first > 0 && last > 65_535) {
      throw new Error(`${name} ${first} leaves no ports for ${brokers} brokers: choose a lower one.`);
    }
  }
  const voterIds = dir === undefined ? undefined : votersUnder(dir, brokers);
  const ids = Array.from({ length: brokers }, (_, index) => index + 1);
  const alone = brokers === 1 && (voterIds ?? ids).length === 1;
  const free = port === 0 && !alone ? freePorts(2 * brokers) : []; // all must know them, and a broker comes back to its own
  const kafkaPort = (id: number) => port === 0 ? free[id - 1] ?? 0 : port + id - 1;
  const nodePort = (id: number) => port === 0 ? free[brokers + id - 1]! : nodePortOf(kafkaPort(id));
  const voters = (voterIds ?? ids.slice(0, voterCount(brokers))).map((id) => ({
    id,
    host: HOST,
    port: alone ? 0 : nodePort(id),
  }));
  const sized = new Map([...Object.entries(configOfSize(brokers, voters.length)), ...config]);
  return ids.map((id) => ({
    id,
    port: kafkaPort(id),
    httpPort: httpPort === 0 ? 0 : httpPort + id - 1,
    config: sized,
    ...(alone ? {} : { voters, nodePort: nodePort(id) }),
    ...(dir === undefined ? {} : { dir: `${dir}/${id}` }),
    ...(rack === undefined ? {} : { rack }),
  }));
}

/** Ports that nobody has at the moment. */
export function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: HOST, port: 0 }));
  return listeners.map((listener) => {
    const { port } = listener.addr;
    listener.close();
    return port;
  });
}
