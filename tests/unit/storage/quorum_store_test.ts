import { assert, assertEquals, assertThrows } from "@std/assert";
import { concatenate } from "../../../lib/bytes.ts";
import { SeededRandom } from "../../../lib/prng.ts";
import { encodeBatch } from "../../../protocol/records.ts";
import { FaultyDisk } from "../../../storage/faulty_disk.ts";
import { CorruptLogError, type Log } from "../../../storage/log.ts";
import { DiskLogStore } from "../../../storage/log_store.ts";
import { WrongFolderError } from "../../../storage/meta_properties.ts";
import { QuorumStore } from "../../../storage/quorum_store.ts";

const FOLDER = "__cluster_metadata-0";
const STATE = `${FOLDER}/quorum-state`;
const text = new TextDecoder();

function storeOn(disk: FaultyDisk, clusterId: string | null = null): { folder: DiskLogStore; store: QuorumStore } {
  const folder = new DiskLogStore(disk, { nodeId: 1, random: new SeededRandom(1), clusterId });
  return { folder, store: new QuorumStore(folder) };
}

/** Batches of one record each, of these epochs. */
function append(log: Log, epochs: readonly number[]): void {
  for (const partitionLeaderEpoch of epochs) {
    const value = new TextEncoder().encode(`${log.endOffset}`);
    log.append(encodeBatch([{ value }], { baseOffset: log.endOffset, partitionLeaderEpoch }), 0);
  }
}

function snapshotOf(content: string): Uint8Array {
  const control = { key: new Uint8Array(4), value: new Uint8Array(3) };
  return concatenate([
    encodeBatch([control], { isControl: true }),
    encodeBatch([{ value: new TextEncoder().encode(content) }], { baseOffset: 1 }),
    encodeBatch([control], { isControl: true, baseOffset: 2 }),
  ]);
}

function checkpoints(disk: FaultyDisk): string[] {
  return disk.list(FOLDER).filter((name) => name.endsWith(".checkpoint"));
}

Deno.test("a vote is there after a loss of power, and none in a new folder", () => {
  for (let seed = 0; seed < 20; seed++) {
    const disk = new FaultyDisk();
    const { store } = storeOn(disk);
    store.open();
    assertEquals(store.state(), undefined);
    store.writeState({ epoch: 3, votedFor: 2, votesFrom: 1 });
    store.writeState({ epoch: 4, votedFor: -1, votesFrom: 1 });
    disk.losePower(new SeededRandom(seed));
    const { store: again } = storeOn(disk);
    again.open();
    assertEquals(again.state(), { epoch: 4, votedFor: -1, votesFrom: 1 });
  }
});

Deno.test("a power loss while a vote is written leaves the old or the new", () => {
  let seen = "";
  for (let calls = 0; calls < 6; calls++) {
    const disk = new FaultyDisk();
    const { store } = storeOn(disk);
    store.open();
    store.writeState({ epoch: 3, votedFor: 2, votesFrom: 0 });
    disk.cutPowerAt(disk.calls + 1 + calls);
    try {
      store.writeState({ epoch: 4, votedFor: 1, votesFrom: 0 });
    } catch { /* the power is off */ }
    disk.losePower(new SeededRandom(calls));
    const { store: again } = storeOn(disk);
    again.open();
    const { epoch, votedFor } = again.state()!;
    assert((epoch === 3 && votedFor === 2) || (epoch === 4 && votedFor === 1));
    seen += epoch;
  }
  assert(seen.includes("3") && seen.includes("4"));
});

Deno.test("the vote is Kafka's json; a digit that has changed is noticed", () => {
  const disk = new FaultyDisk();
  const { store } = storeOn(disk);
  store.open();
  store.writeState({ epoch: 3, votedFor: 2, votesFrom: 1 });
  const { crc, ...rest } = JSON.parse(text.decode(disk.readFile(STATE)));
  assertEquals(rest, { leaderEpoch: 3, votedId: 2, votesFromEpoch: 1, data_version: 1 });
  assert(crc > 0);
  disk.corrupt(STATE, text.decode(disk.readFile(STATE)).indexOf("3"), 1);
  assertThrows(() => store.state(), CorruptLogError, "quorum-state cannot be understood");
});

Deno.test("a snapshot is read back, takes the place of the older one, and outlives a loss of power", () => {
  for (let seed = 0; seed < 10; seed++) {
    const disk = new FaultyDisk();
    const { store } = storeOn(disk);
    const log = store.open();
    append(log, [1, 1, 2, 2]);
    assertEquals(store.newestSnapshot(), undefined);
    store.writeSnapshot({ endOffset: 2, epoch: 1 }, snapshotOf("a"));
    log.advanceStart(2);
    store.writeSnapshot({ endOffset: 3, epoch: 2 }, snapshotOf("b"));
    log.advanceStart(3);
    assertEquals(checkpoints(disk), ["00000000000000000003-0000000002.checkpoint"]);
    disk.losePower(new SeededRandom(seed));
    const { store: again } = storeOn(disk);
    const reopened = again.open();
    assertEquals([again.newestSnapshot(), reopened.startOffset], [{ endOffset: 3, epoch: 2 }, 3]);
    assertEquals(again.readSnapshot({ endOffset: 3, epoch: 2 }), snapshotOf("b"));
    assertEquals(again.readSnapshot({ endOffset: 2, epoch: 1 }), undefined);
    assertEquals(checkpoints(disk), ["00000000000000000003-0000000002.checkpoint"]);
  }
});

