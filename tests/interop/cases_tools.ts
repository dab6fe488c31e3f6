/**
 * Apache Kafka's own command-line tools against the broker; what its `DumpLogSegments` says of the broker's files is in `cases_files.ts`.
 *
 * Invariant: a tool that ends with anything but 0 fails its case, with what it said.
 *
 * @module
 */
import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { until } from "../helpers/patience.ts";
import { type Feature, freshTopic } from "./scene.ts";
import type { Target } from "./target.ts";
import { runTool } from "./tools.ts";

/** A case about a tool. */
export interface ToolCase {
  readonly name: string;
  /** What the broker must have for it, if not every broker has. */
  readonly feature?: Feature;
  run(target: Target): Promise<void>;
}

/** Runs a tool against the target; it must end with 0. Returns what it printed. */
export async function tool(target: Target, name: string, args: readonly string[], input?: string): Promise<string> {
  const where = ["--bootstrap-server", target.bootstrap];
  const all = name === "MetadataQuorumCommand" ? [...where, ...args] : [...args, ...where]; // before its subcommand
  const outcome = await runTool(name, all, input === undefined ? {} : { input });
  const said = `${outcome.stdout}\n${outcome.stderr}`.trim();
  assertEquals(outcome.code, 0, `${name} ended with ${outcome.code}: ${said.slice(-1_500)}`);
  return outcome.stdout;
}

/** What the tools write and the dump must show. */
export const LINES = ["first line", "second line", "third line"];
const PERF_RECORDS = 20_000;
const topic = freshTopic("tools");
const perfTopic = freshTopic("perf");

let written: Promise<void> | undefined;

/** Makes the two topics and fills them with the tools that write, once for all the cases that look at them. */
export function whatToolsWrote(target: Target): Promise<void> {
  return written ??= (async () => {
    await tool(target, "TopicCommand", ["--create", "--topic", topic, "--partitions", "1"]);
    const settings = ["--topic", topic, "--reader-property", "parse.key=true", "--reader-property", "key.separator=:"];
    await tool(target, "ConsoleProducer", settings, LINES.map((line) => `key:${line}\n`).join(""));
    await tool(target, "TopicCommand", ["--create", "--topic", perfTopic, "--config", "segment.bytes=1048576"]);
    const load = ["--num-records", `${PERF_RECORDS}`, "--record-size", "200", "--throughput", "-1"];
    const producer = ["acks=all", "compression.type=lz4", "enable.idempotence=true"];
    const properties = ["--command-property", ...producer]; // said twice, the last would count alone
    const printed = await tool(target, "ProducerPerformance", ["--topic", perfTopic, ...load, ...properties]);
    assertMatch(printed, new RegExp(`${PERF_RECORDS} records sent, [\\d.]+ records/sec`));
  })();
}

const topics: ToolCase = {
  name: "TopicCommand",
  async run(target) {
    const made = freshTopic("command");
    const settings = ["--partitions", "2", "--replication-factor", "1", "--config", "retention.ms=90000000"];
    await tool(target, "TopicCommand", ["--create", "--topic", made, ...settings]);
    await tool(target, "TopicCommand", ["--alter", "--topic", made, "--partitions", "3"]);
    await until("the partitions are led by those who have them", async () => {
      const described = await tool(target, "TopicCommand", ["--describe", "--topic", made]);
      assertMatch(described, /PartitionCount: 3\s+ReplicationFactor: 1\s+Configs:.*retention\.ms=90000000/);
      return described.match(/Leader: (\d)\s+Replicas: \1\s+Isr: \1\b/g)?.length === 3;
    });
    await tool(target, "TopicCommand", ["--delete", "--topic", made]);
    assertNotMatch(await tool(target, "TopicCommand", ["--list"]), new RegExp(made));
  },
};

