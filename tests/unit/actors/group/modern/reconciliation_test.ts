import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { Assignment } from "../../../../../actors/group/assignor.ts";
import { allSince, type Since } from "../../../../../actors/group/modern/assignment_epochs.ts";
import { difference, has, isSubset, NOTHING, union } from "../../../../../actors/group/modern/partitions.ts";
import {
  type Current,
  NEWCOMER,
  reconcile,
  STABLE,
  type Target,
  UNRELEASED,
  UNREVOKED,
} from "../../../../../actors/group/modern/reconciliation.ts";

const TOPIC = "t";

function of(...partitions: number[]): Assignment {
  return partitions.length === 0 ? NOTHING : new Map([[TOPIC, partitions]]);
}

function current(epoch: number, state: number, assigned: Assignment, pending: Assignment = NOTHING): Current {
  return { epoch, previousEpoch: epoch, state, assigned, pending, since: allSince(union(assigned, pending), epoch) };
}

/** By partition, the epoch since which the member has it. */
function since(...epochs: readonly (readonly [number, number])[]): Since {
  return new Map([[TOPIC, new Map(epochs)]]);
}

function target(epoch: number, ...partitions: number[]): Target {
  return { epoch, partitions: of(...partitions) };
}

const allFree = () => true;

Deno.test("a newcomer takes what is free of its target, at the target's epoch", () => {
  const next = reconcile(NEWCOMER, target(5, 0, 1, 2), of(), (_, partition) => partition !== 1);
  const first = { epoch: 5, previousEpoch: 0, state: UNRELEASED, assigned: of(0, 2), pending: NOTHING };
  assertEquals(next, { ...first, since: since([0, 5], [2, 5]) });
  const then = reconcile(next, target(5, 0, 1, 2), null, allFree);
  assertEquals(then, current(5, STABLE, of(0, 1, 2)));
  assertStrictEquals(reconcile(then, target(5, 0, 1, 2), of(0), allFree), then, "nothing to do");
});

Deno.test("a member keeps its epoch until it has said that what it has to give up is given up", () => {
  const before = current(5, STABLE, of(0, 1, 2));
  const revoking = reconcile(before, target(6, 1), of(1), allFree);
  assertEquals(revoking, current(5, UNREVOKED, of(1), of(0, 2)));
  assertStrictEquals(reconcile(revoking, target(6, 1), null, allFree), revoking, "it does not say");
  assertStrictEquals(reconcile(revoking, target(6, 1), of(1, 2), allFree), revoking, "it has not yet");
  assertEquals(reconcile(revoking, target(6, 1), of(1), allFree), {
    epoch: 6,
    previousEpoch: 5,
    state: STABLE,
    assigned: of(1),
    pending: NOTHING,
    since: since([1, 5]),
  });
});

Deno.test("a partition counts since the epoch in which it was taken, as long as it is not given up", () => {
  const kept = reconcile(current(5, STABLE, of(0, 1)), target(6, 0, 1, 2), null, allFree);
  assertEquals(kept.since, since([0, 5], [1, 5], [2, 6]));
  const revoking = reconcile(kept, target(7, 1, 2), null, allFree);
  assertEquals(revoking.since, since([0, 5], [1, 5], [2, 6]), "what it is to give up is still its");
  assertEquals(reconcile(revoking, target(7, 1, 2), of(1, 2), allFree).since, since([1, 5], [2, 6]));
  assertEquals(reconcile(revoking, target(8, 0, 1, 2), of(1, 2), allFree).since, since([0, 8], [1, 5], [2, 6]));
});

Deno.test("what must go is revoked even when the member says already that it does not use it", () => {
  // That report may be older than the answer in which the member was given the partition.
  const next = reconcile(current(5, STABLE, of(0, 1)), target(6, 0), of(0), allFree);
  assertEquals([next.state, next.pending], [UNREVOKED, of(1)]);
});

Deno.test("a member that has revoked goes on with the target as it is by then", () => {
  const revoking = current(5, UNREVOKED, of(0), of(1));
  assertEquals(reconcile(revoking, target(8, 1), of(0), allFree), current(5, UNREVOKED, of(), of(0)));
  const back = reconcile(revoking, target(8, 0, 1), of(0), allFree);
  assertEquals([back.epoch, back.state, back.assigned], [8, STABLE, of(0, 1)], "given back what it had given up");
});

