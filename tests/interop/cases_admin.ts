/**
 * Cases about topics, configurations and the cluster, errors included.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { until } from "../helpers/patience.ts";
import { assertSameRecords, type Case, freshTopic, record, refused } from "./scene.ts";

const TOPIC_ALREADY_EXISTS = 36;
const INVALID_TOPIC = 17;
const INVALID_PARTITIONS = 37;
const INVALID_CONFIG = 40;
const UNKNOWN_TOPIC = 3;

interface Description {
  readonly partitions: number;
  readonly leaders: readonly number[];
}
interface Cluster {
  readonly brokers: readonly { readonly id: number; readonly host: string; readonly port: number }[];
  readonly controller: number;
  readonly clusterId?: string;
}
type Configs = { readonly configs: Record<string, string | null> };

const topics: Case[] = [
  {
    name: "admin/create-topic-with-configs",
    needs: ["createTopic", "describeTopic", "describeConfigs"],
    async run(scene) {
      const name = await scene.topic(3, { "retention.ms": "86400000", "cleanup.policy": "compact,delete" });
      assertEquals((await scene.client.call<Description>("describeTopic", { topic: name })).partitions, 3);
      const { configs } = await scene.client.call<Configs>("describeConfigs", { topic: name });
      assertEquals(configs["retention.ms"], "86400000");
      assertEquals(configs["cleanup.policy"], "compact,delete");
      assertEquals(configs["max.message.bytes"], "1048588", "a default");
    },
  },
  {
    name: "admin/list-topics",
    needs: ["listTopics"],
    async run(scene) {
      const names = [await scene.topic(), await scene.topic()];
      const found = (await scene.client.call<{ topics: string[] }>("listTopics")).topics;
      for (const name of names) assert(found.includes(name), `${name} is not in the list`);
    },
  },
  {
    name: "admin/describe-topic",
    needs: ["describeTopic"],
    async run(scene) {
      const name = await scene.topic(4);
      const found = await scene.client.call<Description>("describeTopic", { topic: name });
      const ids = scene.target.ports.map((_, index) => index + 1);
      assertEquals(found.leaders.length, 4);
      assert(found.leaders.every((leader) => ids.includes(leader)), `led by ${found.leaders}`);
    },
  },
  {
    name: "admin/create-partitions",
    needs: ["createPartitions"],
    async run(scene) {
      const name = await scene.topic(1);
      await scene.client.call("createPartitions", { topic: name, partitions: 4 });
      await until("there are four partitions", async () => {
        return (await scene.client.call<Description>("describeTopic", { topic: name })).leaders.length === 4;
      });
    },
  },
  {
    name: "admin/delete-topic",
    needs: ["deleteTopic"],
    async run(scene) {
      const name = await scene.topic(2);
      await scene.client.call("deleteTopic", { topic: name });
      await until("the topic is gone", async () => {
        return !(await scene.client.call<{ topics: string[] }>("listTopics")).topics.includes(name);
      });
    },
  },
  {
    name: "admin/auto-create-on-first-produce",
    needs: ["produce", "consume"],
    async run(scene) {
      const topic = freshTopic(`auto-${scene.client.name}`);
      const records = [record("first", "record")];
      await scene.produce(topic, records, { auto: true });
      await assertSameRecords(await scene.consume(topic, 1), records);
    },
  },
];

const configs: Case[] = (["alterConfigs", "replaceConfigs"] as const).map((command) => ({
  name: command === "alterConfigs" ? "admin/alter-configs-incrementally" : "admin/alter-configs-by-replacing",
  needs: [command, "describeConfigs"],
  async run(scene) {
    const name = await scene.topic(1, { "retention.ms": "86400000" });
    await scene.client.call(command, { topic: name, set: { "segment.bytes": "10485760" } });
    await until("the new value is shown", async () => {
      const { configs } = await scene.client.call<Configs>("describeConfigs", { topic: name });
      const retention = command === "alterConfigs" ? "86400000" : "604800000";
      return configs["segment.bytes"] === "10485760" && configs["retention.ms"] === retention;
    });
  },
}));

const cluster: Case[] = [
  {
    name: "admin/describe-cluster",
    needs: ["describeCluster"],
    async run(scene) {
      const found = await scene.client.call<Cluster>("describeCluster");
      const host = scene.target.bootstrap.split(":")[0]!;
      const wanted = scene.target.ports.map((port, index) => ({ id: index + 1, host, port }));
      assertEquals([...found.brokers].sort((a, b) => a.id - b.id), wanted);
      assert(wanted.some(({ id }) => id === found.controller), `the controller is ${found.controller}`);
      if (scene.client.name !== "kcat") assert((found.clusterId ?? "").length > 0, "no cluster id");
    },
  },
  {
    name: "admin/list-offsets",
    needs: ["listOffsets"],
    async run(scene) {
      const topic = await scene.topic();
      const start = Date.now() - 500_000;
      const records = [0, 1, 2].map((n) => ({ ...record("k", `${n}`), t: start + n * 1_000 }));
      await scene.clerk.call("produce", { topic, records, codec: "none", acks: -1, idempotent: false, auto: false });
      const at = async (at: string | number) => {
        return (await scene.client.call<{ offset: number }>("listOffsets", { topic, partition: 0, at })).offset;
      };
      assertEquals(await at("earliest"), 0);
      assertEquals(await at("latest"), 3);
      assertEquals(await at(start + 500), 1);
      if (["java", "franz-go", "confluent", "kafka-python"].includes(scene.client.name)) {
        assertEquals(await at("max"), 2, "the offset of the largest timestamp");
      }
    },
  },
  {
    name: "admin/delete-records",
    needs: ["deleteRecords", "produce", "consume"],
    async run(scene) {
      const topic = await scene.topic();
      const records = Array.from({ length: 8 }, (_, n) => record(`k${n}`, `v${n}`));
      await scene.produce(topic, records);
      await scene.client.call("deleteRecords", { topic, partition: 0, before: 5 });
      await assertSameRecords(await scene.consume(topic, 3), records.slice(5));
    },
  },
  {
    name: "admin/log-dirs",
    needs: ["logDirs", "produce"],
    async run(scene) {
      const topic = await scene.topic();
      await scene.produce(topic, [record("k", "x".repeat(1_000))]);
      const { bytes } = await scene.client.call<{ bytes: number }>("logDirs", { topic });
      const replicas = scene.target.ports.length; // some clients add them up, some ask one broker
      assert(bytes > 1_000 && bytes < 2_000 * replicas, `the partition's size is given as ${bytes}`);
    },
  },
];

const errors: Case[] = [
  {
    name: "error/topic-exists",
    needs: ["createTopic"],
    async run(scene) {
      const name = await scene.topic();
      await refused(
        scene.client.call("createTopic", { topic: name, partitions: 1, configs: {} }),
        TOPIC_ALREADY_EXISTS,
      );
    },
  },
  {
    name: "error/invalid-topic-name",
    needs: ["createTopic"],
    async run(scene) {
      await refused(
        scene.client.call("createTopic", { topic: "no blanks, please!", partitions: 1, configs: {} }),
        INVALID_TOPIC,
      );
    },
  },
  {
    name: "error/invalid-config",
    needs: ["createTopic"],
    async run(scene) {
      const topic = freshTopic("invalid");
      const call = scene.client.call("createTopic", { topic, partitions: 1, configs: { "retention.ms": "a while" } });
      await refused(call, INVALID_CONFIG);
    },
  },
  {
    name: "error/fewer-partitions",
    needs: ["createPartitions"],
    async run(scene) {
      const name = await scene.topic(3);
      await refused(scene.client.call("createPartitions", { topic: name, partitions: 2 }), INVALID_PARTITIONS);
    },
  },
  {
    name: "error/unknown-topic",
    needs: ["describeTopic"],
    async run(scene) {
      const call = scene.client.call("describeTopic", { topic: freshTopic("missing") });
      await refused(call, UNKNOWN_TOPIC, scene.abilities.missingTopic);
    },
  },
  {
    name: "error/produce-without-auto-create",
    needs: ["produce"],
    when: (abilities) => abilities.refusesAutoCreate,
    async run(scene) {
      const topic = freshTopic("unwanted");
      const outcome = await scene.produce(topic, [record("k", "v")], { auto: false }).then(
        () => "accepted",
        () => "refused",
      );
      assertEquals(outcome, "refused");
      const found = (await scene.clerk.call<{ topics: string[] }>("listTopics")).topics;
      assert(!found.includes(topic), "the topic was created nevertheless");
    },
  },
];

/** The cases in the order in which they run. */
export const ADMIN_CASES: readonly Case[] = [...topics, ...configs, ...cluster, ...errors];
