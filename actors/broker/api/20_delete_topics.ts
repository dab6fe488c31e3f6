/**
 * DeleteTopics (key 20), versions 1–6: deletes topics by name, from version 6 on also by id (KIP-516).
 *
 * The controller decides; the answer comes when every live broker has let go of the topic. With `delete.topic.enable=false`
 * the error is TOPIC_DELETION_DISABLED from version 3 on, INVALID_REQUEST before; v5 adds a sentence.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import { deleteTopics as table } from "../../../protocol/tables/topics.ts";
import { ZERO_UUID } from "../../../lib/uuid.ts";
import { controllerFailure } from "../asking.ts";
import { handler } from "../handler.ts";

/** Serves DeleteTopics. */
export const deleteTopics = handler(table, 1, 6, (request, exchange) => {
  const { timeoutMs } = request;
  const topics = exchange.version >= 6
    ? request.topics
    : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }));
  exchange.askController("deleteTopics", { topics, timeoutMs }, (answer) => {
    const failure = answer.ok ? undefined : controllerFailure(answer.failure);
    exchange.reply({
      responses: topics.map(({ name, topicId }, index) => {
        const result = answer.ok ? answer.value[index] : undefined;
        const { error, message } = result ?? failure ?? { error: "UNKNOWN_SERVER_ERROR" as const, message: null };
        return {
          name: name ?? (result?.error === "NONE" ? result.name : null),
          topicId: result?.topicId ?? topicId,
          errorCode: errorCode(spoken(error, exchange.version)),
          errorMessage: message,
        };
      }),
    });
  }, timeoutMs);
});

function spoken(error: ErrorName, version: number): ErrorName {
  return error === "TOPIC_DELETION_DISABLED" && version < 3 ? "INVALID_REQUEST" : error;
}
