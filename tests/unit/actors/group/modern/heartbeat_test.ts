import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { uniformAssignor } from "../../../../../actors/group/assignors/uniform.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import { type Beat, CONFIG, GroupHarness, idOf, owns, told, two } from "./harness.ts";

function errorOf(reply: { readonly errorCode: number }): string {
  return errorName(reply.errorCode);
}

Deno.test("a member alone gets everything at once, and hears of it until it says so", () => {
  const h = new GroupHarness();
  assertEquals(told(h.join("a")), ["NONE", 1, [0, 1, 2, 3]]);
  assertEquals(h.appended().map(({ type }) => type), ["member", "group", "target", "targetEpoch", "current"]);
  assertEquals(told(h.beat("a", 1)), ["NONE", 1, [0, 1, 2, 3]], "the answer may have been lost");
  assertEquals(told(h.beat("a", 1, { topicPartitions: owns(0, 1, 2, 3) })), ["NONE", 1, null]);
  assertEquals(told(h.beat("a", 1)), ["NONE", 1, null]);
  assertEquals(h.appended(), [], "nothing changes, and nothing is written");
  assertEquals(h.state.state, "Stable");
  h.checkFold();
});

Deno.test("what one member gives up, another gets when it is given up", () => {
  const h = new GroupHarness();
  h.join("a");
  assertEquals(told(h.join("b")), ["NONE", 2, []], "everything is in use");
  assertEquals(told(h.beat("a", 1)), ["NONE", 1, [0, 1]], "the epoch waits for what is to be given up");
  assertEquals(h.state.state, "Reconciling");
  assertEquals(told(h.beat("b", 2)), ["NONE", 2, null]);
  assertEquals(told(h.beat("a", 1, { topicPartitions: owns(0, 1) })), ["NONE", 2, null]);
  assertEquals(told(h.beat("b", 2)), ["NONE", 2, [2, 3]]);
  assertEquals(h.state.state, "Stable");
  h.checkFold();
});

Deno.test("requests that make no sense are refused before anything is looked at", () => {
  const h = new GroupHarness();
  const whole: Beat = { rebalanceTimeoutMs: 1_000, topicPartitions: [], subscribedTopicNames: ["t"] };
  const cases: [string, string, number, Beat, number?][] = [
    ["INVALID_REQUEST", "a", 0, { ...whole, groupId: "" }],
    ["INVALID_REQUEST", "", 0, whole],
    ["INVALID_REQUEST", "", 3, {}, 0],
    ["INVALID_REQUEST", "a", 0, { ...whole, instanceId: "" }],
    ["INVALID_REQUEST", "a", 0, { ...whole, rackId: "" }],
    ["INVALID_REQUEST", " ", 0, whole],
    ["INVALID_REQUEST", "a", 0, { ...whole, instanceId: " \t" }],
    ["INVALID_REQUEST", "a", -3, {}],
    ["INVALID_REQUEST", "a", -2, {}],
    ["INVALID_REQUEST", "a", 0, { ...whole, rebalanceTimeoutMs: -1 }],
    ["INVALID_REQUEST", "a", 0, { ...whole, topicPartitions: null }],
    ["INVALID_REQUEST", "a", 0, { ...whole, topicPartitions: owns(1) }],
    ["INVALID_REQUEST", "a", 0, { ...whole, subscribedTopicNames: null }],
    ["UNSUPPORTED_ASSIGNOR", "a", 0, { ...whole, serverAssignor: "best" }],
    ["INVALID_REGULAR_EXPRESSION", "a", 0, { ...whole, subscribedTopicRegex: "a(" }],
    ["GROUP_ID_NOT_FOUND", "a", 1, {}],
    ["GROUP_ID_NOT_FOUND", "a", -1, {}],
  ];
  for (const [error, memberId, epoch, body, version] of cases) {
    const reply = h.beat(memberId, epoch, body, version);
    assertEquals([errorOf(reply), reply.assignment ?? null], [error, null], JSON.stringify([memberId, epoch, body]));
    assert(reply.errorMessage !== null);
  }
  assertEquals(h.appended(), []);
  h.join("a");
  assertEquals(errorOf(h.beat("b", 1)), "UNKNOWN_MEMBER_ID");
  assertEquals(errorOf(h.beat("b", -1)), "UNKNOWN_MEMBER_ID");
});

