import { cpuUsage } from "node:process";
import { assert, assertEquals } from "@std/assert";
import type { Assignment, AssignorInput } from "../../../../../actors/group/assignor.ts";
import { uniformAssignor } from "../../../../../actors/group/assignors/uniform.ts";
import { type Random, SeededRandom } from "../../../../../lib/prng.ts";
import {
  again,
  demandSound,
  inputOf,
  type MemberSketch,
  shown,
  someInput,
  type TopicSketch,
} from "../../../../contract/assignor_suite.ts";

type Result = ReadonlyMap<string, Assignment>;

function assign(topics: Record<string, TopicSketch>, members: Record<string, MemberSketch>): Record<string, string> {
  const input = inputOf(topics, members);
  const result = uniformAssignor.assign(input);
  demandSound(input, result);
  return shown(input, result);
}

function loads(result: Result): number[] {
  return [...result.values()].map(sizeOf);
}

function sizeOf(assignment: Assignment): number {
  return [...assignment.values()].reduce((sum, { length }) => sum + length, 0);
}

/** How many partitions have another owner than one who had them. */
function movesOf(input: AssignorInput, result: Result): number {
  let moves = 0;
  for (const [memberId, { assigned, topicIds }] of input.members) {
    for (const [topicId, partitions] of assigned) {
      const { partitions: count } = input.topology.topics.get(input.topology.names.get(topicId)!)!;
      const now = result.get(memberId)!.get(topicId) ?? [];
      for (const partition of topicIds.has(topicId) ? partitions : []) {
        if (partition < count && !now.includes(partition)) moves++;
      }
    }
  }
  return moves;
}

/** A new group, given its partitions. */
function settled(topics: Record<string, TopicSketch>, members: Record<string, MemberSketch>): AssignorInput {
  const input = inputOf(topics, members);
  return again(input, uniformAssignor.assign(input));
}

function withMember(input: AssignorInput, memberId: string, topicIds: ReadonlySet<string>): AssignorInput {
  const member = { memberId, instanceId: null, rackId: null, topicIds, assigned: new Map() };
  return { ...input, members: new Map([...input.members, [memberId, member]]) };
}

Deno.test("one subscription: nobody is more than one ahead, and each topic is spread", () => {
  assertEquals(
    assign({ a: 3, b: 4 }, { m: { topics: ["a", "b"] }, n: { topics: ["a", "b"] }, o: { topics: ["a", "b"] } }),
    {
      m: "a-0 b-0 b-3",
      n: "a-1 b-1",
      o: "a-2 b-2",
    },
  );
  const random = new SeededRandom("even");
  for (let round = 0; round < 300; round++) {
    const input = someInput(random, { homogeneous: true, racks: round % 2 === 0 });
    const sizes = loads(uniformAssignor.assign(input));
    assert(Math.max(...sizes) - Math.min(...sizes) <= 1, `${sizes}`);
  }
});

Deno.test("several subscriptions: nobody could be relieved, be it by way of others", () => {
  assertEquals(
    assign({ a: 4, b: 1, c: 1 }, {
      m: { topics: ["a"], assigned: { a: [0, 1, 2, 3] } },
      n: { topics: ["a", "b"], assigned: { b: [0] } },
      o: { topics: ["b", "c"], assigned: { c: [0] } },
    }),
    { m: "a-0 a-1", n: "a-2 a-3", o: "b-0 c-0" },
  );
  const random = new SeededRandom("optimal");
  for (let round = 0; round < 300; round++) {
    const input = someInput(random, { racks: round % 2 === 0 });
    const sizes = loads(uniformAssignor.assign(input)).sort((a, b) => b - a);
    assertEquals(sizes.join(), bestLoads(input).join(), `round ${round}`);
  }
});

/** The most even loads there are, by trying partition by partition which set of loads can be come to. */
function bestLoads(input: AssignorInput): number[] {
  const members = [...input.members.values()];
  const current = new Map<string, string>();
  const load = members.map(() => 0);
  for (const { topicId, partitions } of input.topology.topics.values()) {
    const subscribers = members.flatMap(({ topicIds }, index) => topicIds.has(topicId) ? [index] : []);
    for (let partition = 0; partition < partitions && subscribers.length > 0; partition++) {
      current.set(`${topicId} ${partition}`, String(subscribers[0]));
      load[subscribers[0]!]!++;
    }
  }
  // The sum of squares falls with every way from one member to another with at least two fewer, and is least when there is none.
  for (let way = find(); way !== undefined; way = find()) {
    for (const [key, to] of way) {
      load[Number(current.get(key))]!--;
      load[to]!++;
      current.set(key, String(to));
    }
  }
  return load.sort((a, b) => b - a);

  function find(): [string, number][] | undefined {
    for (let start = 0; start < members.length; start++) {
      const ways = new Map<number, [string, number][]>([[start, []]]);
      for (const [member, way] of ways) {
        if (load[member]! <= load[start]! - 2) return way;
        for (const [key, owner] of current) {
          if (owner !== String(member)) continue;
          members.forEach(({ topicIds }, to) => {
            if (topicIds.has(key.split(" ")[0]!) && !ways.has(to)) ways.set(to, [...way, [key, to]]);
          });
        }
      }
    }
    return undefined;
  }
}

