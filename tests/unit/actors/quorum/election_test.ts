import { assertEquals } from "@std/assert";
import { asked, begin, fetchOf, follow, lead, voteOf } from "./harness.ts";

Deno.test("a vote is given once per epoch, and written down before it is told", () => {
  const node = begin({ voters: [1, 2, 3] });
  assertEquals(node.p.ask("vote", voteOf({ candidateId: 2 })).reply, { granted: true, epoch: 1, leaderId: -1 });
  assertEquals(node.written, [{ epoch: 1, votedFor: 2, votesFrom: 0 }]);
  assertEquals(node.p.ask("vote", voteOf({ candidateId: 3 })).reply?.granted, false);
  assertEquals(node.p.ask("vote", voteOf({ candidateId: 2 })).reply?.granted, true, "asked again, it says the same");
  assertEquals(node.p.ask("vote", voteOf({ candidateId: 3, epoch: 2 })).reply?.granted, true);
  assertEquals(node.p.ask("vote", voteOf({ candidateId: 2, epoch: 1 })).reply, {
    granted: false,
    epoch: 2,
    leaderId: -1,
  });
  assertEquals(node.written.map(({ epoch, votedFor }) => [epoch, votedFor]), [[1, 2], [2, 3]]);
});

Deno.test("who follows a leader votes for nobody in its epoch, though it has voted for nobody", () => {
  const node = begin();
  follow(node);
  assertEquals(node.p.ask("vote", voteOf({ candidateId: 3, endOffset: 9, lastEpoch: 1 })).reply, {
    granted: false,
    epoch: 1,
    leaderId: 2,
  });
  assertEquals(node.p.state.leaderId, 2);
});

Deno.test("a vote outlives the actor", () => {
  const node = begin();
  node.p.ask("vote", voteOf({ candidateId: 2 }));
  node.p.kill().advance(100);
  assertEquals(node.p.restarts, 1);
  assertEquals(node.p.ask("vote", voteOf({ candidateId: 3 })).reply?.granted, false);
  assertEquals(node.p.ask("vote", voteOf({ candidateId: 2 })).reply?.granted, true);
});

Deno.test("only a log that has everything is voted for; the epoch is entered all the same", () => {
  const node = begin({ state: { epoch: 3 }, log: [1, 3] });
  assertEquals(node.p.ask("vote", voteOf({ epoch: 4, lastEpoch: 2, endOffset: 9 })).reply, {
    granted: false,
    epoch: 4,
    leaderId: -1,
  });
  assertEquals(node.written, [{ epoch: 4, votedFor: -1, votesFrom: 0 }]);
  assertEquals(node.p.ask("vote", voteOf({ epoch: 4, lastEpoch: 3, endOffset: 1 })).reply?.granted, false);
  assertEquals(
    node.p.ask("vote", voteOf({ epoch: 4, lastEpoch: 3, endOffset: 2, candidateId: 3 })).reply?.granted,
    true,
  );
});

Deno.test("nobody votes for a node that is no voter, or in an epoch that may be forgotten", () => {
  const node = begin({ state: { epoch: 2, votesFrom: 3 } });
  assertEquals(node.p.ask("vote", voteOf({ candidateId: 7, epoch: 9 })).reply?.granted, false);
  assertEquals(node.p.state.epoch, 2);
  assertEquals(node.p.ask("vote", voteOf({ epoch: 2 })).reply?.granted, false);
  assertEquals(node.p.ask("vote", voteOf({ epoch: 3 })).reply?.granted, true);
});

