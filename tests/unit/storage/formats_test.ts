import { assert, assertEquals, assertThrows } from "@std/assert";
import { readCheckpoint, replaceFile, writeCheckpoint } from "../../../storage/checkpoint.ts";
import { CorruptLogError } from "../../../storage/log.ts";
import { EpochCache } from "../../../storage/epoch_cache.ts";
import { GrowingBytes } from "../../../storage/growing_bytes.ts";
import { MemoryDisk } from "../../../storage/memory_disk.ts";
import { claimFolder, parseMetaProperties, readTopicId, WrongFolderError } from "../../../storage/meta_properties.ts";
import { OffsetCheckpoint } from "../../../storage/offset_checkpoint.ts";
import { OffsetIndex } from "../../../storage/offset_index.ts";
import { TimeIndex } from "../../../storage/time_index.ts";
import { appendTo, CONFIG, CountingObserver, NAME, openLog, openStore, TOPIC_ID } from "./log_kit.ts";

function text(disk: MemoryDisk, path: string): string {
  return new TextDecoder().decode(disk.readFile(path));
}

function put(disk: MemoryDisk, path: string, content: string): void {
  replaceFile(disk, path, new TextEncoder().encode(content));
}

Deno.test("an offset index holds the last offset of a batch and its place, both as int32", () => {
  const disk = new MemoryDisk();
  const index = new OffsetIndex(disk, "i", 1000);
  for (let entry = 1; entry <= 1000; entry++) index.append(1000 + entry * 10, entry * 100);
  assertEquals(index.file.write().size(), 8000);
  assertEquals(
    disk.readFile("i")!.subarray(0, 16),
    new Uint8Array([0, 0, 0, 10, 0, 0, 0, 100, 0, 0, 0, 20, 0, 0, 0, 200]),
  );
  const again = new OffsetIndex(disk, "i", 1000);
  for (const each of [index, again]) {
    assertEquals(each.lookup(1009), { offset: 1000, position: 0 });
    assertEquals(each.lookup(1010), { offset: 1010, position: 100 });
    assertEquals(each.lookup(5019), { offset: 5010, position: 40_100 });
    assertEquals(each.lookup(999_999), { offset: 11_000, position: 100_000 });
    assertEquals([each.isFull(8007), each.isFull(8008)], [true, false]);
  }
  again.append(12_000, 200_000);
  again.truncateTo(40_100);
  assertEquals([again.last(), again.file.count], [{ offset: 5000, position: 40_000 }, 400]);
});

Deno.test("a time index holds the largest timestamp so far as int64 and the batch's last offset", () => {
  const disk = new MemoryDisk();
  const index = new TimeIndex(disk, "t", 1000);
  index.maybeAppend({ timestamp: 0x1_0000_0002, offset: 1005 });
  index.maybeAppend({ timestamp: 0x1_0000_0002, offset: 1007 });
  index.maybeAppend({ timestamp: 0x1_0000_0001, offset: 1008 });
  index.maybeAppend({ timestamp: 0x1_0000_0003, offset: 1009 });
  index.file.write();
  assertEquals(
    disk.readFile("t"),
    new Uint8Array([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 9]),
  );
  const again = new TimeIndex(disk, "t", 1000);
  assertEquals(again.lookup(0x1_0000_0001), { timestamp: -1, offset: 1000 });
  assertEquals(again.lookup(0x1_0000_0002).offset, 1005);
  assertEquals(again.last(), { timestamp: 0x1_0000_0003, offset: 1009 });
  again.truncateTo(1009);
  assertEquals(again.last().offset, 1005);
});

Deno.test("checkpoints are Kafka's text, and a damaged one reads as undefined", () => {
  const disk = new MemoryDisk();
  writeCheckpoint(disk, "c", ["orders 0 15", "orders 1 7"]);
  assertEquals(text(disk, "c"), "0\n2\norders 0 15\norders 1 7\n");
  assertEquals(readCheckpoint(disk, "c"), [["orders", "0", "15"], ["orders", "1", "7"]]);
  assertEquals(disk.list(""), ["c"]);
  for (const damaged of ["", "0\n", "1\n0\n", "0\n2\norders 0 15\n", "0\n1\norders 0 15", "0\n1\n"]) {
    put(disk, "c", damaged);
    assertEquals(readCheckpoint(disk, "c"), undefined);
  }
  put(disk, "c", "0\n0\n");
  assertEquals(readCheckpoint(disk, "c"), []);
});

