/**
 * What a client does, from its invocation to its completion: the words of a history.
 *
 * @module
 */

/** A partition: `<topic>-<partition>`. */
export type Key = string;
/** What a record says; no two sends to one key say the same. */
export type Value = string | number;

/** What a client sets out to do. */
export type Call =
  | SendCall
  | { readonly f: "poll" }
  | (Omit<SendCall, "f"> & { readonly f: "txn" })
  /** From now on it reads these keys; where it was in others is forgotten. */
  | { readonly f: "assign" | "subscribe"; readonly keys: readonly Key[] }
  /** The client is gone; what the process does next is done by a new one that knows nothing. */
  | { readonly f: "crash" };

interface SendCall {
  readonly f: "send";
  readonly sends: readonly { readonly key: Key; readonly value: Value }[];
  /**
   * What the acknowledgement is worth: "durable" means that no crash the cluster is made for loses the record. acks=0 and acks=1, and
   * acks=all without flush where power is lost, promise nothing.
   */
  readonly promise?: Worth;
  /** Whether the producer's retries are told apart from new records. Default true. */
  readonly idempotent?: boolean;
}

/** What an acknowledgement is worth. */
export type Worth = "durable" | "none";

/** One record that was sent; the offset is null as long as nobody has said it. */
export interface Sent {
  readonly key: Key;
  readonly value: Value;
  offset: number | null;
}

/** Records of one key in the order in which they were read: offsets and values. */
export type Read = readonly (readonly [offset: number, value: Value])[];

/** An operation, from its invocation to its completion. */
export interface Operation {
  readonly process: number;
  readonly f: Call["f"];
  /** "info" until it is completed. */
  type: "ok" | "fail" | "info";
  readonly begunMs: number;
  endedMs: number;
  /** Its place among all invocations and completions. */
  readonly begun: number;
  /** Infinity when it has not been completed, or only by giving up. */
  ended: number;
  readonly sends: readonly Sent[];
  /** What was read, by key. */
  reads: ReadonlyMap<Key, Read>;
  /** Of assign and subscribe. */
  readonly keys: readonly Key[];
  /** Keys that came or went while it ran: where it was in them is forgotten. */
  rebalanced: readonly Key[];
  readonly promise: Worth;
  readonly idempotent: boolean;
}

/** The operation in words, for a sentence. */
export function describe({ process, f, type, begunMs, endedMs, sends, reads, keys }: Operation): string {
  const sent = sends.map(({ key, value, offset }) => `${value} to ${key}${offset === null ? "" : `@${offset}`}`);
  const read = [...reads].map(([key, records]) => `${key} ${records.map(([offset, v]) => `${v}@${offset}`).join(" ")}`);
  const what = [...sent, ...read, ...keys].join(", ");
  const short = what.length > 200 ? `${what.slice(0, 200)} …` : what;
  return `${type} ${f} of process ${process} (${begunMs}–${endedMs === Infinity ? "?" : endedMs} ms: ${short})`;
}
