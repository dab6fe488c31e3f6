/**
 * What a coordinator knows: how far it is, its groups, what is being read and what is being written.
 *
 *     loading ──everything up to the goal is committed and read, all former groups have ended──▶ active
 *        ▲                                                                                        │
 *        └────────────────────────── doubt: a write failed, or nobody knows ──────────────────────┘
 *
 * Invariant: while it loads it has no groups and nothing to write; each group that it starts has a term of its own, and only the
 * writes of that term count.
 *
 * @module
 */
import type { NewRecord } from "../../protocol/records.ts";
import type { Asker, Outbox } from "../actor.ts";
import type { MetadataImage } from "../controller/protocol.ts";
import type { LastWords } from "./last_words.ts";
import type { CoordinatorArgs, CoordinatorProtocol, Found, GroupNews, GroupRef } from "./protocol.ts";

/** What a coordinator needs from outside. */
export interface CoordinatorDeps {
  /** Told, in a sentence, what an operator has to know. */
  report?(sentence: string): void;
}

/** The outbox of a coordinator. */
export type CoordinatorOutbox<R = unknown> = Outbox<CoordinatorProtocol, Coordinator, R>;

/** A group of this coordinator. */
export interface LocalGroup {
  readonly groupId: string;
  readonly ref: GroupRef;
  readonly term: number;
  readonly spawnedMs: number;
  /** How often in a row it had died soon, when it was started. */
  readonly deaths: number;
  /** It has retired: it goes, and nothing is asked of it any more. */
  leaving: boolean;
  /** Who wants it (or another in its place) as soon as it has gone. */
  readonly waiting: { readonly create: boolean; readonly asker: Asker<Found> }[];
}

/** What one turn of a group has decided. */
export interface Write {
  readonly groupId: string;
  readonly records: readonly NewRecord[];
  /** What they take in a batch, at most. */
  readonly bytes: number;
  readonly asker: Asker<boolean>;
}

/** The log is being read: all of it, or what it has of groups that have died. */
export interface Reading {
  readonly only: ReadonlySet<string> | undefined;
  readonly words: LastWords;
  /** Where the log goes on. */
  offset: number;
  /** Where it ended when the reading began; Infinity while that is not known. */
  goal: number;
  /** When it began (monotonic), put off by what it has waited for commits. */
  readsSinceMs: number;
}

/** The state of a coordinator. */
export class Coordinator {
  phase: "loading" | "active" = "loading";
  /** The newest term that was given out. */
  term = 0;
  readonly groups: Map<string, LocalGroup> = new Map();
  /** Groups of former terms that have not ended yet, by ref: their names are taken. */
  readonly ending: Set<string> = new Set();
  /** Groups that have died, and are to be read again. */
  readonly dead: Set<string> = new Set();
  /** Those of them that die again and again: how often in a row, and until when they rest (monotonic). */
  readonly resting: Map<string, { readonly deaths: number; readonly untilMs: number }> = new Map();
  reading: Reading | undefined;
  /** Everything has been read; it only waits for the last of {@linkcode ending}, and for the first view. */
  loaded: Reading | undefined;
  /**
   * It loads because its replica does not lead, or cannot say so: who asks is sent to look for another coordinator, and would wait here for
   * as long as the network is broken otherwise.
   */
  isDeposed = false;
  /** Its broker does not hear from the controller. */
  isIsolated = false;
  /** Readings that failed since the last one that came to its end. */
  failures = 0;
  /** When the last one that came to its end will be as long ago as it took (monotonic). */
  restsUntilMs = -Infinity;
  /** It has been reported that writes fail, and none has succeeded since. */
  isComplaining = false;
  /** Where the next batch is to begin: nobody else writes here. */
  endOffset = 0;
  /** Writes that wait to be sent, in order. */
  readonly pending: Write[] = [];
  /** Batches that were sent and are not answered, in order. */
  readonly inFlight: Set<readonly Write[]> = new Set();
  /** A message to itself, to write what is pending, is on its way. */
  writesSoon = false;
  /** What groups are shown; undefined before the first view. */
  news: GroupNews | undefined;
  /** What the configuration among the news was read off. */
  configs: MetadataImage["configs"] | undefined;
  /** Groups that wait for news, by id. */
  readonly newsAskers: Map<string, Asker<GroupNews>> = new Map();

  constructor(readonly args: CoordinatorArgs, readonly deps: CoordinatorDeps) {}

  /** Whether a write of this group has not been answered yet. */
  isWriting(groupId: string): boolean {
    const isOf = (write: Write) => write.groupId === groupId;
    return this.pending.some(isOf) || [...this.inFlight].some((batch) => batch.some(isOf));
  }
}

/** Tells the operator something, after this turn. */
export function report(coordinator: Coordinator, sentence: string, out: CoordinatorOutbox): void {
  out.call("report", (done) => {
    coordinator.deps.report?.(sentence);
    done({ ok: true, value: undefined });
  });
}
