import { assertEquals, assertStringIncludes } from "@std/assert";
import { batch, change, finds } from "./fake_cluster.ts";
import {
  assigned,
  assignment,
  current,
  epoch,
  FakeGroups,
  generation,
  GROUP_ID,
  member,
  noOffset,
  offset,
  target,
} from "./fake_groups.ts";
import type { ConsumedRecord } from "../../../actors/consumer/protocol.ts";
import { Deliveries } from "../../sim/deliveries.ts";
import type { GroupRecord } from "../../../actors/group/records.ts";
import type { MemberValue } from "../../sim/invariants/group_fold.ts";
import type { OffsetRecord } from "../../sim/invariants/group_log.ts";
import { GroupBook } from "../../sim/group_book.ts";
import { GroupUsage } from "../../sim/group_usage.ts";

/** Two members that share topic t, at epoch 3. */
function modern(): FakeGroups {
  return new FakeGroups().wrote(
    epoch(3),
    member("a"),
    member("b"),
    target("a", [0]),
    target("b", [1]),
    assigned(3),
    current("a", 3, [0]),
    current("b", 3, [1]),
  );
}

Deno.test("groups that rebalance, commit and fail over break nothing", () => {
  const world = new FakeGroups().wrote(generation(1, { a: [0, 1] })).wrote(offset(5));
  world.turn(generation(1, { a: [0, 1] }), offset(5));
  world.wrote(generation(2, { a: [0], b: [1] }), offset(9));
  assertEquals(world.look(), "");
  const moved = modern().wrote(epoch(4), target("a", [0, 1]), target("b", []), assigned(4), current("b", 3, [], [1]));
  moved.wrote(current("b", 4, [])).wrote(current("a", 4, [0, 1]));
  assertEquals(moved.look(), "");
  assertEquals(moved.invariants.groups.counts.epochs, 2);
});

// What is committed.

Deno.test("a generation gives one partition to two members", () => {
  finds(new FakeGroups().wrote(generation(1, { a: [0], b: [0] })), "gives t-0 to a and to b in generation 1");
});

Deno.test("a generation goes back, or is handed out twice", () => {
  const back = new FakeGroups().wrote(generation(2, { a: [0] }));
  finds(back.wrote(generation(1, { a: [0] })), "has gone back from generation 2 to 1");
  const twice = new FakeGroups().wrote(generation(2, { a: [0], b: [1] }));
  finds(twice.wrote(generation(2, { a: [1], b: [2] })), "has handed out generation 2 twice, each time another");
});

Deno.test("a group that has ended may begin anew", () => {
  const world = new FakeGroups().wrote(generation(2, { a: [0] }));
  world.wrote({ type: "classicGroup", group: GROUP_ID, value: null }, generation(1, { b: [0] }));
  assertEquals(world.look(), "");
});

Deno.test("a partition is with two members of the new protocol, or still with one that gives it up", () => {
  finds(modern().wrote(current("b", 3, [0, 1])), "-0 with a and with b");
  finds(modern().wrote(current("a", 3, [], [0]), current("b", 3, [1, 0])), "-0 with a and with b");
});

Deno.test("a target gives something twice, or to somebody who has not asked for it", () => {
  finds(modern().wrote(target("b", [0, 1])), "-0 to a and to b");
  const world = modern();
  world.commit({ type: "Topic", name: "u", topicId: "AAAAAAAAAAAAAAAAAAAAAQ" });
  finds(world.wrote(epoch(4), target("a", [0]), assigned(4)), "is to give u to a, which has not asked for it");
});

Deno.test("epochs are out of order, or go back", () => {
  finds(modern().wrote(assigned(4)), "has assignment epoch 4, above its epoch 3");
  finds(modern().wrote(epoch(2), assigned(2)), "has gone back from epoch 3 to 2");
  finds(modern().wrote(current("a", 4, [0])), "has a at epoch 4, above its assignment epoch 3");
  finds(modern().wrote(current("a", 2, [0])), "has taken a back from epoch 3 to 2");
});

Deno.test("a member at the assignment epoch has what is not to be its", () => {
  finds(modern().wrote(target("a", []), current("a", 3, [0])), "has a at the assignment epoch 3, with");
});

