/**
 * Brokers that were fenced a moment ago: Metadata goes on listing them for a while, as brokers that lead nothing.
 *
 *     unfenced ──fenced, or unregistered──▶ departed ──`LISTED_MS` over──▶ not listed
 *                      ▲                        │
 *                      └──────unfenced──────────┘
 *
 * A dead broker is fenced within milliseconds here; Apache Kafka lists it until its session is over. Clients rely on that more than
 * they know: librdkafka takes a broker that is not listed any more for decommissioned, and while it takes it down it forgets, as
 * often as not, who leads its partitions now, and does not ask for a second.
 *
 * @module
 */
import type { BrokerImage, MetadataImage } from "../controller/protocol.ts";
import { announce } from "./announcing.ts";
import type { Broker, BrokerOutbox } from "./state.ts";

/** As long as Apache Kafka takes to notice by default, and a little. */
export const LISTED_MS = 10_000;

/** Takes note of who has gone, and who is back, between two images. */
export function noteDepartures(broker: Broker, before: MetadataImage, out: BrokerOutbox): void {
  const departed = new Map(broker.departed);
  for (const [id, was] of before.brokers) {
    if (was.fenced || isLive(broker.image, id)) continue;
    departed.set(id, was);
    out.timer(`departed/${id}`, LISTED_MS, "forgetDeparted", id);
  }
  for (const id of departed.keys()) {
    if (!isLive(broker.image, id)) continue;
    departed.delete(id);
    out.cancel(`departed/${id}`);
  }
  broker.departed = departed;
}

/** It has been listed long enough. */
export function forgetDeparted(broker: Broker, id: number, out: BrokerOutbox): void {
  const departed: Map<number, BrokerImage> = new Map(broker.departed);
  if (!departed.delete(id)) return;
  broker.departed = departed;
  broker.version++;
  announce(broker, out);
}

function isLive({ brokers }: MetadataImage, id: number): boolean {
  return brokers.get(id)?.fenced === false;
}
