/**
 * A broker that the active controller does not answer: it may be that others lead by now what it takes itself to lead.
 *
 *     in touch ──no answer for a session's time, or no controller for half of it──▶ isolated, and replicas are told again and again
 *        ▲                                                                             │
 *        └──────────────────── a heartbeat is answered, or a registration ─────────────┘ and they are told
 *
 * A session's time is broker.session.timeout.ms.
 *
 * What follows from it, each leader decides by itself: one whose followers still pull can go on, for a cluster without a controller
 * still serves its data. Clients that ask who leads are told by Metadata, if at all, what was true before.
 *
 * Invariant: while it is isolated, a replica that was spawned or restarted since hears of it within {@linkcode AGAIN_MS}.
 *
 * @module
 */
import { announce } from "./announcing.ts";
import type { Broker, BrokerOutbox } from "./state.ts";

/** How often replicas are told: also how often they look whom they have not heard from. */
const AGAIN_MS = 200;

/**
 * The active controller has answered what it was asked then: this broker is one of the cluster. A process that stood still finds an answer that
 * may be as old as the question.
 */
export function controllerHeard(broker: Broker, askedMs: number, out: BrokerOutbox): void {
  const untilMs = Math.max(broker.inTouchUntilMs ?? 0, askedMs + broker.config("broker.session.timeout.ms"));
  if (broker.isIsolated && untilMs <= out.monotonic()) return;
  stayInTouch(broker, untilMs, out);
  if (!broker.isIsolated) return;
  turn(broker, false, out);
  tellReplicas(broker, out);
}

/** There is no controller any more: it has not been one of most voters for some time already, whatever it still has answered. */
export function controllerLost(broker: Broker, out: BrokerOutbox): void {
  if (broker.isIsolated) return;
  const atMostMs = out.monotonic() + broker.config("broker.session.timeout.ms") / 2;
  stayInTouch(broker, Math.min(broker.inTouchUntilMs ?? Infinity, atMostMs), out);
}

function stayInTouch(broker: Broker, untilMs: number, out: BrokerOutbox): void {
  broker.inTouchUntilMs = untilMs;
  out.timer("isolation", Math.max(0, untilMs - out.monotonic()), "tick", "isolation");
}

/** Nothing was heard for as long as the controller waits before it takes a broker for gone. */
export function controllerSilent(broker: Broker, out: BrokerOutbox): void {
  if (!broker.isIsolated) turn(broker, true, out);
  tellReplicas(broker, out);
  out.timer("isolation", AGAIN_MS, "tick", "isolation");
}

function turn(broker: Broker, isIsolated: boolean, out: BrokerOutbox): void {
  broker.isIsolated = isIsolated;
  broker.version++;
  announce(broker, out);
}

function tellReplicas(broker: Broker, out: BrokerOutbox): void {
  const news = { isolated: broker.isIsolated, silenceMs: broker.config("broker.session.timeout.ms") };
  for (const replicas of broker.replicas.values()) {
    for (const { ref, phase } of replicas.values()) if (phase === "here") out.send(ref, "isolation", news);
  }
}
