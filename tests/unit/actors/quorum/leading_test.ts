import { assert, assertEquals } from "@std/assert";
import { batches } from "../../../../protocol/batch.ts";
import { decodeMetadata } from "../../../../actors/quorum/log.ts";
import type { QuorumFetchReply } from "../../../../actors/quorum/protocol.ts";
import { asked, begin, entry, fetchOf, lead, type Node } from "./harness.ts";

/** A leader whose first batch, of two records, node 2 has. */
function leaderOf(beginning: Parameters<typeof begin>[0] = {}): { node: Node; epoch: number } {
  const node = begin(beginning);
  const epoch = lead(node);
  return { node, epoch };
}

function offsetsOf(reply: QuorumFetchReply | undefined): number[] {
  return [...batches(reply!.records)].map(({ baseOffset }) => baseOffset);
}

Deno.test("the first leader begins with its name and the cluster's, in one batch of its epoch", () => {
  const { node, epoch } = leaderOf();
  const { records, error } = node.p.ask("fetch", fetchOf()).reply!;
  assertEquals([error, [...batches(records)].map(({ partitionLeaderEpoch }) => partitionLeaderEpoch)], ["NONE", [
    epoch,
  ]]);
  const [first, second] = decodeMetadata(records);
  assertEquals(first, { type: "QuorumLeader", leaderId: 1, epoch, voters: [1, 2, 3] });
  assertEquals(second?.type, "Cluster");
  const later = leaderOf({ state: { epoch: 3 }, log: [3] });
  const reply = later.node.p.ask("fetch", fetchOf({ epoch: 4, endOffset: 1, lastEpoch: 3 })).reply!;
  assertEquals(decodeMetadata(reply.records).map(({ type }) => type), ["QuorumLeader"]);
});

Deno.test("the cluster keeps the id that the folder has", () => {
  const node = begin({ voters: [1], state: null, deps: {} });
  const { clusterId } = node.p.state.image;
  const other = begin();
  other.folder.claim("chosen");
  lead(other);
  assertEquals(clusterId.length, 22);
  const { records } = other.p.ask("fetch", fetchOf()).reply!;
  assertEquals(decodeMetadata(records)[1], { type: "Cluster", clusterId: "chosen" });
});

Deno.test("nothing is committed before a majority has it on disk, the leader included", () => {
  const node = begin();
  node.hold();
  lead(node);
  assertEquals(node.p.state.highWatermark, 0);
  assertEquals(node.p.ask("fetch", fetchOf({ endOffset: 2 })).reply?.highWatermark, 0, "one of three has synced");
  assertEquals(node.formed, []);
  node.sync();
  assertEquals(node.p.state.highWatermark, 2);
  assertEquals(node.formed, [node.p.state.image.clusterId]);

  const two = begin({ voters: [1, 2, 3, 4, 5] });
  lead(two, [2, 3]);
  assertEquals(two.p.ask("fetch", fetchOf({ endOffset: 2 })).reply?.highWatermark, 0);
  assertEquals(two.p.ask("fetch", fetchOf({ replicaId: 3, endOffset: 2 })).reply?.highWatermark, 2);
});

Deno.test("records of former epochs are committed by one of the leader's own epoch only", () => {
  const { node, epoch } = leaderOf({ state: { epoch: 5 }, log: [2, 5] });
  const reply = node.p.ask("fetch", fetchOf({ epoch, endOffset: 2, lastEpoch: 5 })).reply!;
  assertEquals([offsetsOf(reply), reply.highWatermark], [[2], 0], "a majority has 0 and 1, but another may yet lead");
  assertEquals(node.p.ask("fetch", fetchOf({ epoch, endOffset: 3 })).reply?.highWatermark, 3);
});

Deno.test("observers, and voters that may have forgotten a vote, count for nothing", () => {
  const { node, epoch } = leaderOf();
  assertEquals(node.p.ask("fetch", fetchOf({ epoch, replicaId: 7, endOffset: 2 })).reply?.highWatermark, 0);
  assertEquals(
    node.p.ask("fetch", fetchOf({ epoch, replicaId: 3, endOffset: 2, votes: false })).reply?.highWatermark,
    0,
  );
  const { voters, observers } = node.p.ask("describe", undefined).reply!;
  assertEquals(voters.map(({ endOffset }) => endOffset), [2, -1, 2]);
  assertEquals(observers.map(({ replicaId, endOffset }) => [replicaId, endOffset]), [[7, 2]]);
});

