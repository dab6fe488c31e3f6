/**
 * A member of a group with kafkajs. Says what it was given: `V <writer>:<n> …` for each batch.
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
await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
await consumer.run({
  autoCommitInterval: 500,
  // deno-lint-ignore require-await
  eachBatch: async ({ batch }) => {
    const values = batch.messages.map(({ value }) => value!.toString().split(":", 2).join(":"));
    if (values.length > 0) console.log(`V ${values.join(" ")}`);
  },
});
