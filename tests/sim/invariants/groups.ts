/**
 * What must hold of groups and their coordinators after every event: who answers for a group knows what is committed of it, all of it.
 *
 *     __consumer_offsets-p ──▶ GroupLog (what is committed, folded and judged)
 *                                 ║ the same, whenever nothing is being written
 *     coordinator/p, active, of the newest epoch ──▶ group ──▶ records()
 *
 * @module
 */
import type { GroupRecord } from "../../../actors/group/records.ts";
import type { GroupFold } from "./group_fold.ts";
import { GroupLog, type OffsetRecord } from "./group_log.ts";
import type { Partition } from "./partition.ts";
import type { CoordinatorView, GroupView, NodeView, Tell } from "./views.ts";

/** Clients who want to know what became of what they asked for. */
export interface GroupWitness {
  /** An offset is committed, or taken back; `fold` is the group as it was just before. */
  committed(fold: GroupFold, record: OffsetRecord): void;
  /** Of these groups nothing is promised any more. */
  forgotten(groupIds: readonly string[]): void;
}

/** What was reached, for those who count. */
export interface GroupCounts {
  generations: number;
  epochs: number;
  offsets: number;
  /** How often what a group has was compared with the log. */
  comparisons: number;
  /** Coordinators that came to be active. */
  loads: number;
}

/** The coordinator of a node and a partition, as it was at the last look. */
interface CoordinatorWatch {
  readonly view: CoordinatorView;
  term: number;
  isActive: boolean;
  /** Which of all loads in the run its last one was. */
  load: number;
}

/** States of groups in which nobody waits for anything; "" is that of one that has offsets only. */
const AT_REST = new Set(["Stable", "Empty", ""]);

/** All groups. */
export class Groups {
  readonly counts: GroupCounts = { generations: 0, epochs: 0, offsets: 0, comparisons: 0, loads: 0 };
  witness: GroupWitness | undefined;
  readonly #logs = new Map<number, GroupLog>();
  readonly #coordinators = new Map<string, CoordinatorWatch>();
  /** Groups that have taken a turn and were writing when they were last looked at, by node and id. */
  readonly #open = new Map<string, { readonly node: NodeView; readonly groupId: string }>();

  constructor(readonly nameOf: (topicId: string) => string | undefined, readonly tell: Tell) {}

  /** A partition of the topic is there. */
  join(index: number, partition: Partition): GroupLog {
    const log = new GroupLog(partition, {
      nameOf: this.nameOf,
      committed: (fold, record) => {
        this.counts.offsets++;
        this.witness?.committed(fold, record);
      },
      changed: (fold, record) => this.#count(fold, record),
      forgotten: (groupIds) => this.witness?.forgotten(groupIds),
    }, this.tell);
    this.#logs.set(index, log);
    return log;
  }

  /** The partitions of the topic, by number. */
  get logs(): ReadonlyMap<number, GroupLog> {
    return this.#logs;
  }

  /** Where the group is kept; undefined as long as no such topic is known. */
  logOf(groupId: string, partitionOf: (groupId: string, partitions: number) => number): GroupLog | undefined {
    return this.#logs.size === 0 ? undefined : this.#logs.get(partitionOf(groupId, this.#logs.size));
  }

  /**
   * Which load of its coordinator answers for these groups on this node; undefined when the node does not lead the partition as far as is
   * committed, or its coordinator is loading.
   */
  actingLoad(node: number, log: GroupLog): number | undefined {
    for (const [index, each] of this.#logs) {
      if (each !== log || log.partition.image?.leader !== node) continue;
      const watch = this.#coordinators.get(`${node}/${index}`);
      return watch?.isActive ? watch.load : undefined;
    }
    return undefined;
  }

