/**
 * What must hold of the metadata quorum after every event.
 *
 * - Election safety: one leader per epoch, one vote per voter and epoch, whatever process of it voted; epochs never go back below one in which
 *   a node has been heard.
 * - Leader completeness: who leads has everything that is committed.
 * - A leader commits by a record of its own epoch, when more than half of the voters have it durably.
 * - And the rules of the {@linkcode Ledger}: the committed prefix is the same everywhere, and nobody cuts it.
 *
 * @module
 */
import type { Follower } from "./follower.ts";
import { hasCommittedMore, Ledger } from "./ledger.ts";
import type { QuorumView, Tell } from "./views.ts";

/** One life of a quorum actor, as it was at the last look. */
export interface QuorumWatch {
  readonly node: number;
  readonly life: number;
  readonly view: QuorumView;
  readonly follower: Follower;
  epoch: number;
  votedFor: number;
  wasLeader: boolean;
  votes: ReadonlySet<number> | undefined;
  voteCount: number;
}

/** The quorum. */
export class Quorum {
  readonly ledger: Ledger;
  readonly watches: Map<number, QuorumWatch> = new Map();
  readonly #leaders = new Map<number, { readonly node: number; readonly life: number }>();
  /** Who was given a vote, by `<epoch>/<voter>`. */
  readonly #votes = new Map<string, number>();
  /** The vote that was on the disk of a node when its actor ended. */
  readonly #stored = new Map<number, { readonly epoch: number; readonly votedFor: number }>();
  /** What nodes had on a disk that is lost: they may have said so before. */
  readonly #lost = new Map<number, Follower>();

  /** The newest epoch whose leader has committed something. */
  #committedIn = -1;

  constructor(readonly voters: readonly number[], readonly tell: Tell) {
    this.ledger = new Ledger("the metadata log", false, tell);
  }

  join(node: number, life: number, view: QuorumView): QuorumWatch {
    const follower = this.ledger.join(node, life, view);
    const stored = this.#stored.get(node) ?? { epoch: -1, votedFor: -1 };
    const watch = { node, life, view, follower, ...stored, wasLeader: false, votes: undefined, voteCount: 0 };
    this.#stored.delete(node);
    this.watches.set(node, watch);
    this.#takeRole(watch);
    this.look(watch);
    return watch;
  }

  leave(node: number): void {
    const watch = this.watches.get(node);
    // What crashes in the turn in which it commits has committed.
    if (watch?.wasLeader && hasCommittedMore(watch, this.ledger)) this.#commit(watch, watch.epoch);
    if (watch?.view.isVoting) this.#stored.set(node, { epoch: watch.epoch, votedFor: watch.votedFor });
    this.watches.delete(node);
    this.ledger.leave(node);
  }

  /** The disk of a node was lost: it knows nothing of its votes. */
  forgive(node: number): void {
    const had = this.ledger.followers.get(node) ?? this.ledger.remains.get(node);
    if (had !== undefined) this.#lost.set(node, had);
    this.#stored.delete(node);
    // With which it stood itself: it was counted by the process that is gone. Had that got others, they would know of the epoch.
    for (const [key, candidate] of this.#votes) {
      if (candidate === node && key.endsWith(`/${node}`)) this.#votes.delete(key);
    }
    this.ledger.forgive(node);
  }

  /** Looks at a node, which may have changed. */
  look(watch: QuorumWatch): void {
    const { view, follower } = watch;
    const isNewRole = view.epoch !== watch.epoch || view.votedFor !== watch.votedFor ||
      view.isLeader !== watch.wasLeader || view.votes !== watch.votes || (view.votes?.size ?? 0) !== watch.voteCount;
    if (!isNewRole && follower.isAsBefore) return;
    // One turn may commit and hand over.
    const ledEpoch = watch.wasLeader ? watch.epoch : view.isLeader ? view.epoch : undefined;
    if (!follower.isAsBefore) this.ledger.look(follower);
    if (isNewRole) this.#takeRole(watch);
    const hasCommitted = ledEpoch !== undefined && view.highWatermark > this.ledger.end;
    if (hasCommitted && !follower.isDark) this.#commit(watch, ledEpoch);
    else this.ledger.checkWatermark(follower);
  }