Deno.test("every step ends the life of the epoch before", () => {
  const stable: Current = { ...current(5, STABLE, of(0, 1)), previousEpoch: 4 };
  assertEquals(reconcile(stable, target(6, 0), null, allFree).previousEpoch, 5);
  assertEquals(reconcile({ ...stable, state: UNRELEASED }, target(5, 0, 1, 2), null, allFree).previousEpoch, 5);
});

// Small worlds: three members, three partitions, every order of things.

const MEMBERS = 3;
const PARTITIONS = [0, 1, 2];

/** What the server knows of a member, and what the member itself does: it hears late, and gives up late. */
interface Side {
  readonly current: Current;
  readonly target: Assignment;
  /** What the member uses. */
  readonly used: Assignment;
  /** What the answer said that it has not read yet; null when there is none. */
  readonly answer: Assignment | null;
}

interface World {
  readonly epoch: number;
  readonly sides: readonly Side[];
}

function isFreeFor(world: World, who: number): (topicId: string, partition: number) => boolean {
  return (topicId, partition) =>
    world.sides.every((side, at) =>
      at === who || !(has(side.current.assigned, topicId, partition) || has(side.current.pending, topicId, partition))
    );
}

/** The member's heartbeat reaches the server, with what the member uses or without; the answer is under way. */
function beat(world: World, who: number, says: boolean): World {
  const side = world.sides[who]!;
  const next = reconcile(
    side.current,
    { epoch: world.epoch, partitions: side.target },
    says ? side.used : null,
    isFreeFor(world, who),
  );
  return withSide(world, who, { ...side, current: next, answer: next.assigned });
}

/** The answer is read: the member stops using what it has not any more, and begins to use what is new. */
function hear(world: World, who: number): World {
  const side = world.sides[who]!;
  return withSide(world, who, { ...side, used: side.answer!, answer: null });
}

/** Nothing of the answer arrives. */
function lose(world: World, who: number): World {
  return withSide(world, who, { ...world.sides[who]!, answer: null });
}

function withSide(world: World, who: number, side: Side): World {
  return { ...world, sides: world.sides.map((other, at) => at === who ? side : other) };
}

/** Every way to give each partition to somebody or to nobody. */
function* targets(): Generator<readonly Assignment[]> {
  const ways = (MEMBERS + 1) ** PARTITIONS.length;
  for (let way = 0; way < ways; way++) {
    const lists: number[][] = Array.from({ length: MEMBERS }, () => []);
    let rest = way;
    for (const partition of PARTITIONS) {
      lists[rest % (MEMBERS + 1)]?.push(partition);
      rest = Math.floor(rest / (MEMBERS + 1));
    }
    yield lists.map((list) => of(...list));
  }
}

function retarget(world: World, next: readonly Assignment[]): World {
  return { epoch: world.epoch + 1, sides: world.sides.map((side, at) => ({ ...side, target: next[at]! })) };
}

function check(world: World): void {
  const claimed: number[] = [];
  const used: number[] = [];
  for (const { current, target, used: uses } of world.sides) {
    const claims = union(current.assigned, current.pending);
    claimed.push(...claims.get(TOPIC) ?? []);
    used.push(...uses.get(TOPIC) ?? []);
    assert(isSubset(uses, claims), "a member uses what it does not have");
    assert(current.epoch <= world.epoch, "a member is ahead of the target");
    if (current.epoch === world.epoch) {
      assert(isSubset(claims, target), "a member of the target's epoch has what is not its");
      if (current.state === STABLE) assert(isSubset(target, current.assigned), "stable, and has not all");
    }
    assertEquals(current.pending.size > 0, current.state === UNREVOKED);
  }
  assertEquals(claimed.length, new Set(claimed).size, "a partition has two owners");
  assertEquals(used.length, new Set(used).size, "a partition is used twice");
}

