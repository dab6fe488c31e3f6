/**
 * The journal of the controller: what it appends goes to the quorum actor of its node, and is durable when it is committed.
 *
 * A controller is started with everything that is committed, so there is nothing to recover. One journal serves one life of it: when
 * an append is not known to be committed, or the controller crashes, another is spawned with a newer image.
 *
 * @module
 */
import { assert } from "../../lib/assert.ts";
import type { Result, Settle } from "../../lib/env.ts";
import type { Answer, Message } from "../actor.ts";
import type { MetadataRecord } from "../controller/protocol.ts";
import type { Journal } from "../journal.ts";
import type { QuorumProtocol } from "./protocol.ts";

/** What a journal is made with. */
export interface QuorumJournalOptions {
  /** In which the controller is the active one. */
  readonly epoch: number;
  /** Where it appends first: the offset of its image. */
  readonly baseOffset: number;
  /** Asks the quorum actor of this node to append. It must not lose anything, and keep to the order. */
  readonly append: (request: Message<QuorumProtocol, "append">, settle: (answer: Answer<boolean>) => void) => void;
}

const DONE: Result<void> = { ok: true, value: undefined };

/** One life's journal. A position is an offset of the metadata log. */
export class QuorumJournal implements Journal {
  readonly #options: QuorumJournalOptions;
  /** Who waits, by position, ascending. */
  readonly #waiting: { readonly position: number; readonly settle: Settle<void> }[] = [];
  #endOffset: number;
  #committed: number;
  #failure: Error | undefined;
  #closed = false;

  constructor(options: QuorumJournalOptions) {
    this.#options = options;
    this.#endOffset = this.#committed = options.baseOffset;
  }

  recover(): void {
    // The image that the controller was started with is all there is.
  }

  /** What one turn of the controller appends is one batch: there whole, or not at all. */
  append(events: readonly unknown[]): number {
    assert(!this.#closed, "the controller's journal is closed");
    if (this.#failure !== undefined) throw this.#failure;
    const records = events.flat() as MetadataRecord[];
    if (records.length === 0) return this.#endOffset;
    const { epoch } = this.#options;
    const baseOffset = this.#endOffset;
    const position = this.#endOffset += records.length;
    this.#options.append({ epoch, baseOffset, records }, (answer) => this.#settled(position, answer));
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
    const why = answer.ok ? "another leader may have been elected" : `the quorum's answer failed: ${answer.failure}`;
    const error = this.#failure = new Error(`What the controller decided at ${position} may not be committed: ${why}.`);
    for (const { settle } of this.#waiting.splice(0)) settle({ ok: false, error });
  }
}
