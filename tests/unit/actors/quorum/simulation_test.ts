/**
 * Quorums under every fault that they are made for, by seed: `QUORUM_SEEDS=from-to` runs others than the usual.
 *
 * In each run, links lose, repeat, delay and are cut; processes end, lose their power, stand still and come back; actors are killed; disks refuse; fewer
 * than half of the voters lose their disks. The checker looks on after every event. Then everything is healed, and the quorum has to
 * commit again and to bring everybody to the same end.
 */
import { assert, assertEquals } from "@std/assert";
import { CONTROLLER, snapshotOf } from "../../../../actors/controller/protocol.ts";
import { type Random, SeededRandom } from "../../../../lib/prng.ts";
import type { DiskFault } from "../../../../storage/faulty_disk.ts";
import { Checker } from "./checker.ts";
import { NEIGHBOURS, Stage, type StageNode } from "./stage.ts";

const STORM_MS = 3_000;
/** From the end of all faults to a commit. Fetches that were lost, elections that were split and back-offs take their time. */
const RECOVERY_MS = 8_000;

const [FIRST, LAST] = (Deno.env.get("QUORUM_SEEDS") ?? "1-150").split("-").map(Number) as [number, number];

class Storm {
  readonly stage: Stage;
  readonly checker = new Checker();
  readonly acknowledged = new Set<string>();
  readonly #random: Random;
  readonly #faults: (() => void)[] = [];
  #notes = 0;
  #wasFormed = false;

  constructor(seed: number) {
    const random = this.#random = new SeededRandom(`storm ${seed}`);
    const rough = random.chance(3, 4);
    this.stage = new Stage({
      seed,
      voters: random.pick([1, 3, 3, 3, 5]),
      observers: random.below(3),
      snapshotEveryRecords: random.pick([5, 20, 1_000]),
      faults: rough
        ? {
          delayMinMicros: random.pick([100, 500, 5_000]),
          delayMeanMicros: random.pick([0, 500, 5_000, 20_000]),
          lossPerMillion: random.pick([0, 10_000, 100_000, 250_000]),
          duplicationPerMillion: random.pick([0, 10_000, 200_000]),
        }
        : NEIGHBOURS,
      syncMs: () => random.below(3_000) / 1_000,
      voted: (node, vote) => this.checker.voted(node, vote),
      told: (node, baseOffset, records) => this.checker.told(node, baseOffset, records),
    });
  }

  run(): void {
    const { stage } = this;
    stage.start();
    this.#advance(this.#random.below(300));
    while (stage.env.clock.monotonic() < STORM_MS) {
      this.#harm();
      this.#advance(this.#random.below(this.#random.pick([5, 50, 300])));
    }
    this.#heal();
    this.#advanceUntil(() => this.#commits(), RECOVERY_MS);
    this.#advanceUntil(() => this.#isEven(), RECOVERY_MS);
    for (const { id, seen, state } of stage.nodes) {
      assertEquals(snapshotOf(seen!.image), snapshotOf(state!.image), `${id} was told something else`);
    }
    for (const name of this.acknowledged) {
      for (const { id, seen } of stage.nodes) {
        assert(seen!.image.configs.get("broker/")?.has(name), `${id} has lost ${name}, which was acknowledged`);
      }
    }
  }

