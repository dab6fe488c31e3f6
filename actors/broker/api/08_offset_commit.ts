/**
 * OffsetCommit (key 8), versions 2–9: how far a group has come.
 *
 * A topic or partition that does not exist is UNKNOWN_TOPIC_OR_PARTITION and never reaches the group; the group judges the rest together. An epoch
 * below 0 comes from outside (a consumer without a group protocol, an admin), for a group without members; it makes the group if there
 * is none. v2–4 may say for how long an offset is to be kept, v6 adds leader epochs (KIP-320), v7 static members (KIP-345), v9 groups
 * of the new protocol (KIP-848).
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { Request, ResponseInput } from "../../../protocol/schema.ts";
import { offsetCommit as table } from "../../../protocol/tables/groups.ts";
import { brokerInt } from "../broker_configs.ts";
import { handler } from "../handler.ts";
import { askGroup, clientOf } from "./group_call.ts";
import { knownPartitions, withUnknown } from "./group_topics.ts";

type Topics = ResponseInput<typeof table>["topics"];

/** Serves OffsetCommit. */
export const offsetCommit = handler(table, 2, 9, (request, exchange) => {
  const { groupId, generationIdOrMemberEpoch: epoch } = request;
  const { topics: there } = exchange.view.image;
  // The ids are this broker's: clients of these versions know names only.
  const topics = knownPartitions(exchange.view, request.topics).map((topic) => (
    { ...topic, topicId: there.get(topic.name)!.topicId }
  ));
  const answer = (known: Topics) => exchange.reply({ topics: withUnknown(request.topics, known) });
  if (topics.length === 0) return answer([]);

  const message = { version: exchange.version, client: clientOf(exchange), body: { ...request, topics } };
  const timeoutMs = brokerInt(exchange.view, "offsets.commit.timeout.ms");
  askGroup(exchange, { groupId, verb: "commit", message, create: epoch < 0, timeoutMs }, (result) => {
    if (result.error === "NONE") return answer(result.value.topics);
    const missing: ErrorName = exchange.version < 9 ? "ILLEGAL_GENERATION" : "GROUP_ID_NOT_FOUND";
    answer(refuse(topics, result.error === "GROUP_ID_NOT_FOUND" ? missing : result.error));
  });
});

function refuse(topics: Request<typeof table>["topics"], error: ErrorName): Topics {
  return topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errorCode(error) })),
  }));
}
