/**
 * A member of a group with Samsa's own consumer, over TCP. Says what it has and what it was given, as `member.ts` has it; leaves the
 * group when its standard input ends.
 *
 *     samsa_member.ts <bootstrap> <topic> <group> <instance or -> classic|consumer
 *
 * @module
 */
import type { ConsumerRef } from "../../actors/consumer/protocol.ts";
import { Consumers } from "../../client/consumers.ts";
import type { ConsumerRecord, TopicPartition } from "../../client/records.ts";
import { tcpNetwork } from "../../client/tcp_network.ts";
import { realEnv } from "../../server/env.ts";
import { pollOn } from "../helpers/poll_on.ts";

const [bootstrap, topic, groupId, instance, protocol] = Deno.args as [string, string, string, string, string];
const text = new TextDecoder();
const env = realEnv();
const addresses = bootstrap.split(",").map((address) => {
  const [host, port] = address.split(":") as [string, string];
  return { host, port: Number(port) };
});
// As connect() has it, but for the system: it tells generations.
const consumers = new Consumers({
  env,
  bootstrap: () => addresses,
  openNetwork: () => tcpNetwork(env.clock),
  report: (line) => console.error(line),
});
const consumer = consumers.open({
  groupId,
  topics: [topic],
  groupProtocol: protocol === "consumer" ? "consumer" : "classic",
  groupInstanceId: instance === "-" ? null : instance,
  sessionTimeoutMs: 6_000,
  heartbeatIntervalMs: 500,
  autoOffsetReset: "earliest",
  autoCommitIntervalMs: 500,
  requestTimeoutMs: 3_000,
  metadataMaxAgeMs: 5_000,
  assigned: async (partitions) => {
    const answer = await consumers.system.ask(consumer.ref as ConsumerRef, "describe", undefined, 30_000);
    console.log(`A ${answer.ok ? `${answer.value.epoch} ${answer.value.memberId}` : "- -"} ${numbers(partitions)}`);
  },
  revoked: (partitions) => console.log(`R ${numbers(partitions)}`),
  lost: (partitions) => console.log(`L ${numbers(partitions)}`),
});
let isLeaving = false;
(async () => {
  for await (const _ of Deno.stdin.readable);
  isLeaving = true;
})();
while (!isLeaving) {
  const records = await pollOn(consumer, { timeoutMs: 500 });
  for (const [partition, some] of Map.groupBy(records, (record) => record.partition)) say(partition, some);
}
await consumer.close();
Deno.exit(0);

function say(partition: number, records: readonly ConsumerRecord[]): void {
  const names = records.map(({ value }) => text.decode(value!).split(":", 2).join(":"));
  console.log(`V ${partition} ${records[0]!.offset}-${records.at(-1)!.offset} ${names.join(" ")}`);
}

function numbers(partitions: readonly TopicPartition[]): string {
  return partitions.map(({ partition }) => partition).join(",");
}