Deno.test("a broker that does not speak the new protocol says so", () => {
  const h = new GroupHarness({ config: { protocols: ["classic"] } });
  assertEquals(errorOf(h.join("a")), "UNSUPPORTED_VERSION");
});

Deno.test("version 0 leaves it to the coordinator to name a member", () => {
  const h = new GroupHarness();
  const body = { rebalanceTimeoutMs: 1_000, topicPartitions: [], subscribedTopicNames: ["t"] };
  const { errorCode, memberId, memberEpoch } = h.beat("", 0, body, 0);
  assertEquals([errorCode, memberId!.length, memberEpoch], [0, 22, 1]);
  assertNotEquals(h.beat("", 0, body, 0).memberId, memberId);
});

Deno.test("a group takes so many members, and no more; who is in it may come again", () => {
  const h = new GroupHarness({ config: { consumerMaxSize: 1 } });
  h.join("a");
  assertEquals(errorOf(h.join("b")), "GROUP_MAX_SIZE_REACHED");
  assertEquals(errorOf(h.join("a")), "NONE");
});

Deno.test("an epoch that is not the member's is fenced, but for the last one of who has lost the answer", () => {
  const h = two();
  assertEquals(errorOf(h.beat("a", 3)), "FENCED_MEMBER_EPOCH");
  assertEquals(errorOf(h.beat("a", 0)), "INVALID_REQUEST");
  assertEquals(errorOf(h.join("a", { subscribedTopicNames: ["u"] })), "FENCED_MEMBER_EPOCH", "a join that comes late");
  // a went from 1 to 2.
  assertEquals(errorOf(h.beat("a", 1)), "FENCED_MEMBER_EPOCH", "it does not say what it uses");
  assertEquals(errorOf(h.beat("a", 1, { topicPartitions: owns(0, 2) })), "FENCED_MEMBER_EPOCH", "it uses what is b's");
  assertEquals(told(h.beat("a", 1, { topicPartitions: owns(0) })), ["NONE", 2, null]);
});

Deno.test("a join whose answer was lost may come again", () => {
  const h = new GroupHarness();
  h.join("a");
  assertEquals(told(h.join("a")), ["NONE", 1, [0, 1, 2, 3]]);
});

Deno.test("a member that was fenced may join again, and a join that comes late changes nothing", () => {
  const h = two();
  const before = h.state.records();
  assertEquals(told(h.join("a")), ["NONE", 2, [0, 1]]);
  assertEquals(h.appended(), []);
  assertEquals(told(h.beat("a", 2)), ["NONE", 2, null], "who is no newcomer goes on");
  // While it is to give something up, too: what it has to give up is free when it has said so, and not by its join.
  h.join("c");
  assertEquals(told(h.beat("a", 2)), ["NONE", 2, [0]]);
  assertEquals(told(h.join("a")), ["NONE", 2, [0]]);
  assertEquals(told(h.beat("c", 3)), ["NONE", 3, null], "it has not said so");
  assertEquals(told(h.beat("a", 2, { topicPartitions: owns(0) })), ["NONE", 3, null]);
  assertEquals(told(h.beat("c", 3)), ["NONE", 3, [1]]);
  assertNotEquals(h.state.records(), before);
  h.checkFold();
});

Deno.test("a member that would be given nothing is not let in again before it has given up what it has to", () => {
  const h = new GroupHarness({ topics: { t: 1, u: 1 } });
  h.join("a", { subscribedTopicNames: ["t", "u"] });
  h.beat("a", 1, { subscribedTopicNames: [] });
  assertEquals(h.state.current("a").pending.size, 2);
  assertEquals(errorOf(h.join("a", { subscribedTopicNames: [] })), "FENCED_MEMBER_EPOCH");
});