Deno.test("a fetch of another epoch is refused, and a later one ends the leadership", () => {
  const { node, epoch } = leaderOf({ state: { epoch: 4 } });
  const refused = node.p.ask("fetch", fetchOf({ epoch: epoch - 1, endOffset: 2, lastEpoch: epoch })).reply!;
  assertEquals([refused.error, refused.epoch, refused.leaderId], ["FENCED_LEADER_EPOCH", epoch, 1]);
  assertEquals(node.p.state.highWatermark, 0, "and it counts for nothing");
  const later = node.p.ask("fetch", fetchOf({ epoch: epoch + 1 })).reply!;
  assertEquals([later.error, later.epoch, later.leaderId], ["NOT_LEADER_OR_FOLLOWER", epoch + 1, -1]);
  assertEquals(node.written.at(-1), { epoch: epoch + 1, votedFor: -1, votesFrom: 0 });
});

Deno.test("a fetch waits until there is something to tell, or its time is over", () => {
  const { node, epoch } = leaderOf();
  const waiting = node.p.ask("fetch", fetchOf({ epoch, endOffset: 2, highWatermark: 2, waitMs: 250 }));
  assertEquals(waiting.reply, undefined);
  node.p.advance(249);
  assertEquals(waiting.reply, undefined);
  node.p.advance(1);
  assertEquals([offsetsOf(waiting.reply), waiting.reply?.highWatermark], [[], 2]);

  const third = node.p.ask("fetch", fetchOf({ epoch, replicaId: 3, endOffset: 2, highWatermark: 2, waitMs: 250 }));
  const second = node.p.ask("fetch", fetchOf({ epoch, endOffset: 2, highWatermark: 2, waitMs: 250 }));
  node.p.ask("append", { epoch, baseOffset: 2, records: [entry("a"), entry("b")] });
  assertEquals([offsetsOf(second.reply), offsetsOf(third.reply)], [[2], [2]]);
  const caughtUp = node.p.ask("fetch", fetchOf({ epoch, replicaId: 3, endOffset: 4, highWatermark: 2, waitMs: 250 }));
  assertEquals(caughtUp.reply?.highWatermark, 4, "its own fetch has committed it");
  const next = node.p.ask("fetch", fetchOf({ epoch, endOffset: 4, highWatermark: 4, waitMs: 250 }));
  const replacing = node.p.ask("fetch", fetchOf({ epoch, endOffset: 4, highWatermark: 4, waitMs: 250 }));
  assertEquals([next.reply?.error, replacing.reply], ["NONE", undefined], "the newer one takes its place");
});

Deno.test("whoever waits for records hears of a newer high watermark, and of the end of the leadership", () => {
  const { node, epoch } = leaderOf();
  const third = node.p.ask("fetch", fetchOf({ epoch, replicaId: 3, endOffset: 2, highWatermark: 0, waitMs: 250 }));
  assertEquals(third.reply?.highWatermark, 2);
  const again = node.p.ask("fetch", fetchOf({ epoch, replicaId: 3, endOffset: 2, highWatermark: 2, waitMs: 250 }));
  node.p.tell("beginEpoch", { leaderId: 2, epoch: epoch + 1 });
  assertEquals([again.reply?.error, again.reply?.epoch], ["NOT_LEADER_OR_FOLLOWER", epoch + 1]);
});

Deno.test("an append is answered when it is committed, and refused once it may not be", () => {
  const { node, epoch } = leaderOf();
  node.p.ask("fetch", fetchOf({ epoch, endOffset: 2 }));
  const first = node.p.ask("append", { epoch, baseOffset: 2, records: [entry("a")] });
  const second = node.p.ask("append", { epoch, baseOffset: 3, records: [entry("b"), entry("c")] });
  node.p.ask("fetch", fetchOf({ epoch, endOffset: 3 }));
  assertEquals([first.reply, second.reply], [true, undefined]);
  node.p.tell("beginEpoch", { leaderId: 2, epoch: epoch + 1 });
  assertEquals(second.reply, false);
  assertEquals(node.p.ask("append", { epoch, baseOffset: 5, records: [entry("d")] }).reply, false);
});

