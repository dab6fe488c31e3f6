/**
 * Apache Kafka's VerifiableProducer writes while one broker after the other is killed or stands still, and comes back, and groups of
 * every kind read: what was acknowledged is read, with what was written.
 *
 * ```
 * all groups read ──▶ SIGKILL ──▶ more is acknowledged, all groups read on ──▶ start ──▶ all replicas in sync ──▶ the next one …
 *                 └─▶ SIGSTOP ──▶ 7 s ──▶ SIGCONT ──────────────────────────────────────────▲
 * ```
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { look } from "../helpers/leaders.ts";
import { until } from "../helpers/patience.ts";
import { RawClient } from "../helpers/raw_client.ts";
import { tool, type ToolCase } from "./cases_tools.ts";
import { assertWell, Member, type Membership } from "./members.ts";
import type { RunningProcess } from "./processes.ts";
import { freshTopic } from "./scene.ts";
import type { Target } from "./target.ts";
import { startTool } from "./tools.ts";

const PARTITIONS = 3;
/** So many records are acknowledged, and read, between one thing that happens and the next. */
const STEP = 150;
const PER_SECOND = 300;

/** Whoever reads: what it has read, as `partition@offset`, and how it ends. */
interface Readers extends AsyncDisposable {
  readonly label: string;
  count(): number;
  /** The value that was read there; true where it is not known; undefined when nothing was read. */
  find(at: string): string | true | undefined;
  /** Throws when one of them has ended by itself. */
  check(): void;
  stop(): Promise<void>;
}

/** VerifiableProducer: what was acknowledged, by place. */
class Writer implements AsyncDisposable {
  readonly acked: Map<string, string> = new Map();
  #process: RunningProcess | undefined;

  static async start(target: Target, topic: string): Promise<Writer> {
    const writer = new Writer();
    const rate = ["--throughput", String(PER_SECOND), "--acks", "-1"];
    const where = ["--bootstrap-server", target.bootstrap, "--topic", topic];
    writer.#process = await startTool("VerifiableProducer", [...where, ...rate], (said) => {
      if (said.name === "producer_send_success") writer.acked.set(`${said.partition}@${said.offset}`, `${said.value}`);
    });
    return writer;
  }

  /** SIGTERM: what is under way is still sent, and told. */
  async stop(): Promise<void> {
    this.#process?.signal("SIGTERM");
    await this.#process?.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process?.signal("SIGKILL");
    await this.#process?.ended;
  }
}

/** Two VerifiableConsumers that are a group. */
async function verifiable(target: Target, topic: string, protocol: "classic" | "consumer"): Promise<Readers> {
  const read = new Map<string, string>();
  const group = freshTopic(`verifiable-${protocol}`);
  const how = ["--group-id", group, "--group-protocol", protocol, "--reset-policy", "earliest", "--verbose"];
  const args = ["--bootstrap-server", target.bootstrap, "--topic", topic, ...how];
  const start = () =>
    startTool("VerifiableConsumer", args, (said) => {
      if (said.name === "record_data") read.set(`${said.partition}@${said.offset}`, `${said.value}`);
    });
  const processes = await Promise.all([start(), start()]);
  return {
    label: `VerifiableConsumers, ${protocol}`,
    count: () => read.size,
    find: (at) => read.get(at),
    check() {
      const ended = processes.find((process) => process.hasEnded());
      if (ended !== undefined) throw new Error(`a VerifiableConsumer has ended: ${ended.tail()}`);
    },
    async stop() {
      for (const process of processes) process.signal("SIGTERM");
      await Promise.all(processes.map((process) => process.ended));
    },
    async [Symbol.asyncDispose]() {
      for (const process of processes) process.signal("SIGKILL");
      await Promise.all(processes.map((process) => process.ended));
    },
  };
}

/** Two clients that share a group. */
async function mixed(target: Target, clients: readonly string[], membership: Membership): Promise<Readers> {
  const members = await Promise.all(clients.map((client) => Member.join(client, target, membership)));
  const read = () => new Set(members.flatMap((member) => member.read));
  return {
    label: `${clients.join(" and ")}, ${membership.protocol}`,
    count: () => read().size,
    find: (at) => members.some((member) => member.read.includes(at)) ? true : undefined,
    check: () => assertWell(members),
    async stop() {
      await Promise.all(members.map((member) => member.leave()));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(members.map((member) => member[Symbol.asyncDispose]()));
    },
  };
}

async function verifiables(target: Target, topic: string): Promise<Readers[]> {
  return await Promise.all([verifiable(target, topic, "classic"), verifiable(target, topic, "consumer")]);
}

async function gather(target: Target, topic: string): Promise<Readers[]> {
  return await Promise.all([
    verifiable(target, topic, "classic"),
    verifiable(target, topic, "consumer"),
    mixed(target, ["java", "confluent"], { group: freshTopic("kills"), topic, protocol: "classic", strategy: "range" }),
    mixed(target, ["samsa", "confluent"], { group: freshTopic("kills"), topic, protocol: "consumer" }),
  ]);
}

