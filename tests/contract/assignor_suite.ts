/**
 * What every assignor of the new protocol must do.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Assignment, Assignor, AssignorInput, AssignorMember } from "../../actors/group/assignor.ts";
import type { TopologyTopic } from "../../actors/group/protocol.ts";
import { type Random, SeededRandom } from "../../lib/prng.ts";

/** A member as tests write it down: its topics by name. */
export interface MemberSketch {
  readonly topics: readonly string[];
  readonly instanceId?: string;
  readonly rackId?: string;
  /** Partitions by topic name. */
  readonly assigned?: Readonly<Record<string, readonly number[]>>;
}

/** A topic as tests write it down: so many partitions, or the racks of each. */
export type TopicSketch = number | readonly (readonly string[])[];

/** The id of a topic in these tests. */
function idOf(name: string): string {
  return `id-of-${name}`;
}

/** An assignor's input from sketches. */
export function inputOf(
  topics: Readonly<Record<string, TopicSketch>>,
  members: Readonly<Record<string, MemberSketch>>,
): AssignorInput {
  const all = Object.entries(topics).map(([name, sketch]): TopologyTopic => ({
    name,
    topicId: idOf(name),
    partitions: typeof sketch === "number" ? sketch : sketch.length,
    racks: typeof sketch === "number" ? Array.from({ length: sketch }, () => []) : sketch,
  }));
  const subscriptions = Object.values(members).map(({ topics }) => [...topics].sort().join());
  return {
    members: new Map(Object.entries(members).map(([memberId, sketch]) => [memberId, memberOf(memberId, sketch)])),
    isHomogeneous: new Set(subscriptions).size <= 1,
    topology: {
      topics: new Map(all.map((topic) => [topic.name, topic])),
      names: new Map(all.map(({ name, topicId }) => [topicId, name])),
    },
  };
}

function memberOf(memberId: string, sketch: MemberSketch): AssignorMember {
  return {
    memberId,
    instanceId: sketch.instanceId ?? null,
    rackId: sketch.rackId ?? null,
    topicIds: new Set(sketch.topics.map(idOf)),
    assigned: new Map(Object.entries(sketch.assigned ?? {}).map(([name, list]) => [idOf(name), list])),
  };
}

/** The same input, with what came out as what members have. */
export function again(input: AssignorInput, result: ReadonlyMap<string, Assignment>): AssignorInput {
  const members = [...input.members].map(([memberId, member]): [string, AssignorMember] => [
    memberId,
    { ...member, assigned: result.get(memberId) ?? new Map() },
  ]);
  return { ...input, members: new Map(members) };
}

/** What came out, as `member: topic-partition …`, sorted. */
export function shown(input: AssignorInput, result: ReadonlyMap<string, Assignment>): Record<string, string> {
  return Object.fromEntries(
    [...result].sort(([a], [b]) => a < b ? -1 : 1).map(([memberId, assignment]) => [
      memberId,
      [...assignment].flatMap(([topicId, list]) =>
        list.map((partition) => `${input.topology.names.get(topicId)}-${partition}`)
      )
        .sort().join(" "),
    ]),
  );
}

/** Demands what holds for every assignor. */
export function demandSound(input: AssignorInput, result: ReadonlyMap<string, Assignment>): void {
  assertEquals([...result.keys()].sort(), [...input.members.keys()].sort(), "every member is there, and nobody else");
  const owners = new Map<string, string>();
  for (const [memberId, assignment] of result) {
    for (const [topicId, partitions] of assignment) {
      assert(input.members.get(memberId)!.topicIds.has(topicId), `${memberId} is not subscribed to ${topicId}`);
      assert(partitions.length > 0, "an empty list is left out");
      assertEquals([...partitions], [...new Set(partitions)].sort((a, b) => a - b), "ascending, each once");
      for (const partition of partitions) {
        const key = `${topicId} ${partition}`;
        assert(!owners.has(key), `${key} is given to ${owners.get(key)} and to ${memberId}`);
        owners.set(key, memberId);
      }
    }
  }
  let wanted = 0;
  for (const { topicId, partitions } of input.topology.topics.values()) {
    if ([...input.members.values()].some(({ topicIds }) => topicIds.has(topicId))) wanted += partitions;
  }
  assertEquals(owners.size, wanted, "every partition of every topic that somebody is subscribed to is given");
}