Deno.test("a pre-vote changes nothing, and is refused by whoever hears a leader", () => {
  const node = begin({ state: { epoch: 2 }, log: [2] });
  const preVote = voteOf({ preVote: true, epoch: 2, lastEpoch: 2, endOffset: 1 });
  const yes = { granted: true, epoch: 2, leaderId: -1 };
  assertEquals(node.p.ask("vote", preVote).reply, yes);
  assertEquals(node.p.ask("vote", { ...preVote, candidateId: 3 }).reply, yes);
  assertEquals(node.p.ask("vote", { ...preVote, epoch: 7 }).reply, yes);
  assertEquals(node.p.ask("vote", { ...preVote, epoch: 1 }).reply?.granted, false);
  assertEquals(node.p.ask("vote", { ...preVote, endOffset: 0, lastEpoch: -1 }).reply?.granted, false);
  assertEquals(node.written, []);
  follow(node, 2);
  assertEquals(node.p.ask("vote", { ...preVote, candidateId: 3 }).reply, { granted: false, epoch: 2, leaderId: 2 });
});

Deno.test("a leader refuses pre-votes, too", () => {
  const node = begin();
  const epoch = lead(node);
  assertEquals(node.p.state.role.type, "leader");
  const preVote = voteOf({ preVote: true, epoch, lastEpoch: 9, endOffset: 9, candidateId: 3 });
  assertEquals(node.p.ask("vote", preVote).reply, { granted: false, epoch, leaderId: 1 });
});

Deno.test("who stands asks first without leaving a trace, then in earnest in the next epoch", () => {
  const node = begin({ state: { epoch: 4 }, log: [2, 4] });
  node.p.advance(15);
  const ends = { lastEpoch: 4, endOffset: 2 };
  const message = { candidateId: 1, epoch: 4, preVote: true, ...ends };
  assertEquals(asked(node.p, "vote").map(({ to, message }) => [to, message]), [
    ["2/quorum/quorum", message],
    ["3/quorum/quorum", message],
  ]);
  assertEquals([node.p.state.role.type, node.written], ["prospective", []]);
  node.p.answer("vote", { granted: true, epoch: 4, leaderId: -1 });
  assertEquals([node.p.state.role.type, node.written], ["candidate", [{ epoch: 5, votedFor: 1, votesFrom: 0 }]]);
  const real = { candidateId: 1, epoch: 5, preVote: false, ...ends };
  assertEquals(asked(node.p, "vote").map(({ message }) => message), [real, real]);
  const last = node.p.asks.at(-1)!;
  node.p.answer(last, { granted: true, epoch: 5, leaderId: -1 });
  assertEquals([node.p.state.role.type, node.p.state.leaderId], ["leader", 1]);
});

Deno.test("a vote of a former campaign does not count", () => {
  const node = begin();
  node.p.tell("tick", "stand");
  const [first, second] = node.p.asks.filter(({ verb }) => verb === "vote");
  node.p.answer(first!, { granted: true, epoch: 0, leaderId: -1 });
  assertEquals(node.p.state.role.type, "candidate");
  node.p.answer(second!, { granted: true, epoch: 0, leaderId: -1 });
  assertEquals(node.p.state.role.type, "candidate", "that was for the pre-vote");
});

Deno.test("three of five are a majority, two are not", () => {
  const node = begin({ voters: [1, 2, 3, 4, 5] });
  node.p.tell("tick", "stand");
  node.p.answer("vote", { granted: true, epoch: 0, leaderId: -1 });
  assertEquals(node.p.state.role.type, "prospective");
  node.p.answer("vote", { granted: true, epoch: 0, leaderId: -1 });
  assertEquals(node.p.state.role.type, "candidate");
});

Deno.test("who has not answered is asked again; who is refused by most tries again later", () => {
  const node = begin();
  node.p.tell("tick", "stand").take();
  node.p.advance(100);
  assertEquals(asked(node.p, "vote").length, 2);
  node.p.answer("vote", { granted: false, epoch: 0, leaderId: -1 });
  node.p.answer(node.p.asks.find(({ to }) => to.startsWith("3/"))!, { granted: false, epoch: 0, leaderId: -1 });
  assertEquals(node.p.state.role.type, "unattached");
  node.p.take();
  node.p.advance(40);
  assertEquals([node.p.state.role.type, asked(node.p, "vote").length], ["prospective", 2]);
});

