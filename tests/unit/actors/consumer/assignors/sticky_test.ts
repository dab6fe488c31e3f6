import { assert, assertEquals } from "@std/assert";
import { type AssignedMember, keyOf } from "../../../../../actors/consumer/assignors/members.ts";
import { cooperativeSticky, sticky } from "../../../../../actors/consumer/assignors/sticky.ts";
import { assignStickily } from "../../../../../actors/consumer/assignors/sticky_assignment.ts";
import type { TopicPartition } from "../../../../../actors/consumer/protocol.ts";
import { type Random, SeededRandom } from "../../../../../lib/prng.ts";
import { member, named, partitionsOf, shown, someMembers, someTopics } from "./fixtures.ts";

type Assigned = ReadonlyMap<string, readonly TopicPartition[]>;

const claims = ({ owned, generation }: AssignedMember) => ({ owned, generation });

/** Everybody has something that it wants. */
function withOwned(
  members: readonly AssignedMember[],
  topics: ReadonlyMap<string, number>,
  random: Random,
): AssignedMember[] {
  const owned = new Map(members.map(({ memberId }) => [memberId, [] as TopicPartition[]]));
  for (const [topic, count] of topics) {
    for (let partition = 0; partition < count; partition++) {
      const wanting = members.filter(({ topics }) => topics.includes(topic));
      if (wanting.length > 0 && random.chance(4, 5)) {
        owned.get(random.pick(wanting).memberId)!.push({ topic, partition });
      }
    }
  }
  return members.map((one) => ({ ...one, owned: owned.get(one.memberId)!, generation: 1 }));
}

/** How uneven it is, and how many partitions are not where they were. */
function costOf(members: readonly AssignedMember[], assigned: Assigned): { uneven: number; moved: number } {
  let uneven = 0;
  let moved = 0;
  for (const { memberId, owned } of members) {
    const has = assigned.get(memberId)!;
    const keys = new Set(has.map(keyOf));
    uneven += has.length ** 2;
    moved += owned.filter((at) => !keys.has(keyOf(at))).length;
  }
  return { uneven, moved };
}

/** The best of all ways to share it out: even first, then with the fewest moves. */
function best(
  members: readonly AssignedMember[],
  topics: ReadonlyMap<string, number>,
): { uneven: number; moved: number } {
  const all = [...topics].flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, partition) => ({ topic, partition }))
  )
    .filter(({ topic }) => members.some(({ topics }) => topics.includes(topic)));
  const assigned = new Map(members.map(({ memberId }) => [memberId, [] as TopicPartition[]]));
  let found = { uneven: Infinity, moved: Infinity };
  const place = (index: number) => {
    const at = all[index];
    if (!at) {
      const cost = costOf(members, assigned);
      const isBetter = cost.uneven < found.uneven || cost.uneven === found.uneven && cost.moved < found.moved;
      if (isBetter) found = cost;
      return;
    }
    for (const { memberId, topics } of members) {
      if (!topics.includes(at.topic)) continue;
      assigned.get(memberId)!.push(at);
      place(index + 1);
      assigned.get(memberId)!.pop();
    }
  };
  place(0);
  return found;
}

for (const isHomogeneous of [true, false]) {
  const who = isHomogeneous ? "alike" : "in different ways";
  Deno.test(`it is as even as can be, and as little moves as can be, where members are subscribed ${who}`, () => {
    const random = new SeededRandom(`small ${isHomogeneous}`);
    for (let round = 0; round < 150; round++) {
      const topics = someTopics(random, 3, 2);
      const members = withOwned(someMembers(random, topics, 1 + random.below(3), isHomogeneous), topics, random);
      const { uneven, moved } = costOf(members, assignStickily(members, topics, claims));
      const optimum = best(members, topics);
      assertEquals(uneven, optimum.uneven, `round ${round}`);
      assert(
        moved <= optimum.moved + (isHomogeneous ? 0 : 1),
        `round ${round}: ${moved} moved, ${optimum.moved} would do`,
      );
    }
  });
}

