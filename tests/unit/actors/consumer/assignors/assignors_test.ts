import { assert, assertEquals } from "@std/assert";
import { CLASSIC_ASSIGNORS } from "../../../../../actors/consumer/assignors/assignors.ts";
import { SeededRandom } from "../../../../../lib/prng.ts";
import { member, named, shown, someMembers, someTopics } from "./fixtures.ts";

const range = CLASSIC_ASSIGNORS.get("range")!;
const roundRobin = CLASSIC_ASSIGNORS.get("roundrobin")!;

for (const assignor of CLASSIC_ASSIGNORS.values()) {
  Deno.test(`${assignor.name}: each partition of each topic goes to one subscriber, whatever the order of the members`, () => {
    const random = new SeededRandom(assignor.name);
    for (let round = 0; round < 200; round++) {
      const topics = someTopics(random, 4, 6);
      const members = someMembers(random, topics, 1 + random.below(5), random.chance(1, 2));
      const assigned = assignor.assign(members, topics);
      assertEquals([...assigned.keys()].sort(), members.map(({ memberId }) => memberId).sort());
      for (const { memberId, topics: wanted } of members) {
        for (const { topic } of assigned.get(memberId)!) {
          assert(wanted.includes(topic), `${memberId} does not want ${topic}`);
        }
      }
      const wanted = new Set(members.flatMap(({ topics }) => topics));
      const all = [...topics].filter(([topic]) => wanted.has(topic))
        .flatMap(([topic, count]) => Array.from({ length: count }, (_, partition) => `${topic}${partition}`));
      assertEquals([...assigned.values()].flat().map(named).sort(), all.sort());
      const turned = shown(assignor.assign([...members].reverse(), new Map([...topics].reverse())));
      assertEquals(
        turned,
        Object.fromEntries([...members].reverse().map(({ memberId: id }) => [id, shown(assigned)[id]!])),
      );
    }
  });

  Deno.test(`${assignor.name}: nobody, or nothing to share out`, () => {
    assertEquals(assignor.assign([], new Map([["t", 3]])), new Map());
    assertEquals(shown(assignor.assign([member("a", ["t"]), member("b", [])], new Map())), { a: "", b: "" });
  });
}

Deno.test("range gives runs, the first ones longer, each topic by itself", () => {
  const members = [member("a", ["t", "u"]), member("b", ["t", "u"]), member("c", ["t", "u"])];
  const topics = new Map([["t", 7], ["u", 2]]);
  assertEquals(shown(range.assign(members, topics)), { a: "t0 t1 t2 u0", b: "t3 t4 u1", c: "t5 t6" });
});

Deno.test("range gives the same partition numbers of like topics to the same member", () => {
  const members = [member("b", ["t", "u"]), member("a", ["u", "t"])];
  assertEquals(shown(range.assign(members, new Map([["t", 3], ["u", 3]]))), { b: "t2 u2", a: "t0 t1 u0 u1" });
});

Deno.test("roundrobin deals all partitions in turn, and passes over who is not subscribed", () => {
  const same = [member("a", ["t", "u"]), member("b", ["t", "u"])];
  const topics = new Map([["t", 3], ["u", 3]]);
  assertEquals(shown(roundRobin.assign(same, topics)), { a: "t0 t2 u1", b: "t1 u0 u2" });
  const different = [member("a", ["t"]), member("b", ["t", "u"]), member("c", ["t", "u", "v"])];
  assertEquals(shown(roundRobin.assign(different, new Map([["t", 1], ["u", 2], ["v", 3]]))), {
    a: "t0",
    b: "u0",
    c: "u1 v0 v1 v2",
  });
});

Deno.test("static members come first, by their instances, so that one that comes back has what it had", () => {
  const topics = new Map([["t", 3]]);
  const one = [member("z", ["t"], { instanceId: "1" }), member("a", ["t"]), member("b", ["t"], { instanceId: "2" })];
  assertEquals(shown(range.assign(one, topics)), { z: "t0", a: "t2", b: "t1" });
  const back = [member("y", ["t"], { instanceId: "1" }), ...one.slice(1)];
  assertEquals(shown(range.assign(back, topics)), { y: "t0", a: "t2", b: "t1" });
});
