/**
 * The journal of the controller: what it appends goes to the quorum actor of its node, and is durable when it is committed.
 *
 * A controller is started with everything that is committed, so there is nothing to recover. One journal serves one life of it: when
 * an append is not known to be committed, or the controller crashes, another is spawned with a newer image.
 *
 * @module
 */
import type { Answer, Message } from "../actor.ts";
import type { MetadataRecord } from "../controller/protocol.ts";
import { OneLifeJournal } from "../one_life_journal.ts";
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

/** One life's journal. A position is an offset of the metadata log; what one turn of the controller appends is one batch. */
export class QuorumJournal extends OneLifeJournal {
  readonly #options: QuorumJournalOptions;
  #endOffset: number;

  constructor(options: QuorumJournalOptions) {
    super(options.baseOffset);
    this.#options = options;
    this.#endOffset = options.baseOffset;
  }

  protected override write(events: readonly unknown[]): number {
    const records = events.flat() as MetadataRecord[];
    if (records.length === 0) return this.#endOffset;
    const { epoch } = this.#options;
    const baseOffset = this.#endOffset;
    const position = this.#endOffset += records.length;
    this.#options.append({ epoch, baseOffset, records }, (answer) => this.settled(position, answer));
    return position;
  }

  protected override explain(position: number, answer: Answer<boolean>): string {
    const why = answer.ok ? "another leader may have been elected" : `the quorum's answer failed: ${answer.failure}`;
    return `What the controller decided at ${position} may not be committed: ${why}.`;
  }
}
