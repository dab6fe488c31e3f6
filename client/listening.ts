/**
 * The program's part in rebalances: it is told of them one after the other, and waited for.
 *
 *     assigned ─▶ listener ─────────────────────────────────────────────────────────────────────▶ handled
 *     revoked ──▶ nothing more of it is handed out ─▶ program rests ─▶ commit ─▶ listener ─▶ forgotten ─▶ handled
 *     lost ─────▶ the same, but nobody waits for the program, and nothing is committed ───────────▶ handled
 *
 * Invariants: nothing is handed out when the actor is gone; every event is answered with `handled` once, whatever the program's listener
 * does, unless that never comes back.
 *
 * @module
 */
import type { ConsumerConfig, ConsumerRef, RebalanceEvent } from "../actors/consumer/protocol.ts";
import type { ActorSystem } from "../actors/system.ts";
import type { Backlog } from "./backlog.ts";
import { ConsumerError, type RebalanceListener, type TopicPartition } from "./records.ts";

/** The listener asks again after this. */
const LISTEN_MS = 3_600_000;

/** What it stands on. */
export interface ListeningGround {
  readonly system: ActorSystem;
  readonly ref: ConsumerRef;
  readonly enableAutoCommit: boolean;
  readonly delivery: ConsumerConfig["delivery"];
  readonly listener: RebalanceListener;
  /** Calls back later; the function returned calls it off. */
  readonly after: (delayMs: number, task: () => void) => () => void;
  readonly maxPollIntervalMs: number;
}

/** Hears of rebalances. */
export class Listening {
  /** Resolves when there is nobody to hear from any more. */
  readonly over: Promise<void>;
  readonly #ground: ListeningGround;
  readonly #backlog: Backlog;
  readonly #commit: (of: readonly TopicPartition[]) => Promise<unknown>;
  /** The program has records that it may be working on. */
  #isBusy = false;
  readonly #resting: (() => void)[] = [];
  #problem: ConsumerError | undefined;

  /** @param commit commits what the program is through with of these partitions */
  constructor(
    ground: ListeningGround,
    backlog: Backlog,
    commit: (of: readonly TopicPartition[]) => Promise<unknown>,
  ) {
    this.#ground = ground;
    this.#backlog = backlog;
    this.#commit = commit;
    this.over = this.#listen();
  }

  /** The program has got records, or has asked for some and got none. */
  works(isBusy: boolean): void {
    this.#isBusy = isBusy;
  }

  /** The program is through with what it had. */
  rest(): void {
    this.#isBusy = false;
    for (const resume of this.#resting.splice(0)) resume();
  }

  /** @throws {ConsumerError} what the program's listener has thrown, once */
  complain(): void {
    const problem = this.#problem;
    this.#problem = undefined;
    if (problem !== undefined) throw problem;
  }

  async #listen(): Promise<void> {
    const { system, ref } = this.#ground;
    for (let after = 0;;) {
      const answer = await system.ask(ref, "nextRebalance", { after }, LISTEN_MS);
      if (!answer.ok && answer.failure === "timeout") continue;
      if (!answer.ok) return this.#backlog.keep(() => false); // nobody owns anything any more
      after = answer.value.number;
      try {
        await this.#rebalance(answer.value);
      } catch (error) { // what the program's listener has thrown: the next poll says it
        const reason = error instanceof Error ? error.message : String(error);
        this.#problem = new ConsumerError("UNKNOWN_SERVER_ERROR", `The rebalance listener failed: ${reason}`, error);
      }
      system.tell(ref, "handled", { number: after });
    }
  }

  async #rebalance({ type, partitions }: RebalanceEvent): Promise<void> {
    const { listener, enableAutoCommit } = this.#ground;
    if (type === "assigned") return await listener.assigned?.(partitions);
    this.#backlog.drop(partitions);
    if (type === "lost") {
      this.#lose(partitions);
      return await listener.lost?.(partitions);
    }
    await this.#untilRest();
    // Of nothing else: the program may be working on the next record of another partition by now.
    if (enableAutoCommit) await this.#commit(partitions);
    try {
      await listener.revoked?.(partitions); // which may commit
    } finally {
      this.#lose(partitions);
    }
  }

  #lose(partitions: readonly TopicPartition[]): void {
    if (this.#ground.delivery === "at-most-once") this.#backlog.forget(partitions); // all of it is committed
    else this.#backlog.lose(partitions);
  }

  async #untilRest(): Promise<void> {
    if (!this.#isBusy) return;
    await new Promise<void>((resolve) => {
      const calm = this.#ground.after(this.#ground.maxPollIntervalMs, resolve);
      this.#resting.push(() => {
        calm();
        resolve();
      });
    });
  }
}