Deno.test("an offset checkpoint that is damaged is refused, not taken for empty", () => {
  const disk = new MemoryDisk();
  const checkpoint = new OffsetCheckpoint(disk, "o");
  checkpoint.write(new Map([["a-b-0", 5], ["c-12", 2 ** 53 - 1]]));
  assertEquals(text(disk, "o"), "0\n2\na-b 0 5\nc 12 9007199254740991\n");
  const again = new OffsetCheckpoint(disk, "o");
  assertEquals([...again.names()].map((name) => [name, again.get(name)]), [["a-b-0", 5], ["c-12", 2 ** 53 - 1]]);
  again.writeOne("a-b-0", undefined);
  assertEquals(text(disk, "o"), "0\n1\nc 12 9007199254740991\n");
  for (const damaged of ["x", "0\n1\na 0 -5\n", "0\n1\na 0 x\n", "0\n1\na 0\n", "0\n1\na 0 99999999999999999\n"]) {
    put(disk, "o", damaged);
    assertThrows(() => new OffsetCheckpoint(disk, "o"), WrongFolderError, "is damaged");
  }
});

Deno.test("epochs are assigned, looked up, and cut at both ends", () => {
  const disk = new MemoryDisk();
  const epochs = new EpochCache(disk, "e");
  for (const [epoch, start] of [[1, 0], [1, 5], [3, 10], [3, 12], [7, 20]] as const) epochs.assign(epoch, start);
  const starts = () => epochs.entries.map(({ epoch, startOffset }) => [epoch, startOffset]);
  assertEquals(starts(), [[1, 0], [3, 10], [7, 20]]);
  epochs.write();
  assertEquals(text(disk, "e"), "0\n3\n1 0\n3 10\n7 20\n");
  assertEquals(new EpochCache(disk, "e").entries, epochs.entries);
  assertEquals(epochs.spanAt(15), { epoch: 3, endOffset: 20 });
  epochs.truncateFromStart(12);
  assertEquals(starts(), [[3, 12], [7, 20]]);
  epochs.truncateFromStart(20);
  assertEquals(starts(), [[7, 20]]);
  epochs.assign(9, 20);
  assertEquals(starts(), [[9, 20]], "an epoch without records goes when the next begins at the same offset");
  epochs.assign(10, 30);
  epochs.assign(9, 40);
  assertEquals(starts(), [[9, 20]], "an older epoch that goes on beats a newer one that was there before");
  epochs.truncateFromEnd(20);
  assertEquals([starts(), epochs.latest], [[], -1]);
  epochs.assign(-1, 0);
  assertEquals(starts(), []);
});

Deno.test("a folder belongs to one node of one cluster", () => {
  const disk = new MemoryDisk();
  let ids = 0;
  const made = claimFolder(disk, { nodeId: 3 }, () => `id-${++ids}`);
  assertEquals(made, { clusterId: "id-1", nodeId: 3, directoryId: "id-2" });
  assertEquals(text(disk, "meta.properties"), "version=1\ncluster.id=id-1\nnode.id=3\ndirectory.id=id-2\n");
  assertEquals(claimFolder(disk, { nodeId: 3, clusterId: "id-1" }, () => "new"), made);
  const node = assertThrows(() => claimFolder(disk, { nodeId: 4 }, () => "new"), WrongFolderError);
  assertEquals(
    node.message,
    "memory belongs to node 3, not to node 4: start it with the id 3, or choose another folder.",
  );
  assertThrows(() => claimFolder(disk, { nodeId: 3, clusterId: "x" }, () => "new"), WrongFolderError, "cluster id-1");
  put(disk, "meta.properties", "version=1\nnode.id=3\n");
  assertThrows(() => claimFolder(disk, { nodeId: 3 }, () => "new"), WrongFolderError, "cannot be understood");
  const kafkas = "#\n#Sat Nov 21 11:00:00 UTC 2026\nversion=1\r\ndirectory.id=d=d\nnode.id=0\ncluster.id=c\n";
  assertEquals(parseMetaProperties(kafkas), { clusterId: "c", nodeId: 0, directoryId: "d=d" });
});

