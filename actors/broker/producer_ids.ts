/**
 * Producer ids for idempotent producers: handed out one by one, from blocks that the controller gives to one broker only.
 *
 * @module
 */
import { LATER } from "../actor.ts";
import type { BrokerProtocol } from "./protocol.ts";
import type { Broker, BrokerOutbox } from "./state.ts";

type ProducerIdReply = ReturnType<BrokerProtocol["nextProducerId"]>;

const PATIENCE_MS = 5_000;
/**
 * Clients ask the same broker again. After COORDINATOR_NOT_AVAILABLE the Java client would look for the coordinator of a
 * transaction that it does not have.
 */
const NONE_TO_HAVE: ProducerIdReply = { error: "COORDINATOR_LOAD_IN_PROGRESS", producerId: -1n };

/** The next id; when the block is used up, once there is another one. */
export function nextProducerId(broker: Broker, out: BrokerOutbox<ProducerIdReply>): ProducerIdReply | typeof LATER {
  const producerId = take(broker);
  if (producerId !== undefined) return { error: "NONE", producerId };
  broker.producerIdAskers.push(out.asker());
  if (!broker.allocating) allocate(broker, out);
  return LATER;
}

function take({ producerIds: ids }: Broker): bigint | undefined {
  return ids.next < ids.end ? ids.next++ : undefined;
}

function allocate(broker: Broker, out: BrokerOutbox): void {
  const { controller, args: { brokerId } } = broker;
  if (controller === undefined) return refuseAll(broker, out);
  broker.allocating = true;
  out.ask(controller, "allocateProducerIds", { brokerId }, (broker, answer, out) => {
    broker.allocating = false;
    if (!answer.ok || answer.value.error !== "NONE") return refuseAll(broker, out);
    const { first, count } = answer.value;
    broker.producerIds = { next: first, end: first + BigInt(count) };
    while (broker.producerIdAskers.length > 0) {
      const producerId = take(broker);
      if (producerId === undefined) return allocate(broker, out);
      out.reply(broker.producerIdAskers.shift()!, { error: "NONE", producerId });
    }
  }, PATIENCE_MS);
}

function refuseAll(broker: Broker, out: BrokerOutbox): void {
  for (const asker of broker.producerIdAskers.splice(0)) out.reply(asker, NONE_TO_HAVE);
}
