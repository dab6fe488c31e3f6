/**
 * A real Apache Kafka from Maven Central, installed into the cache folder and started on loopback: what Samsa is compared with.
 *
 * ```
 * installKafka ──▶ libs/*.jar        startKafka ──▶ format ──▶ serving ⇄ stopped (SIGTERM) or killed (SIGKILL)
 * ```
 * Each broker is also a controller (KRaft combined mode). A broker counts as started when its Metadata answer lists every
 * broker of the cluster, so a client may be started the moment {@linkcode startKafka} returns.
 *
 * @module
 */
import { cacheFolder, installMaven, installPackages } from "./packages.ts";
import {
  cpuSeconds,
  freePorts,
  isOnPath,
  mustRun,
  residentBytes,
  type RunningProcess,
  startProcess,
  temporaryFolder,
} from "./processes.ts";

/** The version of Apache Kafka that is installed. */
export const KAFKA_VERSION = "4.3.1";

/** Where Kafka's jars are. */
export interface KafkaInstallation {
  /** A class path that holds the broker, the clients and the command-line tools. */
  readonly classpath: string;
  /** The `log4j2` configuration that lets only warnings through, to standard error. */
  readonly quietLogging: string;
}

/** What to start. */
export interface KafkaOptions {
  /** How many brokers; default 1. */
  readonly brokers?: number;
  /** The folder for data and configuration; default a new one in the system's temporary folder, removed by `close`. */
  readonly dir?: string;
  /** Listener ports, one per broker; default free ones. */
  readonly ports?: readonly number[];
  /** What clients are told to connect to instead of the listeners, one `host:port` per broker: a proxy, for instance. */
  readonly advertised?: readonly string[];
  /** Settings for every broker, over the defaults that one machine needs. */
  readonly config?: Record<string, string>;
  /** Arguments for the Java machine; default `-Xmx1g -XX:+UseG1GC`. */
  readonly javaOptions?: readonly string[];
}

/** One broker process. */
export interface KafkaBroker {
  readonly id: number;
  readonly port: number;
  /** The folder of the broker's log, with one folder per partition. */
  readonly logDir: string;
  /** The process id of the present or last process. */
  readonly pid: number;
  /** Starts it on the folder and port it had, and waits until it serves. */
  start(): Promise<void>;
  /** SIGTERM and wait: Kafka's clean shutdown. */
  stop(): Promise<void>;
  /** SIGKILL and wait. */
  kill(): Promise<void>;
  /** SIGSTOP, SIGCONT. */
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  /** Resident memory in bytes. */
  residentBytes(): Promise<number>;
  /** Seconds of processor time used by the present process. */
  cpuSeconds(): Promise<number>;
}

/** Brokers that know each other. */
export interface KafkaCluster extends AsyncDisposable {
  /** `host:port[,host:port…]` of the listeners. */
  readonly bootstrap: string;
  readonly brokers: readonly KafkaBroker[];
  /** Seconds that formatting took, and seconds from the first process start until every broker served. */
  readonly startup: { readonly formatSeconds: number; readonly serveSeconds: number };
  /** Kills what still runs and removes the folder if it was made here. */
  close(): Promise<void>;
}

const LOGGING = `
status = error
appender.err.type = Console
appender.err.name = err
appender.err.target = SYSTEM_ERR
appender.err.layout.type = PatternLayout
appender.err.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.err.ref = err
`;

/** Puts Kafka's jars into the cache folder, unless they are there; it also sees to a Java Development Kit. */
export async function installKafka(): Promise<KafkaInstallation> {
  if (!await isOnPath("javac")) await installPackages("openjdk-17-jdk-headless");
  const libs = await installMaven("kafka", [
    `org.apache.kafka:kafka_2.13:${KAFKA_VERSION}`,
    `org.apache.kafka:kafka-tools:${KAFKA_VERSION}`,
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.3",
  ]);
  const quietLogging = `${cacheFolder()}/log4j2.properties`;
  await Deno.writeTextFile(quietLogging, LOGGING);
  return { classpath: `${libs}/*`, quietLogging };
}

