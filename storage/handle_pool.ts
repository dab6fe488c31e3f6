/**
 * Keeps the number of open files bounded: what was not used for longest gives its handles back.
 *
 * A process may have some 20,000 descriptors, and sockets need most of them; a broker may have more segments than that.
 *
 * @module
 */

/** Something that holds handles it can open again. */
export interface Pooled {
  /** Closes its handles; false when it cannot at present, because something is not yet durable. */
  closeHandles(): boolean;
}

/** What holds open handles, the least recently used first. */
export class HandlePool {
  readonly #limit: number;
  readonly #members = new Set<Pooled>();
  #newest: Pooled | undefined;

  /** @param limit how many members may have open handles (a member has up to three) */
  constructor(limit = 2000) {
    this.#limit = limit;
  }

  /** Says that a member is about to use its handles. */
  touch(member: Pooled): void {
    if (member === this.#newest) return;
    this.#newest = member;
    this.#members.delete(member);
    this.#members.add(member);
    if (this.#members.size <= this.#limit) return;
    for (const oldest of this.#members) {
      if (oldest === member) return;
      if (oldest.closeHandles()) {
        this.#members.delete(oldest);
        return;
      }
    }
  }

  /** A member has closed its handles by itself. */
  forget(member: Pooled): void {
    this.#members.delete(member);
    if (this.#newest === member) this.#newest = undefined;
  }
}