Deno.test("what a member is not subscribed to any more it gives up at once, though there is no other target yet", () => {
  const h = new GroupHarness({ topics: { t: 2, u: 2 }, config: { consumerAssignmentIntervalMs: 10_000 } });
  h.join("a", { subscribedTopicNames: ["t", "u"] });
  h.beat("a", 1, { topicPartitions: [...owns(0, 1), { topicId: idOf("u"), partitions: [0, 1] }] });
  const reply = h.beat("a", 1, { subscribedTopicNames: ["u"] });
  assertEquals([told(reply), told(reply, "u")], [["NONE", 1, []], ["NONE", 1, [0, 1]]]);
  assertEquals([h.state.epoch, h.state.assignmentEpoch], [2, 1]);
  h.beat("a", 1, { topicPartitions: [{ topicId: idOf("u"), partitions: [0, 1] }] });
  assertEquals([h.state.current("a").state, h.state.current("a").pending.size], [0, 0]);
  h.checkFold();
});

Deno.test("a full request is answered in full", () => {
  const h = two();
  const full = { rebalanceTimeoutMs: 60_000, subscribedTopicNames: ["t"], topicPartitions: owns(0, 1) };
  assertEquals(told(h.beat("a", 2, full)), ["NONE", 2, [0, 1]]);
  assertEquals(told(h.beat("a", 2, { ...full, subscribedTopicNames: null, subscribedTopicRegex: "" })), [
    "NONE",
    2,
    [0, 1],
  ]);
  assertEquals(told(h.beat("a", 2, { ...full, rebalanceTimeoutMs: -1 })), ["NONE", 2, null]);
  assertEquals(h.appended(), [], "it says what is known");
});

Deno.test("who leaves leaves what it had to the others, with one record of the group", () => {
  const h = two();
  const reply = h.beat("b", -1);
  assertEquals([errorOf(reply), reply.memberEpoch], ["NONE", -1]);
  assertEquals(
    h.appended().map((record) => [record.type, record.value === null]),
    [["current", true], ["target", true], ["member", true], ["group", false], ["target", false], [
      "targetEpoch",
      false,
    ]],
  );
  assertEquals(told(h.beat("a", 2)), ["NONE", 3, [0, 1, 2, 3]]);
  assertEquals(h.state.holders(idOf("t"), 2), ["a"]);
  h.checkFold();
});

Deno.test("a group without members says since when", () => {
  const h = new GroupHarness();
  h.join("a");
  assertEquals(h.state.emptySinceMs, undefined);
  h.p.advance(5_000);
  h.beat("a", -1);
  assertEquals([h.state.state, h.state.emptySinceMs, h.state.hasMembers], ["Empty", 1_005_000, false]);
  assertEquals([h.state.epoch, h.state.assignmentEpoch], [2, 2]);
  assertEquals(told(h.join("a")), ["NONE", 3, [0, 1, 2, 3]]);
});

Deno.test("null means as before, and what changes makes a new group epoch only when it matters", () => {
  const h = two({ topics: { t: 4, u: 1 } });
  h.beat("a", 2, { rebalanceTimeoutMs: 1_234 });
  assertEquals(h.state.metadata.get("a")!.rebalanceTimeoutMs, 1_234);
  assertEquals([h.state.epoch, h.appended().map(({ type }) => type)], [2, ["member"]]);
  h.beat("a", 2, { subscribedTopicNames: ["u", "t"] });
  assertEquals(h.state.epoch, 3);
  assertEquals(h.state.metadata.get("a")!.subscribedTopicNames, ["u", "t"]);
  h.beat("a", h.state.current("a").epoch, { subscribedTopicNames: ["t", "u"] });
  assertEquals(h.state.epoch, 3, "the same topics");
  h.beat("a", h.state.current("a").epoch, { serverAssignor: "range" });
  assertEquals(h.state.epoch, 4);
});

