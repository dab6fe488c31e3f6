/**
 * An idempotent kafkajs producer that writes n = 0, 1, 2 … into one partition and says what was delivered, as
 * `confluent_writer.py` does: `D <n> <offset>`, `E <n> <reason>`, `END <count>`. Ends when its standard input does.
 *
 * @module
 */
import { Kafka, logLevel } from "npm:kafkajs@2.2.4";

const [bootstrap, topic, partition, gapMs] = Deno.args as [string, string, string, string];
const kafka = new Kafka({
  brokers: bootstrap.split(","),
  clientId: "chaos-kafkajs",
  logLevel: logLevel.NOTHING,
  connectionTimeout: 1_000,
  requestTimeout: 3_000,
  retry: { retries: 1_000, initialRetryTime: 50, maxRetryTime: 500 },
});
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, metadataMaxAge: 5_000 });
await producer.connect();

let stopping = false;
(async () => {
  for await (const _ of Deno.stdin.readable);
  stopping = true;
})();

let n = 0;
for (; !stopping; n++) {
  const value = `${topic}-${partition}:${n}:${"y".repeat(80)}`;
  try {
    const [result] = await producer.send({ topic, acks: -1, messages: [{ value, partition: Number(partition) }] });
    console.log(`D ${n} ${result?.baseOffset}`);
  } catch (error) {
    console.log(`E ${n} ${error instanceof Error ? error.message : error}`);
  }
  await new Promise((resolve) => setTimeout(resolve, Number(gapMs)));
}
console.log(`END ${n}`);
Deno.exit(0);
