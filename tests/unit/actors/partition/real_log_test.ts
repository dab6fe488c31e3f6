import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Asked, type Probe, probe } from "../../../../actors/probe.ts";
import type { AppendReply, FetchReply, ReplicaConfig, ReplicaProtocol } from "../../../../actors/partition/protocol.ts";
import { replica } from "../../../../actors/partition/replica.ts";
import type { Replica } from "../../../../actors/partition/state.ts";
import type { Clock } from "../../../../lib/env.ts";
import { SeededRandom } from "../../../../lib/prng.ts";
import { batches } from "../../../../protocol/batch.ts";
import { FaultyDisk } from "../../../../storage/faulty_disk.ts";
import { DiskLogStore } from "../../../../storage/log_store.ts";
import { CONFIG, NOW_MS, produced, ROLE, SELF } from "./harness.ts";

const IN_FLIGHT = 5;
const FETCH = {
  maxBytes: 1 << 20,
  minOneBatch: true,
  currentLeaderEpoch: -1,
  lastFetchedEpoch: -1,
  isolation: "read_uncommitted",
} as const;

/** A broker's disk, and one life after the other of a replica on it. */
class Machine {
  readonly disk: FaultyDisk;
  readonly config: ReplicaConfig;
  store!: DiskLogStore;
  probe!: Probe<ReplicaProtocol, Replica>;
  lives = 0;

  constructor(readonly random: SeededRandom, over: Partial<ReplicaConfig> = {}) {
    const clock: Clock = {
      now: () => this.probe.env.clock.now(),
      monotonic: () => this.probe.env.clock.monotonic(),
      after: (delayMs, task) => this.probe.env.clock.after(delayMs, task),
    };
    this.disk = new FaultyDisk({ clock, syncDelayMs: () => 1 + random.below(9) });
    this.config = { ...CONFIG, log: { ...CONFIG.log, segmentBytes: 600, indexIntervalBytes: 100 }, ...over };
    this.boot();
  }

  boot(): void {
    this.lives++;
    this.store = new DiskLogStore(this.disk, { nodeId: SELF, random: this.random.split(`life ${this.lives}`) });
    const role = { ...ROLE, leaderEpoch: this.lives, partitionEpoch: this.lives };
    const args = { topic: "t", topicId: "AAAAAAAAAAAAAAAAAAAAAQ", partition: 0, config: this.config, role };
    this.probe = probe(replica({ logs: this.store, brokerId: SELF }), args, { name: "t-0", epochMs: NOW_MS });
  }

  losePower(): void {
    this.disk.losePower(this.random);
    this.boot();
  }

  /** Everything that a consumer can read. */
  read(): { readonly offset: number; readonly sequence: number; readonly epoch: number }[] {
    const found = [];
    for (let offset = 0;;) {
      const asked: Asked<FetchReply> = this.probe.ask("fetch", { ...FETCH, offset });
      const { error, records } = asked.reply!;
      assertEquals(error, "NONE");
      if (records.length === 0) return found;
      for (const { baseOffset, baseSequence, lastOffsetDelta, partitionLeaderEpoch } of batches(records)) {
        found.push({ offset: baseOffset, sequence: baseSequence, epoch: partitionLeaderEpoch });
        offset = baseOffset + lastOffsetDelta + 1;
      }
    }
  }
}

/** An idempotent client: sends in order, at most five at a time, and everything again from the first that failed. */
class Client {
  /** Offset by sequence. */
  readonly acked: number[] = [];
  refused = 0;
  #flying: Asked<AppendReply>[] = [];

  step(machine: Machine): void {
    for (let answer = this.#flying[0]?.answer; answer !== undefined; answer = this.#flying[0]?.answer) {
      this.#flying.shift();
      if (answer.ok && answer.value.error === "NONE") this.acked.push(answer.value.baseOffset);
      else {
        this.refused++;
        this.restart();
      }
    }
    if (this.#flying.length === IN_FLIGHT) return;
    const records = produced(1, 0, this.acked.length + this.#flying.length, 1);
    const acks = machine.random.pick([1, -1] as const);
    this.#flying.push(machine.probe.ask("append", { records, acks, zstdAllowed: true }));
  }

  restart(): void {
    this.#flying = [];
  }
}

function check(machine: Machine, client: Client, seed: number): void {
  const read = machine.read();
  assertEquals(read.map(({ sequence }) => sequence), read.map((_, at) => at), `seed ${seed}: each once, in order`);
  client.acked.forEach((offset, sequence) => {
    assertEquals(read[offset]?.sequence, sequence, `seed ${seed}: acknowledged, so there`);
  });
  read.reduce((before, { epoch }) => {
    assert(epoch >= before, `seed ${seed}: epochs do not decrease`);
    return epoch;
  }, 0);
}

Deno.test("on a disk that loses power nothing acknowledged is lost, repeated or reordered", () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = new SeededRandom(seed);
    const machine = new Machine(random);
    const client = new Client();
    for (let step = 0; step < 150; step++) {
      client.step(machine);
      if (random.chance(1, 3)) machine.probe.advance(random.below(12));
      const fate = random.below(60);
      if (fate === 0) machine.losePower();
      else if (fate === 1) machine.probe.kill().advance(3_000);
      if (fate > 1) continue;
      client.restart();
      machine.probe.advance(20);
      check(machine, client, seed);
    }
    machine.probe.advance(100);
    assert(client.acked.length > 20, `seed ${seed} made progress`);
    check(machine, client, seed);
  }
});

