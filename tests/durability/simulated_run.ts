/**
 * One simulated broker from its first start to its last, by seed.
 *
 *     start ─▶ everything is looked at ─▶ work ─▶ power lost │ process killed │ stopped in good order ─▶ start …
 *
 * @module
 */
import type { Trace } from "../../actors/trace.ts";
import type { Random } from "../../lib/prng.ts";
import { SeededRandom } from "../../lib/prng.ts";
import { VirtualEnv } from "../../lib/virtual_clock.ts";
import { FaultyDisk } from "../../storage/faulty_disk.ts";
import { BROKER_REF, SimulatedBroker } from "../helpers/simulated_broker.ts";
import { checkAll } from "./simulated_check.ts";
import { SimulatedLoad } from "./simulated_load.ts";

/** How long a start may take, and how long the last writers may need (virtual). */
const PATIENCE_MS = 60_000;

/** What became of a run. */
export interface RunSummary {
  /** Batches acknowledged. */
  readonly acknowledged: number;
  readonly powerLosses: number;
  /** Records of what the run went through, for those who want to know that everything was reached. */
  readonly reached: ReadonlySet<string>;
}

type Ending = "power lost" | "power lost in a call" | "killed" | "stopped";

/** A run. */
export class SimulatedRun {
  readonly #env: VirtualEnv;
  readonly #disk: FaultyDisk;
  readonly #broker: SimulatedBroker;
  readonly #load: SimulatedLoad;
  readonly #random: Random;
  readonly #power: Random;
  readonly #reached = new Set<string>();
  #powerLosses = 0;
  #mend = () => {};

  constructor(seed: number | string, trace?: Trace) {
    this.#random = new SeededRandom(seed).split("run");
    this.#power = this.#random.split("power");
    this.#env = new VirtualEnv(seed);
    const delays = this.#random.split("syncs");
    const slowestMs = this.#random.pick([0, 3, 40]);
    this.#disk = new FaultyDisk({ clock: this.#env.clock, syncDelayMs: () => delays.below(slowestMs + 1) });
    this.#broker = new SimulatedBroker(this.#env, this.#disk, {}, trace);
    this.#load = new SimulatedLoad(this.#broker, this.#random.split("load"));
  }

  /** Runs to the end. Throws an error that says everything that was wrong. */
  run(): RunSummary {
    const lives = 3 + this.#random.below(4);
    for (let life = 1; life <= lives; life++) {
      this.#start(`Life ${life}`);
      this.#live(`Life ${life}`);
    }
    this.#start("The last life");
    this.#conclude();
    this.#broker.stop();
    this.#start("After the end");
    const { acknowledged } = this.#load;
    return { acknowledged, powerLosses: this.#powerLosses, reached: this.#reached };
  }

  /** Starts, unless the power fails in the middle of it: then again. */
  #start(when: string): void {
    while (true) {
      const cut = this.#random.chance(1, 6);
      if (cut) this.#disk.cutPowerAt(this.#disk.calls + 1 + this.#random.below(60));
      const isUp = this.#tryToStart(when, cut);
      if (isUp && !cut) break;
      if (cut) this.#reached.add("power lost while starting");
      this.#losePower();
    }
    this.#report(checkAll(this.#broker, this.#load, true), when);
  }

  #tryToStart(when: string, excused: boolean): boolean {
    let isReady = false;
    try {
      this.#broker.start();
      this.#broker.ask(BROKER_REF, "ready", undefined, (answer) => isReady = answer.ok && answer.value);
      const untilMs = this.#env.clock.monotonic() + PATIENCE_MS;
      while (!isReady && this.#env.clock.monotonic() < untilMs && this.#env.step());
    } catch (error) {
      if (!excused) throw error;
      return false;
    }
    if (!isReady && !excused) throw new Error(`${when}: the broker does not become ready.`);
    return isReady;
  }

  /** Works for a while, then ends in one of the ways there are. */
  #live(when: string): void {
    const { chance, pick, below } = bound(this.#random);
    const ending = pick<Ending>(["power lost", "power lost", "power lost in a call", "killed", "stopped"]);
    const faulty = ending !== "stopped" && chance(1, 4);
    const kills = chance(1, 3) ? 1 + below(3) : 0;
    this.#load.begin(faulty || ending === "power lost in a call", true);
    if (faulty) this.#breakDisk();
    const steps = below(chance(1, 3) ? 100 : 2500);
    const callsMax = this.#disk.calls + 1 + below(250);
    if (ending === "power lost in a call") this.#disk.cutPowerAt(callsMax);
    const killAt = new Set(Array.from({ length: kills }, () => below(steps + 1)));
    for (let step = 0; step < steps && (ending !== "power lost in a call" || this.#disk.calls < callsMax); step++) {
      if (killAt.has(step)) this.#killActor();
      if (!this.#env.step()) break;
    }
    this.#report(this.#load.problems.splice(0), when);
    this.#load.end();
    this.#reached.add(ending);
    if (ending === "stopped") this.#broker.stop();
    else if (ending === "killed") this.#kill();
    else this.#losePower();
  }

  #killActor(): void {
    this.#load.killOne();
    this.#reached.add("actor killed");
  }

  /** Some call from now on fails, or the disk runs full. */
  #breakDisk(): void {
    const { pick, below } = bound(this.#random);
    const kind = pick(["EIO", "EIO", "ENOSPC", "full"] as const);
    this.#reached.add(kind);
    if (kind === "full") {
      this.#disk.capacityBytes = usedBytes(this.#disk) + below(8000);
      this.#mend = () => this.#disk.capacityBytes = Infinity;
      return;
    }
    const operation = pick(["append", "sync", "sync", "create", "rename", "syncFolder", "truncate", "read"] as const);
    const times = pick([1, 2, Infinity]);
    this.#mend = this.#disk.plan({ operation, code: kind, after: below(30), times });
  }

  /** The process is gone and the system is not: what was written can be read, whether the disk has it or not. */
  #kill(): void {
    this.#broker.crash();
    this.#mend();
  }

  #losePower(): void {
    this.#powerLosses++;
    this.#broker.crash();
    this.#disk.losePower(this.#power);
    this.#mend();
  }

  /** Nothing fails any more: every idempotent writer gets its answers. */
  #conclude(): void {
    this.#load.begin(false, false);
    const untilMs = this.#env.clock.monotonic() + PATIENCE_MS;
    while (!this.#load.isDone && this.#env.clock.monotonic() < untilMs && this.#env.step());
    this.#report(this.#load.problems.splice(0), "At the end");
    if (!this.#load.isDone) throw new Error("At the end: some idempotent producers do not get their answers.");
    this.#load.end();
    this.#report(checkAll(this.#broker, this.#load, false), "At the end");
  }

  #report(problems: readonly string[], when: string): void {
    if (problems.length > 0) throw new Error(`${when}:\n  ${problems.slice(0, 20).join("\n  ")}`);
  }
}

function bound(random: Random) {
  return {
    chance: random.chance.bind(random),
    below: random.below.bind(random),
    pick: <T>(list: readonly T[]) => random.pick(list),
  };
}

function usedBytes(disk: FaultyDisk): number {
  return disk.files().reduce((sum, path) => sum + (disk.size(path) ?? 0), 0);
}
