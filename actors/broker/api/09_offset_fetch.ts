/**
 * OffsetFetch (key 9), versions 1–9: how far groups have come.
 *
 * One group up to version 7, several from 8 on (KIP-709), each with an error of its own; v1 has room for errors in partitions only. Where
 * nothing has been committed, or there is no such group, the offset is -1 without an error. Null topics (v2) mean all of them. v7 may ask for
 * stable offsets only (KIP-447), v9 may name a member of the new protocol, whose epoch is checked if there is such a group (KIP-848).
 *
 * What is named again is not answered again, for an answer may be a thousand times as long as its question: a partition has one row, and
 * a group's second naming is INVALID_REQUEST. Kafka answers as often as it is asked.
 *
 * @module
 */
import { errorCode } from "../../../protocol/errors.ts";
import type { Request } from "../../../protocol/schema.ts";
import { offsetFetch as table } from "../../../protocol/tables/groups.ts";
import type { OffsetFetchAsked, OffsetFetchGroup } from "../../group/protocol.ts";
import { ZERO_UUID } from "../../../lib/uuid.ts";
import { type Exchange, gatherEach, handler } from "../handler.ts";
import { askGroup, clientOf } from "./group_call.ts";

type Asked = OffsetFetchAsked & { readonly groupId: string };
type Topics = NonNullable<OffsetFetchAsked["topics"]>;

/** Serves OffsetFetch. */
export const offsetFetch = handler(table, 1, 9, (request, exchange) => {
  const { version } = exchange;
  const named = new Set<string>();
  const ask = (asked: Asked, then: (group: OffsetFetchGroup) => void) => {
    if (named.has(asked.groupId)) return then(failed(asked, version, errorCode("INVALID_REQUEST")));
    named.add(asked.groupId);
    fetchOf(exchange, { ...asked, topics: asked.topics && distinct(asked.topics) }, then);
  };
  gatherEach(groupsOf(request, version), ask, (groups) => {
    if (version >= 8) return exchange.reply({ groups });
    const { topics, errorCode: error = 0 } = groups[0]!;
    exchange.reply({
      topics: topics.map((topic) => ({ name: topic.name ?? "", partitions: topic.partitions })),
      errorCode: error,
    });
  });
});

/** Every version as a list of groups. */
function groupsOf(request: Request<typeof table>, version: number): Asked[] {
  const { requireStable } = request;
  if (version >= 8) return request.groups.map((group) => ({ ...group, requireStable }));
  const topics = request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null;
  return [{ groupId: request.groupId, memberId: null, memberEpoch: -1, requireStable, topics }];
}

/** Each partition once, however often it is asked for. */
function distinct(topics: Topics): Topics {
  const partitions = new Map<string, Set<number>>();
  for (const { name, partitionIndexes } of topics) {
    const indexes = partitions.get(name) ?? new Set();
    for (const index of partitionIndexes) indexes.add(index);
    partitions.set(name, indexes);
  }
  return [...partitions].map(([name, indexes]) => ({ name, topicId: ZERO_UUID, partitionIndexes: [...indexes] }));
}

function fetchOf(exchange: Exchange<typeof table>, asked: Asked, then: (group: OffsetFetchGroup) => void): void {
  const { version } = exchange;
  const { groupId, ...body } = asked;
  const call = {
    groupId,
    verb: "fetchOffsets",
    message: { version, client: clientOf(exchange), body },
    isConfirmed: () => true,
  } as const;
  askGroup(exchange, call, (result) => {
    if (result.error === "NONE") {
      const { errorCode: error = 0, topics } = result.value;
      return then(error === 0 ? { groupId, topics } : failed(asked, version, error));
    }
    if (result.error === "GROUP_ID_NOT_FOUND") return then(filled(asked, 0));
    // Consumers before 3.9 do not know COORDINATOR_NOT_AVAILABLE here; as they only read, they may as well look for another one.
    const error = result.error === "COORDINATOR_NOT_AVAILABLE" ? "NOT_COORDINATOR" : result.error;
    then(failed(asked, version, errorCode(error)));
  });
}

/** Version 1 can say what went wrong of each partition only. */
function failed(asked: Asked, version: number, error: number): OffsetFetchGroup {
  return version < 2 ? filled(asked, error) : { groupId: asked.groupId, topics: [], errorCode: error };
}

/** A row without an offset for each partition asked for. */
function filled({ groupId, topics }: Asked, error: number): OffsetFetchGroup {
  return {
    groupId,
    topics: topics?.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({
        partitionIndex,
        committedOffset: -1n,
        committedLeaderEpoch: -1,
        metadata: "",
        errorCode: error,
      })),
    })) ?? [],
  };
}
