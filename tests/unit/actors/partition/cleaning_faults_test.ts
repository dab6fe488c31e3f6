import { assert, assertEquals, AssertionError } from "@std/assert";
import type { Answer } from "../../../../actors/actor.ts";
import type { AppendReply } from "../../../../actors/partition/protocol.ts";
import { type Random, SeededRandom } from "../../../../lib/prng.ts";
import type { Log } from "../../../../storage/log.ts";
import { chain, content, keyed } from "../../storage/cleaning_kit.ts";
import { ReplicaCluster, type ReplicaNode } from "./cluster.ts";
import { CONFIG } from "./harness.ts";

/** How many keys are in use at a time: after a while each is deleted for good, and another comes into use. */
const KEYS = 6;

/** A record that was acknowledged. */
interface Acknowledged {
  readonly offset: number;
  readonly sketch: string;
}

/** Writes records that are told apart by their values, deletes keys, and remembers what was acknowledged where. */
class Writer {
  readonly acked: Acknowledged[] = [];
  /** How often each key was deleted, and nobody knows whether it was. */
  readonly maybeDeleted = new Map<string, number>();
  #flying: { readonly sketch: string; readonly asked: { answer?: Answer<AppendReply> } }[] = [];
  #count = 0;
  #oldestKey = 0;

  step(cluster: ReplicaCluster, random: Random): void {
    this.#flying = this.#flying.filter(({ sketch, asked: { answer } }) => {
      if (answer?.ok && answer.value.error === "NONE") {
        const { baseOffset } = answer.value;
        sketch.split(" ").forEach((each, index) => {
          this.acked.push({ offset: baseOffset + index, sketch: each });
          if (!each.includes("=")) this.#noteDeletion(each, -1);
        });
      }
      return answer === undefined;
    });
    if (this.#flying.length === 5 || cluster.leader === undefined) return;
    const sketch = Array.from({ length: 1 + random.below(3) }, () => this.#draw(random)).join(" ");
    const codec = random.pick(["none", "lz4"] as const);
    this.#flying.push({ sketch, asked: cluster.leader.append(keyed(sketch, { codec, partitionLeaderEpoch: -1 })) });
  }

  #draw(random: Random): string {
    const isLast = random.chance(1, 8);
    const key = `k${isLast ? this.#oldestKey++ : this.#oldestKey + random.below(KEYS)}`;
    if (!isLast && !random.chance(1, 16)) return `${key}=${++this.#count}`;
    this.#noteDeletion(key, 1);
    return key;
  }

  #noteDeletion(key: string, count: number): void {
    this.maybeDeleted.set(key, (this.maybeDeleted.get(key) ?? 0) + count);
  }

  /** What is wrong with what a log has of each key last, a sentence each. */
  judge(last: ReadonlyMap<string, number>): string[] {
    const problems: string[] = [];
    const deleted = new Map<string, number>();
    for (const { offset, sketch } of this.acked) {
      if (!sketch.includes("=")) deleted.set(sketch, Math.max(offset, deleted.get(sketch) ?? -1));
    }
    for (const { offset, sketch } of this.acked) {
      const key = keyOf(sketch);
      const found = last.get(key);
      const isGone = (deleted.get(key) ?? -1) >= offset || (this.maybeDeleted.get(key) ?? 0) > 0;
      if (found === undefined ? isGone : found >= offset) continue;
      problems.push(`${sketch} was acknowledged at ${offset}: the key's last is ${found}`);
    }
    return problems;
  }
}

function keyOf(sketch: string): string {
  return sketch.split("=")[0]!;
}

function harm(cluster: ReplicaCluster, random: Random): void {
  const node = random.pick(cluster.nodes);
  const { isr } = cluster.controller.state;
  switch (random.below(7)) {
    case 0:
    case 1:
      node.die(random.chance(1, 2));
      return cluster.controller.fence(node.id);
    case 2:
      if (isr.length === 1 && isr.includes(node.id)) return;
      node.loseDisk();
      return cluster.controller.fence(node.id);
    case 3: {
      const eligible = isr.filter((id) => !cluster.controller.isFenced(id));
      return eligible.length > 0 ? cluster.controller.elect(random.pick(eligible)) : undefined;
    }
    case 4:
      node.system?.restart(node.ref);
      return;
    case 5:
      return cluster.network.cut(node.id, 1 + node.id % 3);
    default:
      cluster.network.faults = { delayMeanMicros: random.pick([100, 5_000, 30_000]) };
  }
}

function heal(cluster: ReplicaCluster, node: ReplicaNode): void {
  cluster.network.heal();
  if (node.system === undefined) node.start();
  else if (cluster.controller.isFenced(node.id)) cluster.controller.unfence(node.id);
}