/** Formats and starts a cluster and returns when every broker knows every other. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaCluster> {
  const installation = await installKafka();
  const count = options.brokers ?? 1;
  const dir = options.dir ?? await temporaryFolder("samsa-kafka-");
  const ports = options.ports ?? freePorts(count);
  if (ports.length !== count) throw new Error(`${count} brokers want ${count} ports, not ${ports.length}.`);
  const controllerPorts = freePorts(count);
  const clusterId = "c2Ftc2EtaW50ZXJvcC0wMQ";

  const formatStarted = performance.now();
  const settingsFiles = await Promise.all(ports.map(async (port, index) => {
    const home = `${dir}/${index + 1}`;
    await Deno.mkdir(home, { recursive: true });
    const file = `${home}/server.properties`;
    const settings = serverProperties(options, home, index + 1, port, controllerPorts);
    await Deno.writeTextFile(file, Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join(""));
    const log4j = `-Dlog4j2.configurationFile=${installation.quietLogging}`;
    const format = ["format", "-t", clusterId, "-c", file, "--ignore-formatted"];
    await mustRun("java", [
      "-XX:TieredStopAtLevel=1",
      "-cp",
      installation.classpath,
      log4j,
      "kafka.tools.StorageTool",
      ...format,
    ], { timeoutMs: 300_000 });
    return file;
  }));
  const serveStarted = performance.now();
  const brokers = settingsFiles.map((file, index) =>
    kafkaBroker(installation, options, file, index + 1, ports[index]!, `${dir}/${index + 1}/data`, count)
  );
  const close = async () => {
    await Promise.all(brokers.map((broker) => broker.kill()));
    if (options.dir === undefined) await Deno.remove(dir, { recursive: true });
  };
  try {
    await Promise.all(brokers.map((broker) => broker.start()));
  } catch (error) {
    await close();
    throw error;
  }
  const startup = {
    formatSeconds: (serveStarted - formatStarted) / 1000,
    serveSeconds: (performance.now() - serveStarted) / 1000,
  };
  const bootstrap = ports.map((port) => `127.0.0.1:${port}`).join(",");
  return { bootstrap, brokers, startup, close, [Symbol.asyncDispose]: close };
}

function serverProperties(
  options: KafkaOptions,
  home: string,
  id: number,
  port: number,
  controllerPorts: readonly number[],
): Record<string, string> {
  const replicas = String(Math.min(3, controllerPorts.length));
  return {
    "process.roles": "broker,controller",
    "node.id": String(id),
    "controller.quorum.voters": controllerPorts.map((p, index) => `${index + 1}@127.0.0.1:${p}`).join(","),
    "controller.listener.names": "CONTROLLER",
    "listeners": `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPorts[id - 1]}`,
    "advertised.listeners": `PLAINTEXT://${options.advertised?.[id - 1] ?? `127.0.0.1:${port}`}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": `${home}/data`,
    "offsets.topic.replication.factor": replicas,
    "transaction.state.log.replication.factor": replicas,
    "transaction.state.log.min.isr": String(Math.min(2, controllerPorts.length)),
    "group.initial.rebalance.delay.ms": "0",
    ...options.config,
  };
}

function kafkaBroker(
  installation: KafkaInstallation,
  options: KafkaOptions,
  settings: string,
  id: number,
  port: number,
  logDir: string,
  clusterSize: number,
): KafkaBroker {
  let running: RunningProcess | undefined;
  const end = async (signal: Deno.Signal) => {
    running?.signal(signal);
    await running?.ended;
  };
  return {
    id,
    port,
    logDir,
    get pid() {
      return running?.pid ?? 0;
    },
    async start() {
      const machine = options.javaOptions ?? ["-Xmx1g", "-XX:+UseG1GC"];
      const log4j = `-Dlog4j2.configurationFile=${installation.quietLogging}`;
      running = startProcess("java", [...machine, "-cp", installation.classpath, log4j, "kafka.Kafka", settings]);
      await waitUntilServing({ hostname: "127.0.0.1", port, brokers: clusterSize, process: running });
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    signal: (name) => running?.signal(name),
    residentBytes: () => residentBytes(running?.pid ?? 0),
    cpuSeconds: () => cpuSeconds(running?.pid ?? 0),
  };
}

/** Whom to wait for. */
export interface ServingOptions {
  readonly hostname: string;
  readonly port: number;
  /** So many brokers must be in the Metadata answer; default 1. */
  readonly brokers?: number;
  /** Give up as soon as this process has ended. */
  readonly process?: RunningProcess;
  /** Give up after so many milliseconds; default 180,000. */
  readonly timeoutMs?: number;
}

/** Waits until a Kafka listener answers Metadata with so many brokers; throws when it does not in time. */
export async function waitUntilServing(options: ServingOptions): Promise<void> {
  const deadline = performance.now() + (options.timeoutMs ?? 180_000);
  while (performance.now() < deadline) {
    if (options.process?.hasEnded()) {
      throw new Error(`The broker ended before it served: ${options.process.tail().trim().slice(-2_000)}`);
    }
    if (await countBrokers(options.hostname, options.port) >= (options.brokers ?? 1)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const said = options.process?.tail().trim().slice(-2_000) ?? "";
  throw new Error(`Nothing served Kafka's protocol on ${options.hostname}:${options.port} in time. ${said}`);
}

/** Asks for Metadata version 1 without topics and counts the brokers in the answer; 0 when nobody answers. */
async function countBrokers(hostname: string, port: number): Promise<number> {
  // int16 api key 3, int16 version 1, int32 correlation id, null client id, empty array of topics; the size in front.
  const request = new Uint8Array([0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0, 0, 0, 0]);
  let connection: Deno.TcpConn | undefined;
  try {
    connection = await Deno.connect({ hostname, port });
    await connection.write(request);
    const answer = new Uint8Array(12);
    for (let filled = 0; filled < answer.length;) {
      const read = await connection.read(answer.subarray(filled));
      if (read === null) return 0;
      filled += read;
    }
    // int32 size, int32 correlation id, int32 length of the array of brokers.
    return new DataView(answer.buffer).getInt32(8);
  } catch {
    return 0;
  } finally {
    connection?.close();
  }
}
