import { assertEquals } from "@std/assert";
import { refOf } from "../../../../actors/address.ts";
import type { QuorumFetch } from "../../../../actors/quorum/protocol.ts";
import { encodeSnapshot } from "../../../../actors/quorum/snapshots.ts";
import { emptyImage, replay } from "../../../../actors/controller/protocol.ts";
import { asked, batchesOf, begin, entry, fetchReplyOf, follow, type Node } from "./harness.ts";

/** The fetches that wait for an answer. */
function fetches({ p }: Node): QuorumFetch[] {
  return p.asks.filter(({ verb }) => verb === "fetch").map(({ message }) => message as QuorumFetch);
}

Deno.test("a follower fetches from its leader, one question at a time, and appends what comes", () => {
  const node = begin();
  follow(node);
  assertEquals(asked(node.p, "fetch"), [{
    type: "ask",
    verb: "fetch",
    to: refOf(2, "quorum", "quorum"),
    message: {
      replicaId: 1,
      epoch: 1,
      lastEpoch: -1,
      endOffset: 0,
      votes: true,
      highWatermark: 0,
      maxBytes: 1 << 20,
      waitMs: 250,
    },
  } as { to: string; message: unknown }]);
  assertEquals(node.written, [{ epoch: 1, votedFor: -1, votesFrom: 0 }], "the epoch is durable before it is told");
  node.p.answer("fetch", fetchReplyOf({ records: batchesOf([1, 1]), highWatermark: 1 }));
  assertEquals([node.p.state.log.endOffset, node.p.state.highWatermark, node.p.state.image.offset], [2, 1, 1]);
  assertEquals(fetches(node).map(({ endOffset, lastEpoch, highWatermark }) => [endOffset, lastEpoch, highWatermark]), [
    [2, 1, 1],
  ]);
  node.p.tell("tick", "fetch");
  assertEquals(fetches(node).length, 1);
});

Deno.test("what is said to be there has been synced", () => {
  const node = begin();
  follow(node);
  node.hold();
  node.p.answer("fetch", fetchReplyOf({ records: batchesOf([1]) }));
  assertEquals(fetches(node), []);
  node.p.tell("beginEpoch", { leaderId: 2, epoch: 1 });
  node.p.advance(300);
  assertEquals(fetches(node), []);
  node.sync();
  assertEquals(fetches(node).map(({ endOffset }) => endOffset), [1]);
});

Deno.test("only the answer to the newest question counts", () => {
  const node = begin();
  follow(node);
  const [old] = node.p.asks.filter(({ verb }) => verb === "fetch");
  follow(node, 2);
  node.p.answer(old!, fetchReplyOf({ records: batchesOf([1]) }));
  assertEquals(node.p.state.log.endOffset, 0);
  node.p.terminate("2/quorum/quorum");
  const [former] = node.p.asks.filter(({ verb }) => verb === "fetch");
  follow(node, 2);
  node.p.answer(former!, fetchReplyOf({ epoch: 2, records: batchesOf([2]) }));
  assertEquals(node.p.state.log.endOffset, 0, "it follows the same leader anew");
  const newest = node.p.asks.findLast(({ verb }) => verb === "fetch")!;
  node.p.answer(newest, fetchReplyOf({ epoch: 2, records: batchesOf([2]) }));
  assertEquals(node.p.state.log.endOffset, 1);
});

Deno.test("a question that is lost is put again before the leader is given up", () => {
  const node = begin();
  follow(node);
  assertEquals(asked(node.p, "fetch").length, 1);
  assertEquals(asked(node.p.advance(401), "fetch").length, 1);
  assertEquals(asked(node.p.advance(401), "fetch").length, 1);
  assertEquals(node.p.state.leaderId, 2);
  node.p.fail("fetch", "crashed");
  assertEquals(fetches(node), []);
  assertEquals(asked(node.p.advance(20), "fetch").length, 1);
});

