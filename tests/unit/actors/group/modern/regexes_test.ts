import { assertEquals } from "@std/assert";
import { GroupHarness, idOf } from "./harness.ts";

const TOPICS = { "a-1": 1, "a-2": 1, b: 1, __consumer_offsets: 1 };

function topicsOf(reply: ReturnType<GroupHarness["join"]>): string[] | undefined {
  return reply.assignment?.topicPartitions.map(({ topicId }) => topicId.replace(/-*A$/, ""));
}

function joined(h: GroupHarness, memberId: string, subscribedTopicRegex: string, names: string[] = []) {
  return topicsOf(h.join(memberId, { subscribedTopicRegex, subscribedTopicNames: names }));
}

Deno.test("an expression is tried at once on all names, whole, and never means what is internal", () => {
  const h = new GroupHarness({ topics: TOPICS });
  assertEquals(joined(h, "a", "a-.|b"), ["a-1", "a-2", "b"]);
  assertEquals(h.appended().map(({ type }) => type), ["member", "group", "regex", "target", "targetEpoch", "current"]);
  assertEquals([...h.state.regexes].map(([regex, { topics }]) => [regex, topics]), [["a-.|b", ["a-1", "a-2", "b"]]]);
  assertEquals(joined(new GroupHarness({ topics: TOPICS }), "a", ".*"), ["a-1", "a-2", "b"]);
  assertEquals(joined(new GroupHarness({ topics: TOPICS }), "a", "a"), []);
  assertEquals(joined(new GroupHarness({ topics: TOPICS }), "a", "a-1", ["b"]), ["a-1", "b"], "and names beside it");
  assertEquals([h.state.isSubscribedTo("b"), h.state.isSubscribedTo("c")], [true, false]);
  h.checkFold();
});

Deno.test("new topics are looked at, but not more often than every 10 s", () => {
  const h = new GroupHarness({ topics: TOPICS });
  joined(h, "a", "a-.");
  h.topics({ ...TOPICS, "a-3": 1 });
  assertEquals(h.state.epoch, 2, "the first time at once");
  h.topics({ ...TOPICS, "a-3": 1, "a-4": 1 });
  assertEquals(h.state.epoch, 2);
  h.p.advance(9_999);
  h.beat("a", 1);
  assertEquals(h.state.epoch, 2);
  h.p.advance(1);
  assertEquals(h.state.epoch, 3, "nobody had to ask for it");
  assertEquals(h.state.regexes.get("a-.")!.topics, ["a-1", "a-2", "a-3", "a-4"]);
  assertEquals(h.state.target("a").has(idOf("a-4")), true);
});

Deno.test("an expression that nobody names any more is forgotten", () => {
  const h = new GroupHarness({ topics: TOPICS });
  joined(h, "a", "a-.");
  joined(h, "b", "a-.");
  h.beat("a", -1);
  assertEquals(h.state.regexes.size, 1);
  h.beat("b", h.state.current("b").epoch, { subscribedTopicRegex: "b" });
  assertEquals([...h.state.regexes.keys()], ["b"]);
  h.beat("b", h.state.current("b").epoch, { subscribedTopicRegex: "" });
  assertEquals([h.state.regexes.size, h.state.metadata.get("b")!.subscribedTopicRegex], [0, null]);
  h.checkFold();
});

Deno.test("a group that is loaded looks at its expressions again", () => {
  const h = new GroupHarness({ topics: TOPICS });
  joined(h, "a", "a-.");
  const other = new GroupHarness({ topics: { ...TOPICS, "a-9": 1 }, records: h.state.records() });
  other.beat("a", 1);
  assertEquals([other.state.epoch, other.state.regexes.get("a-.")!.topics], [2, ["a-1", "a-2", "a-9"]]);
});
