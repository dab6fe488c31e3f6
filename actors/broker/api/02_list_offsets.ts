/**
 * ListOffsets (key 2), versions 1–10: the offset at a time, or at the ends of a log.
 *
 * Special timestamps: -1 latest (with read_committed the last stable offset), -2 earliest, -3 the largest timestamp (v7,
 * KIP-734), -4 earliest local (v8), -5 latest tiered (v9). Nothing found is offset -1 without an error. A partition that is
 * named twice is refused with INVALID_REQUEST. v4 leader epochs, v10 a time limit.
 *
 * @module
 */
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { Request, ResponseInput } from "../../../protocol/schema.ts";
import { listOffsets as table } from "../../../protocol/tables/produce_fetch.ts";
import type { OffsetReply } from "../../partition/protocol.ts";
import { replicaFailure } from "../asking.ts";
import { gather, handler } from "../handler.ts";
import { toOffset } from "../offsets.ts";
import { findTopic, ledPartition } from "../view.ts";
import { ZERO_UUID } from "../../../lib/uuid.ts";

type PartitionResponse = ResponseInput<typeof table>["topics"][number]["partitions"][number];

/** Oldest special timestamp that a version knows. */
function lowestTimestamp(version: number): bigint {
  if (version >= 9) return -5n;
  if (version >= 8) return -4n;
  return version >= 7 ? -3n : -2n;
}

/** Serves ListOffsets. */
export const listOffsets = handler(table, 1, 10, (request, exchange) => {
  const isolation = request.isolationLevel === 1 ? "read_committed" : "read_uncommitted";
  const timeoutMs = request.timeoutMs > 0 ? request.timeoutMs : 30_000;
  const twice = duplicates(request.topics);
  const beforeEpochs = exchange.version < 4;
  const questions = request.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, currentLeaderEpoch, timestamp }) => {
      const led = ledPartition(exchange.view, findTopic(exchange.view, name, ZERO_UUID), partitionIndex);
      const refused: ErrorName | undefined = twice.has(`${name}-${partitionIndex}`)
        ? "INVALID_REQUEST"
        : timestamp < lowestTimestamp(exchange.version)
        ? "UNSUPPORTED_VERSION"
        : undefined;
      return (then: (response: PartitionResponse) => void) => {
        if (refused !== undefined) return then(response(partitionIndex, refused));
        if (led.error !== "NONE") return then(response(partitionIndex, led.error));
        const message = { timestamp: toOffset(timestamp), currentLeaderEpoch, isolation } as const;
        exchange.ask(led.replica, "listOffsets", message, (answer) => {
          if (answer.ok) {
            then(
              response(partitionIndex, answer.value.error, beforeEpochs ? withoutEpoch(answer.value) : answer.value),
            );
          } else then(response(partitionIndex, replicaFailure(answer.failure)));
        }, timeoutMs);
      };
    })
  );
  gather(questions, (responses) => {
    let next = 0;
    exchange.reply({
      throttleTimeMs: 0,
      topics: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(() => responses[next++]!),
      })),
    });
  });
});

/** Partitions that are named more than once: nobody can tell which of the two is meant. */
function duplicates(topics: Request<typeof table>["topics"]): ReadonlySet<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { name, partitions } of topics) {
    for (const { partitionIndex } of partitions) {
      const key = `${name}-${partitionIndex}`;
      (seen.has(key) ? twice : seen).add(key);
    }
  }
  return twice;
}

/** What versions that know no leader epochs can carry: a field that they lack must hold its default. */
function withoutEpoch(reply: OffsetReply): OffsetReply {
  return { ...reply, leaderEpoch: -1 };
}

function response(partitionIndex: number, error: ErrorName, found?: OffsetReply): PartitionResponse {
  return {
    partitionIndex,
    errorCode: errorCode(error),
    timestamp: BigInt(found?.timestamp ?? -1),
    offset: BigInt(found?.offset ?? -1),
    leaderEpoch: found?.leaderEpoch ?? -1,
  };
}