Deno.test("where the logs part the follower cuts, and asks again from there; nothing of that is committed", () => {
  const node = begin({ state: { epoch: 6 }, log: [1, 1, 4, 4] });
  follow(node, 6);
  node.p.answer("fetch", fetchReplyOf({ epoch: 6, divergingEpoch: { epoch: 3, endOffset: 9 }, highWatermark: 9 }));
  assertEquals([node.p.state.log.endOffset, node.p.state.highWatermark], [2, 0]);
  assertEquals(fetches(node).map(({ endOffset, lastEpoch }) => [endOffset, lastEpoch]), [[2, 1]]);
});

Deno.test("nothing that is committed is ever cut", () => {
  const node = begin({ state: { epoch: 6 }, log: [1, 1, 4] });
  follow(node, 6);
  node.p.answer("fetch", fetchReplyOf({ epoch: 6, highWatermark: 3 }));
  assertEquals(node.p.state.highWatermark, 3);
  node.p.answer("fetch", fetchReplyOf({ epoch: 6, divergingEpoch: { epoch: 1, endOffset: 2 } }));
  assertEquals(node.p.crash?.message, "2 to 3 is committed and cannot be cut");
  assertEquals(node.p.advance(100).state.log.endOffset, 3);
});

Deno.test("the high watermark never falls, and never passes the end of the log", () => {
  const node = begin();
  follow(node);
  node.p.answer("fetch", fetchReplyOf({ records: batchesOf([1, 1]), highWatermark: 7 }));
  assertEquals(node.p.state.highWatermark, 2);
  node.p.answer("fetch", fetchReplyOf({ highWatermark: 1 }));
  assertEquals(node.p.state.highWatermark, 2);
});

Deno.test("damaged records are not appended, but fetched again", () => {
  const node = begin();
  follow(node);
  const records = batchesOf([1]);
  records[records.length - 1]! ^= 1;
  node.p.answer("fetch", fetchReplyOf({ records }));
  assertEquals([node.p.state.log.endOffset, node.p.restarts, fetches(node)], [0, 0, []]);
  assertEquals(fetches({ ...node, p: node.p.advance(20) }).length, 1);
});

Deno.test("a leader that says it is none any more is given up; another that it names is followed", () => {
  const node = begin();
  follow(node);
  node.p.answer("fetch", fetchReplyOf({ error: "NOT_LEADER_OR_FOLLOWER", leaderId: -1 }));
  assertEquals([node.p.state.role.type, node.p.state.leaderId], ["unattached", -1]);
  follow(node, 2);
  node.p.answer(
    node.p.asks.findLast(({ verb }) => verb === "fetch")!,
    fetchReplyOf({ error: "NOT_LEADER_OR_FOLLOWER", epoch: 3, leaderId: 3 }),
  );
  assertEquals([node.p.state.epoch, node.p.state.leaderId], [3, 3]);
  assertEquals(node.written.at(-1)?.epoch, 3);
});

Deno.test("an observer finds the leader by asking one voter after the other, and never votes", () => {
  const node = begin({ nodeId: 7, voters: [2, 3], state: null });
  const first = asked(node.p, "fetch");
  assertEquals(first.map(({ to }) => to), ["2/quorum/quorum"]);
  assertEquals((first[0]!.message as QuorumFetch).votes, false);
  node.p.fail("fetch", "unreachable").advance(20);
  assertEquals(asked(node.p, "fetch").map(({ to }) => to), ["3/quorum/quorum"]);
  node.p.answer("fetch", fetchReplyOf({ error: "FENCED_LEADER_EPOCH", epoch: 5, leaderId: 2 }));
  assertEquals([node.p.state.epoch, node.p.state.leaderId], [5, 2]);
  assertEquals(asked(node.p, "fetch").map(({ to, message }) => [to, (message as QuorumFetch).epoch]), [[
    "2/quorum/quorum",
    5,
  ]]);
  assertEquals(node.p.ask("vote", { candidateId: 2, epoch: 6, preVote: false, lastEpoch: 5, endOffset: 9 }).reply, {
    granted: false,
    epoch: 6,
    leaderId: -1,
  });
  assertEquals(node.p.ask("describe", undefined).reply?.role, "observer");
  node.p.advance(10_000);
  assertEquals([node.written, asked(node.p, "vote")], [[], []]);
});