Deno.test("a group is of both protocols, or its members are of none", () => {
  finds(modern().wrote(generation(1, { c: [2] })), "is of both protocols at once");
  const gone = modern().wrote({ type: "group", group: GROUP_ID, value: null });
  finds(gone, "has members of the new protocol (a,b), and no epoch");
});

Deno.test("a member says that it gives something up, and does not", () => {
  const said = current("a", 3, [0]);
  const wrong = said.type === "current" && said.value !== null ? { ...said, value: { ...said.value, state: 1 } } : said;
  finds(modern().wrote(wrong), "has a in state 1, but not revoking");
});

// What the coordinator knows of it.

Deno.test("a group has something else than the log, lacks something, or has more", () => {
  const world = () => new FakeGroups().wrote(offset(5), offset(6, { partition: 1 }));
  assertEquals(world().turn(offset(5), offset(6, { partition: 1 })).look(), "");
  finds(world().turn(offset(4), offset(6, { partition: 1 })), "it has another offset of t-0 than the log");
  finds(world().turn(offset(5)), "it lacks 1 of 2 records that the log has");
  finds(world().turn(offset(5), offset(6, { partition: 1 }), offset(7, { partition: 2 })), "which the log has not");
});

Deno.test("a group that writes is compared when its writes are through", () => {
  const world = new FakeGroups().wrote(offset(5));
  world.group.isWriting = true;
  assertEquals(world.turn(offset(6)).look(), "");
  world.group.isWriting = false;
  world.hear("1/coordinator/0");
  finds(world, "it has another offset of t-0 than the log");
});

Deno.test("who loads, is of an earlier term or is not the leader any more is not compared", () => {
  const world = () => new FakeGroups().wrote(offset(5));
  for (const state of [{ isActive: false }, { term: 2 }]) {
    const each = world();
    Object.assign(each.coordinator, state);
    assertEquals(each.turn(offset(4)).look(), "");
  }
  const deposed = world();
  for (const { replica } of deposed.nodes) replica.leaderEpoch = 1;
  deposed.wrote(offset(6));
  assertEquals(deposed.turn(offset(5)).look().includes("is not what is committed"), false);
});

Deno.test("a coordinator that comes to be active is compared at once, group by group", () => {
  const world = new FakeGroups().wrote(offset(5));
  world.group.had = [offset(4)];
  world.hear("1/coordinator/0");
  finds(world, "it has another offset of t-0 than the log");
});

Deno.test("a log that was cleaned has lost the last record of a key, or kept what was taken back", () => {
  const world = new FakeGroups().wrote(offset(5)).wrote(offset(6)).wrote(noOffset(1));
  world.turn(offset(6));
  world.replica(2).records.splice(0, 1);
  assertEquals(world.invariants.groups.unrest(world.nodes, () => 0), []);
  world.replica(2).records.splice(0, 1);
  assertStringIncludes(
    world.invariants.groups.unrest(world.nodes, () => 0).join(),
    "it has lost the last record of a key, at 1",
  );
  world.replica(2).records = [...world.replica(1).records];
  world.replica(2).records.splice(0, 2, { ...world.replica(1).records[0]!, key: "other" });
  assertStringIncludes(world.invariants.groups.unrest(world.nodes, () => 0).join(), "it has lost the last record");
});

Deno.test("groups are not at rest: one waits for somebody, or is nowhere", () => {
  const world = new FakeGroups().wrote(offset(5));
  const unrest = () => world.invariants.groups.unrest(world.nodes, () => 0).join();
  world.group.state = "Reconciling";
  assertEquals(unrest(), "the group g is in state Reconciling.");
  world.node(1).groups.clear();
  assertEquals(unrest(), "the group g is nowhere.");
});

Deno.test("a replica is compacted further than anything is committed", () => {
  const world = new FakeGroups().wrote(offset(5));
  world.replica(2).cleanedTo = 4;
  finds(world, "is compacted up to 4, and committed only up to 1");
});

