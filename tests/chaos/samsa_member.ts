/**
 * A member of a group with Samsa's own consumer, over TCP. Says what it was given: `V <writer>:<n> …` for each poll.
 *
 *     samsa_member.ts <bootstrap> <topic> <group> <instance or -> classic|consumer
 *
 * @module
 */
import { connect } from "../../mod.ts";

const [bootstrap, topic, groupId, instance, protocol] = Deno.args as [string, string, string, string, string];
const text = new TextDecoder();
const client = connect(bootstrap, { log: (line) => console.error(line) });
const consumer = client.consumer({
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
});
for (;;) {
  const records = await consumer.poll({ timeoutMs: 500 });
  if (records.length === 0) continue;
  console.log(`V ${records.map(({ value }) => text.decode(value!).split(":", 2).join(":")).join(" ")}`);
}
