/**
 * CreateTopics (key 19), versions 2–7: makes topics, or with `validateOnly` says whether it could.
 *
 * The controller decides; the answer comes when every live broker knows the topic. v4 lets -1 partitions or replicas mean
 * the broker's default (KIP-464), v5 returns partitions, replication factor and all configs as they count (KIP-525), v7 the
 * topic's id (KIP-516).
 *
 * @module
 */
import { CONFIG_SOURCES, resolveTopicConfigs } from "../../../protocol/configs/resolve.ts";
import { isSensitive } from "../../../protocol/configs/definition.ts";
import { errorCode } from "../../../protocol/errors.ts";
import type { ResponseInput } from "../../../protocol/schema.ts";
import { createTopics as table } from "../../../protocol/tables/topics.ts";
import type { NewTopic, TopicResult } from "../../controller/protocol.ts";
import { controllerFailure } from "../asking.ts";
import { layersOf } from "../broker_configs.ts";
import { handler } from "../handler.ts";
import type { BrokerView } from "../protocol.ts";

type TopicResponse = ResponseInput<typeof table>["topics"][number];

/** Serves CreateTopics. */
export const createTopics = handler(table, 2, 7, (request, exchange) => {
  const { validateOnly, timeoutMs } = request;
  const topics = request.topics.map((topic): NewTopic => ({
    name: topic.name,
    partitions: topic.numPartitions,
    replicationFactor: topic.replicationFactor,
    assignments: topic.assignments.map(({ partitionIndex, brokerIds }) => ({ partition: partitionIndex, brokerIds })),
    configs: topic.configs,
  }));
  const asked = new Map(topics.map((topic) => [topic.name, topic]));
  const message = { topics, validateOnly, timeoutMs };
  exchange.askController("createTopics", message, (answer) => {
    if (!answer.ok) {
      const { error, message } = controllerFailure(answer.failure);
      const failed = (name: string) => ({ name, errorCode: errorCode(error), errorMessage: message, configs: [] });
      return exchange.reply({ topics: [...asked.keys()].map(failed) });
    }
    exchange.reply({ topics: answer.value.map((result) => response(result, asked.get(result.name), exchange.view)) });
  }, timeoutMs);
});

function response(result: TopicResult, asked: NewTopic | undefined, view: BrokerView): TopicResponse {
  return {
    name: result.name,
    topicId: result.topicId,
    errorCode: errorCode(result.error),
    errorMessage: result.message,
    numPartitions: result.partitions,
    replicationFactor: result.replicationFactor,
    configs: result.error === "NONE" && asked !== undefined ? configsOf(asked, view) : [],
  };
}

function configsOf({ configs }: NewTopic, view: BrokerView): TopicResponse["configs"] {
  const topic = new Map(configs.map(({ name, value }) => [name, value?.trim() ?? ""]));
  return resolveTopicConfigs({ ...layersOf(view), topic }).map(({ definition, value, source }) => ({
    name: definition.name,
    value: isSensitive(definition) ? null : value,
    readOnly: false,
    configSource: CONFIG_SOURCES[source],
    isSensitive: isSensitive(definition),
  }));
}