Deno.test("what was shared out evenly stays as it is", () => {
  const random = new SeededRandom("again");
  for (let round = 0; round < 100; round++) {
    const topics = someTopics(random, 4, 8);
    const members = someMembers(random, topics, 1 + random.below(6), random.chance(1, 2));
    const first = assignStickily(members, topics, claims);
    const again = members.map((one) => ({ ...one, owned: first.get(one.memberId)!, generation: 1 }));
    assertEquals(shown(assignStickily(again, topics, claims)), shown(first));
  }
});

Deno.test("when one comes, only what it gets moves; when one goes, only what it had", () => {
  const topics = new Map([["t", 9]]);
  const two = [
    member("a", ["t"], { owned: partitionsOf("t0 t1 t2 t3 t4"), generation: 1 }),
    member("b", ["t"], { owned: partitionsOf("t5 t6 t7 t8"), generation: 1 }),
  ];
  const three = assignStickily([...two, member("c", ["t"])], topics, claims);
  assertEquals(shown(three), { a: "t0 t1 t2", b: "t5 t6 t7", c: "t3 t4 t8" });
  assertEquals(shown(assignStickily([two[0]!], topics, claims)), { a: "t0 t1 t2 t3 t4 t5 t6 t7 t8" });
});

Deno.test("of two claims the newer one counts; of equally new ones none does", () => {
  const topics = new Map([["t", 2]]);
  const claiming = (a: number, b: number) => [
    member("a", ["t"], { owned: partitionsOf("t0 t1"), generation: a }),
    member("b", ["t"], { owned: partitionsOf("t1"), generation: b }),
  ];
  assertEquals(shown(assignStickily(claiming(1, 2), topics, claims)), { a: "t0", b: "t1" });
  assertEquals(shown(assignStickily(claiming(2, 1), topics, claims)), { a: "t0", b: "t1" }, "two for a were uneven");
  const equal = [
    member("a", ["t"], { owned: partitionsOf("t0"), generation: 3 }),
    member("b", ["t"], { owned: partitionsOf("t0"), generation: 3 }),
    member("c", ["t"], { owned: partitionsOf("t1"), generation: 3 }),
  ];
  assertEquals(shown(assignStickily(equal, topics, claims)), { a: "t0", b: "", c: "t1" });
});

Deno.test("claims to what is gone, or not wanted any more, are nothing", () => {
  const members = [
    member("a", ["t"], { owned: partitionsOf("t0 t5 u0 x1"), generation: 1 }),
    member("b", ["u"], { owned: [], generation: 1 }),
  ];
  assertEquals(shown(assignStickily(members, new Map([["t", 2], ["u", 1]]), claims)), { a: "t0 t1", b: "u0" });
});

Deno.test("a partition moves on from one to the other so that a third can have one", () => {
  const members = [
    member("a", ["t"], { owned: partitionsOf("t0 t1 t2"), generation: 1 }),
    member("b", ["t", "u"], { owned: partitionsOf("u0 u1"), generation: 1 }),
    member("c", ["u"], { owned: [], generation: 1 }),
  ];
  const assigned = assignStickily(members, new Map([["t", 3], ["u", 2]]), claims);
  assertEquals([...assigned.values()].map((list) => list.length).sort(), [1, 2, 2]);
});

Deno.test("what has just come to a member moves on before what it had", () => {
  const members = [
    member("m0", ["u"], { owned: partitionsOf("u3"), generation: 1 }),
    member("m1", ["t", "u"]),
    member("m2", ["t"]),
  ];
  assertEquals(shown(assignStickily(members, new Map([["t", 2], ["u", 4]]), claims)), {
    m0: "u0 u3",
    m1: "u1 u2",
    m2: "t0 t1",
  });
});

Deno.test("many members and partitions are shared out quickly", () => {
  const topics = new Map(Array.from({ length: 20 }, (_, index) => [`topic${index}`, 100]));
  const names = [...topics.keys()];
  const members = Array.from({ length: 200 }, (_, index) => member(`m${index}`, names.slice(index % 10)));
  const first = assignStickily(members, topics, claims);
  const again = members.slice(1).map((one) => ({ ...one, owned: first.get(one.memberId)!, generation: 1 }));
  const second = assignStickily(again, topics, claims);
  assertEquals([...second.values()].flat().length, 2_000);
  assertEquals(costOf(again, second).moved <= 20, true, `${costOf(again, second).moved} moved`);
});

