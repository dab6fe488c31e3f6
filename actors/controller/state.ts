/**
 * What a controller has in hand, and how it carries out what it has decided.
 *
 * @module
 */
import { type Asker, LATER, type Outbox } from "../actor.ts";
import { numberOf, resolveBrokerConfig } from "../../protocol/configs/resolve.ts";
import { type Decision, liveBrokerIds, type Setting } from "./decision.ts";
import { MetadataDraft } from "./draft.ts";
import { Progress } from "./progress.ts";
import type { ControllerProtocol, MetadataImage, MetadataRecord, PartitionId } from "./protocol.ts";
import { ReplicaIndex } from "./replica_index.ts";
import { Sessions } from "./sessions.ts";

/** Nobody waits longer than this, whatever a request says. */
const MAX_TIMEOUT_MS = 600_000;

/** The controller's outbox. */
export type Out<R = unknown> = Outbox<ControllerProtocol, Controller, R>;

/** The controller's state. */
export class Controller {
  /** The cluster as it is. Changed in place: nobody else ever holds it. */
  readonly image: MetadataDraft;
  readonly index: ReplicaIndex;
  readonly sessions: Sessions = new Sessions();
  readonly progress: Progress = new Progress();
  /** When it is to be looked for silent brokers; monotonic. */
  expireMs = Infinity;
  /** The last look came late, and what it was late was not counted as silence. */
  excused = false;

  readonly #properties: Readonly<Record<string, string>>;
  readonly #isOffline = (brokerId: number, partition: PartitionId) => this.sessions.isOffline(brokerId, partition);

  constructor(image: MetadataImage, properties: Readonly<Record<string, string>>) {
    this.image = new MetadataDraft(image);
    this.index = new ReplicaIndex(image);
    this.#properties = properties;
  }

  /** What decisions are made from, in this turn. */
  setting({ random }: Pick<Out, "random">): Setting {
    return { image: this.image, properties: this.#properties, random, isOffline: this.#isOffline, index: this.index };
  }

  /** A number among the broker configs, as it counts now. */
  number(name: string): number {
    const layers = { brokers: this.image.configs.get("broker/"), properties: this.#properties };
    return numberOf(resolveBrokerConfig(name, layers));
  }

  /** Takes in what has been decided. */
  replay(records: readonly MetadataRecord[]): void {
    for (const record of records) {
      this.index.follow(this.image, record);
      this.image.apply(record);
    }
  }
}

/** Writes what a turn has decided, as one event; at most once in a turn. Returns the offset after it. */
export function commit({ image }: Controller, records: readonly MetadataRecord[], out: Out): number {
  if (records.length > 0) out.append(records);
  return image.offset + records.length;
}

/**
 * A decision that changes nothing still says how things are: a controller that does not know yet of its successor would say how they were. So
 * what is answered without an error waits for a record too.
 */
export function confirmed<R extends { readonly error: string }>(decision: Decision<R>): Decision<R> {
  const { records, results } = decision;
  if (records.length > 0 || results.every(({ error }) => error !== "NONE")) return decision;
  return { records: [{ type: "NoOp" }], results };
}

/** Carries out a decision and answers when all live brokers have applied it, or says who could not wait that long. */
export function conclude<R extends { readonly error: string; readonly message: string | null }>(
  state: Controller,
  { records, results }: Decision<R>,
  timeoutMs: number,
  out: Out<readonly R[]>,
): readonly R[] | typeof LATER {
  if (records.length === 0) return results;
  const offset = commit(state, records, out as Out);
  if (state.sessions.appliedByAll(liveBrokerIds(state.image)) >= offset) return results; // nobody is there to apply it
  const message = "The change is made, but not every broker had applied it in time.";
  const late = results.map((result) =>
    result.error === "NONE" ? { ...result, error: "REQUEST_TIMED_OUT", message } : result
  );
  const wait = state.progress.wait({ offset, asker: out.asker() as Asker<unknown>, value: results, late });
  const delayMs = Math.min(Math.max(0, timeoutMs), MAX_TIMEOUT_MS);
  out.timer(timerOf(wait.id), delayMs, "expire", wait.id);
  return LATER;
}

/** Answers those who have waited for what all brokers that are let in, but for one that no longer is, have now applied. */
export function settle({ image, progress, sessions }: Controller, out: Out, gone = -1): void {
  if (!progress.waiting) return;
  const live = liveBrokerIds(image);
  live.delete(gone);
  for (const { id, asker, value } of progress.settle(sessions.appliedByAll(live))) {
    out.cancel(timerOf(id));
    out.reply(asker, value);
  }
}

function timerOf(id: number): string {
  return `wait/${id}`;
}
