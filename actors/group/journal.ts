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
import type { Answer, Message } from "../actor.ts";
import { OneLifeJournal } from "../one_life_journal.ts";
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

/** One life's journal. A position counts writes: what one turn of the group appends is one, and so in one batch. */
export class GroupJournal extends OneLifeJournal {
  readonly #options: GroupJournalOptions;
  #written = 0;

  constructor(options: GroupJournalOptions) {
    super(0);
    this.#options = options;
  }

  protected override write(events: readonly unknown[]): number {
    const position = ++this.#written;
    const { groupId, term, write } = this.#options;
    write({ groupId, term, records: events as readonly GroupRecord[] }, (answer) => this.settled(position, answer));
    return position;
  }

  protected override explain(_: number, answer: Answer<boolean>): string {
    const why = answer.ok ? "its coordinator reads the log again" : `its coordinator is gone (${answer.failure})`;
    return `${LOST_WRITE}: ${why}.`;
  }
}

/** The journal for a group that is started with `args`. */
export function openGroupJournal({ groupId, term }: GroupArgs, write: GroupJournalOptions["write"]): GroupJournal {
  return new GroupJournal({ groupId, term, write });
}
