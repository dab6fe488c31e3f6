import { assertEquals } from "@std/assert";
import { listOffsets } from "../../../../../actors/broker/api/02_list_offsets.ts";
import { offsetForLeaderEpoch } from "../../../../../actors/broker/api/23_offset_for_leader_epoch.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import type { offsetForLeaderEpoch as epochTable } from "../../../../../protocol/tables/produce_fetch.ts";
import type { listOffsets as offsetTable } from "../../../../../protocol/tables/produce_fetch.ts";
import { newTopic } from "../records.ts";
import { type Call, Client } from "./client_exchange.ts";

const client = () => new Client({ topics: [newTopic("t", { partitions: 2 })] });
const FAILURES = [
  ["timeout", "REQUEST_TIMED_OUT"],
  ["unreachable", "NOT_LEADER_OR_FOLLOWER"],
  ["crashed", "KAFKA_STORAGE_ERROR"],
] as const;

/** Asks for offsets of partitions of `t`, each with a timestamp. */
function list(
  wanted: readonly (readonly [partition: number, timestamp: bigint])[],
  { version = 7, isolationLevel = 0, timeoutMs = 0 } = {},
): Call<typeof offsetTable> {
  const partitions = wanted.map(([partitionIndex, timestamp]) => ({
    partitionIndex,
    timestamp,
    currentLeaderEpoch: version >= 4 ? 3 : -1,
  }));
  const topics = [{ name: "t", partitions }];
  return client().call(listOffsets, version, { replicaId: -1, isolationLevel, topics, timeoutMs });
}

function listed(made: Call<typeof offsetTable>): unknown[] {
  return made.got.topics.flatMap(({ partitions }) =>
    partitions.map(({ partitionIndex, errorCode, offset, timestamp, leaderEpoch }) => {
      return [partitionIndex, errorName(errorCode), offset, timestamp, leaderEpoch];
    })
  );
}

Deno.test("ListOffsets asks each partition's replica and answers in the order of the request", () => {
  const made = list([[1, -1n], [0, 77n]], { isolationLevel: 1 });
  assertEquals(made.open.map(({ to, message }) => [to, message]), [
    ["1/replica/t-1", { timestamp: -1, currentLeaderEpoch: 3, isolation: "read_committed" }],
    ["1/replica/t-0", { timestamp: 77, currentLeaderEpoch: 3, isolation: "read_committed" }],
  ]);
  made.answer("listOffsets", "t-0", { error: "NONE", offset: 4, timestamp: 78, leaderEpoch: 2 });
  made.answer("listOffsets", "t-1", { error: "NONE", offset: -1, timestamp: -1, leaderEpoch: -1 });
  assertEquals(listed(made), [[1, "NONE", -1n, -1n, -1], [0, "NONE", 4n, 78n, 2]]);
});

Deno.test("ListOffsets knows each special timestamp from its version on", () => {
  for (const [timestamp, since] of [[-1n, 1], [-2n, 1], [-3n, 7], [-4n, 8], [-5n, 9], [-6n, 11], [-99n, 99]] as const) {
    for (let version = 1; version <= 10; version++) {
      const made = list([[0, timestamp]], { version });
      if (version >= since) assertEquals(made.question("listOffsets").message["timestamp"], Number(timestamp));
      else assertEquals(listed(made), [[0, "UNSUPPORTED_VERSION", -1n, -1n, -1]]);
    }
  }
});

Deno.test("ListOffsets refuses a partition that is named twice, both times", () => {
  const made = list([[0, -1n], [1, -1n], [0, -2n]]);
  made.answer("listOffsets", "t-1", { error: "NONE", offset: 4, timestamp: -1, leaderEpoch: 0 });
  const twice = [0, "INVALID_REQUEST", -1n, -1n, -1];
  assertEquals(listed(made), [twice, [1, "NONE", 4n, -1n, 0], twice]);
});

Deno.test("ListOffsets of unknown partitions, and of replicas that give no answer", () => {
  assertEquals(listed(list([[9, -1n]])), [[9, "UNKNOWN_TOPIC_OR_PARTITION", -1n, -1n, -1]]);
  for (const [failure, error] of FAILURES) {
    const made = list([[0, -1n]]);
    made.fail("listOffsets", "t-0", failure);
    assertEquals(listed(made), [[0, error, -1n, -1n, -1]]);
  }
});

Deno.test("ListOffsets waits as long as version 10 says, else half a minute", () => {
  assertEquals(list([[0, -1n]], { version: 10, timeoutMs: 77 }).question("listOffsets").timeoutMs, 77);
  assertEquals(list([[0, -1n]], { version: 10 }).question("listOffsets").timeoutMs, 30_000);
});

function epochs(
  wanted: readonly (readonly [partition: number, epoch: number])[],
  version = 4,
): Call<typeof epochTable> {
  const partitions = wanted.map(([partition, leaderEpoch]) => ({ partition, leaderEpoch, currentLeaderEpoch: 3 }));
  return client().call(offsetForLeaderEpoch, version, { topics: [{ topic: "t", partitions }] });
}

function ends(made: Call<typeof epochTable>): unknown[] {
  return made.got.topics.flatMap(({ partitions }) =>
    partitions.map(({ partition, errorCode, leaderEpoch, endOffset }) => {
      return [partition, errorName(errorCode), leaderEpoch, endOffset];
    })
  );
}

Deno.test("OffsetForLeaderEpoch asks where an epoch ended, in every version", () => {
  for (const version of [2, 3, 4]) {
    const made = epochs([[1, 2], [0, 9]], version);
    assertEquals(made.question("endOffsetForEpoch", "t-1").message, { epoch: 2, currentLeaderEpoch: 3 });
    made.answer("endOffsetForEpoch", "t-0", { error: "UNKNOWN_LEADER_EPOCH", epoch: -1, endOffset: -1 });
    made.answer("endOffsetForEpoch", "t-1", { error: "NONE", epoch: 1, endOffset: 40 });
    assertEquals(ends(made), [[1, "NONE", 1, 40n], [0, "UNKNOWN_LEADER_EPOCH", -1, -1n]]);
  }
});

Deno.test("OffsetForLeaderEpoch of unknown partitions, and of replicas that give no answer", () => {
  assertEquals(ends(epochs([[5, 0]])), [[5, "UNKNOWN_TOPIC_OR_PARTITION", -1, -1n]]);
  for (const [failure, error] of FAILURES) {
    const made = epochs([[0, 0]]);
    made.fail("endOffsetForEpoch", "t-0", failure);
    assertEquals(ends(made), [[0, error, -1, -1n]]);
  }
});
