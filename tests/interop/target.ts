/**
 * What the clients are pointed at: Samsa or a real Apache Kafka, one broker or three, as processes of their own, or something
 * that runs already.
 *
 * @module
 */
import { type KafkaCluster, startKafka, waitUntilServing } from "./kafka.ts";
import { freePorts, temporaryFolder } from "./processes.ts";
import { SamsaProcess } from "./samsa.ts";

/** A broker or a cluster under test. */
export interface Target extends AsyncDisposable {
  readonly name: string;
  /** `host:port`, of several brokers with commas between. */
  readonly bootstrap: string;
  /** The brokers by id, which are 1, 2 …; one for a target that runs already. */
  readonly ports: readonly number[];
  /** What can be done to brokers that this run has started itself. */
  readonly own?: OwnBrokers;
}

/** Brokers that may be stopped and looked into. */
export interface OwnBrokers {
  /** The folder under which, somewhere, the partitions' folders lie. */
  readonly dataFolder: string;
  /**
   * SIGTERM or SIGKILL, then a new start on the same folder and port, ready when this resolves. Of several brokers one after
   * the other: none goes down before the one before it is back in the ISRs.
   */
  restart(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** SIGKILL to one of them, by its id, and wait for the end. */
  kill(id: number): Promise<void>;
  /** SIGSTOP or SIGCONT to one of them, by its id. */
  signal(id: number, name: "SIGSTOP" | "SIGCONT"): void;
  /** Starts one that was killed, and resolves when it serves. */
  start(id: number): Promise<void>;
  /** SIGTERM to all, and wait for the end. */
  stop(): Promise<void>;
}

/** Opens the target by its name on the command line: `samsa`, `samsa3`, `kafka`, `kafka3` or `host:port`. */
export async function openTarget(name: string): Promise<Target> {
  if (name === "samsa") return await startSamsa(name, 1);
  if (name === "samsa3") return await startSamsa(name, 3);
  if (name === "kafka") return await openKafka(name, 1);
  if (name === "kafka3") return await openKafka(name, 3);
  const [hostname, port] = name.split(":");
  if (!/^\d+$/.test(port ?? "")) {
    throw new Error(`The target "${name}" is none of: samsa, samsa3, kafka, kafka3, host:port.`);
  }
  await waitUntilServing({ hostname: hostname!, port: Number(port), timeoutMs: 10_000 });
  return { name, bootstrap: name, ports: [Number(port)], [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** With three brokers, what a client leaves open has three replicas. */
function replication(brokers: number): Record<string, string> {
  return brokers === 1 ? {} : { "default.replication.factor": String(brokers), "min.insync.replicas": "2" };
}

/** So that no case has to wait: members are missed after 10 s, nobody waits for more of them, logs are cleaned soon. */
const SOON = {
  "log.cleaner.backoff.ms": "500",
  "group.initial.rebalance.delay.ms": "0",
  "group.consumer.min.session.timeout.ms": "6000",
  "group.consumer.session.timeout.ms": "10000",
  "group.consumer.min.heartbeat.interval.ms": "500",
  "group.consumer.heartbeat.interval.ms": "500",
};

async function openKafka(name: string, brokers: number): Promise<Target> {
  // A killed broker is let in again only when its session has run out: 9 s by default.
  const config = { "broker.session.timeout.ms": "3000", ...SOON, ...replication(brokers) };
  const cluster: KafkaCluster = await startKafka({ brokers, config });
  return {
    name,
    bootstrap: cluster.bootstrap,
    ports: cluster.brokers.map(({ port }) => port),
    own: {
      dataFolder: cluster.brokers[0]!.logDir.replace(/\/1\/data$/, ""),
      kill: (id) => cluster.brokers[id - 1]!.kill(),
      signal: (id, name) => cluster.brokers[id - 1]!.signal(name),
      start: (id) => cluster.brokers[id - 1]!.start(),
      stop: async () => void await Promise.all(cluster.brokers.map((broker) => broker.stop())),
      async restart(signal) {
        for (const broker of cluster.brokers) {
          await (signal === "SIGKILL" ? broker.kill() : broker.stop());
          await broker.start();
        }
      },
    },
    [Symbol.asyncDispose]: () => cluster.close(),
  };
}

/** Starts Samsa brokers from the checkout, the way a service manager would. */
async function startSamsa(name: string, count: number): Promise<Target> {
  const folder = await temporaryFolder("samsa-interop-");
  const ports = freePorts(2 * count);
  const voters = count === 1
    ? []
    : Array.from({ length: count }, (_, index) => ({ id: index + 1, port: ports[count + index]! }));
  const config = { "auto.create.topics.enable": "true", ...SOON, ...replication(count) };
  const brokers = Array.from(
    { length: count },
    (_, index) =>
      new SamsaProcess({ id: index + 1, port: ports[index]!, dir: `${folder}/${index + 1}`, voters, config }),
  );
  await Promise.all(brokers.map((broker) => broker.start()));
  const bootstrap = brokers.map((broker) => broker.bootstrap).join(",");
  return {
    name,
    bootstrap,
    ports: ports.slice(0, count),
    own: {
      dataFolder: folder,
      kill: (id) => brokers[id - 1]!.kill(),
      signal: (id, name) => brokers[id - 1]!.signal(name),
      start: (id) => brokers[id - 1]!.start(),
      stop: async () => void await Promise.all(brokers.map((broker) => broker.stop())),
      async restart(signal) {
        for (const broker of brokers) {
          await (signal === "SIGKILL" ? broker.kill() : broker.stop());
          await broker.start();
        }
      },
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(brokers.map((broker) => broker.kill()));
      await Deno.remove(folder, { recursive: true });
    },
  };
}
