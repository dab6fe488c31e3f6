/**
 * Everything that happens in a run: as one number always, and as lines when somebody wants to read them.
 *
 * The number covers every event, so two runs with the same number were the same run. It costs a few additions per event:
 * texts are hashed once and looked up afterwards.
 *
 * @module
 */
import { formatTrace, type TraceEvent } from "../../actors/trace.ts";

const FNV_PRIME = 0x01000193;
const FNV_BASIS = 0x811c9dc5;
/** What a second, independent hash starts from. */
const OTHER_BASIS = 0x9747b28c;
/** Texts that are remembered; most come again and again, but some hold numbers that never do. */
const TEXTS_MAX = 50_000;

/** A hash of numbers and texts in their order. */
export class RollingHash {
  #low = FNV_BASIS;
  #high = OTHER_BASIS;
  readonly #texts = new Map<string, number>();

  /** Takes in a whole number, of which the low 32 bits count. */
  number(value: number): void {
    this.#low = Math.imul(this.#low ^ value, FNV_PRIME);
    this.#high = Math.imul((this.#high << 13 | this.#high >>> 19) ^ value, 0x85ebca6b) + this.#low | 0;
  }

  /** Takes in a text. */
  text(value: string): void {
    let hash = this.#texts.get(value);
    if (hash === undefined) {
      hash = FNV_BASIS;
      for (let at = 0; at < value.length; at++) hash = Math.imul(hash ^ value.charCodeAt(at), FNV_PRIME);
      if (this.#texts.size >= TEXTS_MAX) this.#texts.clear();
      this.#texts.set(value, hash);
    }
    this.number(hash);
  }

  /** What it has come to: 16 digits. */
  hex(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
  }
}

/** How a trace is kept. */
export interface RunTraceOptions {
  /** Time since the run began. */
  readonly now: () => number;
  /** Told of every event as a line; without it no lines are made, which is many times faster. */
  readonly line?: (line: string) => void;
  /** Keep so many lines per node for {@linkcode RunTrace.last}. Default 0. */
  readonly keep?: number;
  /** Told of everything that actors do. */
  readonly hear?: (event: TraceEvent) => void;
}

/** The trace of a run. */
export class RunTrace {
  /** Events so far. */
  events = 0;
  readonly hash: RollingHash = new RollingHash();
  readonly #options: RunTraceOptions;
  readonly #kept = new Map<string, string[]>();
  readonly #asLines: boolean;

  constructor(options: RunTraceOptions) {
    this.#options = options;
    this.#asLines = options.line !== undefined || (options.keep ?? 0) > 0;
  }

  /** An actor's turn, or a turn in its life. */
  readonly actor = (event: TraceEvent): void => {
    this.events++;
    this.#options.hear?.(event);
    const { hash } = this;
    hash.number(Math.round(event.atMs * 1_000));
    hash.text(event.type);
    hash.text(event.ref);
    hash.text(event.verb);
    if (event.from !== "") hash.text(event.from);
    if (this.#asLines) {
      const node = event.ref.slice(0, event.ref.indexOf("/"));
      this.#line(`node ${node}`, formatTrace({ ...event, atMs: this.#options.now() }));
    }
  };

  /** Anything else: what a disk, a socket, a client or a fault did. Numbers count, whatever `detail` adds is for readers. */
  note(who: string, what: string, number = 0, detail?: () => string): void {
    this.events++;
    this.hash.number(Math.round(this.#options.now() * 1_000));
    this.hash.text(who);
    this.hash.text(what);
    this.hash.number(number);
    if (!this.#asLines) return;
    const line = [
      this.#options.now().toFixed(3).padStart(12),
      "*".padEnd(10),
      who.padEnd(32),
      `${what}${number === 0 ? "" : ` ${number}`}`.padEnd(15),
      detail?.() ?? "",
    ].join("  ").trimEnd();
    this.#line(who, line);
  }

  /** The last lines of each node, as many as were to be kept. */
  last(): ReadonlyMap<string, readonly string[]> {
    return new Map([...this.#kept].sort(([a], [b]) => a < b ? -1 : 1));
  }

  #line(who: string, line: string): void {
    const { keep = 0, line: tell } = this.#options;
    tell?.(line);
    if (keep === 0) return;
    const kept = this.#kept.get(who);
    if (kept === undefined) this.#kept.set(who, [line]);
    else if (kept.push(line) > keep) kept.shift();
  }
}
