import { assert } from "@std/assert";
import type { Asked } from "../../../../../actors/probe.ts";
import { decodeAssignment, decodeSubscription } from "../../../../../protocol/consumer_protocol.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import type { Request, Response } from "../../../../../protocol/schema.ts";
import type { joinGroup, syncGroup } from "../../../../../protocol/tables/groups.ts";
import { SeededRandom } from "../../../../../lib/prng.ts";
import { assignment, GROUP_ID, GroupHarness, idOf, subscription } from "./harness.ts";

// Clients of either protocol in one group, which is made one of the other protocol again and again, in whatever they are about.

const PARTITIONS = 6;
const PROTOCOL = "cooperative-sticky";
const CLIENT = { id: "client", host: "/127.0.0.1" };

type JoinReply = Response<typeof joinGroup>;
type SyncReply = Response<typeof syncGroup>;
type Handed = Request<typeof syncGroup>["assignments"];

/** What a client reads, from when it is given to when it says that it does not. */
interface Client {
  readonly name: string;
  readonly uses: Set<number>;
  /** Its next step. Once it is quiet, nothing goes that need not. */
  act(isQuiet: boolean): void;
}

function rows(partitions: Iterable<number>) {
  const sorted = [...partitions].sort();
  return sorted.length === 0 ? [] : [{ topic: "t", partitions: sorted }];
}

/** A cooperative member of the classic protocol: it goes on with what it has while it joins. */
class ClassicClient implements Client {
  readonly uses = new Set<number>();
  #memberId = "";
  #generation = -1;
  #joining: Asked<unknown> | undefined;
  #syncing: Asked<unknown> | undefined;
  #isIn = false;
  #isQuiet = false;
  /** Taken from it, and still in use until its next step. */
  #leaves: readonly number[] = [];

  constructor(readonly h: GroupHarness, readonly name: string, readonly random: SeededRandom) {}

  act(isQuiet: boolean): void {
    this.#isQuiet = isQuiet;
    if (this.#leaves.length > 0) return this.#giveUp();
    if (this.#isIn) return this.#beat();
    if (this.#joining !== undefined) return this.#hearOfJoin(this.#joining.reply as JoinReply | undefined);
    if (this.#syncing !== undefined) return this.#hearOfSync(this.#syncing.reply as SyncReply | undefined);
    this.#join();
  }

  #giveUp(): void {
    for (const partition of this.#leaves) this.uses.delete(partition);
    this.#leaves = [];
    this.#isIn = false; // to join again at once: others wait for it
  }

  #beat(): void {
    const error = this.h.classicBeat(this.#memberId, this.#generation);
    if (error !== "NONE") this.#fail(error);
  }

  #join(): void {
    const metadata = subscription(["t"], rows(this.uses), this.#generation);
    const body = {
      groupId: GROUP_ID,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 30_000,
      memberId: this.#memberId,
      groupInstanceId: null,
      protocolType: "consumer",
      protocols: [{ name: PROTOCOL, metadata }],
      reason: null,
    };
    this.#joining = this.h.p.ask("join", { version: 9, client: CLIENT, body });
  }

  #hearOfJoin(reply: JoinReply | undefined): void {
    if (reply === undefined) return;
    this.#joining = undefined;
    const error = errorName(reply.errorCode);
    if (error === "MEMBER_ID_REQUIRED") this.#memberId = reply.memberId;
    if (error !== "NONE") return this.#fail(error);
    this.#memberId = reply.memberId;
    this.#generation = reply.generationId;
    const body = {
      groupId: GROUP_ID,
      generationId: this.#generation,
      memberId: this.#memberId,
      groupInstanceId: null,
      protocolType: "consumer",
      protocolName: PROTOCOL,
      assignments: reply.leader === this.#memberId ? this.#handOut(reply) : [],
    };
    this.#syncing = this.h.p.ask("sync", { version: 5, client: CLIENT, body });
  }

  /** As leader: what is free goes to anybody, what is to go to another is free in the next generation. */
  #handOut({ members }: JoinReply): Handed {
    const all = members.map(({ memberId, metadata }) => {
      const owned = decodeSubscription(metadata)!.ownedPartitions.flatMap(({ partitions }) => partitions);
      return { memberId, owned, given: [] as number[] };
    });
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const owner = all.find(({ owned }) => owned.includes(partition));
      if (owner === undefined) this.random.pick(all).given.push(partition);
      else if (this.#isQuiet || this.random.chance(2, 3)) owner.given.push(partition);
    }
    return all.map(({ memberId, given }) => ({ memberId, assignment: assignment(rows(given)) }));
  }

  #hearOfSync(reply: SyncReply | undefined): void {
    if (reply === undefined) return;
    this.#syncing = undefined;
    const error = errorName(reply.errorCode);
    if (error !== "NONE") return this.#fail(error);
    const given = decodeAssignment(reply.assignment)!.assignedPartitions.flatMap(({ partitions }) => partitions);
    this.#leaves = [...this.uses].filter((partition) => !given.includes(partition));
    for (const partition of given) this.uses.add(partition);
    this.#isIn = true;
  }

  /** Joins again; with nothing, if it is no member of this generation any more. */
  #fail(error: string): void {
    this.#isIn = false;
    if (error === "UNKNOWN_MEMBER_ID") this.#memberId = "";
    if (error !== "UNKNOWN_MEMBER_ID" && error !== "ILLEGAL_GENERATION") return;
    this.#generation = -1;
    this.uses.clear();
  }
}

