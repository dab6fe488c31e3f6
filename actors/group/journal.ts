/**
 * The journal of a group: what one turn of it appends goes to its coordinator as one write, and is durable when that is committed.
 *
 * A group is started with everything that is committed, so there is nothing to recover. One journal serves one life of it: when a
 * write is not known to be committed, the group ends, and its coordinator reads the log again.
 *
 * Invariant: writes leave in the order of the turns that made them, and none leaves after one that failed.
 *
 * @module
 */
import { assert } from "../../lib/assert.ts";
import type { Result, Settle } from "../../lib/env.ts";
import type { Answer, Message } from "../actor.ts";
import type { Journal } from "../journal.ts";
import type { CoordinatorProtocol, GroupArgs } from "./protocol.ts";
import type { GroupRecord } from "./records.ts";

/** What a journal is made with. */
export interface GroupJournalOptions {
  readonly groupId: string;
  /** Which load of its coordinator the group belongs to. */
  readonly term: number;
  /** Asks the coordinator to write. It must not lose anything, keep to the order, and wait as long as it takes. */
  readonly write: (request: Message<CoordinatorProtocol, "write">, settle: (answer: Answer<boolean>) => void) => void;
}

/** How the error begins with which a group ends that may have decided something for nothing: no fault of the group's. */
export const LOST_WRITE = "What the group decided may not be committed";

const DONE: Result<void> = { ok: true, value: undefined };

/** One life's journal. A position counts writes. */
export class GroupJournal implements Journal {
  readonly #options: GroupJournalOptions;
  /** Who waits, by position, ascending. */
  readonly #waiting: { readonly position: number; readonly settle: Settle<void> }[] = [];
  #written = 0;
  #committed = 0;
  #failure: Error | undefined;
  #closed = false;

  constructor(options: GroupJournalOptions) {
    this.#options = options;
  }

  recover(): void {
    // The records that the group was started with are all there is.
  }

  /** What one turn of the group appends is in one batch: there whole, or not at all. */
  append(events: readonly unknown[]): number {
    assert(!this.#closed, "the group's journal is closed");
    if (this.#failure !== undefined) throw this.#failure;
    const position = ++this.#written;
    const { groupId, term, write } = this.#options;
    write({ groupId, term, records: events as readonly GroupRecord[] }, (answer) => this.#settled(position, answer));
    return position;
  }

  whenDurable(position: number, settle: Settle<void>): void {
    if (this.#failure !== undefined) settle({ ok: false, error: this.#failure });
    else if (position <= this.#committed) settle(DONE);
    else this.#waiting.push({ position, settle });
  }

  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
  }

  #settled(position: number, answer: Answer<boolean>): void {
    if (this.#closed || this.#failure !== undefined) return;
    if (answer.ok && answer.value) {
      this.#committed = Math.max(this.#committed, position);
      while (this.#waiting[0] !== undefined && this.#waiting[0].position <= this.#committed) {
        this.#waiting.shift()!.settle(DONE);
      }
      return;
    }
    const why = answer.ok ? "its coordinator reads the log again" : `its coordinator is gone (${answer.failure})`;
    const error = this.#failure = new Error(`${LOST_WRITE}: ${why}.`);
    for (const { settle } of this.#waiting.splice(0)) settle({ ok: false, error });
  }
}

/** The journal for a group that is started with `args`. */
export function openGroupJournal({ groupId, term }: GroupArgs, write: GroupJournalOptions["write"]): GroupJournal {
  return new GroupJournal({ groupId, term, write });
}