  /** Looks at a group, which may have changed. */
  lookAtGroup(node: NodeView, groupId: string): void {
    const key = `${node.id}/${groupId}`;
    const group = node.isAlive ? node.group(groupId) : undefined;
    if (group === undefined || this.#judge(node, group)) this.#open.delete(key);
    else this.#open.set(key, { node, groupId });
  }

  /** Looks at a coordinator, which may have changed. */
  lookAtCoordinator(node: NodeView, partition: number): void {
    const key = `${node.id}/${partition}`;
    const view = node.isAlive ? node.coordinator(partition) : undefined;
    if (view === undefined) {
      this.#coordinators.delete(key);
      return;
    }
    let watch = this.#coordinators.get(key);
    if (watch?.view !== view) this.#coordinators.set(key, watch = { view, term: -1, isActive: false, load: -1 });
    const isNew = view.isActive && !watch.isActive;
    if (view.term < watch.term) {
      this.tell(`the coordinator ${key} has gone back from term ${watch.term} to ${view.term}.`);
    }
    watch.term = view.term;
    watch.isActive = view.isActive;
    if (isNew) {
      watch.load = ++this.counts.loads;
      for (const groupId of view.groups()) this.lookAtGroup(node, groupId);
    }
    for (const { node: of, groupId } of [...this.#open.values()]) if (of === node) this.lookAtGroup(node, groupId);
  }

  /** The process of a node has ended. */
  leave(node: NodeView): void {
    for (const [key, open] of [...this.#open]) if (open.node === node) this.#open.delete(key);
    for (const key of [...this.#coordinators.keys()]) if (key.startsWith(`${node.id}/`)) this.#coordinators.delete(key);
  }

  /** Compares what a group has with what is committed. False when that cannot be done yet. */
  #judge(node: NodeView, group: GroupView): boolean {
    const log = this.#logs.get(group.partition);
    const coordinator = node.coordinator(group.partition);
    if (log === undefined || coordinator === undefined || !coordinator.isActive) return true;
    if (coordinator.termOf(group.groupId) !== group.term) return true; // it is going, and writes nothing any more
    if (group.isWriting || !log.isUpToDate) return false;
    if (log.epoch > coordinator.leaderEpoch) return true; // another has taken over, and it does not know it yet
    this.counts.comparisons++;
    const difference = log.fold(group.groupId).differs(group.records());
    if (difference !== undefined) {
      this.tell(
        `the group ${group.groupId} on node ${node.id} (epoch ${coordinator.leaderEpoch}, term ${group.term}, log to ${log.end}) ` +
          `is not what is committed: ${difference}.`,
      );
    }
    return true;
  }

  /** What is not at rest yet, a sentence each. */
  unrest(nodes: readonly NodeView[], partitionOf: (groupId: string, partitions: number) => number): string[] {
    const problems: string[] = [];
    for (const [index, log] of this.#logs) {
      if (!log.isUpToDate) {
        problems.push(`__consumer_offsets-${index} was read to ${log.end} of ${log.partition.ledger.end}.`);
      }
      for (const { view, node } of log.partition.watches.values()) {
        const difference = log.compare(view);
        if (difference !== undefined) {
          problems.push(`__consumer_offsets-${index} on node ${node} is not what was committed: ${difference}.`);
        }
      }
      for (const fold of log.folds.values()) {
        if (fold.isEmpty || partitionOf(fold.groupId, this.#logs.size) !== index) continue;
        const leader = nodes.find((node) => node.id === log.partition.image?.leader);
        const group = leader?.group(fold.groupId);
        if (group === undefined) problems.push(`the group ${fold.groupId} is nowhere.`);
        else if (!AT_REST.has(group.state)) problems.push(`the group ${fold.groupId} is in state ${group.state}.`);
      }
    }
    return problems;
  }

  #count({ classic, group }: GroupFold, record: GroupRecord): void {
    if (record.type === "classicGroup" && (classic?.members.length ?? 0) > 0) this.counts.generations++;
    if (record.type === "targetEpoch" && group !== null) this.counts.epochs++;
  }
}