/** A group by chance: topics of some sizes, members with some of them, some of what they might have had before. */
export function someInput(
  random: Random,
  shape: { readonly homogeneous?: boolean; readonly racks?: boolean } = {},
): AssignorInput {
  const racks = ["a", "b", "c"];
  const names = Array.from({ length: 1 + random.below(5) }, (_, index) => `t${index}`);
  const topics = Object.fromEntries(names.map((name): [string, TopicSketch] => {
    const count = random.below(8);
    if (!shape.racks) return [name, count];
    return [name, Array.from({ length: count }, () => racks.filter(() => random.chance(1, 2)))];
  }));
  const some = () => names.filter(() => random.chance(2, 3));
  const all = some();
  const members = Object.fromEntries(
    Array.from({ length: 1 + random.below(6) }, (_, index): [string, MemberSketch] => [`m${index}`, {
      topics: shape.homogeneous ? all : some(),
      ...(random.chance(1, 4) ? { instanceId: `i${random.below(100)}-${index}` } : {}),
      ...(shape.racks && random.chance(3, 4) ? { rackId: random.pick(racks) } : {}),
      assigned: Object.fromEntries(
        names.map((name) => [name, Array.from({ length: 10 }, (_, at) => at).filter(() => random.chance(1, 5))]),
      ),
    }]),
  );
  return inputOf(topics, members);
}

/** Runs the suite. */
export function testAssignor(assignor: Assignor): void {
  const { name } = assignor;

  Deno.test(`${name}: nobody, nothing, and topics that are gone`, () => {
    assertEquals(assignor.assign(inputOf({ a: 3 }, {})).size, 0);
    const idle = inputOf({ a: 3, b: 0 }, { m: { topics: [] }, n: { topics: ["gone", "b"], assigned: { a: [1] } } });
    assertEquals(assignor.assign(idle), new Map([["m", new Map()], ["n", new Map()]]));
  });

  Deno.test(`${name}: more members than partitions leaves some without`, () => {
    const input = inputOf({ a: 2 }, { m: { topics: ["a"] }, n: { topics: ["a"] }, o: { topics: ["a"] } });
    const result = assignor.assign(input);
    demandSound(input, result);
    assertEquals([...result.values()].map(({ size }) => size).sort(), [0, 1, 1]);
  });

  Deno.test(`${name}: each partition once, to a subscriber, whatever the group is like`, () => {
    const random = new SeededRandom(`${name} sound`);
    for (let round = 0; round < 500; round++) {
      const input = someInput(random, { homogeneous: round % 3 === 0, racks: round % 2 === 0 });
      demandSound(input, assignor.assign(input));
    }
  });

  Deno.test(`${name}: the order in which maps were filled does not matter`, () => {
    const random = new SeededRandom(`${name} order`);
    for (let round = 0; round < 100; round++) {
      const input = someInput(random, { racks: true });
      const reversed: AssignorInput = {
        ...input,
        members: new Map(
          [...input.members].reverse().map(([memberId, member]) => [memberId, {
            ...member,
            topicIds: new Set([...member.topicIds].reverse()),
            assigned: new Map([...member.assigned].reverse()),
          }]),
        ),
        topology: {
          topics: new Map([...input.topology.topics].reverse()),
          names: new Map([...input.topology.names].reverse()),
        },
      };
      assertEquals(shown(input, assignor.assign(input)), shown(input, assignor.assign(reversed)));
    }
  });

  Deno.test(`${name}: what came out, put in again, comes out the same`, () => {
    const random = new SeededRandom(`${name} twice`);
    for (let round = 0; round < 500; round++) {
      const input = someInput(random, { homogeneous: round % 3 === 0, racks: round % 2 === 0 });
      const once = assignor.assign(input);
      const twice = assignor.assign(again(input, once));
      assertEquals(shown(input, twice), shown(input, once));
    }
  });

  Deno.test(`${name}: the next incarnation of a static member gets what the last one had`, () => {
    const group = (memberId: string) =>
      inputOf({ a: 6, b: 5 }, {
        [memberId]: { topics: ["a", "b"], instanceId: "i" },
        c: { topics: ["a", "b"] },
        z: { topics: ["a", "b"] },
      });
    const [before, after] = ["a-first", "zz-second"].map((memberId) => assignor.assign(group(memberId)).get(memberId));
    assertEquals(after, before);
  });
}