  #takeRole(watch: QuorumWatch): void {
    const { view, node, life } = watch;
    const { epoch, votedFor } = view;
    if (epoch < watch.epoch) {
      this.tell(`node ${node} has gone back from epoch ${watch.epoch} of the quorum to ${epoch}.`);
    }
    if (epoch === watch.epoch && watch.votedFor >= 0 && votedFor !== watch.votedFor) {
      this.tell(
        `node ${node} has voted for ${watch.votedFor} in epoch ${epoch} of the quorum, and now for ${votedFor}.`,
      );
    }
    const isNewLeader = view.isLeader && (!watch.wasLeader || watch.epoch !== epoch);
    const votes = view.votes ?? (isNewLeader && watch.epoch === epoch ? watch.votes : undefined);
    for (const voter of votes ?? []) this.#count(voter, epoch, node);
    watch.epoch = epoch;
    watch.votedFor = votedFor;
    watch.wasLeader = view.isLeader;
    watch.votes = view.votes;
    watch.voteCount = view.votes?.size ?? 0;
    if (isNewLeader) this.#lead(watch, life, new Set([node, ...votes ?? []]));
  }

  #lead({ view, follower, node }: QuorumWatch, life: number, votes: ReadonlySet<number>): void {
    const { epoch } = view;
    const other = this.#leaders.get(epoch);
    if (other === undefined) this.#leaders.set(epoch, { node, life });
    else if (other.node !== node || other.life !== life) {
      this.tell(
        `node ${node} (process ${life}) leads epoch ${epoch} of the quorum, which node ${other.node} (process ${other.life}) has led.`,
      );
    }
    if (!this.voters.includes(node)) this.tell(`node ${node} leads epoch ${epoch} of the quorum and is no voter.`);
    const given = [...votes].filter((voter) => this.voters.includes(voter));
    if (given.length <= this.voters.length / 2) {
      this.tell(
        `node ${node} leads epoch ${epoch} of the quorum with the votes of ${given}, which are not most of ${this.voters}.`,
      );
    }
    // Who hears late of its votes leads an epoch that is over: what was committed since need not be there.
    if (epoch >= this.#committedIn) this.ledger.checkComplete(follower, false, `leads epoch ${epoch}`);
  }

  #count(voter: number, epoch: number, candidate: number): void {
    const key = `${epoch}/${voter}`;
    const before = this.#votes.get(key);
    if (before !== undefined && before !== candidate) {
      this.tell(`node ${voter} has voted for ${before} and for ${candidate} in epoch ${epoch} of the quorum.`);
    }
    this.#votes.set(key, candidate);
  }

  #commit({ follower, node }: QuorumWatch, epoch: number): void {
    const { ledger } = this;
    this.#committedIn = Math.max(this.#committedIn, epoch);
    ledger.commit(follower);
    const last = ledger.batches.at(-1);
    if (last !== undefined && last.epoch !== epoch) {
      this.tell(`node ${node} leads epoch ${epoch} of the quorum and commits by a record of epoch ${last.epoch}.`);
    }
    const having = this.voters.filter((voter) => this.#durableEnd(voter) >= ledger.end);
    if (having.length <= this.voters.length / 2) {
      this.tell(
        `node ${node} has committed metadata up to ${ledger.end}, which only ${
          having.length === 0 ? "nobody" : having
        } of ${this.voters} has durably.`,
      );
    }
    for (const other of this.watches.values()) {
      if (!other.view.isLeader || other.view.epoch <= epoch) continue;
      ledger.checkComplete(
        other.follower,
        false,
        `leads epoch ${other.view.epoch}, when node ${node} commits in epoch ${epoch}`,
      );
    }
  }

  #durableEnd(voter: number): number {
    const follower = this.ledger.followers.get(voter);
    const having = follower?.left ?? follower ?? this.ledger.remains.get(voter);
    const lost = this.#lost.get(voter);
    lost?.match(this.ledger);
    return Math.max(having?.durable ?? -1, lost?.durable ?? -1);
  }
}