  #harm(): void {
    const { stage } = this;
    const random = this.#random;
    const node = random.pick(stage.nodes);
    const other = random.pick(stage.nodes);
    this.#wasFormed ||= stage.voters.every((id) => stage.node(id).state?.membership === "voting");
    for (let notes = random.below(4); notes > 0; notes--) this.note();
    switch (random.below(15)) {
      case 0:
        return node.crash();
      case 1:
        return node.crash(true);
      case 2:
      case 3:
        for (const each of stage.nodes) if (!each.isUp && random.chance(2, 3)) each.start();
        return;
      case 4:
        return stage.network.cut(node.id, other.id);
      case 5:
        stage.network.cut(node.id, other.id);
        return stage.network.cut(other.id, node.id);
      case 6:
        return stage.network.heal();
      case 7:
        return node.isUp && !node.isPaused ? node.pause() : undefined;
      case 8:
        for (const each of stage.nodes) each.resume();
        return;
      case 9:
        return void node.system?.kill(node.ref);
      case 10:
        return void stage.leader?.system?.kill(`${stage.leader.id}/${CONTROLLER.kind}/controller`);
      case 11:
        return this.#mayLoseDisk(node) ? node.loseDisk() : undefined;
      case 12:
        return node.isPaused ? undefined : node.stop();
      case 13:
        return this.#plan(node, { operation: "sync", path: /\.log$/, code: "EIO", times: 1 });
      case 14:
        return this.#plan(node, { operation: "append", path: /\.log$/, code: "ENOSPC", times: 1 + random.below(3) });
    }
  }

  #plan({ disk }: StageNode, fault: DiskFault): void {
    this.#faults.push(disk.plan(fault));
  }

  /** Fewer than half of the voters, at any time, have forgotten whether they voted. */
  #mayLoseDisk(node: StageNode): boolean {
    const { voters, nodes } = this.stage;
    if (!voters.includes(node.id)) return true;
    const forgetful = voters.filter((id) =>
      id === node.id || nodes[id - 1]!.disk.size("__cluster_metadata-0/quorum-state") === undefined
    );
    return this.#wasFormed && forgetful.length < voters.length / 2;
  }

  note(): void {
    const { leader } = this.stage;
    const name = `note-${this.#notes++}`;
    leader?.note(name, "x", (ok) => ok && this.acknowledged.add(name));
  }

  #heal(): void {
    const { stage } = this;
    for (const end of this.#faults) end();
    stage.network.heal();
    stage.network.faults = { ...NEIGHBOURS, lossPerMillion: 0, duplicationPerMillion: 0 };
    for (const node of stage.nodes) node.resume();
    // One whose clean stop is under way, or whose actor was given up, ends first.
    for (const node of stage.nodes) if (node.state === undefined || node.state.retired) node.crash();
    stage.start();
  }

  #commits(): boolean {
    const before = this.acknowledged.size;
    this.note();
    this.#advance(20);
    return this.acknowledged.size > before;
  }

  #isEven(): boolean {
    this.#advance(20);
    const { nodes } = this.stage;
    const ends = new Set(
      nodes.flatMap(({ state, seen }) => [state?.log.endOffset, state?.highWatermark, seen!.image.offset]),
    );
    return ends.size === 1 && nodes.every(({ state }) => state!.isVoter === (state!.membership === "voting"));
  }

  #advance(ms: number): void {
    const { env } = this.stage;
    const untilMs = env.clock.monotonic() + ms;
    for (let due = env.clock.nextDue(); due !== undefined && due <= untilMs; due = env.clock.nextDue()) {
      env.step();
      this.checker.check(this.stage);
    }
    env.advance(Math.max(0, untilMs - env.clock.monotonic()));
  }

  #advanceUntil(holds: () => boolean, limitMs: number): void {
    const { clock } = this.stage.env;
    const endMs = clock.monotonic() + limitMs;
    while (!holds()) {
      const seen = this.stage.nodes.map(({ id, state }) =>
        `${id}: ${state?.role.type} ${state?.membership} epoch ${state?.epoch} end ${state?.log.endOffset} ${state?.highWatermark}`
      );
      assert(clock.monotonic() < endMs, `not within ${limitMs} ms: ${holds}; ${seen.join(", ")}`);
    }
  }
}

Deno.test(`quorums keep what they promise, seeds ${FIRST} to ${LAST}`, () => {
  let acknowledged = 0;
  for (let seed = FIRST; seed <= LAST; seed++) {
    const storm = new Storm(seed);
    try {
      storm.run();
    } catch (error) {
      const crashes = storm.stage.nodes.flatMap(({ crashes }) => crashes).slice(-5);
      throw new Error(`Seed ${seed}: ${(error as Error).message}\n${crashes.join("\n")}`, { cause: error });
    }
    for (const { crashes } of storm.stage.nodes) {
      const bugs = crashes.filter((crash) => /AssertionError|TypeError|RangeError/.test(crash));
      assertEquals(bugs, [], `seed ${seed}`);
    }
    acknowledged += storm.acknowledged.size;
  }
  // A quorum that stands still breaks no promise: that it works is a promise too.
  assert(acknowledged > (LAST - FIRST + 1) * 5, `only ${acknowledged} appends were acknowledged`);
});

Deno.test("the same seed makes the same run", () => {
  const [one, other] = [7, 7].map((seed) => {
    const storm = new Storm(seed);
    storm.run();
    return [storm.checker.committed, [...storm.acknowledged], storm.stage.env.clock.monotonic()];
  });
  assertEquals(one, other);
});
