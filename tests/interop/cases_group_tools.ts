/**
 * Apache Kafka's own tools over groups: the group command, and the formatters that read `__consumer_offsets` as Kafka writes it.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { OFFSETS_TOPIC } from "../../actors/group/protocol.ts";
import { until } from "../helpers/patience.ts";
import { Member, untilShared } from "./members.ts";
import { freshTopic } from "./scene.ts";
import { tool, type ToolCase } from "./cases_tools.ts";
import type { Target } from "./target.ts";

const command = (target: Target, ...args: string[]) => tool(target, "ConsumerGroupCommand", args);

/** A topic of two partitions with six records, which a group has read and committed, and left. */
async function readByGroup(target: Target, label: string): Promise<{ topic: string; group: string }> {
  const [topic, group] = [freshTopic(label), freshTopic(`${label}-group`)];
  await tool(target, "TopicCommand", ["--create", "--topic", topic, "--partitions", "2"]);
  const lines = ["a", "b", "c", "d", "e", "f"].map((key) => `${key}:of ${key}\n`).join("");
  const keyed = ["--reader-property", "parse.key=true", "--reader-property", "key.separator=:"];
  await tool(target, "ConsoleProducer", ["--topic", topic, ...keyed], lines);
  const from = ["--from-beginning", "--max-messages", "6", "--timeout-ms", "20000"];
  await tool(target, "ConsoleConsumer", ["--topic", topic, "--group", group, ...from]);
  return { topic, group };
}

/** The committed offsets of both partitions, as the command shows them; -1 for none. */
async function committed(target: Target, group: string, topic: string): Promise<number[]> {
  const described = await command(target, "--describe", "--group", group);
  return [0, 1].map((partition) => {
    const offset = new RegExp(`${group}\\s+${topic}\\s+${partition}\\s+(\\S+)`).exec(described)?.[1];
    return offset === undefined || offset === "-" ? -1 : Number(offset);
  });
}

const groupCommand: ToolCase = {
  name: "ConsumerGroupCommand",
  feature: "groups",
  async run(target) {
    const { topic, group } = await readByGroup(target, "command");
    const ends = await committed(target, group, topic);
    assertEquals(ends[0]! + ends[1]!, 6);
    assertMatch(await command(target, "--list"), new RegExp(`^${group}$`, "m"));
    assertMatch(await command(target, "--list", "--state", "empty"), new RegExp(`${group}\\s+Empty`));
    assertNotMatch(await command(target, "--list", "--state", "Stable"), new RegExp(group));
    assertMatch(await command(target, "--describe", "--group", group, "--state"), new RegExp(`${group}.*Empty`));

    const reset = ["--reset-offsets", "--group", group, "--topic", topic, "--execute"];
    await command(target, ...reset, "--to-earliest");
    assertEquals(await committed(target, group, topic), [0, 0]);
    await command(target, ...reset, "--to-latest");
    assertEquals(await committed(target, group, topic), ends);
    await command(target, "--delete-offsets", "--group", group, "--topic", `${topic}:0`);
    assertEquals(await committed(target, group, topic), [-1, ends[1]!]);
    await command(target, "--delete", "--group", group);
    assertNotMatch(await command(target, "--list"), new RegExp(group));
  },
};

/** Describes a group while a member of that protocol is in it. */
function described(protocol: "classic" | "consumer", assignor: string): ToolCase {
  return {
    name: `ConsumerGroupCommand-${protocol}-members`,
    feature: "groups",
    async run(target) {
      const [topic, group] = [freshTopic("members"), freshTopic("members-group")];
      await tool(target, "TopicCommand", ["--create", "--topic", topic, "--partitions", "2"]);
      await using member = await Member.join("java", target, {
        group,
        topic,
        protocol,
        ...(protocol === "classic" ? { strategy: "range" } : {}),
      });
      await untilShared([member], 2);
      await tool(target, "ConsoleProducer", ["--topic", topic], "one\n");
      await until("it is committed", () => Promise.resolve(member.committed.size === 1));
      assertMatch(
        await command(target, "--describe", "--group", group, "--state"),
        new RegExp(`${assignor}\\s+Stable`),
      );
      const members = await command(target, "--describe", "--group", group, "--members", "--verbose");
      assertMatch(members, new RegExp(`${group}.*/127\\.0\\.0\\.1\\s+java.*${topic}[:(]`));
      const offsets = await command(target, "--describe", "--group", group);
      assertMatch(
        offsets,
        new RegExp(`${group}\\s+${topic}\\s+\\d\\s+1\\s+1\\s+0\\s+\\S+\\s+/127\\.0\\.0\\.1\\s+java`),
      );
      const refusal = await tool(target, "ConsumerGroupCommand", ["--delete", "--group", group]).catch(String);
      assertMatch(refusal, /not empty|GroupNotEmptyException/);
      await member.leave();
    },
  };
}

/** What a formatter prints of `__consumer_offsets`, one JSON object per record. */
async function formatted(target: Target, formatter: string): Promise<string[]> {
  const from = ["--from-beginning", "--timeout-ms", "4000"];
  const how = ["--formatter", `org.apache.kafka.tools.consumer.${formatter}`, "--isolation-level", "read_uncommitted"];
  // It ends by its own time limit, which it takes for an error.
  const printed = await tool(target, "ConsoleConsumer", ["--topic", OFFSETS_TOPIC, ...from, ...how]);
  return printed.trim().split("\n");
}

const formatters: ToolCase = {
  name: "offsets-and-group-formatters",
  feature: "groups",
  async run(target) {
    const { topic, group } = await readByGroup(target, "formatted");
    const ends = await committed(target, group, topic);
    const offsets = (await formatted(target, "OffsetsMessageFormatter")).filter((line) => line.includes(`"${group}"`));
    for (const partition of [0, 1]) {
      const last = offsets.filter((line) => line.includes(`"partition":${partition}`)).at(-1);
      assert(last?.includes(`"offset":${ends[partition]}`), `partition ${partition} ends with ${last}`);
    }
    const groups = (await formatted(target, "GroupMetadataMessageFormatter")).filter((line) => line.includes(group));
    assertMatch(groups.at(0) ?? "", /"protocolType":"consumer".*"generation":1.*"protocol":"range"/);
    assertMatch(groups.at(-1) ?? "", /"generation":2.*"members":\[\]/);
  },
};

/** The cases for every target, in the order in which they run. */
export const GROUP_TOOL_CASES: readonly ToolCase[] = [
  groupCommand,
  described("classic", "range"),
  described("consumer", "uniform"),
  formatters,
];
