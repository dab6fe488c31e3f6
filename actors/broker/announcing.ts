/**
 * Tells connections, and whoever waits for this broker to be ready, what it knows now.
 *
 * @module
 */
import type { Broker, BrokerOutbox } from "./state.ts";

/** Answers everyone who waits for news. */
export function announce(broker: Broker, out: BrokerOutbox): void {
  if (broker.isReady) {
    broker.opened = true;
    for (const asker of broker.readyAskers.splice(0)) out.reply(asker, true);
  }
  if (!broker.opened) return;
  const view = broker.view();
  for (const asker of broker.subscribers.values()) out.reply(asker, view);
  broker.subscribers.clear();
}
