/**
 * Waiting for a broker to serve, with an end to it, and words for whoever waits too.
 *
 * @module
 */
import type { Clock } from "../lib/env.ts";
import type { Node } from "./node.ts";

/** A broker that is alone waits for nobody: what takes longer never comes. */
const ALONE_TIMEOUT_MS = 60_000;
/** How often those who wait are told what for. */
const WORD_INTERVAL_MS = 10_000;

/** What is known of the wait. */
export interface Wait {
  readonly voterIds: readonly number[];
  readonly clock: Clock;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * Waits until the node serves: for ever, if that depends on others.
 *
 * @throws {Error} at once, with the reason why it never will, or with what the signal was aborted with
 */
export async function untilReady(node: Node, { voterIds, clock, log, signal }: Wait): Promise<void> {
  const { node: id } = node.system;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const dependsOnOthers = voterIds.some((voter) => voter !== id);
  let calm = () => {};
  const speak = () => {
    calm = clock.after(WORD_INTERVAL_MS, () => {
      node.system.askThen(node.broker, "look", undefined, (looked) => {
        log(waitsFor(id, voterIds, looked.ok && looked.value.controller !== undefined));
      });
      speak();
    });
  };
  if (dependsOnOthers) speak();
  else calm = clock.after(ALONE_TIMEOUT_MS, () => reject(new Error(`Broker ${id} did not come up.`)));
  const abort = () => reject(signal!.reason);
  signal?.addEventListener("abort", abort);
  node.whenReady(resolve);
  node.failed((sentence) => reject(new Error(sentence)));
  try {
    signal?.throwIfAborted();
    await promise;
  } finally {
    calm();
    signal?.removeEventListener("abort", abort);
  }
}

function waitsFor(id: number, voterIds: readonly number[], hasController: boolean): string {
  if (hasController) return `Broker ${id} waits for the controller to let it in.`;
  const majority = Math.floor(voterIds.length / 2) + 1;
  return `Broker ${id} waits for a controller: ${majority} of the voters ${voterIds.join(", ")} must run.`;
}
