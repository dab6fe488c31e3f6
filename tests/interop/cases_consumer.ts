/**
 * Our own consumer by its public door, over TCP: what it does towards Samsa it must do towards Apache Kafka.
 *
 * @module
 */
import { connect } from "../../mod.ts";
import { consumerCases, runConsumerCase } from "../helpers/consumer_cases.ts";
import { RawClient } from "../helpers/raw_client.ts";
import { startKafka } from "./kafka.ts";
import { freePort, temporaryFolder } from "./processes.ts";
import { SamsaProcess } from "./samsa.ts";

/** Kafka's defaults are made for machines that come one by one. */
const QUICK_GROUPS = {
  "group.initial.rebalance.delay.ms": "0",
  "group.min.session.timeout.ms": "100",
  "group.consumer.min.heartbeat.interval.ms": "20",
  "group.consumer.heartbeat.interval.ms": "20",
  "group.consumer.assignment.interval.ms": "0",
};

interface Broker extends AsyncDisposable {
  readonly bootstrap: string;
}

async function startSamsa(): Promise<Broker> {
  const dir = await temporaryFolder("samsa-interop-");
  const samsa = new SamsaProcess({ id: 1, port: freePort(), dir, voters: [], config: QUICK_GROUPS });
  await samsa.start();
  return { bootstrap: samsa.bootstrap, [Symbol.asyncDispose]: () => samsa.kill() };
}

/** A broker of its own for each, since the cases want groups that are quicker than other clients can bear. */
const STARTS: Readonly<Record<"samsa" | "kafka", () => Promise<Broker>>> = {
  samsa: startSamsa,
  kafka: () => startKafka({ config: QUICK_GROUPS }),
};

/** The brokers that are tried. */
export const CONSUMER_BROKERS = ["samsa", "kafka"] as const;

/** Plays all cases against one kind of broker, those whose name `isWanted`; `report` runs each and counts it. */
export async function playConsumer(
  kind: "samsa" | "kafka",
  isWanted: (name: string) => boolean,
  report: (name: string, run: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const cases = consumerCases().map(([name, one]) => [`consumer/of-${kind}/${name}`, one] as const);
  const wanted = cases.filter(([name]) => isWanted(name));
  if (wanted.length === 0) return;
  await using broker = await STARTS[kind]();
  await using raw = await RawClient.connect(broker.bootstrap);
  await using client = connect(broker.bootstrap);
  let count = 0;
  for (const [name, one] of wanted) {
    await report(name, () => runConsumerCase(one, raw, `case-${++count}`, (options) => client.consumer(options)));
  }
}