Deno.test("a log folder looks as Kafka's", () => {
  const disk = new MemoryDisk();
  const { store, log } = openLog(disk);
  for (let index = 0; index < 20; index++) appendTo(log, 1);
  assertEquals(log.segmentCount, 2);
  store.setHighWatermark(NAME, 19);
  assertEquals(store.close(true, { brokerEpoch: 42, unheardIncarnationIds: [] }), true);
  assertEquals(disk.list(""), [
    ".kafka_cleanshutdown",
    ".lock",
    "log-start-offset-checkpoint",
    "meta.properties",
    NAME,
    "recovery-point-offset-checkpoint",
    "replication-offset-checkpoint",
  ]);
  assertEquals(text(disk, ".kafka_cleanshutdown"), '{"version":0,"brokerEpoch":42}');
  assertEquals(text(disk, "recovery-point-offset-checkpoint"), "0\n1\norders 0 20\n");
  assertEquals(text(disk, "replication-offset-checkpoint"), "0\n1\norders 0 19\n");
  assertEquals(text(disk, `${NAME}/partition.metadata`), `version: 0\ntopic_id: ${TOPIC_ID}`);
  assertEquals(text(disk, `${NAME}/leader-epoch-checkpoint`), "0\n1\n0 0\n");
  const base = "00000000000000000011";
  for (const suffix of ["index", "log", "snapshot", "timeindex"]) {
    assert(disk.size(`${NAME}/${base}.${suffix}`) !== undefined, suffix);
  }
  const again = openStore(disk);
  assertEquals([again.wasClean, again.lastLife.brokerEpoch, disk.size(".kafka_cleanshutdown")], [true, 42, undefined]);
  again.close(false);
});

Deno.test("a folder is called clean only if every log in it is", () => {
  const disk = new MemoryDisk();
  const first = openLog(disk);
  appendTo(first.log, 1);
  first.store.close(false);
  const second = openStore(disk); // the log is not opened: nobody knows its state
  assertEquals([second.wasClean, second.close(true)], [false, false]);
  assertEquals(openStore(disk).wasClean, false);
});

Deno.test("a store lists its logs with their topics, and sets a log of another topic aside", () => {
  const disk = new MemoryDisk();
  const { store } = openLog(disk);
  assertEquals(store.list(), [{ name: NAME, topicId: TOPIC_ID }]);
  assertThrows(() => store.open(NAME, TOPIC_ID, CONFIG, new CountingObserver()), WrongFolderError, "open");
  store.close(true);
  const other = "AAAAAAAAAAAAAAAAAAAAAQ";
  const again = openStore(disk);
  assertEquals(again.open(NAME, other, CONFIG, new CountingObserver()).endOffset, 0);
  assertEquals([again.list(), again.strays().length], [[{ name: NAME, topicId: other }], 1]);
  assertEquals(readTopicId(disk, NAME), other);
  assertEquals(again.strays().map((name) => readTopicId(disk, name)), [TOPIC_ID]);
  assert(again.strays().every((name) => name.startsWith(`${NAME}.`) && name.endsWith("-stray")));
  assertThrows(() => again.delete(NAME), WrongFolderError, "close it");
  again.close(true);
  const last = openStore(disk);
  last.delete(NAME);
  assertEquals([last.list(), disk.list("").filter((name) => name.endsWith("-delete"))], [[], []]);
  last.close(true);
});

Deno.test("a folder that was being removed is removed at the next start", () => {
  const disk = new MemoryDisk();
  const { store } = openLog(disk);
  store.close(true);
  disk.rename(NAME, `${NAME}.0123456789abcdef0123456789abcdef-delete`);
  const again = openStore(disk);
  assertEquals(disk.list("").filter((name) => name.startsWith("orders")), []);
  again.close(true);
});

Deno.test("bytes grow by blocks and never show what was cut off", () => {
  const bytes = new GrowingBytes();
  const model = new Uint8Array(600_000);
  let size = 0;
  for (const [position, length] of [[0, 10], [100, 300], [255_000, 3000], [524_280, 20], [5, 524_300]] as const) {
    const part = Uint8Array.from({ length }, (_, index) => (position + index) % 250 + 1);
    bytes.write(position, part);
    model.set(part, position);
    size = Math.max(size, position + length);
    assert(bytes.toBytes().every((byte, index) => byte === model[index]));
    assertEquals(bytes.size, size);
  }
  for (const to of [524_288, 262_144, 262_143, 7, 0]) {
    bytes.resize(to);
    bytes.resize(to + 300_000);
    const content = bytes.toBytes();
    assert(content.every((byte, index) => byte === (index < to ? model[index] : 0)), `${to}`);
    bytes.resize(to);
  }
});

Deno.test("a topic's id in which a disk has changed some letters is not taken for another topic's", () => {
  for (const changed of [1, 3, 8, 11]) {
    const disk = new MemoryDisk();
    openLog(disk).store.close(true);
    const rotten = "_".repeat(changed) + TOPIC_ID.slice(changed);
    replaceFile(disk, `${NAME}/partition.metadata`, new TextEncoder().encode(`version: 0\ntopic_id: ${rotten}`));
    assertThrows(() => openLog(disk), CorruptLogError, `can only be ${TOPIC_ID}`);
    assertEquals(openStore(disk).strays(), [], "the log stays where it is");
  }
});