function keyOf(world: World): string {
  const set = (assignment: Assignment | null) => assignment === null ? "-" : (assignment.get(TOPIC) ?? []).join("");
  return world.sides.map(({ current: { epoch, state, assigned, pending }, target, used, answer }) =>
    [world.epoch - epoch, state, set(assigned), set(pending), set(target), set(used), set(answer)].join(",")
  ).join("|");
}

/** All worlds that can come of these by heartbeats with and without a report, by answers that are read and by those that are lost. */
function reach(from: Iterable<World>): Map<string, World> {
  const seen = new Map<string, World>();
  const queue = [...from];
  for (const world of queue) {
    const key = keyOf(world);
    if (seen.has(key)) continue;
    seen.set(key, world);
    check(world);
    for (let who = 0; who < MEMBERS; who++) {
      // One request at a time: the next goes when the answer to the last is read, or is known to be lost.
      const waits = world.sides[who]!.answer !== null;
      if (waits) queue.push(hear(world, who), lose(world, who));
      else queue.push(beat(world, who, true), beat(world, who, false));
    }
  }
  return seen;
}

/** Rounds of heartbeats, all of them heard, until everybody is stable. */
function settle(world: World): number {
  for (let round = 0;; round++) {
    if (world.sides.every(({ current }) => current.state === STABLE && current.epoch === world.epoch)) return round;
    assert(round < 8, "no progress");
    for (let who = 0; who < MEMBERS; who++) world = hear(beat(world, who, true), who);
    check(world);
  }
}

Deno.test("no partition has two owners, and all get to their target, in every small world", () => {
  const empty: World = {
    epoch: 1,
    sides: Array.from({ length: MEMBERS }, () => ({ current: NEWCOMER, target: of(), used: of(), answer: null })),
  };
  const all = [...targets()];
  // From a group that has settled on one target to every other, each in every order: members are alike, so one start of each shape.
  const starts = [[of(0, 1, 2), of(), of()], [of(0, 1), of(2), of()], [of(0), of(1), of(2)]];
  let worlds = 0;
  let slowest = 0;
  for (const start of starts) {
    let settled = retarget(empty, start);
    while (settled.sides.some(({ current }) => current.state !== STABLE || current.epoch !== settled.epoch)) {
      for (let who = 0; who < MEMBERS; who++) settled = hear(beat(settled, who, true), who);
    }
    for (const next of all) {
      const reached = reach([retarget(settled, next)]);
      worlds += reached.size;
      for (const world of reached.values()) {
        slowest = Math.max(slowest, settle(withAnswersLost(world)));
      }
    }
  }
  assert(worlds > 10_000, `only ${worlds} worlds`);
  assertEquals(slowest, 3, "rounds of heartbeats that the slowest world takes");
});

Deno.test("targets that change half-way never lead to two owners", () => {
  const empty: World = {
    epoch: 1,
    sides: Array.from({ length: MEMBERS }, () => ({ current: NEWCOMER, target: of(), used: of(), answer: null })),
  };
  const seconds = [[of(), of(0, 1, 2), of()], [of(), of(0), of(1, 2)], [of(1), of(2), of(0)]];
  const thirds = [[of(2), of(), of(0, 1)], [of(0, 1, 2), of(), of()]];
  let settled = retarget(empty, [of(0, 1), of(2), of()]);
  for (let round = 0; round < 2; round++) {
    for (let who = 0; who < MEMBERS; who++) settled = hear(beat(settled, who, true), who);
  }
  for (const second of seconds) {
    const half = reach([retarget(settled, second)]);
    for (const third of thirds) {
      for (const world of reach([...half.values()].map((world) => retarget(world, third))).values()) {
        settle(withAnswersLost(world));
      }
    }
  }
});

/** What was on the way is gone: the members go on from what they have read. */
function withAnswersLost(world: World): World {
  return { ...world, sides: world.sides.map((side) => ({ ...side, answer: null })) };
}

Deno.test("sets of partitions", () => {
  assertEquals(difference(of(0, 1, 2), of(1)), of(0, 2));
  assertEquals(difference(of(1), of(1)), NOTHING);
  assertEquals(union(of(2), of(0, 2)), of(0, 2));
  assert(has(of(0, 5, 9), TOPIC, 9) && !has(of(0, 5, 9), TOPIC, 4) && !has(of(), TOPIC, 0));
});
