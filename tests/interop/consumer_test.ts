/** Our consumer against Apache Kafka: what it does towards Samsa it must do there. */
import { connect } from "../../mod.ts";
import { consumerCases, runConsumerCase } from "../helpers/consumer_cases.ts";
import { RawClient } from "../helpers/raw_client.ts";
import { startKafka } from "./kafka.ts";

/** Kafka's defaults are made for machines that come one by one. */
const QUICK_GROUPS = {
  "group.initial.rebalance.delay.ms": "0",
  "group.min.session.timeout.ms": "100",
  "group.consumer.min.heartbeat.interval.ms": "20",
  "group.consumer.heartbeat.interval.ms": "20",
  "group.consumer.assignment.interval.ms": "0",
};

// Processes are ended when this one is, by listeners for signals that outlive the test.
Deno.test("consumers of Apache Kafka", { sanitizeOps: false, sanitizeResources: false }, async (test) => {
  await using kafka = await startKafka({ config: QUICK_GROUPS });
  await using raw = await RawClient.connect(kafka.bootstrap);
  await using client = connect(kafka.bootstrap);
  let count = 0;
  for (const [name, one] of consumerCases()) {
    await test.step(name, () => runConsumerCase(one, raw, `case-${++count}`, (options) => client.consumer(options)));
  }
});