Deno.test("who was deposed may cut what others have cleaned meanwhile", () => {
  const world = new FakeGroups().wrote(offset(5));
  world.replica(1).write([batch(1, 0, "nobody else's")]);
  world.look();
  world.commit(change({ leader: 2, isr: [2, 3] }));
  world.replica(2).lead(1, [2, 3]).write([batch(1, 1)]);
  world.replica(3).follow(1).write([batch(1, 1)]);
  world.look();
  world.replica(2).highWatermark = 2;
  world.look();
  Object.assign(world.replica(2), { cleanedTo: 2 });
  world.look();
  const deposed = world.replica(1).follow(1);
  deposed.batches.pop();
  assertEquals(world.look(), "");
});

Deno.test("batches of a cleaned log are not compared, the rest is", () => {
  const world = new FakeGroups().wrote(offset(5)).wrote(offset(6)).wrote(offset(7));
  const cleaned = world.replica(3).again().follow(0, 1);
  cleaned.batches.splice(0, 2, { ...cleaned.batches[0]!, last: 1, crc: 99 });
  cleaned.records.splice(0, 2);
  cleaned.cleanedTo = 2;
  world.node(3).replicaViews = [cleaned];
  assertEquals(world.look(), "");
  const fetched = Object.assign(cleaned.again(), { cleanedTo: 0 }); // the same from another, which has cleaned it
  world.node(3).replicaViews = [fetched];
  assertEquals(world.look(), "");
  const wrong = fetched.again();
  wrong.batches[1] = { ...wrong.batches[1]!, crc: 98 };
  world.node(3).replicaViews = [wrong];
  finds(world, "__consumer_offsets-0 on node 3");
});

Deno.test("what was cleaned in the last turn of a replica is not compared either", () => {
  const world = new FakeGroups().wrote(offset(5)).wrote(offset(6)).wrote(offset(7));
  const cleaned = world.replica(3).again().follow(0, 1);
  cleaned.batches.splice(0, 2, { ...cleaned.batches[0]!, last: 1, crc: 99 });
  cleaned.records.splice(0, 2);
  world.replica(3).cleanedTo = 2; // and in the same turn it has ended, before anybody could look
  world.node(3).replicaViews = [cleaned];
  assertEquals(world.look(), "");
});

// What clients were told.

function book(world: FakeGroups, mayGo = true): { readonly book: GroupBook; readonly problems: string[] } {
  const problems: string[] = [];
  const rules = { isPassing: (topic: string) => topic.startsWith("passing-"), mayGo };
  return { book: new GroupBook(world.invariants.groups, rules, (sentence) => problems.push(sentence)), problems };
}

const wish = (memberId: string, epoch: number, at = 5) => ({
  groupId: GROUP_ID,
  memberId,
  epoch,
  offsets: new Map([["t-0", at]]),
});

Deno.test("a commit that was acknowledged is committed, and one that was refused is not", () => {
  const world = new FakeGroups().wrote(generation(1, { a: [0] }));
  const { book: kept, problems } = book(world);
  const [good, lost, refused] = [0, 1, 2].map(() => kept.commit(wish("a", 1)));
  world.wrote(offset(5, { metadata: good! }));
  kept.answered(good!, "t-0", "NONE");
  kept.answered(lost!, "t-0", "COORDINATOR_NOT_AVAILABLE");
  assertEquals(problems, []);
  kept.answered(lost!, "t-0", "NONE");
  assertStringIncludes(problems.pop()!, "was acknowledged, and is not committed");
  kept.answered(refused!, "t-0", "ILLEGAL_GENERATION");
  world.wrote(offset(5, { metadata: refused! }));
  assertStringIncludes(problems.pop()!, "was refused with ILLEGAL_GENERATION, and is committed");
  kept.answered(good!, "t-0", "UNKNOWN_MEMBER_ID");
  assertStringIncludes(problems.pop()!, "was refused with UNKNOWN_MEMBER_ID, and is committed");
});

Deno.test("a commit is taken of an old generation, of a stranger, or from outside of a group with members", () => {
  for (
    const [memberId, of, why] of [
      ["a", 1, "the group was at generation 2"],
      ["b", 2, "b was no member"],
      ["", -1, "the group had 1 members"],
    ] as const
  ) {
    const world = new FakeGroups().wrote(generation(2, { a: [0] }));
    const { book: kept, problems } = book(world);
    world.wrote(offset(5, { metadata: kept.commit(wish(memberId, of)) }));
    assertStringIncludes(problems.join(), why);
  }
  const world = modern();
  const { book: kept, problems } = book(world);
  world.wrote(offset(5, { metadata: kept.commit(wish("a", 3)) }));
  assertEquals(problems, []);
  world.wrote(offset(5, { metadata: kept.commit(wish("a", 2)) }));
  assertStringIncludes(problems.join(), "a was at epoch 3, and has had it since 3");
});

