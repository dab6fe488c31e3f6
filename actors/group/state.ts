/**
 * The state of a group: three parts, each in a folder of its own, behind one actor.
 *
 *     group ──┬── offsets   what has been committed, of every kind of group
 *             ├── classic   generations, members, phases (JoinGroup, SyncGroup …)
 *             └── modern    epochs, targets, current assignments (KIP-848)
 *
 * `classic` and `modern` are never both there: a group is of one kind at a time, or of none (a "simple" group, which only has offsets).
 *
 * Invariant: folding the records of the log from its beginning gives the same {@linkcode Part.records} as the state that wrote them.
 *
 * @module
 */
import type { ErrorName } from "../../protocol/errors.ts";
import type { LATER, Message, Outbox, Reply, Verb } from "../actor.ts";
import type { Offsets } from "./offsets/offsets.ts";
import type { GroupArgs, GroupNews, GroupProtocol } from "./protocol.ts";
import type { GroupRecord } from "./records.ts";

/** The outbox of a group. */
export type GroupOutbox<R = unknown> = Outbox<GroupProtocol, Group, R>;

/** What a part does with one message; the parts' `handlers.ts` export one for each that concerns them, under its name. */
export type GroupHandler<V extends Verb<GroupProtocol>> = (
  group: Group,
  message: Message<GroupProtocol, V>,
  out: GroupOutbox<Reply<GroupProtocol, V>>,
) => Reply<GroupProtocol, V> | typeof LATER;

/** One part of a group's state. */
export interface Part {
  /**
   * Takes in one record: each one of the log when the group is loaded, and each event as it is appended. Touches nothing that is not
   * durable (timers, who waits for an answer), reads no clock, and can take the same record twice.
   */
  apply(record: GroupRecord): void;
  /** All that is durable of it, as records without tombstones, sorted by key: what a log that was compacted to the bone would hold. */
  records(): readonly GroupRecord[];
  /** Whether there is nothing of it. */
  readonly isEmpty: boolean;
}

/** What the offsets must know of members. Both kinds of group answer it. */
export interface Members extends Part {
  /** As ListGroups and the Describe requests name it: Empty, PreparingRebalance, CompletingRebalance, Stable, Assigning, Reconciling. */
  readonly state: string;
  /** "consumer" for groups of consumers; "" for a classic group that never had a member. */
  readonly protocolType: string;
  readonly hasMembers: boolean;
  /** A member commits, or somebody from outside (member id "", epoch below 0): NONE, or what Kafka answers. */
  judgeCommit(commit: {
    readonly memberId: string;
    readonly instanceId: string | null;
    readonly epoch: number;
    readonly version: number;
    /** What is committed for: a member of an epoch that is over may do so for what it has had since then. */
    readonly partitions: Iterable<{ readonly topicId: string; readonly partition: number }>;
  }): ErrorName;
  /** The same for OffsetFetch of version 9 and up. */
  judgeFetch(fetch: { readonly memberId: string | null; readonly epoch: number }): ErrorName;
  isSubscribedTo(topic: string): boolean;
  /** Wall-clock time since which it has had no members; undefined while it has some: offsets expire from here. */
  readonly emptySinceMs: number | undefined;
}

/** Of a classic group they must know more. */
export interface ClassicMembers extends Members {
  /** A member commits: in these groups, as in Kafka, that is a sign of life. */
  heard(memberId: string, out: GroupOutbox): void;
}

/** What a group needs from outside. */
export interface GroupDeps {
  /** Told, in a sentence, what an operator has to know. */
  report?(sentence: string): void;
}

/** The state of a group actor. */
export interface Group {
  readonly args: GroupArgs;
  readonly deps: GroupDeps;
  news: GroupNews;
  readonly offsets: Offsets;
  classic: ClassicMembers | undefined;
  modern: Members | undefined;
  /** It has told its coordinator that it is nothing any more: it answers COORDINATOR_LOAD_IN_PROGRESS. */
  retired: boolean;
  /** A look at whether it still is anything is due. */
  watched: boolean;
  /** Until when a former coordinator may go on telling members that all is well (monotonic): their time with this one begins then. */
  readonly graceUntilMs: number;
  /** When the operator was last told something (monotonic). */
  complainedAtMs: number;
}
