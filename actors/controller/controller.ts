/**
 * The controller: decides who is there, which topics exist, and who leads what.
 *
 * ```text
 *   request ──decide on the image──▶ records ──append──▶ committed ──▶ brokers ──applied by all live ones──▶ answer
 *                                       └──replay──▶ image
 * ```
 *
 * The quorum actor that is elected spawns it with everything that is committed, and stops it when another is elected. It calls nobody: brokers
 * find it, and what it knows of them besides the log (who is silent, who waits) begins anew with each controller.
 *
 * Every decision is worked out by a function of the image (`create_topics.ts`, `brokers.ts` …) that returns records and
 * changes nothing. What a turn decides is one event: it is replayed, and committed as a whole or not at all. The
 * runtime keeps everything that the controller says back until it is committed: so nobody hears of what another controller might undo.
 *
 * @module
 */
import { type Actor, type Handlers } from "../actor.ts";
import { alterConfigs } from "./alter_configs.ts";
import { alterPartitions } from "./alter_partitions.ts";
import { createPartitions } from "./create_partitions.ts";
import { createTopics } from "./create_topics.ts";
import { deleteTopics } from "./delete_topics.ts";
import { balance, electLeaders, MAX_ELECTIONS_PER_TURN } from "./elect_leaders.ts";
import { applied, ended, expireSessions, heartbeat, register, takeOver, unregister } from "./membership.ts";
import { CONTROLLER, type ControllerArgs, type ControllerProtocol, type MetadataRecord } from "./protocol.ts";
import { reassign } from "./reassign.ts";
import { commit, conclude, confirmed, Controller, type Out } from "./state.ts";

/** Producer ids are given to brokers in blocks of so many (Kafka's size). */
const PRODUCER_ID_BLOCK = 1_000;

/** Requests that name no time of their own wait so long for all brokers: Kafka's request.timeout.ms. */
const DEFAULT_TIMEOUT_MS = 30_000;

/** What the controller needs besides its arguments. */
export interface ControllerDeps {
  /** What its broker was started with: the defaults for topics that do not say. */
  readonly properties: Readonly<Record<string, string>>;
}

/** The controller actor; its name is "controller". Its journal takes events of `MetadataRecord[]`. */
export function controller({ properties }: ControllerDeps): Actor<ControllerProtocol, Controller, ControllerArgs> {
  return {
    kind: CONTROLLER.kind,
    // What it was started with is not the newest any more when it has crashed: its parent spawns another.
    supervision: { restarts: 0, then: "stop" },

    start({ image }, out) {
      const state = new Controller(image, properties);
      takeOver(state, out);
      awaitImbalance(state, out);
      return state;
    },

    replay: (state, event) => state.replay(event as readonly MetadataRecord[]),

    on: handlers,

    terminated: (state, ref, out) => ended(state, ref, out),
  };
}

const handlers: Handlers<ControllerProtocol, Controller> = {
  register,
  heartbeat,
  applied,
  expireSessions: (state, _, out) => expireSessions(state, out),
  unregisterBroker: (state, { brokerId }, out) => unregister(state, brokerId, out),

  alterPartitions(state, { brokerId, brokerEpoch, changes }, out) {
    if (state.image.brokers.get(brokerId)?.epoch !== brokerEpoch) return { error: "STALE_BROKER_EPOCH", results: [] };
    const { records, results } = alterPartitions(state.setting(out), brokerId, changes);
    commit(state, records, out as Out);
    return { error: "NONE", results };
  },

  electLeaders(state, { timeoutMs, ...request }, out) {
    return conclude(state, electLeaders(state.setting(out), request), timeoutMs, out);
  },

  reassign(state, { timeoutMs, ...request }, out) {
    return conclude(state, confirmed(reassign(state.setting(out), request)), timeoutMs, out);
  },

  createTopics(state, { topics, validateOnly, timeoutMs }, out) {
    return conclude(state, createTopics(state.setting(out), topics, validateOnly), timeoutMs, out);
  },

  deleteTopics(state, { topics, timeoutMs }, out) {
    return conclude(state, deleteTopics(state.setting(out), topics), timeoutMs, out);
  },

  createPartitions(state, { topics, validateOnly, timeoutMs }, out) {
    return conclude(state, createPartitions(state.setting(out), topics, validateOnly), timeoutMs, out);
  },

  alterConfigs(state, { changes, validateOnly }, out) {
    const decision = alterConfigs(state.setting(out), changes, validateOnly);
    return conclude(state, validateOnly ? decision : confirmed(decision), DEFAULT_TIMEOUT_MS, out);
  },

  allocateProducerIds(state, { brokerId }, out) {
    const { brokers, nextProducerId: first } = state.image;
    if (!brokers.has(brokerId)) {
      const message = `Broker ${brokerId} is not registered.`;
      return { error: "BROKER_ID_NOT_REGISTERED", message, first: -1n, count: 0 };
    }
    const nextProducerId = first + BigInt(PRODUCER_ID_BLOCK);
    commit(state, [{ type: "ProducerIds", brokerId, nextProducerId }], out);
    return { error: "NONE", message: null, first, count: PRODUCER_ID_BLOCK };
  },

  balance(state, _, out) {
    const records = balance(state.setting(out), MAX_ELECTIONS_PER_TURN);
    commit(state, records, out);
    awaitImbalance(state, out, records.length >= MAX_ELECTIONS_PER_TURN ? 0 : undefined);
  },

  expire({ progress }, id, out) {
    const wait = progress.expire(id);
    if (wait !== undefined) out.reply(wait.asker, wait.late);
  },
};

function awaitImbalance(state: Controller, out: Out, delayMs?: number): void {
  const intervalMs = state.number("leader.imbalance.check.interval.seconds") * 1_000;
  out.timer("balance", delayMs ?? intervalMs, "balance", undefined);
}
