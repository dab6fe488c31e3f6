/**
 * A member of a group with kafkajs. Says what it has and what it was given, as `member.ts` has it (kafkajs tells no generations, and
 * not what was taken); leaves the group when its standard input ends.
 *
 *     kafkajs_member.ts <bootstrap> <topic> <group> <instance, ignored> classic
 *
 * @module
 */
import { Kafka, logLevel } from "npm:kafkajs@2.2.4";

const [bootstrap, topic, groupId] = Deno.args as [string, string, string];
const kafka = new Kafka({
  brokers: bootstrap.split(","),
  clientId: "chaos-kafkajs-member",
  logLevel: logLevel.NOTHING,
  connectionTimeout: 1_000,
  requestTimeout: 5_000,
  retry: { retries: 1_000, initialRetryTime: 50, maxRetryTime: 500 },
});
const consumer = kafka.consumer({
  groupId,
  sessionTimeout: 6_000,
  rebalanceTimeout: 6_000,
  heartbeatInterval: 500,
  metadataMaxAge: 5_000,
  maxWaitTimeInMs: 200,
});
consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
  console.log(`A - ${payload.memberId} ${(payload.memberAssignment[topic] ?? []).join(",")}`);
});
consumer.on(consumer.events.CRASH, ({ payload }) => console.error(`crashed: ${payload.error}`));
// It tries neither again when a connection is closed on it.
for (let isReady = false; !isReady;) {
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    isReady = true;
  } catch (error) {
    console.error(`could not begin: ${error}`);
  }
}
await consumer.run({
  autoCommitInterval: 500,
  // deno-lint-ignore require-await
  eachBatch: async ({ batch: { partition, messages } }) => {
    if (messages.length === 0) return;
    const names = messages.map(({ value }) => value!.toString().split(":", 2).join(":"));
    console.log(`V ${partition} ${messages[0]!.offset}-${messages.at(-1)!.offset} ${names.join(" ")}`);
  },
});
for await (const _ of Deno.stdin.readable);
await consumer.disconnect();
Deno.exit(0);
