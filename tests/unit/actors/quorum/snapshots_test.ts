import { assertEquals } from "@std/assert";
import { emptyImage, replay, snapshotOf } from "../../../../actors/controller/protocol.ts";
import { decodeSnapshot, encodeSnapshot, isSound } from "../../../../actors/quorum/snapshots.ts";
import { batches } from "../../../../protocol/batch.ts";
import { batchesOf, begin, entry, fetchOf, fetchReplyOf, follow, lead } from "./harness.ts";

/** An image that takes more than one batch. */
const IMAGE = {
  ...replay(emptyImage(), [
    { type: "Cluster", clusterId: "c" },
    ...Array.from({ length: 1_200 }, (_, n) => ({ ...entry("v"), name: `n${n}` }) as ReturnType<typeof entry>),
  ]),
  offset: 5_000,
};

Deno.test("a snapshot is the image, in batches between a header and a footer", () => {
  const { bytes, count } = encodeSnapshot(IMAGE, 7, 0);
  assertEquals(count, 1_201);
  const headers = [...batches(bytes)];
  assertEquals(headers.map(({ isControl }) => isControl), [true, false, false, false, true]);
  assertEquals(headers.map(({ baseOffset }) => baseOffset), [0, 1, 501, 1_001, 1_202]);
  assertEquals(headers.every(({ partitionLeaderEpoch }) => partitionLeaderEpoch === 7), true);
  assertEquals(isSound(bytes), true);
  assertEquals(decodeSnapshot(bytes, 5_000), IMAGE);
});

Deno.test("a snapshot that is cut off or damaged is not sound", () => {
  const { bytes } = encodeSnapshot(IMAGE, 7, 0);
  const [, second, , , last] = [...batches(bytes)];
  assertEquals(isSound(bytes.subarray(0, last!.at)), false);
  assertEquals(isSound(bytes.subarray(0, second!.at)), false);
  assertEquals(isSound(bytes.subarray(0, bytes.length - 1)), false);
  assertEquals(isSound(new Uint8Array(0)), false);
  const damaged = bytes.slice();
  damaged[second!.at + 100]! ^= 4;
  assertEquals(isSound(damaged), false);
});

Deno.test("when the log has grown enough a snapshot takes the place of what is committed", () => {
  const node = begin({ deps: { snapshotEveryRecords: 4 } });
  follow(node, 2);
  node.p.answer("fetch", fetchReplyOf({ epoch: 2, records: batchesOf([1, 1, 2, 2, 2, 2]), highWatermark: 3 }));
  assertEquals([node.p.state.log.startOffset, node.store.newestSnapshot()], [0, undefined]);
  node.p.answer("fetch", fetchReplyOf({ epoch: 2, highWatermark: 5 }));
  const { log, snapshot } = node.p.state;
  assertEquals([log.startOffset, log.endOffset, snapshot], [5, 6, { endOffset: 5, epoch: 2 }]);
  assertEquals(decodeSnapshot(node.store.readSnapshot(snapshot!)!, 5), node.p.state.image);
  node.p.kill().advance(50);
  assertEquals([node.p.state.highWatermark, node.p.state.image.offset, node.p.state.log.endOffset], [5, 5, 6]);
});

Deno.test("a log that is no longer than its image is kept", () => {
  const node = begin({ deps: { snapshotEveryRecords: 4 } });
  follow(node, 1);
  const names = Array.from({ length: 4 }, (_, n) => ({ ...entry("v"), name: `n${n}` }) as ReturnType<typeof entry>);
  node.p.answer("fetch", fetchReplyOf({ records: batchesOf([1]), highWatermark: 1 }));
  const image = replay(node.p.state.image, names);
  node.p.state.image = { ...image, offset: 1 }; // five records make it, four are in the log
  node.p.answer("fetch", fetchReplyOf({ records: batchesOf([1, 1, 1], 1), highWatermark: 4 }));
  assertEquals(snapshotOf(node.p.state.image).length, 5);
  assertEquals([node.p.state.snapshot, node.p.state.imageRecords], [undefined, 5]);
  node.p.answer("fetch", fetchReplyOf({ records: batchesOf([1], 4), highWatermark: 5 }));
  assertEquals(node.p.state.snapshot?.endOffset, 5);
});

Deno.test("a leader sends whoever is behind its log's start to the snapshot, and serves it piece by piece", () => {
  const node = begin({ state: { epoch: 1 }, log: [1, 1, 1, 1], deps: { snapshotEveryRecords: 5 } });
  const epoch = lead(node);
  node.p.ask("fetch", fetchOf({ epoch, endOffset: 5 }));
  const snapshot = { endOffset: 5, epoch };
  const reply = node.p.ask("fetch", fetchOf({ epoch, replicaId: 3, endOffset: 2, lastEpoch: 1, waitMs: 250 })).reply!;
  assertEquals([reply.error, reply.snapshot, reply.records.length], ["NONE", snapshot, 0]);
  const ask = (position: number, maxBytes: number, more = {}) =>
    node.p.ask("fetchSnapshot", { replicaId: 3, epoch, snapshot, position, maxBytes, ...more }).reply!;
  const whole = ask(0, 1 << 20);
  assertEquals([whole.error, whole.bytes.length === whole.totalBytes, isSound(whole.bytes)], ["NONE", true, true]);
  assertEquals(ask(10, 7).bytes, whole.bytes.slice(10, 17));
  assertEquals(ask(whole.totalBytes + 1, 7).error, "POSITION_OUT_OF_RANGE");
  assertEquals(ask(0, 7, { snapshot: { endOffset: 4, epoch: 1 } }).error, "SNAPSHOT_NOT_FOUND");
  assertEquals(ask(0, 7, { epoch: epoch - 1 }).error, "FENCED_LEADER_EPOCH");
  node.p.tell("beginEpoch", { leaderId: 2, epoch: epoch + 1 });
  assertEquals(ask(0, 7).error, "NOT_LEADER_OR_FOLLOWER");
});