Deno.test("an answer that names a leader, or a later epoch, ends a campaign", () => {
  const node = begin();
  node.p.tell("tick", "stand");
  node.p.answer("vote", { granted: false, epoch: 0, leaderId: 3 });
  assertEquals([node.p.state.role.type, node.p.state.leaderId], ["follower", 3]);

  const other = begin();
  other.p.tell("tick", "stand");
  other.p.answer("vote", { granted: false, epoch: 6, leaderId: -1 });
  assertEquals([other.p.state.role.type, other.p.state.epoch], ["unattached", 6]);
  assertEquals(other.written, [{ epoch: 6, votedFor: -1, votesFrom: 0 }]);
});

Deno.test("of two that stand at the same time, one lets the other try", () => {
  const granted = { granted: true, epoch: 0, leaderId: -1 };
  const lower = begin({ nodeId: 1 });
  lower.p.tell("tick", "stand");
  assertEquals(lower.p.ask("vote", voteOf({ candidateId: 2, epoch: 0, preVote: true })).reply, granted);
  assertEquals(lower.p.state.role.type, "prospective");
  const higher = begin({ nodeId: 3 });
  higher.p.tell("tick", "stand");
  assertEquals(higher.p.ask("vote", voteOf({ candidateId: 2, epoch: 0, preVote: true })).reply, granted);
  assertEquals(higher.p.state.role.type, "unattached");
  higher.p.take();
  assertEquals(asked(higher.p.advance(99), "vote").length, 0);
  assertEquals(asked(higher.p.advance(16), "vote").length, 2, "but not for ever");
});

Deno.test("a follower whose leader's process is gone stands at once, whatever others still think of that leader", () => {
  const node = begin();
  follow(node);
  assertEquals(node.p.take().filter(({ type }) => type === "watch"), [{ type: "watch", ref: "2/quorum/quorum" }]);
  node.p.terminate("2/quorum/quorum");
  assertEquals([node.p.state.role.type, node.p.state.leaderId], ["unattached", -1]);
  node.p.advance(15);
  assertEquals(asked(node.p, "vote").length, 2);
  node.p.answer(node.p.asks.find(({ to, verb }) => verb === "vote" && to.startsWith("3/"))!, {
    granted: false,
    epoch: 1,
    leaderId: 2,
  });
  assertEquals(node.p.state.leaderId, -1, "node 3 has not noticed yet");
  follow(node);
  assertEquals(node.p.state.leaderId, 2, "its own word counts");
});

Deno.test("a follower that hears nothing gives its leader up after the fetch timeout", () => {
  const node = begin();
  follow(node);
  node.p.advance(999);
  assertEquals(node.p.state.leaderId, 2);
  node.p.advance(252);
  assertEquals(node.p.state.leaderId, -1);
  node.p.advance(15);
  assertEquals(node.p.state.role.type, "prospective");
});

Deno.test("a leader that restarts never leads its epoch again", () => {
  const node = begin();
  const epoch = lead(node);
  node.p.kill().advance(100);
  assertEquals(node.p.state.epoch, epoch);
  assertEquals(node.p.state.role.type, "prospective");
  assertEquals(node.p.ask("fetch", fetchOf({ epoch })).reply?.error, "NOT_LEADER_OR_FOLLOWER");
  assertEquals(lead(node), epoch + 1);
});

Deno.test("the only voter leads as soon as it is started, with nobody asked", () => {
  const { p, written, formed } = begin({ voters: [1], state: null });
  assertEquals(p.state.role.type, "leader");
  assertEquals(written, [{ epoch: 1, votedFor: 1, votesFrom: 1 }]);
  assertEquals(p.state.highWatermark, 2);
  assertEquals(formed, [p.state.image.clusterId]);
  assertEquals(p.asks, []);
  assertEquals(p.take().filter(({ type }) => type === "spawn").length, 1);
});

Deno.test("two leaders in one epoch are a bug that ends the actor", () => {
  const node = begin();
  follow(node);
  node.p.tell("beginEpoch", { leaderId: 3, epoch: 1 });
  assertEquals(node.p.crash?.name, "AssertionError");
});
