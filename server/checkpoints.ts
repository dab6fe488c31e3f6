/**
 * Writes down now and then how far the logs of a folder are durable and committed, so that a start after a crash need not read them
 * from their beginning.
 *
 * @module
 */
import { brokerInt, type ConfigView } from "../actors/broker/broker_configs.ts";
import type { Clock } from "../lib/env.ts";
import type { DiskLogStore } from "../storage/log_store.ts";

/** How often recovery points, log starts and high watermarks are written down. */
const INTERVAL = "replica.high.watermark.checkpoint.interval.ms";

/** Begins; a failure is said, and tried again at the next turn. The returned function ends it. */
export function keepCheckpoints(
  store: Pick<DiskLogStore, "checkpoint">,
  configs: ConfigView,
  clock: Clock,
  report: (sentence: string) => void,
): () => void {
  const intervalMs = brokerInt(configs, INTERVAL);
  let cancel = () => {};
  const next = () => {
    cancel = clock.after(intervalMs, () => {
      try {
        store.checkpoint();
      } catch (error) {
        report(
          `The offset checkpoints could not be written: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
      next();
    });
  };
  next();
  return () => cancel();
}