Deno.test("who joins takes from others what is its share, and nothing else moves", () => {
  const before = settled({ a: 12, b: 12 }, { m: { topics: ["a", "b"] }, n: { topics: ["a", "b"] } });
  const topicIds = before.members.get("m")!.topicIds;
  const input = withMember(before, "l", topicIds);
  const result = uniformAssignor.assign(input);
  demandSound(input, result);
  assertEquals([loads(result), movesOf(input, result)], [[8, 8, 8], 8]);
  const mine = result.get("l")!;
  assertEquals([...mine.values()].map(({ length }) => length), [4, 4], "of both topics");
});

Deno.test("what a member leaves goes to the others, and nothing else moves", () => {
  const before = settled({ a: 9 }, { m: { topics: ["a"] }, n: { topics: ["a"] }, o: { topics: ["a"] } });
  const members = new Map(before.members);
  members.delete("n");
  const input = { ...before, members };
  const result = uniformAssignor.assign(input);
  demandSound(input, result);
  assertEquals(movesOf(input, result), 0);
  assertEquals(loads(result).sort(), [4, 5]);
});

Deno.test("with one subscription no fewer partitions could move", () => {
  const random = new SeededRandom("moves");
  for (let round = 0; round < 200; round++) {
    const first = someInput(random, { homogeneous: true });
    const before = again(first, uniformAssignor.assign(first));
    const members = new Map([...before.members].filter(() => random.chance(3, 4)));
    const [some] = before.members.values();
    let input: AssignorInput = { ...before, members };
    for (let count = random.below(3); count > 0; count--) input = withMember(input, `new${count}`, some!.topicIds);
    if (input.members.size === 0) continue;
    const result = uniformAssignor.assign(input);
    demandSound(input, result);
    const held = [...input.members.values()].map(({ assigned }) => sizeOf(assigned)).sort((a, b) => b - a);
    const shares = loads(result).sort((a, b) => b - a);
    const least = held.reduce((sum, size, index) => sum + Math.max(0, size - shares[index]!), 0);
    assertEquals(movesOf(input, result), least, `round ${round}`);
  }
});

Deno.test("two who claim the same partition: one of them keeps it", () => {
  const members = { m: { topics: ["a"], assigned: { a: [0, 1] } }, n: { topics: ["a"], assigned: { a: [1, 2, 7] } } };
  assertEquals(assign({ a: 4 }, members), { m: "a-0 a-1", n: "a-2 a-3" });
});

Deno.test("partitions go where their replicas are, if that takes nothing from evenness", () => {
  const racks = [["x"], ["y"], ["x"], ["y"]];
  const both = { m: { topics: ["a"], rackId: "x" }, n: { topics: ["a"], rackId: "y" } };
  assertEquals(assign({ a: racks }, both), { m: "a-0 a-2", n: "a-1 a-3" });
  const swapped = {
    m: { topics: ["a"], rackId: "x", assigned: { a: [1, 3] } },
    n: { topics: ["a"], rackId: "y", assigned: { a: [0, 2] } },
  };
  assertEquals(assign({ a: racks }, swapped), { m: "a-0 a-2", n: "a-1 a-3" });
  assertEquals(assign({ a: [["x"], ["x"], ["x"], ["x"]] }, both), { m: "a-0 a-2", n: "a-1 a-3" });
  const lighter = {
    m: { topics: ["a"], rackId: "x", assigned: { a: [0] } },
    n: { topics: ["a"], rackId: "y", assigned: { a: [1, 2] } },
  };
  assertEquals(assign({ a: [["x"], ["x"], ["y"]] }, lighter), { m: "a-0 a-1", n: "a-2" });
  const none = { m: { topics: ["a"], assigned: { a: [1, 3] } }, n: { topics: ["a"], rackId: "z" } };
  assertEquals(assign({ a: racks }, none), { m: "a-1 a-3", n: "a-0 a-2" });
});