Deno.test("a generation that nobody has written down may be committed in by who was told that it is in it", () => {
  for (const before of [[], [generation(2, { a: [0] })]]) {
    const world = new FakeGroups().wrote(...before);
    const { book: kept, problems } = book(world);
    kept.joined(GROUP_ID, "a", 3);
    world.wrote(offset(5, { metadata: kept.commit(wish("a", 3)) }));
    assertEquals(problems, []);
    world.wrote(offset(5, { metadata: kept.commit(wish("b", 3)) }));
    assertStringIncludes(problems.join(), before.length === 0 ? "there was no such group" : "was at generation 2");
  }
});

Deno.test("who was in a generation that nobody has written down is not in that of the next group of the same name", () => {
  for (const known of ["told before", "told later", "forgotten"]) {
    const world = new FakeGroups().wrote(noOffset());
    const { book: kept, problems } = book(world);
    if (known !== "told later") kept.joined(GROUP_ID, "a", 3);
    if (known === "forgotten") kept.forgotten([GROUP_ID]);
    world.wrote(generation(2, { a: [0] }), { type: "classicGroup", group: GROUP_ID, value: null });
    if (known === "told later") kept.joined(GROUP_ID, "a", 3);
    world.wrote(offset(5, { metadata: kept.commit(wish("a", 3)) }));
    const hasNone = problems.map((problem) => problem.includes("although there was no such group"));
    assertEquals(hasNone, known === "told before" ? [true] : []);
  }
});

Deno.test("a commit of an epoch that is over is for what the member has had since then", () => {
  const world = modern();
  const { book: kept, problems } = book(world);
  const early = kept.commit(wish("a", 3));
  world.wrote(epoch(4), assigned(4), current("a", 4, [0]));
  world.wrote(offset(5, { metadata: early }));
  assertEquals(problems, []);
  world.wrote(offset(5, { metadata: kept.commit(wish("a", 5)) }));
  assertStringIncludes(problems.pop()!, "a was at epoch 4");
  world.wrote(epoch(5), assigned(5), current("a", 5, []));
  world.wrote(offset(5, { metadata: early }));
  assertStringIncludes(problems.pop()!, "a was at epoch 5, and has had it since never");
  world.wrote(current("a", 5, [0]));
  world.wrote(offset(5, { metadata: early }));
  assertStringIncludes(problems.pop()!, "a was at epoch 5, and has had it since 5");
});

// What a static member's next life goes on from.

function stands(memberId: string): GroupRecord {
  const record = member(memberId);
  if (record.type !== "member" || record.value === null) throw new Error("It is a member.");
  return { ...record, value: { ...record.value, instanceId: "i" } };
}

function gone(memberId: string): GroupRecord[] {
  return (["current", "target", "member"] as const).map((type) => ({ type, group: GROUP_ID, memberId, value: null }));
}

Deno.test("a static member's next life has its partitions since its last one went, though it is another member", () => {
  const world = new FakeGroups().wrote(epoch(3), stands("a"), target("a", [0]), assigned(3), current("a", 3, [0]));
  world.wrote(current("a", -2, [0]));
  world.wrote(...gone("a"), stands("b"), target("b", [0]), current("b", 3, [0]));
  const { book: kept, problems } = book(world);
  world.wrote(offset(5, { metadata: kept.commit(wish("b", 0)) }));
  assertEquals(problems, []);
});

Deno.test("a static member that was put out comes back with nothing, whether another had its partitions meanwhile or not", () => {
  const others = [
    [],
    [epoch(5), member("c"), target("c", [0]), assigned(5), current("c", 5, [0]), ...gone("c"), epoch(6), assigned(6)],
  ];
  for (const first of [3, -2]) {
    for (const between of others) {
      const world = new FakeGroups().wrote(epoch(3), stands("a"), target("a", [0]), assigned(3), current("a", 3, [0]));
      world.wrote(current("a", first, [0])).wrote(...gone("a"), epoch(4), assigned(4));
      for (const record of between) world.wrote(record);
      world.wrote(epoch(7), stands("b"), target("b", [0]), assigned(7), current("b", 7, [0]));
      const { book: kept, problems } = book(world);
      world.wrote(offset(5, { metadata: kept.commit(wish("b", 5)) }));
      assertStringIncludes(problems.join(), "b was at epoch 7, and has had it since 7");
    }
  }
});

