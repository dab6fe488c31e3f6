/**
 * The broker that the clients are pointed at: Samsa as its own process, a real Apache Kafka, or one that runs already.
 *
 * @module
 */
import { type KafkaCluster, startKafka, waitUntilServing } from "./kafka.ts";
import { freePort, type RunningProcess, startProcess, temporaryFolder } from "./processes.ts";

/** A broker under test. */
export interface Target extends AsyncDisposable {
  readonly name: string;
  /** `host:port`. */
  readonly bootstrap: string;
  /** What can be done to a broker that this run has started itself. */
  readonly own?: OwnBroker;
}

/** A broker that may be stopped and looked into. */
export interface OwnBroker {
  /** The folder under which the partitions' folders lie. */
  readonly dataFolder: string;
  /** SIGTERM or SIGKILL, then a new start on the same folder and port, ready when this resolves. */
  restart(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** SIGTERM, and wait for the end. */
  stop(): Promise<void>;
}

/** Opens the target by its name on the command line: `samsa`, `kafka` or `host:port`. */
export async function openTarget(name: string): Promise<Target> {
  if (name === "samsa") return await startSamsa();
  if (name === "kafka") return await openKafka();
  const [hostname, port] = name.split(":");
  if (!/^\d+$/.test(port ?? "")) throw new Error(`The target "${name}" is none of: samsa, kafka, host:port.`);
  await waitUntilServing({ hostname: hostname!, port: Number(port), timeoutMs: 10_000 });
  return { name, bootstrap: name, [Symbol.asyncDispose]: () => Promise.resolve() };
}

async function openKafka(): Promise<Target> {
  // A killed broker is let in again only when its session has run out: 9 s by default.
  const cluster: KafkaCluster = await startKafka({ config: { "broker.session.timeout.ms": "3000" } });
  const broker = cluster.brokers[0]!;
  return {
    name: "kafka",
    bootstrap: cluster.bootstrap,
    own: {
      dataFolder: broker.logDir,
      stop: () => broker.stop(),
      async restart(signal) {
        await (signal === "SIGKILL" ? broker.kill() : broker.stop());
        await broker.start();
      },
    },
    [Symbol.asyncDispose]: () => cluster.close(),
  };
}

const CHECKOUT = new URL("../../", import.meta.url).pathname;
/** What the README gives a broker, and no more. */
const PERMISSIONS = ["--allow-net", "--allow-read", "--allow-write"];

/** Starts one Samsa broker from the checkout, the way a service manager would. */
async function startSamsa(): Promise<Target> {
  const folder = await temporaryFolder("samsa-interop-");
  const port = freePort();
  const flags = ["--id", "1", "--port", String(port), "--dir", folder, "--http-port", "0"];
  const settings = ["--config", "auto.create.topics.enable=true"];
  let broker: RunningProcess | undefined;
  const start = async () => {
    const ready = Promise.withResolvers<void>();
    const args = ["run", ...PERMISSIONS, `${CHECKOUT}scripts/broker.ts`, ...flags, ...settings];
    const onLine = (line: string) => {
      if (!line.startsWith("ready")) return;
      if (/\bbootstrap=(\S+)/.exec(line)?.[1] === `127.0.0.1:${port}`) ready.resolve();
      else ready.reject(new Error(`Samsa is ready elsewhere than at 127.0.0.1:${port}: ${line}`));
    };
    const process = broker = startProcess(Deno.execPath(), args, { cwd: folder, onLine });
    const early = process.ended.then(() => {
      throw new Error(`Samsa ended before it was ready: ${process.tail().trim().slice(-2_000)}`);
    });
    early.catch(() => {});
    await Promise.race([ready.promise, early]);
  };
  const end = async (signal: Deno.Signal) => {
    broker?.signal(signal);
    const status = await broker?.ended;
    if (signal === "SIGTERM" && status?.code !== 0) {
      throw new Error(`SIGTERM ended Samsa with exit code ${status?.code}: ${broker?.tail().trim().slice(-1_000)}`);
    }
  };
  await start();
  return {
    name: "samsa",
    bootstrap: `127.0.0.1:${port}`,
    own: {
      dataFolder: folder,
      stop: () => end("SIGTERM"),
      async restart(signal) {
        await end(signal);
        await start();
      },
    },
    async [Symbol.asyncDispose]() {
      if (broker?.hasEnded() === false) await end("SIGKILL");
      await Deno.remove(folder, { recursive: true });
    },
  };
}
