/**
 * What must hold of one partition and its replicas after every event.
 *
 * - One leader per epoch, and no process leads an epoch that another process of the same node has led.
 * - Epochs of a replica never go back, not even with its process; its log has no epoch that it does not know yet.
 * - Who becomes leader, and everybody in the ISR or the ELR who runs, has everything that is committed.
 * - A leader commits only while enough are in sync, and its quorum contains everyone whom the controller takes for a candidate.
 * - A leader's high watermark does not go back while it leads; a leader does not pull.
 * - And the rules of the {@linkcode Ledger}.
 *
 * @module
 */
import type { PartitionImage } from "../../../actors/controller/protocol.ts";
import type { GroupLog } from "./group_log.ts";
import type { Follower } from "./follower.ts";
import { hasCommittedMore, Ledger } from "./ledger.ts";
import type { ReplicaView, Tell } from "./views.ts";

/** One life of a replica's actor, as it was at the last look. */
export interface ReplicaWatch {
  readonly partition: Partition;
  readonly node: number;
  readonly life: number;
  readonly view: ReplicaView;
  readonly follower: Follower;
  wasLeader: boolean;
  leaderEpoch: number;
  partitionEpoch: number;
  highWatermark: number;
  proposed: readonly number[] | undefined;
}

/** One partition of one topic. */
export class Partition {
  readonly ledger: Ledger;
  /** As the controller has last decided, and committed. */
  image: PartitionImage | undefined;
  /** Replicas that run, by node. */
  readonly watches: Map<number, ReplicaWatch> = new Map();
  readonly #leaders = new Map<number, { readonly node: number; readonly life: number }>();
  readonly #epochs = new Map<number, { readonly leaderEpoch: number; readonly partitionEpoch: number }>();
  /** Whom each leader has proposed to have in sync, by leader epoch. */
  readonly #proposals = new Map<number, Set<number>>();
  /** What is committed here, if this is a partition of `__consumer_offsets`. */
  groups: GroupLog | undefined;
  /** Up to this leader epoch nothing is promised. */
  #lossyEpoch = -1;
  /** More may have been committed than was seen: by a leader whose log has rotted, and could not be read here. */
  #mayBeBehind = false;

  constructor(readonly name: string, readonly tell: Tell) {
    this.ledger = new Ledger(name, true, tell);
  }

  /** A replica is there, in a new life. */
  join(node: number, life: number, view: ReplicaView): ReplicaWatch {
    this.#lookAtCleaning(node, view);
    const follower = this.ledger.join(node, life, view);
    // It may have been away when it ceased to be a replica: then it only comes to remove what it has.
    follower.isExpelled = this.image?.replicas.includes(node) === false;
    const watch = {
      partition: this,
      node,
      life,
      view,
      follower,
      wasLeader: false,
      leaderEpoch: -1,
      partitionEpoch: -1,
      highWatermark: -1,
      proposed: undefined,
    };
    this.watches.set(node, watch);
    this.look(watch);
    this.#checkCandidate(node, "has come back and is a candidate");
    return watch;
  }

  leave(node: number): void {
    const watch = this.watches.get(node);
    // What fails in the turn in which it commits has committed.
    if (watch?.wasLeader && watch.leaderEpoch > this.#lossyEpoch && hasCommittedMore(watch, this.ledger)) {
      this.#commit(watch);
      this.groups?.follow();
    }
    // So has what fails, or ends, in the turn in which it cleans.
    if (watch !== undefined) this.#lookAtCleaning(node, watch.view);
    this.watches.delete(node);
    this.ledger.leave(node);
  }

  /** Whether the leader of that epoch has ever proposed to take `node` into the ISR. */
  wasProposed(node: number, leaderEpoch: number): boolean {
    return this.#proposals.get(leaderEpoch)?.has(node) ?? false;
  }

