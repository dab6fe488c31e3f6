/**
 * Nodes whose link was lost a moment ago: whom to name as a leader is then better not said at once.
 *
 *     link up ──lost──▶ suspected ──up again, or `SUSPICION_MS` over──▶ not suspected
 *
 * A process that dies closes its sockets to clients and to brokers in the same instant, and a client asks another broker at once
 * who leads now. Milliseconds later another does; but an answer that still names the dead one sends the client back to wait for its
 * own timers, a second and more. So Metadata waits until the link stands again, or another leads, or the moment is over.
 *
 * Invariant: nobody waits longer than {@linkcode SUSPICION_MS} after the link was lost.
 *
 * @module
 */
import { type Asker, LATER } from "../actor.ts";
import { announce } from "./announcing.ts";
import type { Broker, BrokerOutbox } from "./state.ts";

/** As long as an election takes on a machine that is busy. */
export const SUSPICION_MS = 300;

/** Somebody who wants to name `nodes`. */
export interface Hesitation {
  readonly nodes: readonly number[];
  readonly asker: Asker<boolean>;
}

/** The link to a node was lost, or stands again. */
export function linkChanged(
  broker: Broker,
  { node, isUp }: { readonly node: number; readonly isUp: boolean },
  out: BrokerOutbox,
): void {
  const suspected = broker.suspects.has(node);
  if (isUp) forget(broker, node, out);
  else if (!suspected) {
    broker.suspects = new Set([...broker.suspects, node]);
    broker.version++;
    announce(broker, out);
    out.timer(`suspect/${node}`, SUSPICION_MS, "suspectNoMore", node);
  }
}

/** The link is up, or the moment is over. */
export function forget(broker: Broker, node: number, out: BrokerOutbox): void {
  if (!broker.suspects.has(node)) return;
  broker.suspects = new Set([...broker.suspects].filter((other) => other !== node));
  out.cancel(`suspect/${node}`);
  broker.version++;
  announce(broker, out);
  answerHesitations(broker, out);
}

/** Replies when none of the nodes is suspected any more: those that were fenced meanwhile lead nothing. */
export function whenSure(
  broker: Broker,
  { nodes }: { readonly nodes: readonly number[] },
  out: BrokerOutbox<boolean>,
): boolean | typeof LATER {
  if (!isInDoubt(broker, nodes)) return true;
  broker.hesitations.push({ nodes, asker: out.asker() });
  return LATER;
}

/** Answers those whose nodes are in no doubt any more; called when the image has changed, after it was announced. */
export function answerHesitations(broker: Broker, out: BrokerOutbox): void {
  if (broker.hesitations.length === 0) return;
  const waiting = broker.hesitations.splice(0);
  for (const hesitation of waiting) {
    if (isInDoubt(broker, hesitation.nodes)) broker.hesitations.push(hesitation);
    else out.reply(hesitation.asker, true);
  }
}

function isInDoubt({ suspects, image }: Broker, nodes: readonly number[]): boolean {
  return nodes.some((node) => suspects.has(node) && image.brokers.get(node)?.fenced === false);
}
