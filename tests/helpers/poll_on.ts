/**
 * Polling of those who know that there are brokers at their addresses: that none has answered so far is no reason to end.
 *
 * @module
 */
import { type Consumer, ConsumerError, type ConsumerRecord, type PollOptions } from "../../mod.ts";

/** As `poll`, but nothing for NETWORK_EXCEPTION: to be called again. */
export async function pollOn(consumer: Consumer, options: PollOptions): Promise<readonly ConsumerRecord[]> {
  try {
    return await consumer.poll(options);
  } catch (error) {
    if (error instanceof ConsumerError && error.code === "NETWORK_EXCEPTION") return [];
    throw error;
  }
}
