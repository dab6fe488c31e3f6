/**
 * A broker: follows the metadata log, keeps the replicas that the controller gave it, and tells connections what it knows.
 *
 *     quorum actor ──metadata, controllerChanged──▶ broker ──register, heartbeat──▶ controller
 *                                                     ├──spawn, assume──▶ replicas ──alterPartition──┐
 *                                                     ├──spawn──▶ coordinators of groups             │
 *                                                     ├──views──▶ connections                        │
 *                                                     └◀─────────────────────────────────────────────┘
 *
 * The rules are in its leaf modules: `registration` (how it belongs to the cluster), `following` (what becomes of a record),
 * `replicas_here`, `coordinators_here`, `isr_changes`, `producer_ids`; the state, and what must hold before a role is acted upon, is in
 * `state`.
 *
 * @module
 */
import type { Actor } from "../actor.ts";
import { LATER } from "../actor.ts";
import { parseRef } from "../address.ts";
import { REPLICA, type ReplicaArgs } from "../partition/protocol.ts";
import { COORDINATOR, OFFSETS_TOPIC } from "../group/protocol.ts";
import { coordinateAgain, coordinatorEnded, keepCoordinators } from "./coordinators_here.ts";
import { follow, metadata } from "./following.ts";
import { controllerSilent } from "./isolation.ts";
import { alterPartition, sendIsrChanges } from "./isr_changes.ts";
import { replicaChanged } from "./offline.ts";
import { nextProducerId } from "./producer_ids.ts";
import type { BrokerArgs, BrokerProtocol } from "./protocol.ts";
import { BROKER } from "./protocol.ts";
import { beat, controllerChanged, mayGo, register, shutDown } from "./registration.ts";
import { replicaEnded, spawnAgain } from "./replicas_here.ts";
import { Broker, type BrokerDeps } from "./state.ts";
import { forgetDeparted } from "./departures.ts";
import { forget, linkChanged, whenSure } from "./suspects.ts";

export type { Broker, BrokerDeps } from "./state.ts";

/** The broker actor of a node; its name is "broker". */
export function broker(deps: BrokerDeps = {}): Actor<BrokerProtocol, Broker, BrokerArgs> {
  const memories = new WeakMap<BrokerArgs, Map<string, ReplicaArgs>>();
  return {
    kind: BROKER.kind,
    supervision: { then: "escalate" },

    start(args, out) {
      const remembered = memories.get(args) ?? new Map<string, ReplicaArgs>();
      memories.set(args, remembered);
      const broker = new Broker(args, deps, remembered);
      follow(broker, out);
      return broker;
    },

    on: {
      metadata,
      controllerChanged,
      alterPartition,
      replicaChanged,
      shutDown,

      subscribe(broker, { ref, newerThan }, out) {
        if (broker.opened && broker.version > newerThan) return broker.view();
        if (!broker.subscribers.has(ref)) out.watch(ref);
        broker.subscribers.set(ref, out.asker());
        return LATER;
      },

      nextProducerId: (broker, _, out) => nextProducerId(broker, out),

      linkChanged,
      whenSure,
      suspectNoMore: forget,
      forgetDeparted,

      look: (broker) => broker.view(),

      ready(broker, _, out) {
        if (broker.isReady) return true;
        broker.readyAskers.push(out.asker());
        return LATER;
      },

      register: (broker, _, out) => register(broker, out),
      beat: (broker, _, out) => beat(broker, out),
      spawnAgain,
      coordinateAgain,

      tick(broker, what, out) {
        if (what === "follow") follow(broker, out);
        else if (what === "alterPartitions") sendIsrChanges(broker, out);
        else if (what === "isolation") controllerSilent(broker, out);
        else mayGo(broker, out);
      },
    },

    terminated(broker, ref, out) {
      const { kind, name } = parseRef(ref);
      broker.subscribers.delete(ref);
      if (kind === REPLICA.kind) {
        replicaEnded(broker, name, out);
        if (name.startsWith(OFFSETS_TOPIC) && broker.isActing) keepCoordinators(broker, out); // it may have one in its place
      } else if (kind === COORDINATOR.kind) coordinatorEnded(broker, Number(name), out);
    },
  };
}
