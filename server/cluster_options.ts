/**
 * How a cluster in this process is to be started, and what that makes of each of its brokers.
 *
 * @module
 */
import type { BrokerOptions } from "./broker_options.ts";

/** How a cluster in this process is to be started; everything has a default. */
export interface ClusterOptions {
  /**
   * How many brokers, with the ids 1, 2, 3 …; the first 1, 3 or 5 of them vote for the controller, and go on doing so when the
   * cluster in a folder is started with more. Default 1.
   */
  readonly brokers?: number;
  /** Kafka port of the first broker, the next ones have the next; 0 takes any free ones. Default 0. */
  readonly port?: number;
  /** Folder for the data: broker `i` keeps its own in `dir/i`. Default: in memory, gone when the cluster stops. */
  readonly dir?: string;
  /** Port of the first broker's console, the next ones have the next; 0 takes any free ones. Default: no console. */
  readonly httpPort?: number;
  /** `broker.rack` */
  readonly rack?: string;
  /**
   * Kafka's broker configs by name, such as `{ "num.partitions": "3" }`. Groups wait for nobody unless told to:
   * `group.initial.rebalance.delay.ms` and `group.consumer.assignment.interval.ms` are 0, `group.consumer.heartbeat.interval.ms` is 50,
   * and sessions may be as short as 100 ms.
   */
  readonly config?: Readonly<Record<string, string>>;
  /** Told of what an operator would want to know, a line at a time. Default: nobody. */
  readonly log?: (line: string) => void;
}

/** Members hear of a rebalance with their next heartbeat, and one costs next to nothing here. */
export const HEARTBEAT_INTERVAL_MS = 50;

/** What groups wait for where consumers come one by one from many machines; here they come at once. Told otherwise, that counts. */
const QUICK_GROUPS: Readonly<Record<string, string>> = {
  "group.initial.rebalance.delay.ms": "0",
  "group.min.session.timeout.ms": "100",
  "group.consumer.assignment.interval.ms": "0",
  "group.consumer.min.session.timeout.ms": "100",
  "group.consumer.heartbeat.interval.ms": String(HEARTBEAT_INTERVAL_MS),
  "group.consumer.min.heartbeat.interval.ms": "1",
};

/** How broker `id` is to be started: on `port` again, if it has had one. */
export function brokerOptionsOf(options: ClusterOptions, id: number, port: number | undefined): BrokerOptions {
  const { brokers: _, dir: __, port: first = 0, httpPort, config, ...rest } = options;
  return {
    ...rest,
    config: { ...QUICK_GROUPS, ...config, ...leastHeartbeat(config) },
    id,
    port: port ?? (first === 0 ? 0 : first + id - 1),
    ...(httpPort === undefined ? {} : { httpPort: httpPort === 0 ? 0 : httpPort + id - 1 }),
  };
}

/** Who says how often members may report at most does not want them to report more often than that. */
function leastHeartbeat(config: ClusterOptions["config"] = {}): Readonly<Record<string, string>> {
  const [least, interval] = ["group.consumer.min.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms"];
  return config[least] === undefined || config[interval] !== undefined ? {} : { [interval]: config[least] };
}
