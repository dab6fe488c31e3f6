/**
 * What kafkajs is asked as an administrator: topics, configs, records, offsets by time.
 *
 * Invariant: each handler opens a client of its own and closes it, so none sees metadata that another has asked for.
 *
 * @module
 */
import kafkajs from "npm:kafkajs@2.2.4";
import type { Command, Handler, Start } from "./agent.ts";
import { withAdmin } from "./kafkajs_client.ts";

const { ConfigResourceTypes } = kafkajs;

/** The offset that reading begins at. */
export async function startOffset(command: Command, from: Start): Promise<number> {
  if (from.kind === "offset") return from.value;
  return await withAdmin(async (admin) => {
    if (from.kind === "time") {
      const found = await admin.fetchTopicOffsetsByTimestamp(command.topic, from.value);
      return Number(found.find((entry) => entry.partition === command.partition)!.offset);
    }
    const found = (await admin.fetchTopicOffsets(command.topic)).find((e) => e.partition === command.partition)!;
    return Number(from.kind === "beginning" ? found.low : found.high);
  });
}

/** What an administrator asks. */
export const admin: Record<string, Handler> = {
  createTopic: (c) =>
    withAdmin(async (admin) => {
      const configEntries = Object.entries(c.configs).map(([name, value]) => ({ name, value }));
      const made = await admin.createTopics({
        topics: [{ topic: c.topic, numPartitions: c.partitions, configEntries }],
      });
      // kafkajs turns TOPIC_ALREADY_EXISTS into `false`.
      if (!made) throw { code: 36 };
    }),
  listTopics: () => withAdmin(async (admin) => ({ topics: await admin.listTopics() })),
  describeTopic: (c) =>
    withAdmin(async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [c.topic] });
      return { partitions: topics[0]!.partitions.length, leaders: topics[0]!.partitions.map((p) => p.leader) };
    }),
  describeConfigs: (c) =>
    withAdmin(async (admin) => {
      const resources = [{ type: ConfigResourceTypes.TOPIC, name: c.topic }];
      const found = await admin.describeConfigs({ resources, includeSynonyms: true });
      const entries = found.resources[0]!.configEntries;
      return { configs: Object.fromEntries(entries.map((entry) => [entry.configName, entry.configValue])) };
    }),
  replaceConfigs: (c) =>
    withAdmin(async (admin) => {
      const configEntries = Object.entries(c.set).map(([name, value]) => ({ name, value }));
      const resources = [{ type: ConfigResourceTypes.TOPIC, name: c.topic, configEntries }];
      await admin.alterConfigs({ validateOnly: false, resources });
    }),
  createPartitions: (c) =>
    withAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic: c.topic, count: c.partitions }] })),
  deleteRecords: (c) =>
    withAdmin(async (admin) => {
      // It looks for leaders in metadata that nothing has asked for yet, unless some other call did before it.
      await admin.fetchTopicOffsets(c.topic);
      const partitions = [{ partition: c.partition, offset: String(c.before) }];
      await admin.deleteTopicRecords({ topic: c.topic, partitions });
    }),
  deleteTopic: (c) => withAdmin((admin) => admin.deleteTopics({ topics: [c.topic] })),
  describeCluster: () =>
    withAdmin(async (admin) => {
      const { brokers, controller, clusterId } = await admin.describeCluster();
      return { brokers: brokers.map((b) => ({ id: b.nodeId, host: b.host, port: b.port })), controller, clusterId };
    }),
  listOffsets: async (c) => {
    const kind = c.at === "earliest" ? "beginning" : c.at === "latest" ? "end" : "time";
    return { offset: await startOffset(c, (kind === "time" ? { kind, value: c.at } : { kind }) as Start) };
  },
};