Deno.test("cooperative: what is to move is with nobody until its owner has given it up", () => {
  const topics = new Map([["t", 4]]);
  const owner = member("a", ["t"], { owned: partitionsOf("t0 t1 t2 t3"), generation: 1 });
  assertEquals(shown(cooperativeSticky.assign([owner, member("b", ["t"])], topics)), { a: "t0 t1", b: "" });
  const after = { ...owner, owned: partitionsOf("t0 t1"), generation: 2 };
  assertEquals(shown(cooperativeSticky.assign([after, member("b", ["t"])], topics)), { a: "t0 t1", b: "t2 t3" });
});

Deno.test("cooperative: nobody gets what another says it owns, however old its claim is", () => {
  const random = new SeededRandom("cooperative");
  for (let round = 0; round < 200; round++) {
    const topics = someTopics(random, 3, 4);
    const members = withOwned(someMembers(random, topics, 2 + random.below(3), random.chance(1, 2)), topics, random)
      .map((one) => ({ ...one, generation: random.below(3) }));
    const owners = new Map(members.flatMap(({ memberId, owned }) => owned.map((at) => [named(at), memberId] as const)));
    for (const [memberId, list] of cooperativeSticky.assign(members, topics)) {
      for (const at of list) assert((owners.get(named(at)) ?? memberId) === memberId, `${memberId} got ${named(at)}`);
    }
  }
});

Deno.test("the user data of sticky are those of Kafka's StickyAssignor: none at first, then what it had, and when", () => {
  assertEquals(sticky.userData([], -1), null);
  const bytes = sticky.userData(partitionsOf("u3 t1 t0"), 5)!;
  // deno-fmt-ignore
  assertEquals([...bytes], [
    0, 0, 0, 2,
    0, 1, 116, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1,
    0, 1, 117, 0, 0, 0, 1, 0, 0, 0, 3,
    0, 0, 0, 5,
  ]);
});

Deno.test("sticky goes by the user data: of both versions, and of none that it cannot read", () => {
  const topics = new Map([["t", 2]]);
  const data = sticky.userData(partitionsOf("t1"), 5)!;
  for (const userData of [data, data.slice(0, -4)]) {
    const members = [member("a", ["t"]), member("b", ["t"], { userData: sticky.userData(partitionsOf("t0"), 5) })];
    assertEquals(shown(sticky.assign([{ ...members[0]!, userData }, members[1]!], topics)), { a: "t1", b: "t0" });
  }
  const broken = [member("a", ["t"], { userData: new Uint8Array([0, 0, 0, 9]) }), member("b", ["t"])];
  assertEquals(shown(sticky.assign(broken, topics)), { a: "t0", b: "t1" });
});

Deno.test("the user data of cooperative-sticky are its generation, as before KIP-792", () => {
  assertEquals([...cooperativeSticky.userData([], -1)!], [255, 255, 255, 255]);
  assertEquals([...cooperativeSticky.userData(partitionsOf("t0"), 258)!], [0, 0, 1, 2]);
  const topics = new Map([["t", 1]]);
  const claiming = (userData: Uint8Array) => member("b", ["t"], { owned: partitionsOf("t0"), userData });
  const newer = member("a", ["t"], { owned: partitionsOf("t0"), generation: 4 });
  assertEquals(shown(cooperativeSticky.assign([newer, claiming(new Uint8Array([0, 0, 0, 5]))], topics)), {
    b: "t0",
    a: "",
  });
  assertEquals(shown(cooperativeSticky.assign([newer, claiming(new Uint8Array([0, 0, 0, 3]))], topics)), {
    b: "",
    a: "t0",
  });
});

Deno.test("who has everything of a large topic gives half of it away in no time", () => {
  const all = Array.from({ length: 10_000 }, (_, partition) => ({ topic: "t", partition }));
  const members = [
    { ...member("a", ["t"]), owned: all, generation: 1 },
    { ...member("b", ["t"]), owned: [], generation: 1 },
  ];
  const beginMs = performance.now();
  const shares = assignStickily(members, new Map([["t", 10_000]]), claims);
  assertEquals([...shares.values()].map((share) => [share.length, share[0]!.partition]), [[5_000, 0], [5_000, 5_000]]);
  assert(performance.now() - beginMs < 2_000, "it blocks everything else of its process");
});