Deno.test("no single move or exchange would bring more partitions home", () => {
  const random: Random = new SeededRandom("racks");
  let foreign = 0;
  for (let round = 0; round < 200; round++) {
    const input = someInput(random, { homogeneous: true, racks: true });
    const result = uniformAssignor.assign(input);
    const owned = [...result].flatMap(([memberId, assignment]) =>
      [...assignment].flatMap(([topicId, list]) => list.map((partition) => ({ memberId, topicId, partition })))
    );
    const isHome = (memberId: string, { topicId, partition }: { topicId: string; partition: number }) => {
      const topic = input.topology.topics.get(input.topology.names.get(topicId)!)!;
      return topic.racks[partition]!.includes(input.members.get(memberId)!.rackId ?? "-");
    };
    for (const one of owned.filter((each) => !isHome(each.memberId, each))) {
      foreign++;
      for (const other of owned) {
        const before = Number(isHome(other.memberId, other));
        const after = Number(isHome(other.memberId, one)) + Number(isHome(one.memberId, other));
        assert(after <= before, `${one.memberId} and ${other.memberId} could change places`);
      }
    }
  }
  assert(foreign > 50);
});

Deno.test("a thousand members share ten thousand partitions in good time", () => {
  const topics = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`t${index}`, 100]));
  const names = Object.keys(topics);
  const members = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`m${index}`, { topics: names }]));
  const input = inputOf(topics, members);
  const result = uniformAssignor.assign(input);
  assertEquals(new Set(loads(result)), new Set([10]));
  const gone = again(input, result);
  const half = { ...gone, members: new Map([...gone.members].slice(500)) };
  assertEquals(new Set(loads(uniformAssignor.assign(half))), new Set([20]));
});

/** How long an assignor takes at most, in processor time: the machine may have other things to do. */
const IN_GOOD_TIME_MS = 1_000;

function assignInTime(input: AssignorInput): Result {
  const before = cpuUsage();
  const result = uniformAssignor.assign(input);
  const { user, system } = cpuUsage(before);
  assert((user + system) / 1000 < IN_GOOD_TIME_MS, `${(user + system) / 1000} ms`);
  return result;
}

Deno.test("who has ten thousand partitions gives them away in good time, be they of one topic or of as many", () => {
  for (const [count, partitions, members] of [[1, 10_000, 2], [1, 10_000, 1_000], [10_000, 1, 2], [1_000, 10, 100]]) {
    const topics = Object.fromEntries(Array.from({ length: count! }, (_, index) => [`t${index}`, partitions!]));
    const before = settled(topics, { a: { topics: Object.keys(topics) } });
    const { topicIds } = before.members.get("a")!;
    let input = before;
    for (let index = 1; index < members!; index++) input = withMember(input, `m${index}`, topicIds);
    const share = 10_000 / members!;
    const result = assignInTime(input);
    assertEquals(new Set(loads(result)), new Set([share]));
    assertEquals(movesOf(input, result), 10_000 - share);
  }
});

Deno.test("partitions that could go home nowhere are soon left alone", () => {
  let looks = 0;
  const racks = new (class extends Array<string> {
    override includes(rack: string): boolean {
      looks++;
      return rack === "x";
    }
  })();
  const members = Object.fromEntries(
    Array.from({ length: 100 }, (_, index) => [`m${index}`, { topics: ["a"], rackId: index % 2 === 0 ? "x" : "y" }]),
  );
  const input = inputOf({ a: Array.from({ length: 5_000 }, () => racks) }, members);
  const { topicIds } = input.members.get("m0")!;
  // As groups have it: who says the same shares it.
  const alike = { ...input, members: new Map([...input.members].map(([id, one]) => [id, { ...one, topicIds }])) };
  const result = uniformAssignor.assign(alike);
  looks = 0;
  assertEquals(shown(alike, uniformAssignor.assign(again(alike, result))), shown(alike, result));
  assert(looks < 50_000, `each partition was looked at ${looks / 5_000} times`);
});

Deno.test("a partition that there cannot be is nobody's, and not one of the topic before", () => {
  const members = {
    m: { topics: ["b"], assigned: { b: [-1, -2, 1, 9] } },
    n: { topics: ["a", "b"], assigned: { a: [-1, 0], b: [0] } },
  };
  assertEquals(assign({ a: 1, b: 3 }, members), { m: "b-1 b-2", n: "a-0 b-0" });
});
