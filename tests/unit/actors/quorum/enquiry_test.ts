import { assertEquals } from "@std/assert";
import { batchesOf, begin, fetchReplyOf, follow, voteOf } from "./harness.ts";

const UNKNOWN = { epoch: 0, leaderId: -1, formed: false };

Deno.test("a voter with a new folder neither votes nor stands before every other voter has answered", () => {
  const node = begin({ state: null });
  assertEquals(node.p.asks.filter(({ verb }) => verb === "enquire").map(({ to }) => to), [
    "2/quorum/quorum",
    "3/quorum/quorum",
  ]);
  node.p.answer("enquire", UNKNOWN);
  assertEquals(node.p.ask("vote", voteOf()).reply?.granted, false);
  assertEquals(node.p.ask("vote", voteOf({ preVote: true })).reply?.granted, false);
  node.p.advance(5_000);
  assertEquals([node.p.state.membership, node.p.state.role.type], ["enquiring", "unattached"]);
  assertEquals(node.written, [], "nothing is kept of what was heard");
  const open = node.p.asks.filter(({ verb }) => verb === "enquire");
  assertEquals(open.map(({ to }) => to), ["3/quorum/quorum"], "who has not answered is asked again");
  node.p.answer("enquire", UNKNOWN);
  assertEquals(node.p.state.membership, "voting");
  // It had heard of epoch 1 by the vote that it was asked for.
  assertEquals(node.written, [{ epoch: 1, votedFor: -1, votesFrom: 2 }]);
  assertEquals(node.p.ask("vote", voteOf()).reply?.granted, false);
  assertEquals(node.p.ask("vote", voteOf({ epoch: 2 })).reply?.granted, true);
});

Deno.test("it votes in no epoch that any other voter has heard of", () => {
  const node = begin({ state: null });
  node.p.answer("enquire", { epoch: 4, leaderId: -1, formed: false });
  node.p.answer("enquire", { epoch: 7, leaderId: -1, formed: false });
  assertEquals(node.written, [{ epoch: 7, votedFor: -1, votesFrom: 8 }]);
  assertEquals(node.p.ask("vote", voteOf({ epoch: 7 })).reply?.granted, false);
  assertEquals(node.p.ask("vote", voteOf({ epoch: 8 })).reply?.granted, true);
});

Deno.test("in a cluster that has something to lose it catches up with a leader first", () => {
  const node = begin({ state: null });
  node.p.answer("enquire", { epoch: 3, leaderId: 2, formed: true });
  assertEquals(node.p.state.leaderId, 2);
  const early = node.p.asks.find(({ verb }) => verb === "fetch")!;
  assertEquals((early.message as { votes: boolean }).votes, false, "what it has counts for nothing yet");
  node.p.answer("enquire", { epoch: 3, leaderId: 2, formed: false });
  assertEquals([node.p.state.membership, node.written], ["catchingUp", []]);
  const reply = fetchReplyOf({ epoch: 3, highWatermark: 1 });
  node.p.answer(early, { ...reply, records: batchesOf([3]) });
  assertEquals(node.p.state.membership, "catchingUp", "there may be more");
  assertEquals(
    node.p.ask("vote", voteOf({ epoch: 4, lastEpoch: 3, endOffset: 9, preVote: true })).reply?.granted,
    false,
  );
  const late = node.p.asks.find(({ verb }) => verb === "fetch")!;
  assertEquals(late.message as { votes: boolean; waitMs: number }, {
    ...late.message as object,
    votes: true,
    waitMs: 0,
  });
  node.p.answer(late, reply);
  assertEquals([node.p.state.membership, node.p.state.role.type], ["voting", "follower"]);
  assertEquals(node.written, [{ epoch: 3, votedFor: -1, votesFrom: 4 }]);
});

Deno.test("it does not take the word of a leader that is behind what it has heard", () => {
  const node = begin({ state: null });
  follow(node, 2);
  node.p.answer("enquire", { epoch: 5, leaderId: -1, formed: true });
  node.p.answer("enquire", { epoch: 2, leaderId: 2, formed: true });
  for (const question of node.p.asks.filter(({ verb }) => verb === "fetch")) {
    node.p.answer(question, fetchReplyOf({ epoch: 2 }));
  }
  assertEquals([node.p.state.epoch, node.p.state.membership], [5, "catchingUp"]);
});

Deno.test("a crash on the way begins it all again", () => {
  const node = begin({ state: null });
  node.p.answer("enquire", { ...UNKNOWN, formed: true });
  node.p.answer("enquire", UNKNOWN);
  node.p.kill().advance(50);
  assertEquals([node.p.state.membership, node.p.state.heard.size], ["enquiring", 0]);
});

Deno.test("who is asked says its epoch, whom it follows, and whether there may be something to lose", () => {
  const fresh = begin({ state: null });
  assertEquals(fresh.p.ask("enquire", { replicaId: 3 }).reply, UNKNOWN);
  const voted = begin({ state: { epoch: 4 } });
  follow(voted, 4);
  assertEquals(voted.p.ask("enquire", { replicaId: 3 }).reply, { epoch: 4, leaderId: 2, formed: false });
  const full = begin({ state: { epoch: 4 }, log: [4] });
  assertEquals(full.p.ask("enquire", { replicaId: 3 }).reply, { epoch: 4, leaderId: -1, formed: true });
  const known = begin({ state: { epoch: 4 } });
  known.folder.claim("c");
  assertEquals(known.p.ask("enquire", { replicaId: 3 }).reply?.formed, true);
});

Deno.test("who enquires is there, so it is asked at once", () => {
  const node = begin({ state: null });
  node.p.take();
  node.p.ask("enquire", { replicaId: 3 });
  assertEquals(node.p.take().filter(({ type }) => type === "ask").map((done) => (done as { to: string }).to), [
    "3/quorum/quorum",
  ]);
});

Deno.test("an operator is told whom a new voter waits for", () => {
  const reports: string[] = [];
  const node = begin({ state: null, deps: { report: (sentence) => void reports.push(sentence) } });
  node.p.answer("enquire", UNKNOWN);
  node.p.advance(2_500);
  assertEquals(reports, []);
  node.p.advance(2_000);
  assertEquals(reports, ["The folder of node 1 is new: it votes when these have answered too: 3."]);
});
