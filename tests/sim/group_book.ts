/**
 * What clients of groups have asked for and were told, held against what is committed.
 *
 *     commit ──(its metadata is its name)──▶ record in the log ──▶ was it allowed just then?      answered NONE ──▶ is it there?
 *     fetch  ──▶ answer ──▶ was that committed at some time between the two?
 *     sync   ──▶ answer ──▶ is this generation, with this assignment, in the log?
 *
 * Every commit of the run's own members names itself in its metadata, so each record of the log is one request.
 *
 * @module
 */
import { groupPartition } from "../../actors/group/protocol.ts";
import { type ErrorName } from "../../protocol/errors.ts";
import { type GroupFold, latin1 } from "./invariants/group_fold.ts";
import type { GroupLog, OffsetRecord } from "./invariants/group_log.ts";
import { isSubscribed, whyNotToCommit } from "./invariants/group_rules.ts";
import type { Groups, GroupWitness } from "./invariants/groups.ts";

/** When offsets may go. */
export interface OffsetRules {
  /** Whether a topic may be deleted, and its offsets with it. */
  readonly isPassing: (topic: string) => boolean;
  /** Whether somebody deletes offsets in this run, or keeps them for so short a time that they may expire. */
  readonly mayGo: boolean;
}

/** What somebody wants to commit. */
export interface CommitWish {
  readonly groupId: string;
  readonly memberId: string;
  /** Generation or member epoch; below 0 from outside of the group. */
  readonly epoch: number;
  /** By `<topic>-<partition>`. */
  readonly offsets: ReadonlyMap<string, number>;
}

interface Commit extends CommitWish {
  readonly name: string;
  /** Partitions of which the log has it. */
  readonly written: Set<string>;
  readonly refused: Map<string, ErrorName>;
}

/** A committed offset as OffsetFetch shows it; -1 for none. */
export interface SeenOffset {
  readonly offset: number;
  readonly metadata: string;
}

/** A question for committed offsets that is under way. */
export interface OpenFetch {
  readonly groupId: string;
  readonly forgets: number;
  readonly from: ReadonlyMap<string, number>;
}

/** A sync that is under way. */
export interface OpenSync {
  readonly groupId: string;
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly generation: number;
  readonly ends: number;
}

const NOTHING: SeenOffset = { offset: -1, metadata: "" };

/** The book. */
export class GroupBook implements GroupWitness {
  readonly #groups: Groups;
  readonly #tell: (sentence: string) => void;
  readonly #commits = new Map<string, Commit>();
  /** What was committed one after the other, by group and partition. */
  readonly #versions = new Map<string, SeenOffset[]>();
  /** By group, member id and generation, how often the group had ended when somebody joined; undefined when nobody knows. */
  readonly #joined = new Map<string, number | undefined>();
  /** Somebody else who wants to know of every committed offset. */
  hear: ((record: OffsetRecord) => void) | undefined;
  readonly #rules: OffsetRules;
  /** How often nothing was promised any more, by group. */
  readonly #forgets = new Map<string, number>();

  constructor(groups: Groups, rules: OffsetRules, tell: (sentence: string) => void) {
    this.#groups = groups;
    this.#rules = rules;
    this.#tell = tell;
    groups.witness = this;
  }

  /** Somebody is about to commit; returns what to give as metadata. */
  commit(wish: CommitWish): string {
    const name = `c${this.#commits.size}`;
    this.#commits.set(name, { ...wish, name, written: new Set(), refused: new Map() });
    return name;
  }

  /** It was told what became of it. */
  answered(name: string, key: string, error: ErrorName): void {
    const commit = this.#commits.get(name)!;
    if (error === "NONE") return this.#whenKnown(commit.groupId, () => this.#checkWritten(commit, key));
    if (!CLEAR_REFUSALS.has(error)) return;
    commit.refused.set(key, error);
    if (commit.written.has(key)) this.#tell(`${told(commit, key)} was refused with ${error}, and is committed.`);
  }

