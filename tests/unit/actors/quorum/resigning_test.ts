import { assertEquals } from "@std/assert";
import { asked, begin, entry, fetchOf, follow, lead } from "./harness.ts";

Deno.test("a leader hands over to the follower that is furthest, and hears when that leads", () => {
  const node = begin();
  const epoch = lead(node);
  node.p.ask("fetch", fetchOf({ epoch, replicaId: 2 }));
  node.p.ask("fetch", fetchOf({ epoch, replicaId: 3, endOffset: 2 }));
  node.p.take();
  const resigned = node.p.ask("resign", { timeoutMs: 1_000 });
  const news = { leaderId: 1, epoch, successors: [3, 2] };
  assertEquals(asked(node.p, "endEpoch").map(({ to, message }) => [to, message]), [
    ["2/quorum/quorum", news],
    ["3/quorum/quorum", news],
  ]);
  assertEquals([node.p.state.role.type, resigned.reply], ["unattached", undefined]);
  const vote = { candidateId: 3, epoch: epoch + 1, preVote: false, lastEpoch: epoch, endOffset: 2 };
  assertEquals(node.p.ask("vote", vote).reply?.granted, true, "it votes for its successor");
  node.p.tell("beginEpoch", { leaderId: 3, epoch: epoch + 1 });
  assertEquals(resigned.reply, true);
});

Deno.test("what is on its way is committed first", () => {
  const node = begin();
  const epoch = lead(node);
  node.p.ask("fetch", fetchOf({ epoch, endOffset: 2 }));
  const append = node.p.ask("append", { epoch, baseOffset: 2, records: [entry("a")] });
  node.p.ask("resign", { timeoutMs: 1_000 });
  assertEquals(node.p.state.role.type, "leader");
  assertEquals(node.p.ask("append", { epoch, baseOffset: 3, records: [entry("b")] }).reply, false, "but no more");
  node.p.ask("fetch", fetchOf({ epoch, endOffset: 3 }));
  assertEquals([append.reply, node.p.state.role.type], [true, "unattached"]);
});

Deno.test("it does not wait for ever, and never stands again", () => {
  const node = begin();
  const epoch = lead(node);
  const resigned = node.p.ask("resign", { timeoutMs: 1_000 });
  node.p.advance(499);
  assertEquals(node.p.state.role.type, "leader");
  node.p.advance(1);
  assertEquals(node.p.state.role.type, "unattached");
  node.p.advance(500);
  assertEquals(resigned.reply, false);
  node.p.take();
  node.p.advance(10_000).tell("endEpoch", { leaderId: 1, epoch, successors: [1] }).advance(10_000);
  assertEquals(asked(node.p, "vote"), []);
});

Deno.test("when nobody is there to follow it, it does not wait", () => {
  const node = begin();
  const epoch = lead(node);
  node.p.ask("fetch", fetchOf({ epoch, endOffset: 2 }));
  const resigned = node.p.ask("resign", { timeoutMs: 1_000 });
  node.p.fail("endEpoch", "unreachable");
  assertEquals(resigned.reply, undefined);
  node.p.answer("endEpoch", false);
  assertEquals(resigned.reply, false);
});

Deno.test("a follower may go at once", () => {
  const node = begin();
  follow(node);
  assertEquals(node.p.ask("resign", { timeoutMs: 1_000 }).reply, true);
});

Deno.test("the only voter ends its controller before it goes, and what that has put on its way before that", () => {
  const alone = begin({ voters: [1], state: null });
  const { epoch, log, controller } = alone.p.state;
  alone.hold();
  const append = alone.p.ask("append", { epoch, baseOffset: log.endOffset, records: [entry("a")] });
  const resigned = alone.p.ask("resign", { timeoutMs: 1_000 });
  assertEquals([append.reply, resigned.reply, alone.p.state.role.type], [undefined, undefined, "leader"]);
  alone.sync();
  assertEquals([append.reply, resigned.reply, alone.p.state.role.type], [true, false, "unattached"]);
  assertEquals(controller?.stopping, true);
  assertEquals(alone.p.ask("append", { epoch, baseOffset: log.endOffset, records: [entry("b")] }).reply, false);
  assertEquals(alone.p.ask("resign", { timeoutMs: 1_000 }).reply, false, "there is nothing left to wait for");
});

Deno.test("the first successor stands at once, the next a little later, and nobody by an old message", () => {
  const first = begin();
  follow(first);
  assertEquals(first.p.ask("endEpoch", { leaderId: 2, epoch: 1, successors: [1, 3] }).reply, true);
  assertEquals(asked(first.p, "vote").length, 2);
  const second = begin();
  follow(second);
  second.p.ask("endEpoch", { leaderId: 2, epoch: 1, successors: [3, 1] });
  assertEquals(asked(second.p.advance(99), "vote").length, 0);
  assertEquals(asked(second.p.advance(1), "vote").length, 2);
  const later = begin();
  follow(later, 2);
  later.p.ask("endEpoch", { leaderId: 2, epoch: 1, successors: [1] });
  assertEquals(later.p.state.leaderId, 2);
});