/** What is left, by offset. */
function recordsOf(log: Log): Map<number, string> {
  return new Map(
    content(log).split(" ").filter((each) => each !== "").map((each) => {
      const [offset, sketch] = each.split(":");
      return [Number(offset), sketch!];
    }),
  );
}

function lastOfKeys(records: ReadonlyMap<number, string>): Map<string, number> {
  return new Map([...records].map(([offset, sketch]) => [keyOf(sketch), offset]));
}

/** The same of the keys that are not deleted: the marker of a deletion may be gone here and not there. */
function valuesOf(records: ReadonlyMap<number, string>): Map<string, number> {
  return new Map([...lastOfKeys(records)].filter(([, offset]) => records.get(offset)!.includes("=")).sort());
}

interface Outcome {
  readonly cleaned: number;
  readonly acked: number;
  /** Where tombstones have gone. */
  readonly gone: number;
  /** How often a replica has begun anew. */
  readonly anew: number;
}

function run(seed: number): Outcome {
  const random = new SeededRandom(`cleaning ${seed}`);
  const compaction = {
    deleteRetentionMs: random.pick([20, 100]),
    minLagMs: 0,
    maxLagMs: 1e9,
    minDirtyRatio: random.pick([0, 0.3]),
    backoffMs: random.pick([5, 50]),
    mapBytesMax: random.pick([300, 1 << 20]),
  };
  const cluster = new ReplicaCluster({
    seed: `cleaning ${seed}`,
    syncMaxMs: random.pick([0, 10]),
    config: {
      compact: true,
      delete: false,
      compaction,
      log: { ...CONFIG.log, segmentBytes: 500, indexIntervalBytes: 100 },
      replicaLagTimeMaxMs: 300,
      replicaFetchWaitMaxMs: 50,
      replicaFetchBackoffMs: 100,
    },
  });
  const writer = new Writer();
  for (let step = 0; step < 300; step++) {
    writer.step(cluster, random);
    if (random.chance(1, 2)) cluster.advance(random.below(30));
    if (random.chance(1, 30)) harm(cluster, random);
    if (random.chance(1, 15)) heal(cluster, random.pick(cluster.nodes));
  }
  for (let round = 0; round < 2; round++) for (const node of cluster.nodes) heal(cluster, node);
  for (let wait = 0; cluster.controller.state.isr.length < 3; wait++) {
    assert(wait < 30, `not in sync again: ${cluster.nodes.flatMap(({ reports }) => reports).slice(-3).join(" ")}`);
    cluster.advance(1_000);
  }
  cluster.advance(2_000);
  const ends = new Set(cluster.nodes.map(({ live }) => live.endOffset));
  assertEquals(ends.size, 1, "all have the same end");
  const leader = recordsOf(cluster.leader!.live.log);
  for (const { id, live: { log, highWatermark } } of cluster.nodes) {
    assertEquals(highWatermark, log.endOffset, "all is committed");
    const records = recordsOf(log);
    assertEquals(valuesOf(records), valuesOf(leader), `node ${id}`);
    assertEquals(writer.judge(lastOfKeys(records)), [], `node ${id}`);
    for (const [offset, sketch] of records) {
      assertEquals(leader.get(offset) ?? sketch, sketch, `node ${id} at ${offset}`);
    }
    let next = log.startOffset;
    for (const range of chain(log).split(" ")) {
      const [first, last] = range.replace("!", "").split("-").map(Number);
      assertEquals(first, next, `node ${id}: no gaps`);
      next = last! + 1;
    }
  }
  for (const { offset, sketch } of writer.acked) assertEquals(leader.get(offset) ?? sketch, sketch);
  const cleaned = Math.min(...cluster.nodes.map(({ live }) => live.log.cleanedTo));
  const gone = Math.min(...cluster.nodes.map(({ live }) => live.log.tombstonesGoneTo));
  const anew = cluster.nodes.flatMap(({ reports }) => reports.filter((each) => each.includes("begins anew"))).length;
  cluster.stop();
  return { cleaned, acked: writer.acked.length, gone, anew };
}

Deno.test("replicas that clean their logs, crash, lose disks and change leaders keep the last record of every key, and none that was deleted", () => {
  const total = { cleaned: 0, acked: 0, gone: 0, anew: 0 };
  for (let seed = 0; seed < 25; seed++) {
    try {
      const outcome = run(seed);
      for (const [what, count] of Object.entries(outcome)) total[what as keyof Outcome] += count;
    } catch (error) {
      throw new AssertionError(`Seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  const { cleaned, acked, gone, anew } = total;
  assert(cleaned > 1_000 && acked > 3_000 && gone > 1_000 && anew > 2, JSON.stringify(total));
});
