/**
 * Produce (key 0), versions 3–11: appends one record batch per partition.
 *
 * - acks 1 and -1 (all) are answered when the records are durable as the topic demands; acks 0 is never answered, and an
 *   error then closes the connection, because nothing else could tell the client.
 * - v5 log start offset, v7 zstd, v8 error details per record (KIP-467), v9 flexible, v10 leader hints (KIP-951).
 *
 * Produce requests of one connection may overlap: they reach a partition's replica in the order in which they came, and
 * several share one flush.
 *
 * @module
 */
import { errorCode, type ErrorName, errorName } from "../../../protocol/errors.ts";
import type { Request, ResponseInput } from "../../../protocol/schema.ts";
import { produce as table } from "../../../protocol/tables/produce_fetch.ts";
import { INTERNAL_TOPICS } from "../../../protocol/topic_names.ts";
import type { AppendReply } from "../../partition/protocol.ts";
import { replicaFailure } from "../asking.ts";
import type { Exchange } from "../handler.ts";
import { gather, handler } from "../handler.ts";
import type { BrokerView } from "../protocol.ts";
import { endpointsOf, findTopic, ledPartition, newestLeader } from "../view.ts";

type Produce = typeof table;
type TopicData = Request<Produce>["topicData"][number];
type PartitionData = TopicData["partitionData"][number];
type PartitionResponse = ResponseInput<Produce>["responses"][number]["partitionResponses"][number];
type Question = (then: (response: PartitionResponse) => void) => void;

/** First version whose client is told who leads instead. */
const HINTS = 10;
/** What Kafka's timeout covers is the wait for other replicas; appending here may always take this long. */
const APPEND_PATIENCE_MS = 30_000;
const NOBODY = { leader: -1, leaderEpoch: -1 };

/** Serves Produce. */
export const produce = handler(table, 3, 11, (request, exchange) => {
  const { acks } = request;
  const seen = new Set<string>();
  const questions: Question[] = [];
  for (const topic of request.topicData) {
    for (const data of topic.partitionData) {
      const key = `${topic.name}-${data.index}`;
      const twice = seen.has(key);
      seen.add(key);
      questions.push(question(topic, data, request, twice, exchange));
    }
  }
  gather(questions, (responses) => {
    if (acks !== 0) return exchange.reply(assemble(request, responses, exchange.view));
    const failed = responses.find((response) => response.errorCode !== 0);
    if (failed === undefined) return exchange.done();
    exchange.close(`a produce with acks=0 failed for partition ${failed.index}: ${errorName(failed.errorCode)}`);
  });
});

function question(
  topic: TopicData,
  data: PartitionData,
  { acks, timeoutMs }: Request<Produce>,
  twice: boolean,
  exchange: Exchange<Produce>,
): Question {
  const { index } = data;
  const known = () => findTopic(exchange.view, topic.name, topic.topicId);
  const led = ledPartition(exchange.view, known(), index);
  const refused = refusal(topic, data, acks, twice);
  if (refused !== undefined) return (then) => then(refusedResponse(index, refused.error, refused.message));
  if (led.error !== "NONE") {
    return (then) => then(withHint(refusedResponse(index, led.error, null), led.error, NOBODY));
  }
  const append = { records: data.records!, acks: acks as -1 | 0 | 1, zstdAllowed: exchange.version >= 7 };
  const patienceMs = acks === -1 ? Math.max(1_000, timeoutMs) : APPEND_PATIENCE_MS;
  return (then) =>
    exchange.ask(led.replica, "append", append, (answer) => {
      const { error, ...told } = answer.ok ? answer.value : { error: replicaFailure(answer.failure), ...NOBODY };
      then(withHint(answer.ok ? responseOf(index, answer.value) : refusedResponse(index, error, null), error, told));
    }, patienceMs);

  /**
   * Tells a client that asked the wrong broker which one is right, if that is known by now (KIP-951). A leader here that is cut off knows
   * of none but itself.
   */
  function withHint(response: PartitionResponse, error: ErrorName, told: typeof NOBODY): PartitionResponse {
    if (error !== "NOT_LEADER_OR_FOLLOWER" || exchange.version < HINTS) return response;
    const currentLeader = newestLeader(known()?.partitions[index], told);
    const { brokerId } = exchange.view;
    return currentLeader.leaderId < 0 || currentLeader.leaderId === brokerId
      ? response
      : { ...response, currentLeader };
  }
}

function refusal(
  topic: TopicData,
  data: PartitionData,
  acks: number,
  twice: boolean,
): { readonly error: ErrorName; readonly message: string } | undefined {
  if (acks !== 0 && acks !== 1 && acks !== -1) {
    return { error: "INVALID_REQUIRED_ACKS", message: `acks is ${acks}; it must be 0, 1 or -1 (all).` };
  }
  if (twice) {
    return {
      error: "INVALID_REQUEST",
      message: `Partition ${topic.name}-${data.index} is named twice in one request.`,
    };
  }
  if (INTERNAL_TOPICS.has(topic.name)) {
    return { error: "INVALID_TOPIC_EXCEPTION", message: `${topic.name} is internal: only the broker writes to it.` };
  }
  if (data.records === null || data.records.length === 0) {
    return { error: "INVALID_RECORD", message: "There must be exactly one record batch per partition; there is none." };
  }
  return undefined;
}

function refusedResponse(index: number, error: ErrorName, message: string | null): PartitionResponse {
  return {
    index,
    errorCode: errorCode(error),
    baseOffset: -1n,
    logAppendTimeMs: -1n,
    logStartOffset: -1n,
    errorMessage: message,
  };
}

function responseOf(index: number, reply: AppendReply): PartitionResponse {
  return {
    index,
    errorCode: errorCode(reply.error),
    baseOffset: BigInt(reply.baseOffset),
    logAppendTimeMs: BigInt(reply.logAppendTimeMs),
    logStartOffset: BigInt(reply.logStartOffset),
    recordErrors: reply.recordErrors.map(({ batchIndex, message }) => ({
      batchIndex,
      batchIndexErrorMessage: message,
    })),
    errorMessage: reply.message,
  };
}

/** Puts the partitions' responses back under their topics, in the order of the request. */
function assemble(
  request: Request<Produce>,
  responses: readonly PartitionResponse[],
  view: BrokerView,
): ResponseInput<Produce> {
  let next = 0;
  const leaders = new Set(responses.flatMap(({ currentLeader }) => currentLeader?.leaderId ?? []));
  return {
    responses: request.topicData.map((topic) => ({
      name: topic.name,
      topicId: topic.topicId,
      partitionResponses: topic.partitionData.map(() => responses[next++]!),
    })),
    throttleTimeMs: 0,
    nodeEndpoints: endpointsOf(view, leaders),
  };
}