/** Waits until every broker says that all replicas are in sync. */
async function untilAllInSync(target: Target, topic: string): Promise<void> {
  await until(`all replicas of ${topic} are in sync`, async () => {
    for (const port of target.ports) {
      await using client = await RawClient.connect(`127.0.0.1:${port}`);
      const { partitions } = await look(client, topic);
      if (partitions.length !== PARTITIONS) return false;
      if (!partitions.every(({ leader, isr, replicas }) => leader > 0 && isr.length === replicas.length)) return false;
    }
    return true;
  }, 120_000);
}

/** Waits until so many more records have been acknowledged, and every group has read so many more. */
async function progress(what: string, writer: Writer, readers: readonly Readers[], step = STEP): Promise<void> {
  const counters = [() => writer.acked.size, ...readers.map((each) => each.count)];
  const goals = counters.map((count) => count() + step);
  await until(`${what}, ${step} more records are acknowledged and read by all`, () => {
    for (const each of readers) each.check();
    const missing = counters.map((count, at) => goals[at]! - count());
    if (missing.every((count) => count <= 0)) return Promise.resolve(true);
    throw new Error(`still missing (written, read …): ${missing}`);
  }, 120_000);
}

/** However far behind they are: who commits record by record may need minutes for the rest. Patience is for those who stand still. */
async function untilAllRead(acked: ReadonlyMap<string, string>, readers: readonly Readers[]): Promise<void> {
  for (const each of readers) {
    const missing = () => [...acked.keys()].filter((at) => each.find(at) === undefined);
    for (let left = missing(); left.length > 0;) {
      const before = left.length;
      await until(`${each.label}, read on in what was acknowledged`, () => {
        each.check();
        left = missing();
        if (left.length === 0 || left.length <= before - STEP) return Promise.resolve(true);
        throw new Error(`${left.length} of ${acked.size} are missing: ${left.slice(0, 10)}`);
      }, 120_000);
    }
    for (const [at, value] of acked) {
      const found = each.find(at);
      if (found !== true) assertEquals(found, value, `${each.label}: what was read at ${at}`);
    }
  }
}

/** A writer, and groups that read, on a topic of their own. Returns how many records were acknowledged, all of which have been read. */
async function scene(
  target: Target,
  gather: (target: Target, topic: string) => Promise<Readers[]>,
  run: (topic: string, writer: Writer, readers: readonly Readers[]) => Promise<void>,
): Promise<number> {
  const topic = freshTopic("struck");
  const settings = ["--partitions", `${PARTITIONS}`, "--replication-factor", "3"];
  const config = ["--config", "min.insync.replicas=2"];
  await tool(target, "TopicCommand", ["--create", "--topic", topic, ...settings, ...config]);
  const readers = await gather(target, topic);
  await using all = new AsyncDisposableStack();
  for (const each of readers) all.use(each);
  await using writer = await Writer.start(target, topic);
  await run(topic, writer, readers);
  await progress("with all brokers back", writer, readers);
  await writer.stop();
  await untilAllRead(writer.acked, readers);
  await Promise.all(readers.map((each) => each.stop()));
  return writer.acked.size;
}

const throughKills: ToolCase = {
  name: "cluster/groups-through-kills",
  feature: "groups",
  async run(target) {
    const acked = await scene(target, gather, async (topic, writer, readers) => {
      for (const id of [1, 2, 3]) {
        await progress("before a broker is killed", writer, readers);
        await target.own!.kill(id);
        try {
          await progress(`while broker ${id} is away`, writer, readers);
        } finally {
          await target.own!.start(id);
        }
        await untilAllInSync(target, topic);
      }
    });
    assert(acked >= 7 * STEP);
  },
};

/** Longer than anything within a broker waits for something else in it: when it goes on, all that is over at once. */
const STANDSTILL_MS = 7_000;

/** Kafka's consumers end with an exception when a Fetch says what they do not expect of one. */
const throughStandstills: ToolCase = {
  name: "cluster/groups-through-standstills",
  feature: "groups",
  async run(target) {
    const acked = await scene(target, verifiables, async (topic, writer, readers) => {
      for (const id of [1, 2, 3]) {
        await progress("before a broker stands still", writer, readers);
        target.own!.signal(id, "SIGSTOP");
        await new Promise((resolve) => setTimeout(resolve, STANDSTILL_MS)); // the fault itself: nothing is waited for
        target.own!.signal(id, "SIGCONT");
        await untilAllInSync(target, topic);
      }
    });
    assert(acked >= 4 * STEP);
  },
};

/** The cases, for targets of three brokers. */
export const KILL_CASES: readonly ToolCase[] = [throughKills, throughStandstills];