const configs: ToolCase = {
  name: "ConfigCommand",
  async run(target) {
    await whatToolsWrote(target);
    const of = ["--entity-type", "topics", "--entity-name", topic];
    await tool(target, "ConfigCommand", [
      "--alter",
      ...of,
      "--add-config",
      "retention.ms=90000000,segment.bytes=2097152",
    ]);
    await tool(target, "ConfigCommand", ["--alter", ...of, "--delete-config", "retention.ms"]);
    const described = await tool(target, "ConfigCommand", ["--describe", "--all", ...of]);
    assertMatch(
      described,
      /segment\.bytes=2097152 sensitive=false synonyms=\{DYNAMIC_TOPIC_CONFIG:segment\.bytes=2097152/,
    );
    assertMatch(described, /retention\.ms=604800000 sensitive=false/);
    const broker = await tool(target, "ConfigCommand", [
      "--describe",
      "--all",
      "--entity-type",
      "brokers",
      "--entity-name",
      "1",
    ]);
    assertMatch(broker, /log\.segment\.bytes=1073741824 sensitive=false synonyms=\{DEFAULT_CONFIG/);
  },
};

const produceConsume: ToolCase = {
  name: "ConsoleProducer-ConsoleConsumer",
  async run(target) {
    await whatToolsWrote(target);
    const from = ["--partition", "0", "--offset", "earliest", "--max-messages", "3", "--timeout-ms", "15000"];
    const all = await tool(target, "ConsoleConsumer", [
      "--topic",
      topic,
      ...from,
      "--formatter-property",
      "print.key=true",
    ]);
    assertEquals(all.trim().split("\n"), LINES.map((line) => `key\t${line}`));
    const second = ["--partition", "0", "--offset", "1", "--max-messages", "1", "--timeout-ms", "15000"];
    assertEquals((await tool(target, "ConsoleConsumer", ["--topic", topic, ...second])).trim(), LINES[1]);
  },
};

const offsets: ToolCase = {
  name: "GetOffsetShell",
  async run(target) {
    await whatToolsWrote(target);
    assertEquals((await tool(target, "GetOffsetShell", ["--topic", topic])).trim(), `${topic}:0:3`);
    assertEquals(
      (await tool(target, "GetOffsetShell", ["--topic", topic, "--time", "earliest"])).trim(),
      `${topic}:0:0`,
    );
    assertMatch(await tool(target, "GetOffsetShell", ["--topic", topic, "--time", "max-timestamp"]), /:0:\d/);
  },
};

const performanceOf: ToolCase = {
  name: "ProducerPerformance",
  async run(target) {
    await whatToolsWrote(target);
    assertMatch(await tool(target, "GetOffsetShell", ["--topic", perfTopic]), new RegExp(`:0:${PERF_RECORDS}`));
  },
};

const latency: ToolCase = {
  name: "EndToEndLatency",
  // It reads without a group, but commits when it is done.
  feature: "groups",
  async run(target) {
    const made = freshTopic("latency");
    await tool(target, "TopicCommand", ["--create", "--topic", made]);
    const load = ["--num-records", "200", "--producer-acks", "all", "--record-size", "100"];
    assertMatch(await tool(target, "EndToEndLatency", ["--topic", made, ...load]), /Percentiles: 50th = \d+/);
  },
};

const verifiable: ToolCase = {
  name: "VerifiableProducer",
  async run(target) {
    const made = freshTopic("verifiable");
    const printed = await tool(target, "VerifiableProducer", [
      "--topic",
      made,
      "--max-messages",
      "100",
      "--acks",
      "-1",
    ]);
    assertMatch(printed, /"name":"tool_data".*"sent":100,"acked":100|"acked":100.*"sent":100/);
  },
};

const deleteRecords: ToolCase = {
  name: "DeleteRecordsCommand",
  async run(target) {
    await whatToolsWrote(target);
    const file = await Deno.makeTempFile({ suffix: ".json" });
    try {
      const partitions = [{ topic: perfTopic, partition: 0, offset: 7 }];
      await Deno.writeTextFile(file, JSON.stringify({ version: 1, partitions }));
      const printed = await tool(target, "DeleteRecordsCommand", ["--offset-json-file", file]);
      assertMatch(printed, /low_watermark: 7/);
    } finally {
      await Deno.remove(file);
    }
  },
};

const inspection: ToolCase[] = [
  {
    name: "BrokerApiVersionsCommand",
    async run(target) {
      const printed = await tool(target, "BrokerApiVersionsCommand", []);
      assertMatch(printed, /\(id: 1 rack: [^)]*\) -> \(/);
      assertMatch(printed, /Produce\(0\): \d+ to \d+ \[usable: \d+\]/);
      assertMatch(printed, /ApiVersions\(18\): 0 to \d/);
    },
  },
  {
    name: "ClusterTool",
    async run(target) {
      const outcome = await runTool("ClusterTool", ["cluster-id", "--bootstrap-server", target.bootstrap]);
      assertMatch(outcome.stdout, /Cluster ID: \S{22}/);
    },
  },
  {
    name: "LogDirsCommand",
    async run(target) {
      await whatToolsWrote(target);
      const printed = await tool(target, "LogDirsCommand", ["--describe", "--topic-list", topic]);
      assertMatch(printed, new RegExp(`"partition":"${topic}-0","size":[1-9]\\d*,"offsetLag":0,"isFuture":false`));
    },
  },
];

/** What subscribes, and the tools that look at groups. */
const groups: ToolCase[] = [
  {
    name: "ConsumerPerformance",
    feature: "groups",
    async run(target) {
      await whatToolsWrote(target);
      const load = ["--topic", perfTopic, "--num-records", "10000", "--timeout", "15000"];
      assertMatch(await tool(target, "ConsumerPerformance", load), /, 1\d{4}, /);
    },
  },
  {
    name: "ConsoleConsumer-ConsumerGroupCommand",
    feature: "groups",
    async run(target) {
      await whatToolsWrote(target);
      const group = freshTopic("group");
      const from = ["--from-beginning", "--max-messages", "3", "--timeout-ms", "20000"];
      const read = await tool(target, "ConsoleConsumer", ["--topic", topic, "--group", group, ...from]);
      assertEquals(read.trim().split("\n"), LINES);
      const described = await tool(target, "ConsumerGroupCommand", ["--describe", "--group", group]);
      assertMatch(described, new RegExp(`${group}\\s+${topic}\\s+0\\s+3\\s+3\\s+0\\s`));
      await tool(target, "ConsumerGroupCommand", ["--delete", "--group", group]);
      assertNotMatch(await tool(target, "ConsumerGroupCommand", ["--list"]), new RegExp(group));
    },
  },
  {
    name: "VerifiableConsumer",
    feature: "groups",
    async run(target) {
      await whatToolsWrote(target);
      const of = [
        "--topic",
        topic,
        "--group-id",
        freshTopic("group"),
        "--max-messages",
        "3",
        "--reset-policy",
        "earliest",
      ];
      assertMatch(await tool(target, "VerifiableConsumer", of), /"name":"offsets_committed"/);
    },
  },
];

/** The tools in the order in which they run. */
export const TOOL_CASES: readonly ToolCase[] = [
  topics,
  configs,
  produceConsume,
  offsets,
  performanceOf,
  latency,
  verifiable,
  deleteRecords,
  ...inspection,
  ...groups,
];
