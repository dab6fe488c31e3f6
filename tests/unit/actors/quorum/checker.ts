/**
 * Judges a quorum between any two events: what Raft promises, in the words of its paper, and what must not happen here beside.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { imageOf, type MetadataRecord, snapshotOf } from "../../../../actors/controller/protocol.ts";
import { readMetadata } from "../../../../actors/quorum/log.ts";
import type { Quorum, StoredVote } from "../../../../actors/quorum/state.ts";
import type { Stage, StageNode } from "./stage.ts";

/** What was seen so far. */
export class Checker {
  /** Every record that any node has taken for committed, by offset. */
  readonly committed: string[] = [];
  readonly #leaders = new Map<number, Quorum>();
  readonly #lives = new Map<Quorum, { epoch: number; highWatermark: number }>();
  readonly #votes = new Map<string, StoredVote>();
  readonly #granted = new Map<string, { readonly votedFor: number; readonly disks: number }>();
  #clusterId = "";

  /** A vote is being written down. */
  voted({ id, disks }: StageNode, vote: StoredVote): void {
    const disk = `${id}/${disks}`;
    const before = this.#votes.get(disk);
    this.#votes.set(disk, vote);
    assert(before === undefined || before.epoch <= vote.epoch, `${id} goes back from epoch ${before?.epoch}`);
    if (vote.votedFor === -1) {
      return assert(
        before?.epoch !== vote.epoch || before.votedFor === -1,
        `${id} takes back its vote in ${vote.epoch}`,
      );
    }
    assert(vote.epoch >= vote.votesFrom, `${id} votes in epoch ${vote.epoch}, where it may have voted before`);
    const key = `${id} in ${vote.epoch}`;
    const given = this.#granted.get(key);
    // A vote for itself that was lost with the disk has harmed nobody.
    if (given !== undefined && (given.disks === disks || given.votedFor !== id)) {
      assertEquals(given.votedFor, vote.votedFor, `${id} votes twice in epoch ${vote.epoch}`);
    }
    this.#granted.set(key, { votedFor: vote.votedFor, disks });
  }

  /** A follower of the metadata is told something: from now on that is committed, whatever becomes of who said so. */
  told({ id }: StageNode, baseOffset: number, records: readonly MetadataRecord[]): void {
    records.forEach((record, index) => this.#commit(id, baseOffset + index, record));
  }

  /** Looks at all nodes. */
  check({ nodes }: Stage): void {
    for (const node of nodes) if (node.state !== undefined) this.#checkNode(node, node.state);
  }

  #checkNode(node: StageNode, state: Quorum): void {
    const life = this.#lives.get(state) ?? { epoch: 0, highWatermark: 0 };
    if (life.epoch === 0 && life.highWatermark === 0) this.#lives.set(state, life);
    const { epoch, highWatermark, role } = state;
    assert(epoch >= life.epoch, `${node.id} goes back from epoch ${life.epoch} to ${epoch}`);
    assert(highWatermark >= life.highWatermark, `${node.id} takes back what is committed to ${life.highWatermark}`);
    assertEquals(state.image.offset, highWatermark);
    if (highWatermark > life.highWatermark) this.#checkCommitted(node, state, life.highWatermark);
    if (role.type === "leader") this.#checkLeader(node, state);
    const written = this.#votes.get(`${node.id}/${node.disks}`);
    assert(
      state.membership !== "voting" || written?.epoch === epoch,
      `${node.id} is in ${epoch} and has not written that`,
    );
    Object.assign(life, { epoch, highWatermark });
  }

  /** One leader per epoch, through all lives, and it has everything that is committed. */
  #checkLeader({ id }: StageNode, state: Quorum): void {
    const known = this.#leaders.get(state.epoch);
    if (known === state) return;
    assert(known === undefined, `${known?.nodeId} and ${id} lead in epoch ${state.epoch}, or ${id} does twice`);
    this.#leaders.set(state.epoch, state);
    const { log, voters } = state;
    assert(log.endOffset >= this.committed.length, `${id} leads in ${state.epoch} and lacks what is committed`);
    const records = readMetadata(log, log.startOffset, log.endOffset).slice(0, this.committed.length - log.startOffset);
    assertEquals(records.map(textOf), this.committed.slice(log.startOffset), `${id} leads with another history`);
    assert(voters.includes(id));
  }

  #checkCommitted({ id, formed }: StageNode, state: Quorum, from: number): void {
    const { log, image, highWatermark, recent } = state;
    const start = Math.max(from, log.startOffset);
    const fresh = recent.baseOffset === from && from + recent.records.length === highWatermark
      ? recent
      : { baseOffset: start, records: readMetadata(log, start, highWatermark) };
    fresh.records.forEach((record, index) => this.#commit(id, fresh.baseOffset + index, record));
    if (fresh.baseOffset > from) this.#checkImage(id, state);
    if (image.clusterId !== "") {
      this.#clusterId ||= image.clusterId;
      assertEquals(image.clusterId, this.#clusterId);
      assertEquals(formed.at(-1), this.#clusterId, `${id} does not know its cluster`);
    }
  }

  #commit(id: number, offset: number, record: MetadataRecord): void {
    assert(offset <= this.committed.length, `${id} commits ${offset}, and nobody has what is before it`);
    this.committed[offset] ??= textOf(record);
    assertEquals(textOf(record), this.committed[offset], `${id} has committed something else at ${offset}`);
  }

  /** A snapshot has brought it there. */
  #checkImage(id: number, { image }: Quorum): void {
    const records = this.committed.slice(0, image.offset).map((text) => JSON.parse(text) as MetadataRecord);
    assertEquals(records.length, image.offset);
    assertEquals(snapshotOf(image), snapshotOf(imageOf(image.offset, records)), `${id} has another image`);
  }
}

function textOf(record: MetadataRecord): string {
  return JSON.stringify(record);
}
