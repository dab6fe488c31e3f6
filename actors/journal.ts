/**
 * What an event-sourced actor writes to: an ordered record of events that says when each can no longer be lost.
 *
 * The runtime, not the handler, keeps replies back until the events before them are durable. On one node "durable" is a
 * flushed log; for a replicated actor it is a committed one: the actor cannot tell the difference.
 *
 * @module
 */
import type { Result } from "../lib/env.ts";

/** An open journal. */
export interface Journal {
  /** Replays what is durable, oldest first, into `apply`. Called once, before the first append. */
  recover(apply: (event: unknown) => void): void;
  /** Adds events in order and returns the position after the last of them. Throws when the medium does. */
  append(events: readonly unknown[]): number;
  /** Calls `settle` once everything below `position` is durable, or with the error that makes this journal unusable. */
  whenDurable(position: number, settle: (result: Result<void>) => void): void;
  /** Gives the medium back. */
  close(): void;
}

/** Opens the journal of an event-sourced actor, by kind and name, with what it was started with. */
export type OpenJournal = (kind: string, name: string, args?: unknown) => Journal;
