/**
 * When which fault strikes: stormy times with faults of every kind that the seed has, and calm times in which all is well and the
 * cluster has to get on.
 *
 *     calm ──▶ storm ──▶ storm ──▶ calm ──▶ storm … ──▶ over: everything is mended, nothing strikes any more
 *
 * @module
 */
import type { Random } from "../../lib/prng.ts";
import type { KafkaClient } from "./client.ts";
import { type Fault, FAULTS, type Lasting, type Stage } from "./faults.ts";
import { Limits } from "./limits.ts";
import type { Machine } from "./machine.ts";
import type { Scene } from "./scene.ts";
import type { Feature, Swarm } from "./swarm.ts";
import { CALM_SOCKETS } from "./sockets.ts";
import { newestImage, partitionsOf, unwell } from "./glimpse.ts";

/** A calm time lasts so long, and something must have been acknowledged in it. */
const CALM_MS = 10_000;
const STORM_MIN_MS = 2_000;
const STORM_MAX_MS = 12_000;
const RETRY_MS = 500;
/** An actor is killed at most so often in so long; its supervisor allows five times in ten seconds. */
const KILLS_MAX = 2;
const KILLS_PERIOD_MS = 15_000;
/** The other kinds of actor do not come back when they are killed, or are given up sooner. */
const LOOK_MS = 100;

/** All faults of a run. */
export class Storm {
  readonly limits: Limits;
  readonly #scene: Scene;
  readonly #swarm: Swarm;
  readonly #stage: Stage;
  readonly #lasting = new Set<Lasting>();
  readonly #kills = new Map<string, number[]>();
  readonly #due = new Map<Machine, () => void>();
  #isStormy = false;
  #isOver = false;

  constructor(
    scene: Scene,
    swarm: Swarm,
    clients: () => readonly KafkaClient[],
    forgive: (machine: Machine) => void,
  ) {
    this.#scene = scene;
    this.#swarm = swarm;
    this.limits = new Limits(scene.world, swarm.topics, swarm.voters);
    this.#stage = {
      scene,
      limits: this.limits,
      clients,
      forgive,
      mayCrash: (ref) => this.#mayCrash(ref),
      restart: (machine, afterMs) => this.restart(machine, afterMs),
    };
  }

  /** Begins. */
  begin(): void {
    const random = this.#swarm.random.split("storm");
    if (this.#swarm.features.has("drift")) {
      const drift = random.split("drift");
      for (const { clock } of this.#scene.world.machines) clock.driftPerThousand = drift.below(101) - 50;
    }
    for (const [name, fault] of Object.entries(FAULTS) as [Feature, Fault][]) {
      if (this.#swarm.features.has(name)) this.#schedule(name, fault, random.split(name));
    }
    const periods = random.split("periods");
    // Clients need a moment to have something that can be lost.
    this.#scene.world.env.clock.after(1_000, () => this.#isOver || this.#nextPeriod(periods, periods.chance(1, 4)));
    this.#look();
  }

  /** Starts a machine after a while, unless it is up by then; tries again when its disk does not let it. */
  restart(machine: Machine, afterMs: number): void {
    this.#due.get(machine)?.();
    const start = () => {
      this.#due.delete(machine);
      if (machine.isUp) return;
      this.#scene.count("starts");
      if (!machine.start()) this.restart(machine, RETRY_MS);
    };
    this.#due.set(machine, this.#scene.world.env.clock.after(afterMs, start));
  }

  /** Takes everything back, for good: the world is as it should be from now on. */
  end(): void {
    this.#isOver = true;
    this.#mend();
    const { world } = this.#scene;
    world.socketFaults = CALM_SOCKETS;
    world.network.faults = { delayMinMicros: 100, delayMeanMicros: 300, lossPerMillion: 0, duplicationPerMillion: 0 };
  }

  #mend(): void {
    for (const { end } of [...this.#lasting]) end();
    this.#lasting.clear();
    const { world } = this.#scene;
    world.network.heal();
    for (const machine of world.machines) {
      machine.resume();
      machine.syncs.maxMs = 1;
      if (!machine.isUp) this.restart(machine, 1);
    }
  }

  #nextPeriod(random: Random, isCalm: boolean): void {
    this.#isStormy = !isCalm;
    const { world } = this.#scene;
    world.trace.note("storm", isCalm ? "calm" : "stormy");
    const lastsMs = isCalm ? CALM_MS : STORM_MIN_MS + random.below(STORM_MAX_MS - STORM_MIN_MS);
    world.network.faults = isCalm ? { lossPerMillion: 0, duplicationPerMillion: 0 } : this.#swarm.network;
    world.socketFaults = isCalm ? CALM_SOCKETS : this.#swarm.sockets;
    if (isCalm) this.#mend();
    const acknowledged = this.#scene.counters.get("batches acknowledged");
    world.env.clock.after(lastsMs, () => {
      if (this.#isOver) return;
      if (isCalm) this.#judgeCalm(acknowledged);
      this.#nextPeriod(random, !isCalm && random.chance(1, 3));
    });
  }

  #judgeCalm(before: number): void {
    this.#scene.count("calm times");
    if (this.#scene.counters.get("batches acknowledged") > before) return;
    if (this.#isGivenUp()) return this.#scene.count("calm times with nothing left to write to");
    const why = unwell(this.#scene.world);
    this.#scene.problem(
      `nothing was acknowledged in ${CALM_MS} ms without a fault (${why.join("; ") || "all is well"})`,
    );
  }

  /** Whether all that is written to waits for an operator, who comes when the storm is over. */
  #isGivenUp(): boolean {
    const image = newestImage(this.#scene.world);
    const led = image === undefined ? [] : partitionsOf(image).filter(({ partition }) => partition.leader >= 0);
    const keys = new Set(led.map(({ topic, partition }) => `${topic}-${partition.partition}`));
    return [...this.#scene.written].every((key) => !keys.has(key) && !this.limits.isDurable(key));
  }

  #schedule(name: Feature, fault: Fault, random: Random): void {
    const { clock } = this.#scene.world.env;
    clock.after(1 + random.below(2 * this.#swarm.faultEveryMs), () => {
      if (this.#isOver) return;
      // The stream goes on in calm times too, so that a time that was longer does not change what comes.
      if (this.#isStormy) this.#strike(name, fault, random.split(`${Math.floor(clock.monotonic())}`));
      this.#schedule(name, fault, random);
    });
  }

  #strike(name: Feature, fault: Fault, random: Random): void {
    const struck = fault(this.#stage, random);
    if (struck === undefined) return this.#scene.count(`${name} (could not)`);
    this.#scene.count(name);
    this.#scene.world.trace.note("storm", name);
    if (struck === "done") return;
    const lasting: Lasting = {
      ...struck,
      end: () => {
        if (!this.#lasting.delete(lasting)) return;
        this.#scene.world.trace.note("storm", `${name} ends`);
        struck.end();
      },
    };
    this.#lasting.add(lasting);
    this.#scene.world.env.clock.after(struck.forMs, lasting.end);
  }

  #mayCrash(ref: string): boolean {
    const nowMs = this.#scene.world.now();
    const kills = (this.#kills.get(ref) ?? []).filter((atMs) => atMs > nowMs - KILLS_PERIOD_MS);
    this.#kills.set(ref, kills);
    if (kills.length >= KILLS_MAX) return false;
    kills.push(nowMs);
    return true;
  }

  #look(): void {
    this.limits.look();
    this.#scene.world.env.clock.after(LOOK_MS, () => this.#isOver || this.#look());
  }
}