Deno.test("a damaged snapshot is reported, never read", () => {
  const disk = new FaultyDisk();
  const { store } = storeOn(disk);
  store.open();
  const name = { endOffset: 2, epoch: 1 };
  const bytes = snapshotOf("a");
  store.writeSnapshot(name, bytes);
  disk.corrupt(`${FOLDER}/${checkpoints(disk)[0]}`, bytes.length - 10, 1);
  assertThrows(() => store.readSnapshot(name), CorruptLogError, "does not match its CRC");
  store.writeSnapshot(name, bytes.slice(0, bytes.length - 1));
  assertThrows(() => store.readSnapshot(name), CorruptLogError, "is not readable");
  store.writeSnapshot(name, encodeBatch([{ value: null }]));
  assertThrows(() => store.readSnapshot(name), CorruptLogError, "is cut off");
  store.writeSnapshot(name, concatenate([bytes, bytes]));
  assertThrows(() => store.readSnapshot(name), CorruptLogError, "out of place");
});

Deno.test("a log that a snapshot sums up begins where that ends, whatever a crash has prevented", () => {
  const disk = new FaultyDisk();
  const { folder, store } = storeOn(disk);
  append(store.open(), [1, 1, 2, 2]);
  store.writeSnapshot({ endOffset: 3, epoch: 2 }, snapshotOf("mine"));
  folder.close(false); // before the start of the log was moved
  const { store: again } = storeOn(disk);
  const log = again.open();
  assertEquals([log.startOffset, log.endOffset, log.epochAt(3)], [3, 4, 2]);
});

Deno.test("a log that a snapshot does not belong to makes way for it", () => {
  for (
    const [epochs, snapshot] of [
      [[1, 1], { endOffset: 3, epoch: 2 }], // the leader's, which is ahead
      [[1, 1, 1, 1], { endOffset: 3, epoch: 2 }], // the leader's, of another history
    ] as const
  ) {
    const disk = new FaultyDisk();
    const { folder, store } = storeOn(disk);
    append(store.open(), epochs);
    store.writeSnapshot(snapshot, snapshotOf("its"));
    folder.close(false); // before the log was begun anew
    const { store: again } = storeOn(disk);
    const log = again.open();
    assertEquals([log.startOffset, log.endOffset], [3, 3]);
    append(log, [2]);
    assertEquals(log.endOffset, 4);
  }
});

Deno.test("a log whose snapshot is gone is reported", () => {
  const disk = new FaultyDisk();
  const { folder, store } = storeOn(disk);
  const log = store.open();
  append(log, [1, 1, 1]);
  store.writeSnapshot({ endOffset: 2, epoch: 1 }, snapshotOf("a"));
  log.advanceStart(2);
  folder.close(true);
  disk.remove(`${FOLDER}/${checkpoints(disk)[0]}`);
  assertThrows(() => storeOn(disk).store.open(), CorruptLogError, "is missing, though the log begins after it");
});

Deno.test("the recovery of the log, and its new beginning, leave vote and snapshots alone", () => {
  const disk = new FaultyDisk();
  const { store } = storeOn(disk);
  const log = store.open();
  append(log, [1, 1, 1]);
  store.writeState({ epoch: 1, votedFor: 1, votesFrom: 0 });
  store.writeSnapshot({ endOffset: 3, epoch: 1 }, snapshotOf("a"));
  log.truncateTo(1);
  log.restartAt(3);
  disk.losePower(new SeededRandom(3));
  const { folder, store: again } = storeOn(disk);
  again.open();
  assertEquals([again.state()?.epoch, again.newestSnapshot()?.endOffset], [1, 3]);
  folder.setAsideStrays(() => false);
  assertEquals(folder.strays(), [], "it is open");
});

Deno.test("a log that its owner left open can be opened again", () => {
  const disk = new FaultyDisk();
  const { store } = storeOn(disk);
  append(store.open(), [1, 2]);
  assertEquals(store.open().endOffset, 2);
});

Deno.test("a folder learns its cluster later, once and for all", () => {
  const disk = new FaultyDisk();
  const { folder, store } = storeOn(disk);
  const { directoryId } = folder.meta;
  assertEquals([folder.meta.clusterId, store.clusterId], ["", ""]);
  disk.losePower(new SeededRandom(1));
  const second = storeOn(disk).folder;
  assertEquals(
    [second.meta.clusterId, second.meta.directoryId],
    ["", directoryId],
    "its own id is there from the first",
  );
  second.claim("one");
  second.claim("one");
  disk.losePower(new SeededRandom(2));
  const third = storeOn(disk);
  assertEquals([third.store.clusterId, third.folder.meta.directoryId], ["one", directoryId]);
  assertThrows(
    () => third.folder.claim("two"),
    WrongFolderError,
    "belongs to the cluster one, says its meta.properties, not to two",
  );
  assertEquals(third.folder.meta.clusterId, "one");
  third.folder.close(false);
  assertThrows(() => storeOn(disk, "two"), WrongFolderError, "belongs to the cluster one");
  assertEquals(storeOn(disk, "one").folder.meta.clusterId, "one");
});

Deno.test("a folder that belongs to no cluster yet may be given one when it is opened", () => {
  const disk = new FaultyDisk();
  storeOn(disk).folder.close(false);
  assertEquals(storeOn(disk, "given").folder.meta.clusterId, "given");
});