  /** Somebody asks for the offsets of a group. */
  fetch(groupId: string, keys: readonly string[]): OpenFetch {
    const from = new Map(
      keys.map((key) => [key, Math.max(0, (this.#versions.get(`${groupId}/${key}`)?.length ?? 0) - 1)]),
    );
    return { groupId, from, forgets: this.#forgets.get(groupId) ?? 0 };
  }

  /** It was told this. */
  fetched({ groupId, from, forgets }: OpenFetch, key: string, seen: SeenOffset): void {
    this.#whenKnown(groupId, () => {
      if ((this.#forgets.get(groupId) ?? 0) !== forgets) return;
      const versions = this.#versions.get(`${groupId}/${key}`) ?? [NOTHING];
      const possible = versions.slice(from.get(key) ?? 0);
      if (possible.some(({ offset, metadata }) => offset === seen.offset && metadata === seen.metadata)) return;
      this.#tell(
        `the group ${groupId} was said to have committed ${seen.offset} (${seen.metadata}) for ${key}, and had ${
          possible.map(({ offset, metadata }) => `${offset} (${metadata})`).join(", then ")
        }.`,
      );
    });
  }

  /** A classic member was told that it is in a generation, which nobody may have written down yet. */
  joined(groupId: string, memberId: string, generation: number): void {
    const key = `${groupId}/${memberId}/${generation}`;
    this.#joined.set(key, undefined);
    this.#whenKnown(groupId, ({ ends }) => this.#joined.set(key, ends));
  }

  /** A classic member waits for its assignment. */
  sync(sync: Omit<OpenSync, "ends">): OpenSync {
    return { ...sync, ends: this.#fold(sync.groupId)?.ends ?? 0 };
  }

  /** It was given one. */
  synced({ groupId, memberId, instanceId, generation, ends }: OpenSync, assignment: Uint8Array): void {
    this.#whenKnown(groupId, (fold) => {
      if (fold.ends !== ends || fold.group !== null) return; // it is another group by now
      const value = fold.generations.get(generation);
      const member = value?.members.find((each) => each.memberId === memberId);
      if (value === undefined) {
        this.#tell(
          `the group ${groupId} has given ${memberId} an assignment of generation ${generation}, which nobody has written down.`,
        );
      } else if (member === undefined && instanceId === null) {
        this.#tell(
          `the group ${groupId} has given ${memberId} an assignment of generation ${generation}, of which it is no member.`,
        );
      } else if (member !== undefined && latin1(member.assignment) !== latin1(assignment)) {
        this.#tell(
          `the group ${groupId} has given ${memberId} another assignment of generation ${generation} than it has written down.`,
        );
      }
    });
  }

  committed(fold: GroupFold, record: OffsetRecord): void {
    const { group, topic, partition, value } = record;
    const key = `${topic}-${partition}`;
    const versions = this.#versions.get(`${group}/${key}`) ?? [NOTHING];
    this.#versions.set(`${group}/${key}`, versions);
    versions.push(value === null ? NOTHING : { offset: Number(value.offset), metadata: value.metadata });
    this.hear?.(record);
    if (value === null) return this.#checkRemoval(fold, topic, key);
    const commit = this.#commits.get(value.metadata);
    if (commit === undefined) return;
    commit.written.add(key);
    const refused = commit.refused.get(key);
    if (refused !== undefined) this.#tell(`${told(commit, key)} was refused with ${refused}, and is committed.`);
    if (commit.groupId !== group || commit.offsets.get(key) !== Number(value.offset)) {
      this.#tell(
        `the group ${group} has committed ${value.offset} for ${key}, which nobody has asked for (${value.metadata}).`,
      );
    }
    // A generation that was not written down, perhaps the first, can be committed in as soon as the group prepares the next.
    const isNewer = fold.group === null && commit.epoch > (fold.classic?.generation ?? 0);
    if (isNewer && this.#hasJoined(fold, commit)) return;
    const why = whyNotToCommit(fold, commit, (topicId) => {
      const name = this.nameOf(topicId) ?? topic; // one that is deleted may be it
      return name === topic ? `${topicId}/${partition}` : undefined;
    });
    if (why !== undefined) this.#tell(`${told(commit, key)} was taken, although ${why}.`);
  }

