/**
 * The one window into a running system: a hook that is told of every message handled and every turn in an actor's life.
 *
 * Log, metrics, console and simulator all look through it. Without a hook it costs a comparison.
 *
 * @module
 */

/** What happened. */
export type TraceType =
  /** A message or a due timer was handled. */
  | "message"
  /** An answer to an ask was handled. */
  | "answer"
  /** The result of a call was handled. */
  | "result"
  /** The end of a watched actor was handled. */
  | "terminated"
  | "spawned"
  | "started"
  | "crashed"
  | "restarting"
  | "paused"
  | "resumed"
  /** A full mailbox made a sender wait; `detail` is whose. */
  | "suspended"
  | "released"
  /** A full mailbox took a message all the same, because waiting would have been a deadlock. */
  | "overfilled"
  | "stopping"
  | "stopped"
  | "deadLetter";

/** One line of a trace. */
export interface TraceEvent {
  /** Milliseconds of the system's monotonic clock. */
  readonly atMs: number;
  readonly type: TraceType;
  /** Whom it happened to. */
  readonly ref: string;
  /** The message, where there is one. */
  readonly verb: string;
  /** Who sent the message; "" when that is not known. */
  readonly from: string;
  /** Why, or more. */
  readonly detail: string;
}

/** Must not throw. */
export type Trace = (event: TraceEvent) => void;

/**
 * One aligned line per event.
 *
 * @example
 * ```ts
 * import { formatTrace } from "./trace.ts";
 *
 * const line = formatTrace({ atMs: 12.5, type: "crashed", ref: "1/group/g", verb: "join", from: "", detail: "Error: no" });
 * console.assert(line === "      12.500  crashed     1/group/g                         join             Error: no");
 * ```
 */
export function formatTrace(event: TraceEvent): string {
  const columns = [
    event.atMs.toFixed(3).padStart(12),
    event.type.padEnd(10),
    event.ref.padEnd(32),
    event.verb.padEnd(15),
    [event.from === "" ? "" : `from ${event.from}`, event.detail].filter((part) => part !== "").join("  "),
  ];
  return columns.join("  ").trimEnd();
}