  /** Nothing is promised any more: an unclean election, or the last copy is gone. */
  forget(): void {
    this.#lossyEpoch = Math.max(
      this.image?.leaderEpoch ?? -1,
      ...[...this.watches.values()].map((w) => w.view.leaderEpoch),
    );
    this.ledger.forget();
  }

  /** The disk of a node was lost, or damaged so that nothing is expected of it any more. */
  forgive(node: number): void {
    this.#epochs.delete(node);
    this.ledger.forgive(node);
  }

  /** The controller has decided. */
  decide(image: PartitionImage): void {
    this.image = image;
    this.ledger.expel((node) => !image.replicas.includes(node));
    for (const node of [...image.isr, ...image.elr]) this.#checkCandidate(node, "is a candidate");
    const leader = this.watches.get(image.leader);
    if (leader !== undefined) this.#checkQuorum(leader);
  }

  #lookAtCleaning(node: number, { cleanedTo, tombstonesGoneTo }: ReplicaView): void {
    if (cleanedTo > this.ledger.cleanedTo) this.ledger.clean({ cleanedTo, node });
    if (tombstonesGoneTo > this.ledger.tombstonesGoneTo) this.ledger.loseTombstones({ tombstonesGoneTo, node });
  }

  /** Looks at a replica, which may have changed. */
  look(watch: ReplicaWatch): void {
    const { view, follower, node } = watch;
    this.#lookAtCleaning(node, view);
    const isNewRole = view.leaderEpoch !== watch.leaderEpoch || view.partitionEpoch !== watch.partitionEpoch ||
      view.isLeader !== watch.wasLeader || view.proposed !== watch.proposed;
    if (!isNewRole && follower.isAsBefore) return;
    if (!follower.isAsBefore) this.ledger.look(follower);
    // One turn may commit and give up. What one did that led before an unclean election, it did for itself.
    const led = view.isLeader || watch.wasLeader && watch.leaderEpoch > this.#lossyEpoch;
    if (isNewRole) this.#takeRole(watch);
    if (view.proposed !== watch.proposed) this.#propose(watch);
    if (view.leaderEpoch > this.#lossyEpoch) this.#checkEnds(watch, led);
    watch.highWatermark = view.highWatermark;
    this.groups?.follow();
  }

  #takeRole(watch: ReplicaWatch): void {
    const { view, node, life } = watch;
    const { leaderEpoch, partitionEpoch } = view;
    const who = this.#who(node);
    const known = this.#epochs.get(node);
    if (known !== undefined && (leaderEpoch < known.leaderEpoch || partitionEpoch < known.partitionEpoch)) {
      this.tell(
        `${who} is in leader epoch ${leaderEpoch} (partition epoch ${partitionEpoch}), and was in ${known.leaderEpoch} (${known.partitionEpoch}) before.`,
      );
    }
    this.#epochs.set(node, { leaderEpoch, partitionEpoch });
    const isNewLeader = view.isLeader && (!watch.wasLeader || watch.leaderEpoch !== leaderEpoch);
    watch.wasLeader = view.isLeader;
    watch.leaderEpoch = leaderEpoch;
    watch.partitionEpoch = partitionEpoch;
    if (!isNewLeader) return;
    watch.highWatermark = -1; // a leader's high watermark may begin below that of the one before
    const other = this.#leaders.get(leaderEpoch);
    if (other === undefined) this.#leaders.set(leaderEpoch, { node, life });
    else if (other.node !== node || other.life !== life) {
      this.tell(
        `${who} (process ${life}) leads epoch ${leaderEpoch}, which node ${other.node} (process ${other.life}) has led.`,
      );
    }
    // One that hears late of an epoch that is over may begin it all the same: nobody believes it any more.
    const isCurrent = this.image === undefined || leaderEpoch >= this.image.leaderEpoch;
    if (isCurrent && leaderEpoch > this.#lossyEpoch) {
      this.ledger.checkComplete(watch.follower, view.flushBeforeAck, `leads epoch ${leaderEpoch}`);
    }
  }

  #propose(watch: ReplicaWatch): void {
    const { proposed, leaderEpoch } = watch.view;
    watch.proposed = proposed;
    if (proposed === undefined) return;
    const all = this.#proposals.get(leaderEpoch) ?? new Set();
    this.#proposals.set(leaderEpoch, all);
    for (const id of proposed) all.add(id);
  }

  #checkEnds(watch: ReplicaWatch, led: boolean): void {
    const { view, follower, node } = watch;
    const { ledger } = this;
    const who = this.#who(node);
    const newest = follower.mirror.batches.at(-1);
    if (newest !== undefined && newest.epoch > view.leaderEpoch) {
      this.tell(
        `${who} is in leader epoch ${view.leaderEpoch} and has a batch of epoch ${newest.epoch} at ${newest.base}.`,
      );
    }
    if (view.lastStableOffset > view.highWatermark) {
      this.tell(
        `${who} has the last stable offset ${view.lastStableOffset}, above its high watermark ${view.highWatermark}.`,
      );
    }
    if (view.isLeader) this.#checkLeader(watch);
    if (led && follower.isDark) this.#mayBeBehind = true;
    const hasMore = view.highWatermark > Math.max(ledger.end, view.startOffset);
    if (led && hasMore && !follower.isDark) this.#commit(watch);
    else if (!ledger.isLossy && !this.#mayBeBehind) ledger.checkWatermark(follower);
  }

  #checkLeader(watch: ReplicaWatch): void {
    const { view, node } = watch;
    const who = this.#who(node);
    if (view.isPulling) this.tell(`${who} leads epoch ${view.leaderEpoch} and still pulls from another.`);
    if (view.highWatermark < watch.highWatermark) {
      this.tell(
        `${who} leads epoch ${view.leaderEpoch} and has taken its high watermark back from ${watch.highWatermark} to ${view.highWatermark}.`,
      );
    }
    this.#checkQuorum(watch);
  }

  #commit({ view, follower, node, highWatermark }: ReplicaWatch): void {
    // What was committed before an unclean election is not committed by it, nor what a new leader already took for committed.
    const isMore = !this.ledger.isLossy || (this.ledger.isBegun && highWatermark >= 0);
    const areEnough = view.isr.length >= view.minIsr;
    if (!areEnough && isMore && !this.#mayBeBehind) {
      this.tell(
        `${
          this.#who(node)
        } has committed up to ${view.highWatermark} with ${view.isr.length} in sync (${view.isr}), of ${view.minIsr} that must be.`,
      );
    }
    this.ledger.commit(follower);
    // What an earlier leader has committed is below the first batch of this one's epoch; others may know of it before this one does.
    const isThrough = this.ledger.end === follower.mirror.end || this.ledger.batches.at(-1)?.epoch === view.leaderEpoch;
    if (areEnough && isThrough) this.#mayBeBehind = false;
    for (const candidate of [...this.image?.isr ?? [], ...this.image?.elr ?? []]) {
      this.#checkCandidate(candidate, `is a candidate, when node ${node} commits in epoch ${view.leaderEpoch}`);
    }
    for (const other of this.watches.values()) {
      if (!other.view.isLeader || other.view.leaderEpoch <= view.leaderEpoch) continue;
      const why = `leads epoch ${other.view.leaderEpoch}, when node ${node} commits in epoch ${view.leaderEpoch}`;
      this.ledger.checkComplete(other.follower, other.view.flushBeforeAck, why);
    }
  }

  /** Whoever runs and may be made leader has everything. */
  #checkCandidate(node: number, why: string): void {
    const watch = this.watches.get(node);
    const { image } = this;
    if (watch === undefined || image === undefined || image.leaderEpoch <= this.#lossyEpoch) return;
    if (!image.isr.includes(node) && !image.elr.includes(node)) return;
    this.ledger.checkComplete(watch.follower, watch.view.flushBeforeAck, `${why} (ISR ${image.isr}, ELR ${image.elr})`);
  }

  /** A leader that can commit anything, by the ISR and the minimum that it knows, waits for everyone whom the controller might make the leader. */
  #checkQuorum({ view, node }: ReplicaWatch): void {
    const { image } = this;
    if (!view.isLeader || image?.leader !== node || image.leaderEpoch !== view.leaderEpoch) return;
    if (view.isr.length < view.minIsr) return;
    const waitsFor = new Set([...view.isr, ...view.proposed ?? []]);
    const missing = [...image.isr, ...image.elr].filter((id) => !waitsFor.has(id));
    if (missing.length === 0) return;
    this.tell(
      `${this.#who(node)} leads epoch ${view.leaderEpoch} and waits for ${[
        ...waitsFor,
      ]}, but not for ${missing}, who may be elected (ISR ${image.isr}, ELR ${image.elr}).`,
    );
  }

  #who(node: number): string {
    return `${this.name} on node ${node}`;
  }
}