Deno.test("a follower that is too far behind fetches a snapshot, piece by piece, and goes on from its end", () => {
  const node = begin({ state: { epoch: 3 }, log: [1] });
  follow(node, 3);
  const snapshot = { endOffset: 40, epoch: 3 };
  node.p.answer("fetch", fetchReplyOf({ epoch: 3, snapshot }));
  const image = { ...replay(emptyImage(), [{ type: "Cluster", clusterId: "c" }, entry("a")]), offset: 40 };
  const { bytes } = encodeSnapshot(image, 3, 0);
  const said = { error: "NONE", epoch: 3, leaderId: 2, totalBytes: bytes.length } as const;
  const half = bytes.length >> 1;
  assertEquals(asked(node.p, "fetchSnapshot").map(({ message }) => message), [
    { replicaId: 1, epoch: 3, snapshot, position: 0, maxBytes: 1 << 20 },
  ]);
  node.p.answer("fetchSnapshot", { ...said, bytes: bytes.slice(0, half) });
  assertEquals((asked(node.p, "fetchSnapshot")[0]!.message as { position: number }).position, half);
  assertEquals(node.p.state.log.endOffset, 1);
  node.p.answer("fetchSnapshot", { ...said, bytes: bytes.slice(half) });
  const { log, highWatermark } = node.p.state;
  assertEquals([log.startOffset, log.endOffset, highWatermark, node.p.state.image], [40, 40, 40, image]);
  assertEquals(node.formed, ["c"]);
  assertEquals(fetches(node).map(({ endOffset, lastEpoch }) => [endOffset, lastEpoch]), [[40, 3]]);
  node.p.kill().advance(50);
  assertEquals([node.p.state.log.startOffset, node.p.state.image], [40, image], "it outlives the actor");
});

Deno.test("a snapshot that is gone, or comes damaged, is asked for anew", () => {
  const node = begin({ state: { epoch: 3 }, log: [1] });
  follow(node, 3);
  const snapshot = { endOffset: 40, epoch: 3 };
  node.p.answer("fetch", fetchReplyOf({ epoch: 3, snapshot }));
  const nothing = { epoch: 3, leaderId: 2, bytes: new Uint8Array(0), totalBytes: 0 };
  node.p.answer("fetchSnapshot", { ...nothing, error: "SNAPSHOT_NOT_FOUND" }).advance(20);
  assertEquals(fetches(node).map(({ endOffset }) => endOffset), [1]);
  node.p.answer("fetch", fetchReplyOf({ epoch: 3, snapshot }));
  const { bytes } = encodeSnapshot({ ...emptyImage(), offset: 40 }, 3, 0);
  bytes[70]! ^= 1;
  node.p.answer("fetchSnapshot", { ...nothing, error: "NONE", bytes, totalBytes: bytes.length }).advance(20);
  assertEquals([node.p.state.log.endOffset, node.p.restarts, fetches(node).length], [1, 0, 1]);
});

Deno.test("a full disk makes a follower wait", () => {
  const node = begin();
  follow(node);
  const { log } = node.p.state;
  const append = log.append.bind(log);
  log.append = () => {
    throw Object.assign(new Error("full"), { code: "ENOSPC" });
  };
  node.p.answer("fetch", fetchReplyOf({ records: batchesOf([1]), highWatermark: 1 }));
  log.append = append;
  assertEquals([node.p.restarts, node.p.state.highWatermark, fetches(node).length], [0, 0, 0]);
  node.p.advance(500).answer("fetch", fetchReplyOf({ records: batchesOf([1]), highWatermark: 1 }));
  assertEquals(node.p.state.highWatermark, 1);
});