Deno.test("on a disk that runs full appends are refused until there is room, and nothing is lost or repeated", () => {
  for (let seed = 0; seed < 30; seed++) {
    const random = new SeededRandom(`full ${seed}`);
    const machine = new Machine(random);
    const client = new Client();
    for (let round = 0; round < 4; round++) {
      machine.disk.capacityBytes = round === 3 ? Infinity : 1_500 * (round + 1) + random.below(100);
      const { refused } = client;
      for (let step = 0; step < 50; step++) {
        client.step(machine);
        machine.probe.advance(random.below(12));
      }
      assertEquals(machine.probe.ask("describe", undefined).reply?.offline, null, `seed ${seed}`);
      check(machine, client, seed);
      assert(client.refused > refused || round === 3, `seed ${seed} was full`);
    }
    assert(client.acked.length > 50, `seed ${seed} made progress`);
  }
});

Deno.test("a clean stop and a new life: offsets, epochs, producers and the high watermark go on", () => {
  const machine = new Machine(new SeededRandom(1));
  const client = new Client();
  for (let step = 0; step < 30; step++) {
    client.step(machine);
    machine.probe.advance(10);
  }
  const before = machine.read();
  machine.probe.stop();
  assert(machine.store.close(true), "in good order");
  machine.boot();
  assertEquals([machine.read(), machine.probe.ask("describe", undefined).reply?.highWatermark], [before, 30]);
  const send = (sequence: number) => {
    const asked = machine.probe.ask("append", { records: produced(1, 0, sequence, 1), acks: -1, zstdAllowed: true });
    machine.probe.advance(10);
    return [asked.reply?.error, asked.reply?.baseOffset];
  };
  assertEquals(send(29), ["NONE", 29], "sent again");
  assertEquals(send(31), ["OUT_OF_ORDER_SEQUENCE_NUMBER", -1]);
  assertEquals(send(30), ["NONE", 30]);
  assertEquals(machine.read().at(-1), { offset: 30, sequence: 30, epoch: 2 });
});

Deno.test("rot below the recovery point is neither served nor cut off", () => {
  const machine = new Machine(new SeededRandom(2), { log: CONFIG.log });
  const client = new Client();
  for (let step = 0; step < 10; step++) {
    client.step(machine);
    machine.probe.advance(10);
  }
  machine.probe.stop();
  machine.store.close(true);
  machine.disk.corrupt("t-0/00000000000000000000.log", 100, 1);
  machine.boot();
  const { error, records } = machine.probe.ask("fetch", { ...FETCH, offset: 0 }).reply!;
  assertEquals([error, [...batches(records)].length], ["NONE", 1], "up to the damage, in the second batch");
  assertEquals(machine.probe.ask("fetch", { ...FETCH, offset: 1 }).reply?.error, "KAFKA_STORAGE_ERROR");
  assertStringIncludes(machine.probe.ask("describe", undefined).reply!.offline!, "00000000000000000000.log");
  machine.disk.corrupt("t-0/00000000000000000000.log", 100, 1);
  machine.probe.kill().advance(3_000);
  assertEquals(machine.read().length, 10, "all is there once the disk is right again");
});

Deno.test("retention deletes old segments, and a fetch below the new start is out of range", () => {
  const machine = new Machine(new SeededRandom(3), { retentionBytes: 1_000 });
  const client = new Client();
  for (let step = 0; step < 50; step++) {
    client.step(machine);
    machine.probe.advance(10);
  }
  machine.probe.tell("tidy", undefined);
  const { startOffset, sizeInBytes } = machine.probe.ask("describe", undefined).reply!;
  assert(startOffset > 0 && sizeInBytes < 2_000);
  assertEquals(machine.probe.ask("fetch", { ...FETCH, offset: startOffset - 1 }).reply?.error, "OFFSET_OUT_OF_RANGE");
  assertEquals(machine.probe.ask("fetch", { ...FETCH, offset: startOffset }).reply?.error, "NONE");
});

Deno.test("removal leaves nothing behind, also in the middle of a flush", () => {
  const machine = new Machine(new SeededRandom(4));
  const asked = machine.probe.ask("append", { records: produced(1, 0, 0, 1), acks: -1, zstdAllowed: true });
  machine.probe.tell("remove", undefined).advance(100);
  assertEquals([asked.reply?.error, machine.probe.stopped], ["UNKNOWN_TOPIC_OR_PARTITION", true]);
  assertEquals([machine.store.list(), machine.disk.files().filter((path) => path.startsWith("t-0"))], [[], []]);
});
