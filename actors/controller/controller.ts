/**
 * The controller: owns the metadata log and decides who is there, which topics exist, and who leads what.
 *
 * ```text
 *   request ──decide on the image──▶ records ──append──▶ durable ──▶ followers ──applied by all live brokers──▶ answer
 *                                       └──replay──▶ image
 * ```
 *
 * Every decision is worked out by a function of the image (`create_topics.ts`, `brokers.ts` …) that returns records and
 * changes nothing. What a turn decides is one event: it is written, replayed and sent as a whole, or not at all. The
 * runtime keeps followers and clients from seeing it before it is durable.
 *
 * Invariant: a follower gets every record once, in order, without a gap: from the offset at which it began to follow, or from the
 * snapshot that it got then. Who follows and who waits is forgotten when this actor restarts; it then calls the brokers that
 * it finds in its log, and they introduce themselves again.
 *
 * @module
 */
import { type Actor, type Asker, type Handlers, LATER, type Outbox, type Ref } from "../actor.ts";
import { refOf } from "../address.ts";
import { BROKER, type BrokerProtocol } from "../broker/protocol.ts";
import { alterConfigs } from "./alter_configs.ts";
import { fenceBroker, liveBrokerIds, registerBroker } from "./brokers.ts";
import { createPartitions } from "./create_partitions.ts";
import { createTopics, type Decision, type Setting } from "./create_topics.ts";
import { deleteTopics } from "./delete_topics.ts";
import { emptyImage, MetadataDraft, snapshotOf } from "./image.ts";
import { Progress } from "./progress.ts";
import { CONTROLLER, type ControllerProtocol, type MetadataFollower, type MetadataRecord } from "./protocol.ts";

/** Producer ids are given to brokers in blocks of so many (Kafka's size). */
export const PRODUCER_ID_BLOCK = 1_000;

/** Requests that name no time of their own wait so long for all brokers: Kafka's request.timeout.ms. */
const DEFAULT_TIMEOUT_MS = 30_000;
/** Nobody waits longer than this, whatever a request says. */
const MAX_TIMEOUT_MS = 600_000;

/** What the controller needs besides its arguments. */
export interface ControllerDeps {
  /** What its broker was started with: the defaults for topics that do not say. */
  readonly properties: Readonly<Record<string, string>>;
}

/** The controller's state. */
export class Controller {
  /** The cluster as it is. Changed in place: nobody else ever holds it. */
  readonly image: MetadataDraft;
  readonly progress: Progress = new Progress();

  readonly #properties: Readonly<Record<string, string>>;

  constructor(clusterId: string, properties: Readonly<Record<string, string>>) {
    this.image = new MetadataDraft(emptyImage(clusterId));
    this.#properties = properties;
  }

  /** What decisions are made from, in this turn. */
  setting({ random }: Pick<Out, "random">): Setting {
    return { image: this.image, properties: this.#properties, random };
  }
}

type Out<R = unknown> = Outbox<ControllerProtocol, Controller, R>;

/** The controller actor; its name is "controller". Its journal holds events of `MetadataRecord[]`. */
export function controller(
  { properties }: ControllerDeps,
): Actor<ControllerProtocol, Controller, { readonly clusterId: string }> {
  return {
    kind: CONTROLLER.kind,
    supervision: { then: "escalate" },

    start({ clusterId }, out) {
      out.timer("recovered", 0, "recovered", undefined);
      return new Controller(clusterId, properties);
    },

    replay({ image }, event) {
      for (const record of event as readonly MetadataRecord[]) image.apply(record);
    },

    on: handlers,

    terminated(state, ref, out) {
      const { progress } = state;
      progress.followers.delete(ref as Ref<MetadataFollower>);
      for (const [brokerId, follower] of progress.brokers) {
        if (follower !== ref) continue;
        progress.brokers.delete(brokerId);
        const live = liveBrokerIds(state.image);
        live.delete(brokerId);
        commit(state, fenceBroker(state.image, brokerId), out);
        settle(state, live, out);
      }
    },
  };
}

const handlers: Handlers<ControllerProtocol, Controller> = {
  recovered({ image }, _, out) {
    for (const id of liveBrokerIds(image)) {
      out.send(refOf<BrokerProtocol>(id, BROKER.kind, "broker"), "register", undefined);
    }
  },

  register(state, { follower, ...broker }, out) {
    const { image, progress } = state;
    if (progress.brokers.get(broker.brokerId) !== follower) out.watch(follower);
    progress.brokers.set(broker.brokerId, follower);
    const known = image.brokers.get(broker.brokerId);
    if (known?.incarnationId === broker.incarnationId && !known.fenced) {
      return { error: "NONE", message: null, brokerEpoch: known.epoch }; // it asks again: an answer was lost
    }
    const { records, brokerEpoch } = registerBroker(image, broker);
    commit(state, records, out);
    return { error: "NONE", message: null, brokerEpoch };
  },

  follow(state, { follower, fromOffset }, out) {
    const { image, progress } = state;
    progress.followers.set(follower, fromOffset);
    if (fromOffset !== image.offset) {
      const message = { baseOffset: image.offset, records: snapshotOf(image), snapshot: true };
      out.send(follower, "metadata", message);
    }
    settle(state, liveBrokerIds(state.image), out);
  },

  applied(state, { brokerId, offset }, out) {
    const follower = state.progress.brokers.get(brokerId);
    if (follower === undefined) return;
    state.progress.applied(follower, offset);
    settle(state, liveBrokerIds(state.image), out);
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
    return conclude(state, alterConfigs(state.setting(out), changes, validateOnly), DEFAULT_TIMEOUT_MS, out);
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

  expire({ progress }, id, out) {
    const wait = progress.expire(id);
    if (wait !== undefined) out.reply(wait.asker, wait.late);
  },
};

/** Writes what a turn has decided and sends it to the followers; at most once in a turn. Returns the offset after it. */
function commit({ image, progress }: Controller, records: readonly MetadataRecord[], out: Out): number {
  const baseOffset = image.offset;
  if (records.length === 0) return baseOffset;
  out.append(records);
  for (const follower of progress.followers.keys()) out.send(follower, "metadata", { baseOffset, records });
  return baseOffset + records.length;
}

/** Carries out a decision and answers when all live brokers have applied it, or says who could not wait that long. */
function conclude<R extends { readonly error: string; readonly message: string | null }>(
  state: Controller,
  { records, results }: Decision<R>,
  timeoutMs: number,
  out: Out<readonly R[]>,
): readonly R[] | typeof LATER {
  if (records.length === 0) return results;
  const offset = commit(state, records, out as Out);
  if (state.progress.reached(offset, liveBrokerIds(state.image))) return results; // nobody is there to apply it
  const message = "The change is made, but not every broker had applied it in time.";
  const late = results.map((result) =>
    result.error === "NONE" ? { ...result, error: "REQUEST_TIMED_OUT", message } : result
  );
  const wait = state.progress.wait({ offset, asker: out.asker() as Asker<unknown>, value: results, late });
  const delayMs = Math.min(Math.max(0, timeoutMs), MAX_TIMEOUT_MS);
  out.timer(timerOf(wait.id), delayMs, "expire", wait.id);
  return LATER;
}

/** Answers those who have waited for what these brokers have now applied. */
function settle({ progress }: Controller, live: ReadonlySet<number>, out: Out): void {
  for (const { id, asker, value } of progress.settle(live)) {
    out.cancel(timerOf(id));
    out.reply(asker, value);
  }
}

function timerOf(id: number): string {
  return `wait/${id}`;
}