Deno.test("topics that come, grow and go are a new group epoch; others are not", () => {
  const h = new GroupHarness({ topics: { t: 1, x: 1 } });
  h.join("a", { subscribedTopicNames: ["t", "later"] });
  h.topics({ t: 1, x: 5 });
  assertEquals(h.state.epoch, 1);
  h.topics({ t: 2, x: 5 });
  assertEquals([h.state.epoch, told(h.beat("a", 1))], [2, ["NONE", 2, [0, 1]]]);
  h.topics({ t: 2, x: 5, later: 1 });
  assertEquals(told(h.beat("a", 2), "later"), ["NONE", 3, [0]]);
  h.topics({ x: 5, later: 1 });
  // What is gone has to be given up like anything else; the member may know no name for it any more.
  assertEquals(told(h.beat("a", 3)), ["NONE", 3, []]);
  const left = [{ topicId: idOf("later"), partitions: [0] }];
  assertEquals(told(h.beat("a", 3, { topicPartitions: left })), ["NONE", 4, null]);
  h.checkFold();
});

Deno.test("the hash of the topics is in the log: another coordinator sees that nothing has changed", () => {
  const h = two();
  const other = new GroupHarness({ records: h.state.records() });
  other.beat("a", 2);
  assertEquals([other.state.epoch, other.appended()], [2, []]);
  const changed = new GroupHarness({ topics: { t: 5 }, records: h.state.records() });
  changed.beat("a", 2);
  assertEquals(changed.state.epoch, 3);
});

Deno.test("targets are worked out at most so often, the first at once", () => {
  const h = new GroupHarness({ config: { consumerAssignmentIntervalMs: 1_000 } });
  assertEquals(told(h.join("a")), ["NONE", 1, [0, 1, 2, 3]]);
  assertEquals(told(h.join("b")), ["NONE", 1, []], "it is a member, and has nothing");
  assertEquals([h.state.state, h.state.epoch, h.state.assignmentEpoch], ["Assigning", 2, 1]);
  h.beat("a", 1, { topicPartitions: owns(0, 1, 2, 3) });
  assertEquals(told(h.beat("a", 1)), ["NONE", 1, null]);
  h.p.advance(1_000);
  assertEquals([h.state.state, h.state.assignmentEpoch], ["Reconciling", 2], "nobody had to ask for it");
  assertEquals(told(h.beat("a", 1)), ["NONE", 1, [0, 1]]);
});

Deno.test("who is not heard for a session is put out, and who is heard is not", () => {
  const h = two();
  h.p.advance(30_000);
  h.beat("a", 2);
  h.p.advance(15_000);
  assertEquals([...h.state.metadata.keys()], ["a"]);
  assertEquals(errorOf(h.beat("b", 2)), "UNKNOWN_MEMBER_ID");
  h.p.advance(29_999);
  assertEquals(h.state.hasMembers, true);
  h.p.advance(1);
  assertEquals(h.state.state, "Empty");
});

Deno.test("who does not give up what it has to in its rebalance timeout is put out", () => {
  const h = new GroupHarness({ config: { consumerSessionTimeoutMs: 10_000_000 } });
  h.join("a", { rebalanceTimeoutMs: 20_000 });
  h.join("b");
  h.beat("a", 1);
  h.p.advance(19_000);
  h.beat("a", 1, { topicPartitions: owns(0, 1, 2) });
  assertEquals(h.state.metadata.size, 2);
  h.p.advance(1_000);
  assertEquals([...h.state.metadata.keys()], ["b"], "a heartbeat is no excuse");
  assertEquals(told(h.beat("b", 2)), ["NONE", 3, [0, 1, 2, 3]]);
});

Deno.test("who comes back and is told anew what it has gets its rebalance timeout anew, for it knows of nothing else", () => {
  const h = new GroupHarness({ config: { consumerSessionTimeoutMs: 10_000_000 } });
  h.join("a", { rebalanceTimeoutMs: 20_000 });
  h.join("b");
  h.beat("a", 1);
  h.p.advance(19_000);
  assertEquals(told(h.join("a", { rebalanceTimeoutMs: 20_000 })), ["NONE", 1, [0, 1]]);
  h.p.advance(19_999);
  assertEquals(h.state.metadata.size, 2);
  h.p.advance(1);
  assertEquals([...h.state.metadata.keys()], ["b"], "it has not said that it gave up the others");
});

