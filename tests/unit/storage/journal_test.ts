import { assertEquals } from "@std/assert";
import { SeededRandom } from "../../../lib/prng.ts";
import { FaultyDisk } from "../../../storage/faulty_disk.ts";
import { LocalJournal } from "../../../storage/journal.ts";
import { DiskLogStore } from "../../../storage/log_store.ts";

const encode = (event: unknown) => new TextEncoder().encode(JSON.stringify(event));
const decode = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));

/** Opens the journal on a disk and returns it with what was in it. */
function open(disk: FaultyDisk): { store: DiskLogStore; journal: LocalJournal; events: unknown[] } {
  const store = new DiskLogStore(disk, { nodeId: 1, random: new SeededRandom("journal") });
  const journal = new LocalJournal(store, "__cluster_metadata-0", encode, decode);
  const events: unknown[] = [];
  journal.recover((event) => events.push(event));
  return { store, journal, events };
}

/** Appends and waits; the disk syncs within the call. */
function appendDurably(journal: LocalJournal, events: unknown[]): boolean {
  let durable = false;
  journal.whenDurable(journal.append(events), (result) => durable = result.ok);
  return durable;
}

Deno.test("events come back in order, over several lives and more than one read", () => {
  const disk = new FaultyDisk();
  const expected: unknown[] = [];
  for (let life = 0; life < 3; life++) {
    const { store, journal, events } = open(disk);
    assertEquals(events, expected);
    for (let i = 0; i < 50; i++) {
      const event = { life, i, padding: "x".repeat(30_000) };
      assertEquals(appendDurably(journal, [event, i]), true);
      expected.push(event, i);
    }
    journal.close();
    store.close(life % 2 === 0);
  }
});

Deno.test("what was durable survives a loss of power, and an append is there whole or not at all", () => {
  for (let seed = 0; seed < 50; seed++) {
    const disk = new FaultyDisk();
    const { journal } = open(disk);
    assertEquals(appendDurably(journal, ["a", "b"]), true);
    journal.append(["c", "d", "e"]); // nobody waited for these
    disk.losePower(new SeededRandom(`power ${seed}`));
    const { events, journal: next } = open(disk);
    assertEquals(events.slice(0, 2), ["a", "b"]);
    assertEquals([2, 5].includes(events.length), true, `${events.length} events`);
    assertEquals(appendDurably(next, ["f"]), true);
  }
});

Deno.test("a failed sync is told to whoever waits, and nothing is durable after it", () => {
  const disk = new FaultyDisk();
  const { journal } = open(disk);
  assertEquals(appendDurably(journal, ["a"]), true);
  disk.plan({ operation: "sync", code: "EIO" });
  assertEquals(appendDurably(journal, ["b"]), false);
});
