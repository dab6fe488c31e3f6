/**
 * What can be asked of several brokers only: Apache Kafka's own tools elect leaders, move partitions, describe the quorum and
 * let brokers be killed under a producer.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { until } from "../helpers/patience.ts";
import { tool, type ToolCase } from "./cases_tools.ts";
import { freshTopic } from "./scene.ts";
import type { Target } from "./target.ts";

interface Partition {
  readonly partition: number;
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** A topic as TopicCommand describes it, or all topics. */
async function describe(target: Target, topic?: string): Promise<Partition[]> {
  const printed = await tool(target, "TopicCommand", ["--describe", ...topic === undefined ? [] : ["--topic", topic]]);
  const ids = (list: string) => list.split(",").map(Number);
  return [...printed.matchAll(/Partition: (\d+)\s+Leader: (\S+)\s+Replicas: (\S+)\s+Isr: ([\d,]*)/g)].map(
    ([, partition, leader, replicas, isr]) => ({
      partition: Number(partition),
      leader: leader === "none" ? -1 : Number(leader),
      replicas: ids(replicas!),
      isr: ids(isr!),
    }),
  );
}

function inSync(partitions: readonly Partition[]): boolean {
  return partitions.length > 0 &&
    partitions.every(({ leader, isr, replicas }) => leader > 0 && isr.length === replicas.length);
}

async function untilInSync(target: Target, topic: string): Promise<Partition[]> {
  let found: Partition[] = [];
  await until(`all replicas of ${topic} are in sync`, async () => {
    found = await describe(target, topic);
    return inSync(found);
  }, 120_000);
  return found;
}

async function withJson(content: unknown, use: (file: string) => Promise<void>): Promise<void> {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(file, JSON.stringify(content));
    await use(file);
  } finally {
    await Deno.remove(file);
  }
}

/** How many partitions more one broker is to lead than another, at most, in the whole cluster. */
async function unevenness(target: Target): Promise<number> {
  const partitions = await describe(target);
  const counts = target.ports.map((_, index) => partitions.filter(({ replicas }) => replicas[0] === index + 1).length);
  return Math.max(...counts) - Math.min(...counts);
}

const topics: ToolCase = {
  name: "cluster/TopicCommand",
  async run(target) {
    const settings = ["--partitions", "6", "--replication-factor", "3"];
    // What is there is uneven: topics have gone, and others were made while a broker was away. A new one adds nothing to that, or evens it
    // out, unless a broker of a slow machine is taken to be away just then.
    await until("a topic is spread over the brokers", async () => {
      const before = await unevenness(target);
      const topic = freshTopic("spread");
      await tool(target, "TopicCommand", ["--create", "--topic", topic, ...settings]);
      const partitions = await untilInSync(target, topic);
      assertEquals(partitions.map(({ replicas }) => [...replicas].sort()), Array(6).fill([1, 2, 3]));
      const after = await unevenness(target);
      assert(after <= Math.max(1, before), `one was to lead ${before} more than another, and then ${after}`);
      await until("nothing of it lags", async () => {
        const lagging = await tool(target, "TopicCommand", ["--describe", "--under-replicated-partitions"]);
        return !lagging.includes(`${topic}\t`);
      });
      await tool(target, "TopicCommand", ["--delete", "--topic", topic]);
      return true;
    }, 120_000);
  },
};

const election: ToolCase = {
  name: "cluster/LeaderElectionCommand",
  async run(target) {
    const topic = freshTopic("election");
    await tool(target, "TopicCommand", [
      "--create",
      "--topic",
      topic,
      "--partitions",
      "3",
      "--replication-factor",
      "3",
    ]);
    const [first] = await untilInSync(target, topic);
    const preferred = first!.replicas[0]!;
    await target.own!.kill(preferred);
    await until("another broker leads", async () => {
      const elsewhere = await describe(without(target, preferred), topic);
      return elsewhere[0]!.leader > 0 && elsewhere[0]!.leader !== preferred;
    });
    await target.own!.start(preferred);
    const partitions = ["--topic", topic, "--partition", "0"];
    // Whoever is silent for a moment, on a slow machine, is elected in vain: it has lost what it led, and will be given it back much later.
    await until("the preferred broker is elected, and leads again", async () => {
      await untilInSync(target, topic);
      const printed = await tool(target, "LeaderElectionCommand", ["--election-type", "preferred", ...partitions]);
      assertMatch(printed, /Successfully completed leader election|Valid replica already elected/);
      return (await describe(target, topic))[0]!.leader === preferred;
    }, 120_000);
  },
};