Deno.test("a member that takes less than no time to give something up harms nobody but itself", () => {
  const h = new GroupHarness();
  h.join("a", { rebalanceTimeoutMs: -5 });
  h.join("b");
  assertEquals(told(h.beat("a", 1)), ["NONE", 1, [0, 1]]);
  h.p.advance(0);
  assertEquals([...h.state.metadata.keys()], ["b"]);
});

Deno.test("who gives up in time stays, whatever it is to give up next", () => {
  const h = new GroupHarness({ config: { consumerSessionTimeoutMs: 10_000_000 } });
  h.join("a", { rebalanceTimeoutMs: 20_000 });
  h.join("b");
  h.beat("a", 1);
  h.p.advance(19_000);
  h.beat("a", 1, { topicPartitions: owns(0, 1) });
  h.p.advance(60_000);
  assertEquals(h.state.metadata.size, 2);
});

Deno.test("a loaded group waits for who is silent, heard or not, until nobody else can answer it any more, and a session from there", () => {
  const h = new GroupHarness();
  h.join("a");
  const { consumerSessionTimeoutMs, deposedMs } = CONFIG;
  for (const isHeard of [false, true]) {
    const loaded = new GroupHarness({ records: h.state.records() });
    if (isHeard) loaded.beat("a", 1);
    loaded.p.advance(consumerSessionTimeoutMs + deposedMs - 1);
    assertEquals(loaded.state.metadata.size, 1);
    loaded.p.advance(1);
    assertEquals(loaded.state.metadata.size, 0);
  }
});

Deno.test("who is to give up something in a group that has just been loaded has its time from when nobody else can answer it", () => {
  const h = new GroupHarness();
  h.join("a", { rebalanceTimeoutMs: 5_000 });
  const config = { consumerSessionTimeoutMs: 10_000_000 };
  const loaded = new GroupHarness({ records: h.state.records(), config });
  loaded.join("b");
  loaded.beat("a", 1);
  loaded.p.advance(CONFIG.deposedMs + 4_999);
  assertEquals(loaded.state.metadata.size, 2);
  loaded.p.advance(1);
  assertEquals([...loaded.state.metadata.keys()], ["b"]);
});

Deno.test("all timers begin anew when a group is loaded", () => {
  const h = new GroupHarness();
  h.join("a", { rebalanceTimeoutMs: 20_000 });
  h.join("b");
  h.beat("a", 1);
  const loaded = new GroupHarness({ records: h.state.records() });
  assertEquals(loaded.state.state, "Reconciling");
  loaded.p.advance(15_000);
  assertEquals(told(loaded.beat("a", 1)), ["NONE", 1, [0, 1]]);
  loaded.p.advance(15_000);
  loaded.beat("a", 1);
  loaded.p.advance(4_999);
  assertEquals(loaded.state.metadata.size, 2, "nobody may have told it before the group was loaded");
  loaded.p.advance(1);
  assertEquals([...loaded.state.metadata.keys()], ["b"], "it had to give up something");
  loaded.p.advance(25_000);
  assertEquals(loaded.state.state, "Empty");
});

Deno.test("what takes more than a batch does not happen", () => {
  const h = new GroupHarness({ config: { maxWriteBytes: 300 } });
  const reply = h.join("a", { subscribedTopicNames: Array.from({ length: 50 }, (_, at) => `topic-${at}`) });
  assertEquals([errorOf(reply), h.appended(), h.p.state.modern], ["UNKNOWN_SERVER_ERROR", [], undefined]);
});