  forgotten(groupIds: readonly string[]): void {
    for (const groupId of groupIds) {
      this.#forgets.set(groupId, (this.#forgets.get(groupId) ?? 0) + 1);
      for (const key of [...this.#versions.keys()]) if (key.startsWith(`${groupId}/`)) this.#versions.delete(key);
      for (const key of this.#joined.keys()) if (key.startsWith(`${groupId}/`)) this.#joined.set(key, undefined);
      for (const [name, commit] of this.#commits) {
        if (commit.groupId === groupId) this.#commits.set(name, { ...commit, groupId: "" });
      }
    }
  }

  /** Whether what the group was promised may be gone. */
  isLossy(groupId: string): boolean {
    return this.#forgets.has(groupId);
  }

  /** Whether what this node says of the group counts: one that has been deposed, or loads, says that all is well without knowing. */
  isActing(groupId: string, node: number): boolean {
    return this.actingLoad(groupId, node) !== undefined;
  }

  /** The same as a number: as long as it is the same, the same life of a coordinator has answered. */
  actingLoad(groupId: string, node: number): number | undefined {
    const log = this.#log(groupId);
    return log === undefined ? undefined : this.#groups.actingLoad(node, log);
  }

  /** What the topic with this id is called. */
  nameOf(topicId: string): string | undefined {
    return this.#groups.nameOf(topicId);
  }

  /** Whether the member was told that it is in this generation, and of the group as it is, not of one before of the same name. */
  #hasJoined({ groupId, ends }: GroupFold, { memberId, epoch }: Commit): boolean {
    const key = `${groupId}/${memberId}/${epoch}`;
    return this.#joined.has(key) && (this.#joined.get(key) ?? ends) === ends;
  }

  /** The group as it is committed. */
  #fold(groupId: string): GroupFold | undefined {
    return this.#log(groupId)?.fold(groupId);
  }

  #log(groupId: string): GroupLog | undefined {
    return this.#groups.logOf(groupId, groupPartition);
  }

  #whenKnown(groupId: string, then: (fold: GroupFold) => void): void {
    const log = groupId === "" ? undefined : this.#log(groupId);
    log?.whenUpToDate(() => then(log.fold(groupId)));
  }

  #checkWritten(commit: Commit, key: string): void {
    if (commit.groupId === "" || commit.written.has(key)) return;
    this.#tell(`${told(commit, key)} was acknowledged, and is not committed.`);
  }

  /** As long as somebody reads the topic, its offsets neither expire nor can be deleted. */
  #checkRemoval(fold: GroupFold, topic: string, key: string): void {
    if (this.isLossy(fold.groupId) || this.#rules.isPassing(topic)) return;
    if (isSubscribed(fold, topic)) {
      this.#tell(`the group ${fold.groupId} has lost its offset of ${key}, which a member reads.`);
    } else if (!this.#rules.mayGo) {
      this.#tell(`the group ${fold.groupId} has lost its offset of ${key}, which nobody has deleted.`);
    }
  }
}

function told({ groupId, memberId, epoch, offsets, name }: Commit, key: string): string {
  return `the commit ${name} of ${memberId === "" ? "nobody" : memberId} in epoch ${epoch} of ${groupId}, ${key} to ${
    offsets.get(key)
  },`;
}

/** After these nothing was written, nor ever will be. */
const CLEAR_REFUSALS = new Set<ErrorName>([
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
  "FENCED_INSTANCE_ID",
  "FENCED_MEMBER_EPOCH",
  "STALE_MEMBER_EPOCH",
  "REBALANCE_IN_PROGRESS",
  "GROUP_ID_NOT_FOUND",
  "INVALID_GROUP_ID",
  "OFFSET_METADATA_TOO_LARGE",
  "INVALID_COMMIT_OFFSET_SIZE",
  "UNKNOWN_TOPIC_OR_PARTITION",
]);