/** The target as a client sees it that knows all brokers but one. */
function without(target: Target, id: number): Target {
  const bootstrap = target.ports.filter((_, index) => index + 1 !== id).map((port) => `127.0.0.1:${port}`).join(",");
  return { ...target, bootstrap, [Symbol.asyncDispose]: () => Promise.resolve() };
}

const reassignment: ToolCase = {
  name: "cluster/ReassignPartitionsCommand",
  async run(target) {
    const topic = freshTopic("move");
    await tool(target, "TopicCommand", ["--create", "--topic", topic, "--replica-assignment", "1:2"]);
    const load = ["--num-records", "2000", "--record-size", "500", "--throughput", "-1"];
    await tool(target, "ProducerPerformance", ["--topic", topic, ...load, "--command-property", "acks=all"]);
    const plan = { version: 1, partitions: [{ topic, partition: 0, replicas: [3, 2] }] };
    await withJson(plan, async (file) => {
      const started = await tool(target, "ReassignPartitionsCommand", ["--execute", "--reassignment-json-file", file]);
      assertMatch(started, /Successfully started partition reassignment/);
      await until("the move is complete", async () => {
        const printed = await tool(target, "ReassignPartitionsCommand", ["--verify", "--reassignment-json-file", file]);
        return /Reassignment of partition \S+ is completed/.test(printed);
      }, 120_000);
    });
    const [moved] = await untilInSync(target, topic);
    assertEquals(moved!.replicas, [3, 2]);
    assertMatch(await tool(target, "GetOffsetShell", ["--topic", topic]), /:0:2000/);
    assertNotMatch(await tool(target, "ReassignPartitionsCommand", ["--list"]), new RegExp(topic));
  },
};

const quorum: ToolCase = {
  name: "cluster/MetadataQuorumCommand",
  async run(target) {
    const status = await tool(target, "MetadataQuorumCommand", ["describe", "--status"]);
    assertMatch(status, /ClusterId:\s+\S{22}/);
    assertMatch(status, /LeaderId:\s+[123]\n/);
    assertMatch(status, /LeaderEpoch:\s+\d+/);
    assertMatch(status, /CurrentVoters:.*1.*2.*3/);
    const replication = await tool(target, "MetadataQuorumCommand", ["describe", "--replication"]);
    assertEquals(replication.match(/\bLeader\b/g)?.length, 1, replication);
    assertEquals(replication.match(/\bFollower\b/g)?.length, 2, replication);
  },
};

const killed: ToolCase = {
  name: "cluster/VerifiableProducer-through-kills",
  async run(target) {
    const topic = freshTopic("killed");
    const settings = ["--partitions", "3", "--replication-factor", "3", "--config", "min.insync.replicas=2"];
    await tool(target, "TopicCommand", ["--create", "--topic", topic, ...settings]);
    await untilInSync(target, topic);
    const count = 6_000;
    const writing = tool(target, "VerifiableProducer", [
      ...["--topic", topic, "--max-messages", String(count), "--throughput", "500", "--acks", "-1"],
    ]);
    for (const id of [1, 2, 3]) {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await target.own!.kill(id);
      await target.own!.start(id);
      await untilInSync(target, topic);
    }
    const printed = await writing;
    const summary = /"name":"tool_data".*|.*"tool_data".*/.exec(printed)?.[0] ?? "";
    assertMatch(summary, new RegExp(`"sent":${count}\\b`));
    // It tries nothing twice: what it was in the middle of when a broker was killed may be there or not.
    const acked = new Set([...printed.matchAll(/"name":"producer_send_success".*"value":"(\d+)"/g)].map(([, n]) => n!));
    assert(acked.size > count / 2, `only ${acked.size} of ${count} were acknowledged`);
    const values: string[] = [];
    for (const partition of [0, 1, 2]) {
      const ends = await tool(target, "GetOffsetShell", ["--topic", topic, "--partitions", String(partition)]);
      const end = /:(\d+)\s*$/.exec(ends.trim())![1]!;
      if (end === "0") continue;
      const from = ["--partition", String(partition), "--offset", "earliest", "--max-messages", end];
      const read = await tool(target, "ConsoleConsumer", ["--topic", topic, ...from, "--timeout-ms", "20000"]);
      values.push(...read.trim().split("\n"));
    }
    const found = new Set(values);
    assertEquals(values.length, found.size, "records in the log: none doubled");
    for (const value of acked) assert(found.has(value), `${value} was acknowledged and is not there`);
  },
};

/** The cases, for targets of three brokers. */
export const CLUSTER_CASES: readonly ToolCase[] = [topics, quorum, reassignment, election, killed];