Deno.test("a target that takes more than a batch stops no member: all live on with what they have, and the operator hears of it", () => {
  const h = new GroupHarness({ topics: { t: 20 }, config: { maxWriteBytes: 1_500 } });
  for (let at = 0; at < 20; at++) h.join(`m${at}`);
  const { assignmentEpoch, epoch } = h.state;
  h.p.take();
  h.topics({ t: 40 });
  assertEquals(told(h.beat("m3", h.state.current("m3").epoch)).slice(0, 1), ["NONE"]);
  assertEquals([h.state.epoch, h.state.assignmentEpoch, h.state.state], [epoch + 1, assignmentEpoch, "Assigning"]);
  // Kafka refuses whoever asks when a target is due that it cannot write; here that is who would be new.
  assertEquals([errorOf(h.join("late")), h.state.metadata.has("late")], ["UNKNOWN_SERVER_ERROR", false]);
  const reports = h.p.take().filter((did) => did.type === "call" && did.label === "report");
  assertEquals(reports.length, 1, "once in a while");
  h.news({ config: { ...CONFIG } });
  assertEquals(h.state.assignmentEpoch, h.state.epoch);
  h.checkFold();
});

Deno.test("an assignor that throws ends no group: who would be new is refused, as in Kafka, and members live on until it works again", () => {
  const h = two({ topics: { t: 4, u: 2 } });
  const [works, at] = [uniformAssignor.assign, uniformAssignor as { assign: unknown }];
  at.assign = () => {
    throw new Error("no way");
  };
  try {
    h.p.advance(5_000); // a target may be due again
    const refused = h.join("c");
    assertEquals([errorOf(refused), h.appended()], ["UNKNOWN_SERVER_ERROR", []]);
    assertStringIncludes(refused.errorMessage!, "no way");
    assertEquals(errorOf(h.classicJoin("")), "MEMBER_ID_REQUIRED");
    assertEquals([errorOf(h.classicJoin("", {}, 3)), h.appended()], ["UNKNOWN_SERVER_ERROR", []]);
    assertEquals([h.state.epoch, h.state.state], [2, "Stable"]);
    // A member may want something else: it is told nothing wrong, and nobody gets anything else.
    assertEquals(errorOf(h.beat("a", 2, { subscribedTopicNames: ["t", "u"] })), "NONE");
    assertEquals([h.state.epoch, h.state.assignmentEpoch, h.state.state], [3, 2, "Assigning"]);
    h.topics({ t: 6, u: 2 }).p.advance(5_000); // what nobody asks for does not end it either
    assertEquals(told(h.beat("b", 2)), ["NONE", 2, null]);
    assertEquals(h.commit("b", 2, [2]), ["NONE"]);
    h.beat("b", -1);
    h.p.advance(5_000);
    assertEquals([...h.state.metadata.keys()], ["a"]);
    h.checkFold();
  } finally {
    at.assign = works;
  }
  h.p.advance(1_000);
  assertEquals(h.state.assignmentEpoch, h.state.epoch);
  assertEquals(told(h.beat("a", 2)), ["NONE", h.state.epoch, [0, 1, 2, 3, 4, 5]]);
});

Deno.test("a group that cannot have its first target does not begin, and a classic one stays as it is", () => {
  const [works, at] = [uniformAssignor.assign, uniformAssignor as { assign: unknown }];
  at.assign = () => {
    throw new Error("no way");
  };
  try {
    const h = new GroupHarness();
    assertEquals([errorOf(h.join("a")), h.appended(), h.p.state.modern], ["UNKNOWN_SERVER_ERROR", [], undefined]);
  } finally {
    at.assign = works;
  }
});

Deno.test("a member that could not be put out because nothing can be written is tried again", () => {
  const h = two({ config: { consumerSessionTimeoutMs: 6_000 } });
  h.news({ config: { ...CONFIG, maxWriteBytes: 100 } });
  h.p.advance(6_000);
  assertEquals(h.state.metadata.size, 2);
  h.news({ config: { ...CONFIG } });
  h.p.advance(500);
  assertEquals(h.state.metadata.size, 0);
});

Deno.test("a crowd that comes at once gets a target once in a while, not with each who comes", () => {
  const h = new GroupHarness({ topics: { t: 100 } });
  for (let member = 0; member < 80; member++) h.join(`m${member}`);
  assert(h.state.assignmentEpoch < h.state.epoch);
  h.p.advance(20);
  assertEquals([h.state.assignmentEpoch, h.state.state], [h.state.epoch, "Reconciling"]);
});