Deno.test("an append that does not go on where the log ends, or is of another epoch, is refused", () => {
  const { node, epoch } = leaderOf();
  node.p.ask("fetch", fetchOf({ epoch, endOffset: 2 }));
  for (const [of, baseOffset] of [[epoch, 1], [epoch, 3], [epoch - 1, 2], [epoch + 1, 2]] as const) {
    assertEquals(node.p.ask("append", { epoch: of, baseOffset, records: [entry("a")] }).reply, false);
  }
  assertEquals(node.p.state.log.endOffset, 2);
});

Deno.test("voters that do not fetch are told who leads until they do", () => {
  const { node, epoch } = leaderOf();
  const told = asked(node.p, "beginEpoch");
  assertEquals(told.map(({ to, message }) => [to, message]), [
    ["2/quorum/quorum", { leaderId: 1, epoch }],
    ["3/quorum/quorum", { leaderId: 1, epoch }],
  ]);
  node.p.ask("fetch", fetchOf({ epoch }));
  node.p.take();
  node.p.advance(250);
  assertEquals(asked(node.p, "beginEpoch").map(({ to }) => to), ["3/quorum/quorum"]);
  node.p.answer("beginEpoch", { epoch: epoch + 3 });
  assertEquals([node.p.state.role.type, node.p.state.epoch], ["unattached", epoch + 3]);
});

Deno.test("a leader that a majority does not fetch from resigns, one that it does stays", () => {
  const { node, epoch } = leaderOf();
  node.p.advance(1_400);
  assertEquals(node.p.state.role.type, "leader");
  node.p.advance(200);
  assertEquals([node.p.state.role.type, node.p.state.epoch, node.p.state.leaderId], ["unattached", epoch, -1]);

  const busy = leaderOf();
  for (let at = 0; at < 30; at++) {
    busy.node.p.advance(200);
    busy.node.p.ask("fetch", fetchOf({ epoch: busy.epoch, replicaId: 2 + at % 2, endOffset: 2 }));
  }
  assertEquals(busy.node.p.state.role.type, "leader");
});

Deno.test("where logs part, the follower is told; its fetch counts for nothing", () => {
  const { node, epoch } = leaderOf({ state: { epoch: 5 }, log: [2, 4] });
  const { divergingEpoch, records, highWatermark } = node.p.ask("fetch", fetchOf({ epoch, endOffset: 9, lastEpoch: 3 }))
    .reply!;
  assertEquals([divergingEpoch, records.length, highWatermark], [{ epoch: 2, endOffset: 1 }, 0, 0]);
  const again = node.p.ask("fetch", fetchOf({ epoch, endOffset: 1, lastEpoch: 2 })).reply!;
  assertEquals([again.divergingEpoch, offsetsOf(again)], [null, [1, 2]]);
});

Deno.test("a full disk refuses an append and harms nothing", () => {
  const { node, epoch } = leaderOf();
  node.p.ask("fetch", fetchOf({ epoch, endOffset: 2 }));
  const { log } = node.p.state;
  const append = log.append.bind(log);
  log.append = () => {
    throw Object.assign(new Error("full"), { code: "ENOSPC" });
  };
  assertEquals(node.p.ask("append", { epoch, baseOffset: 2, records: [entry("a")] }).reply, false);
  log.append = append;
  const later = node.p.ask("append", { epoch, baseOffset: 2, records: [entry("a")] });
  assertEquals([later.answer, node.p.restarts], [undefined, 0]);
  assert(node.p.state.log.endOffset === 3);
});

Deno.test("a leader that cannot write its first record lets others lead", () => {
  const node = begin();
  node.p.state.log.append = () => {
    throw Object.assign(new Error("full"), { code: "ENOSPC" });
  };
  const epoch = lead(node);
  assertEquals([node.p.state.role.type, node.p.state.epoch, node.p.restarts], ["unattached", epoch, 0]);
  assertEquals(asked(node.p, "beginEpoch"), []);
  assertEquals(asked(node.p.advance(1_999), "vote"), []);
  assertEquals(asked(node.p.advance(1), "vote").length, 2);
});