Deno.test("something is committed that nobody has asked for", () => {
  const world = new FakeGroups();
  const { book: kept, problems } = book(world);
  world.wrote(offset(6, { metadata: kept.commit(wish("", -1)) }));
  assertStringIncludes(problems.join(), "has committed 6 for t-0, which nobody has asked for");
});

Deno.test("what is said to be committed was so while it was asked", () => {
  const world = new FakeGroups().wrote(offset(4)).wrote(offset(5));
  const { book: kept, problems } = book(world);
  const early = kept.fetch(GROUP_ID, ["t-0"]);
  world.wrote(offset(6));
  for (const seen of [-1, 6]) kept.fetched(early, "t-0", { offset: seen, metadata: "" });
  assertEquals(problems, []); // before the book was opened, nothing is known of what was there
  const late = kept.fetch(GROUP_ID, ["t-0"]);
  world.wrote(offset(7));
  kept.fetched(late, "t-0", { offset: 6, metadata: "" });
  kept.fetched(late, "t-0", { offset: 7, metadata: "" });
  assertEquals(problems, []);
  kept.fetched(late, "t-0", { offset: 8, metadata: "" });
  assertStringIncludes(problems.join(), "was said to have committed 8 () for t-0, and had 6 (), then 7 ()");
  kept.fetched(late, "t-0", { offset: -1, metadata: "" });
  assertEquals(problems.length, 2);
});

Deno.test("an offset goes while a member reads the topic", () => {
  const of = (topic: string, record: GroupRecord) => ({ ...record, topic }) as GroupRecord;
  const pattern = { ...member("a").value as MemberValue, subscribedTopicNames: [], subscribedTopicRegex: "t.*" };
  const meaning = { topics: ["t"], version: 1n, timestamp: 1n };
  const readers = [
    [generation(1, { a: [0] })],
    [epoch(3), member("a")],
    [epoch(3), { ...member("a"), value: pattern } as GroupRecord, {
      type: "regex",
      group: GROUP_ID,
      regex: "t.*",
      value: meaning,
    } as GroupRecord],
  ];
  for (const records of readers) {
    const world = new FakeGroups().wrote(...records, offset(5));
    const { problems } = book(world);
    world.wrote(of("passing-1", noOffset()));
    assertEquals(problems, []);
    world.wrote(noOffset());
    assertEquals(problems, ["the group g has lost its offset of t-0, which a member reads."]);
  }
  const modern = new FakeGroups().wrote(epoch(3), member("a"), of("u", offset(5)));
  const { problems } = book(modern);
  modern.wrote(of("u", noOffset()));
  assertEquals(problems, [], "nobody reads that one");
});

Deno.test("an offset goes that nobody has deleted", () => {
  for (const mayGo of [true, false]) {
    const world = new FakeGroups().wrote(offset(5));
    const { problems } = book(world, mayGo);
    world.wrote(noOffset());
    assertEquals(problems, mayGo ? [] : ["the group g has lost its offset of t-0, which nobody has deleted."]);
  }
});

Deno.test("an assignment is given out that is not written down, or is another", () => {
  const world = new FakeGroups().wrote(generation(1, { a: [0], b: [1] }));
  const { book: kept, problems } = book(world);
  const sync = (memberId: string, number: number) =>
    kept.sync({ groupId: GROUP_ID, memberId, instanceId: null, generation: number });
  kept.synced(sync("a", 1), assignment([0]));
  assertEquals(problems, []);
  kept.synced(sync("a", 2), assignment([0]));
  kept.synced(sync("c", 1), assignment([0]));
  kept.synced(sync("a", 1), assignment([1]));
  assertEquals(problems.map((problem) => /which nobody|of which it is no|another assignment/.exec(problem)?.[0]), [
    "which nobody",
    "of which it is no",
    "another assignment",
  ]);
});

