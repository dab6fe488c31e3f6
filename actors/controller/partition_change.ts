/**
 * Who leads a partition, who is in sync and who may be elected: what one change of it comes to.
 *
 * ```text
 *   wish (another ISR, other replicas, another leader)
 *     ──▶ reassignment complete? ──▶ who is eligible (KIP-966) ──▶ election ──▶ who was last known to be ──▶ record
 *
 *   the leader stays ▸ else ISR ▸ else, ISR empty: ELR ▸ else, both empty: the last known leader ▸ else, if allowed: anybody
 * ```
 *
 * What holds afterwards: the leader is in the ISR; ISR and ELR are disjoint and among the replicas; |ISR| ≥ min ISR leaves no ELR.
 * A member of the ELR has every committed record, because the high watermark stands still while |ISR| < min ISR: so only who leaves the ISR
 * then gets there, and never who may have lost what it had.
 *
 * @module
 */
import type { MetadataRecord, PartitionImage } from "./protocol.ts";

/** Nobody leads. */
export const NO_LEADER = -1;

/** A change of a partition, as a record. */
export type PartitionChange = Extract<MetadataRecord, { readonly type: "PartitionChange" }>;

/** What is to become of a partition; what is not named stays, and so does a leader who may. */
export interface Wish {
  readonly isr?: readonly number[];
  readonly replicas?: readonly number[];
  readonly adding?: readonly number[];
  readonly removing?: readonly number[];
  /** The first of the replicas shall lead if it may. */
  readonly preferred?: boolean;
  /** If nobody else is left, somebody who has lost records shall lead: as a topic's config may say anyway. */
  readonly unclean?: boolean;
  /** May have lost records that it had: out of ISR and ELR. Of one that is `empty`, nothing can be had any more. */
  readonly lost?: { readonly id: number; readonly empty: boolean };
}

/** What the change is made under. */
export interface Circumstances {
  /** min.insync.replicas; what is more than the partition has replicas counts as all of them. */
  readonly minIsr: number;
  /** Brokers that are not fenced. */
  readonly live: ReadonlySet<number>;
  /** Those of them that are not about to stop. */
  readonly active: ReadonlySet<number>;
}

/** The record that makes a wish true, as far as can be; undefined when there is nothing to change. */
export function changePartition(
  topicId: string,
  old: PartitionImage,
  wish: Wish,
  given: Circumstances,
): PartitionChange | undefined {
  const { replicas = old.replicas, adding = old.adding, removing = old.removing, lost } = wish;
  const isr = (wish.isr ?? old.isr).filter((id) => id !== lost?.id);
  const target = completed({ ...old, replicas, adding, removing, isr });
  const minIsr = Math.min(given.minIsr, target.replicas.length);
  const eligible = [...old.elr, ...old.isr].filter((id) => !target.isr.includes(id) && id !== lost?.id);
  const candidate = { ...target, ...inOrder(target.replicas, target.isr, eligible) };
  const elected = elect(old, candidate, wish, given);
  const next = elected.isr.length >= minIsr ? { ...elected, elr: [] } : elected;
  return recordOf(topicId, old, { ...next, lastKnownElr: lastKnown(old, next, wish) });
}

/** A reassignment ends when all replicas that stay are in sync (KIP-455). */
function completed(partition: PartitionImage): PartitionImage {
  const { replicas, isr, adding, removing } = partition;
  if (adding.length === 0 && removing.length === 0) return partition;
  const staying = replicas.filter((id) => !removing.includes(id));
  if (!staying.every((id) => isr.includes(id))) return partition;
  return { ...partition, replicas: staying, isr: staying, adding: [], removing: [] };
}

/** ISR and ELR in the order of preference. */
function inOrder(replicas: readonly number[], isr: readonly number[], elr: readonly number[]) {
  return { isr: replicas.filter((id) => isr.includes(id)), elr: replicas.filter((id) => elr.includes(id)) };
}

function elect(old: PartitionImage, next: PartitionImage, wish: Wish, { live, active }: Circumstances): PartitionImage {
  const { replicas, isr, elr } = next;
  const mayLead = (id: number) => active.has(id) && (isr.includes(id) || (isr.length === 0 && elr.includes(id)));
  const first = replicas[0]!;
  const clean = wish.preferred === true && mayLead(first)
    ? first
    : mayLead(old.leader)
    ? old.leader
    : replicas.find(mayLead);
  if (clean !== undefined) {
    if (isr.includes(clean)) return { ...next, leader: clean };
    return { ...next, leader: clean, isr: [clean], elr: elr.filter((id) => id !== clean) };
  }
  // On its way down, and nobody else is there to lead: it does so until it has gone.
  if (isr.includes(old.leader) && live.has(old.leader)) return { ...next, leader: old.leader };
  const unclean = lastLeader(old, next, wish, active) ??
    (wish.unclean === true ? replicas.find((id) => active.has(id)) : undefined);
  if (unclean !== undefined) return { ...next, leader: unclean, isr: [unclean], elr: [] };
  return { ...next, leader: NO_LEADER };
}

/** Nobody is known to have everything: the last who was is the best there is, unless it has lost everything since. */
function lastLeader(
  old: PartitionImage,
  { replicas, isr, elr }: PartitionImage,
  { lost }: Wish,
  active: ReadonlySet<number>,
): number | undefined {
  const [last] = old.lastKnownElr;
  if (last === undefined || isr.length > 0 || elr.length > 0) return undefined;
  return active.has(last) && replicas.includes(last) && !(lost?.empty && lost.id === last) ? last : undefined;
}

function lastKnown(old: PartitionImage, { leader, isr, replicas }: PartitionImage, { lost }: Wish): readonly number[] {
  if (leader !== NO_LEADER) return [];
  const last = isr.length === 0 && old.leader !== NO_LEADER ? [old.leader] : old.lastKnownElr;
  return last.filter((id) => replicas.includes(id) && !(lost?.empty && lost.id === id));
}

function recordOf(topicId: string, old: PartitionImage, next: PartitionImage): PartitionChange | undefined {
  const reordered = next.replicas.length !== old.replicas.length ||
    next.replicas.some((id, at) => id !== old.replicas[at]);
  const changes = {
    ...(sameSet(next.isr, old.isr) ? {} : { isr: next.isr }),
    ...(next.leader === old.leader ? {} : { leader: next.leader }),
    ...(reordered ? { replicas: next.replicas } : {}),
    ...(sameSet(next.adding, old.adding) ? {} : { adding: next.adding }),
    ...(sameSet(next.removing, old.removing) ? {} : { removing: next.removing }),
    ...(sameSet(next.elr, old.elr) ? {} : { elr: next.elr }),
    ...(sameSet(next.lastKnownElr, old.lastKnownElr) ? {} : { lastKnownElr: next.lastKnownElr }),
  };
  if (Object.keys(changes).length === 0) return undefined;
  // A replica that has gone must not be taken for one any more, neither by the leader nor in a later life.
  const removed = !old.replicas.every((id) => next.replicas.includes(id));
  const newEpoch = removed && next.leader === old.leader ? { newEpoch: true } : {};
  return { type: "PartitionChange", topicId, partition: old.partition, ...changes, ...newEpoch };
}

function sameSet(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((id) => other.includes(id));
}