/** A client of the new protocol that comes and goes. */
class ModernClient implements Client {
  readonly uses = new Set<number>();
  #memberId = "";
  #epoch = 0;
  #lives = 0;
  #leaves: readonly number[] = [];

  constructor(readonly h: GroupHarness, readonly name: string, readonly random: SeededRandom) {}

  act(isQuiet: boolean): void {
    if (this.#memberId === "") {
      if (!this.random.chance(1, 15)) return;
      this.#memberId = `${this.name}${this.#lives++}`;
    } else if (!isQuiet && this.random.chance(1, 25)) {
      this.#lose();
      this.h.beat(this.#memberId, -1);
      this.#memberId = "";
      return;
    }
    this.#beat();
  }

  #beat(): void {
    for (const partition of this.#leaves) this.uses.delete(partition);
    this.#leaves = [];
    const topicPartitions = rows(this.uses).map(({ partitions }) => ({ topicId: idOf("t"), partitions }));
    const reply = this.#epoch === 0
      ? this.h.join(this.#memberId)
      : this.h.beat(this.#memberId, this.#epoch, { topicPartitions });
    const error = errorName(reply.errorCode);
    if (error !== "NONE") {
      this.#lose();
      if (error !== "FENCED_MEMBER_EPOCH") this.#memberId = "";
      return;
    }
    this.#epoch = reply.memberEpoch;
    if (reply.assignment === null) return;
    const given = reply.assignment.topicPartitions.flatMap(({ partitions }) => partitions);
    this.#leaves = [...this.uses].filter((partition) => !given.includes(partition));
    for (const partition of given) this.uses.add(partition);
  }

  #lose(): void {
    this.#epoch = 0;
    this.#leaves = [];
    this.uses.clear();
  }
}

class World {
  readonly random: SeededRandom;
  readonly h = new GroupHarness({ topics: { t: PARTITIONS }, config: { initialRebalanceDelayMs: 0 } });
  readonly clients: readonly Client[];
  upgrades = 0;
  downgrades = 0;
  #wasModern = false;

  constructor(readonly seed: number) {
    const random = this.random = new SeededRandom(seed);
    this.clients = [
      ...["a", "b", "c"].map((name) => new ClassicClient(this.h, name, random)),
      ...["x", "y"].map((name) => new ModernClient(this.h, name, random)),
    ];
  }

  step(isQuiet: boolean): void {
    this.random.pick(this.clients).act(isQuiet);
    if (this.random.chance(1, 2)) this.h.p.advance(this.random.below(400));
    const isModern = this.h.p.state.modern !== undefined;
    if (isModern && !this.#wasModern) this.upgrades++;
    if (!isModern && this.#wasModern) this.downgrades++;
    this.#wasModern = isModern;
    const users = new Map<number, string>();
    for (const { name, uses } of this.clients) {
      for (const partition of uses) {
        const other = users.get(partition);
        assert(other === undefined, `seed ${this.seed}: ${other} and ${name} use partition ${partition}`);
        users.set(partition, name);
      }
    }
  }

  /** Nobody goes any more: after a while everything is used. */
  settle(): void {
    const used = () => this.clients.reduce((sum, { uses }) => sum + uses.size, 0);
    for (let step = 0; step < 200 || used() < PARTITIONS; step++) {
      assert(step < 2_000, `seed ${this.seed}: only ${used()} are used`);
      this.step(true);
    }
  }
}

Deno.test("however often a group changes its protocol, no two clients use a partition, and all are used in the end", () => {
  let upgrades = 0;
  let downgrades = 0;
  for (let seed = 0; seed < 100; seed++) {
    const world = new World(seed);
    for (let step = 0; step < 300; step++) world.step(false);
    world.settle();
    upgrades += world.upgrades;
    downgrades += world.downgrades;
  }
  assert(upgrades > 100 && downgrades > 50, `${upgrades} upgrades, ${downgrades} downgrades`);
});