Deno.test("two members use one partition, and the first was just told that all is well", () => {
  const problems: string[] = [];
  let isLossy = false;
  const usage = new GroupUsage(() => isLossy, true, (sentence) => problems.push(sentence));
  const user = (name: string, instanceId: string | null = null) => ({
    name,
    groupId: "g",
    instanceId,
    patienceMs: 1_000,
  });
  usage.heard(user("a"), 5_000);
  usage.use(user("a"), ["t-0", "t-1"], 1, 5_000);
  usage.use(user("b"), ["t-2"], 1, 5_100);
  assertEquals(problems, []);
  usage.use(user("b"), ["t-0"], 2, 5_800);
  assertStringIncludes(problems.pop()!, "b uses t-0 in epoch 2 of g, and a does so too, in epoch 1; 800 ms ago");
  usage.use(user("c"), ["t-1"], 2, 5_950);
  assertEquals(problems, []);
  usage.drop(user("a"));
  usage.heard(user("a"), 6_000);
  usage.use(user("d", "i"), ["t-3"], 3, 6_000);
  usage.heard(user("d", "i"), 6_000);
  usage.use(user("e", "i"), ["t-3"], 3, 6_001);
  isLossy = true;
  usage.use(user("f"), ["t-3"], 4, 6_002);
  assertEquals(problems, []);
});

Deno.test("somebody who goes by the clock uses on what another begins to use", () => {
  const uses = (isStill: boolean, areClocksRight: boolean) => {
    const problems: string[] = [];
    const usage = new GroupUsage(() => false, areClocksRight, (sentence) => problems.push(sentence));
    const user = (name: string) => ({ name, groupId: "g", instanceId: null, patienceMs: 1_000 });
    usage.use({ ...user("a"), isUsing: (key: string) => key === "t-0" && !isStill }, ["t-0", "t-1"], 1, 0);
    usage.use(user("b"), ["t-0", "t-1"], 2, 5_000);
    return problems;
  };
  assertEquals(uses(false, true), ["b uses t-0 in epoch 2 of g, and a does not stop."]);
  assertEquals(uses(true, true), []);
  assertEquals(uses(false, false), [], "sessions are not as long for both");
});

// What groups were given.

function deliveries(isAtMostOnce = false) {
  const problems: string[] = [];
  const given = new Deliveries([{ groupId: GROUP_ID, isAtMostOnce }], {
    isDurable: (key) => key !== "t-9",
    trimmed: new Map([["t-1", 5]]),
    isLossy: () => false,
    tell: (sentence) => problems.push(sentence),
  });
  const gave = (offsets: readonly number[], partition = 0) => {
    const records = offsets.map((offset) => ({ topic: "t", partition, offset } as ConsumedRecord));
    given.gave(GROUP_ID, "m", records);
  };
  const committed = (to: number, partition = 0) => given.committed(offset(to, { partition }) as OffsetRecord);
  return { given, gave, committed, problems };
}

Deno.test("a group commits what nobody was given, or goes back", () => {
  const { given, gave, committed, problems } = deliveries();
  gave([0, 1, 2]);
  committed(3);
  committed(5, 1); // everything below was deleted
  assertEquals([problems, given.position(GROUP_ID, "t-0")], [[], 3]);
  gave([4]);
  committed(5);
  assertEquals(problems.splice(0), ["g has committed 5 of t-0, and nobody was given 3."]);
  committed(4);
  assertEquals(problems.splice(0), ["g has gone back in t-0 from 5 to 4."]);
  committed(7, 9); // where records may vanish, anything goes
  given.committed(noOffset() as OffsetRecord);
  committed(1);
  assertEquals(problems, []);
});

Deno.test("a group that wants everything once at most is given something twice", () => {
  const { given, gave, committed, problems } = deliveries(true);
  committed(3);
  gave([0, 1]);
  gave([2]);
  assertEquals(problems, []);
  gave([1]);
  assertEquals(problems.splice(0), ["m was given t-0@1, which g had been given before."]);
  given.committed(noOffset() as OffsetRecord); // expired, or deleted: it begins anew
  gave([0, 2]);
  assertEquals(problems, []);
  gave([2]);
  assertEquals(problems, ["m was given t-0@2, which g had been given before."]);
});
