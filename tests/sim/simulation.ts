/**
 * One seed from its first event to its last.
 *
 *     the cluster forms ─▶ topics are made ─▶ storms and calms, with clients at work ─▶ everything is mended ─▶ all producers have
 *     their answers, every ISR is full ─▶ everything is read from the beginning ─▶ the history is judged
 *
 * Who takes part is in `cast.ts`, how time passes in `passage.ts`.
 *
 * Invariant: what happens follows from the options and from nothing else, in every process; looking at it changes nothing.
 *
 * @module
 */
import { Cast, type TraceOptions } from "./cast.ts";
import { newestImage, partitionsOf, unwell } from "./glimpse.ts";
import { checkHistory } from "./history.ts";
import { KEYED } from "./keyed_work.ts";
import { lenses } from "./lens.ts";
import { Passage } from "./passage.ts";
import { keysOf } from "./scene.ts";
import { drawSwarm, type Swarm, type SwarmLimits } from "./swarm.ts";

/** How a seed is run. */
export interface RunOptions extends SwarmLimits, TraceOptions {
  readonly seed: number | string;
  /** Stop after so many events, whatever they have come to. */
  readonly eventsMax?: number;
}

/** What became of a seed. */
export interface RunResult {
  readonly seed: number | string;
  readonly problems: readonly string[];
  readonly hash: string;
  readonly events: number;
  readonly seconds: number;
  readonly swarm: Swarm;
  readonly counts: Readonly<Record<string, number>>;
  readonly last: ReadonlyMap<string, readonly string[]>;
}

/** How long a cluster may take to form and make its topics, with nothing in its way. */
const FORM_MS = 15_000;
/** How long it may take until all is well, once nothing is in its way. */
const HEAL_MS = 40_000;
/** The same for groups, which have sessions to wait for. */
const GROUPS_HEAL_MS = 60_000;
/** And how long reading everything may take. */
const READ_MS = 20_000;
const LOOK_MS = 50;
/** How often it is looked for partitions that nobody can lead. */
const RESCUE_MS = 3_000;

/** A run. */
class Simulation {
  readonly #cast: Cast;
  readonly #passage: Passage;

  constructor(options: RunOptions) {
    const cast = this.#cast = new Cast(drawSwarm(options.seed, options), options);
    const { scene, invariants, groups, keyed } = cast;
    const others = keyed === undefined ? [groups] : [groups, keyed];
    this.#passage = new Passage(scene, { invariants, others }, options.eventsMax);
  }

  /** Runs it to its end, or to the first problem. */
  run(): RunResult {
    const { world, scene, swarm } = this.#cast;
    try {
      this.#form() && this.#weather() && this.#heal() && this.#readAll() && this.#judge();
    } catch (error) {
      scene.problem(`${error instanceof Error ? error.stack ?? error.message : error}`);
    }
    for (const machine of world.machines) if (machine.isUp) machine.kill();
    for (const problem of scene.problems) world.trace.hash.text(problem);
    return {
      seed: swarm.seed,
      problems: scene.problems,
      hash: world.trace.hash.hex(),
      events: world.trace.events,
      seconds: world.now() / 1_000,
      swarm,
      counts: scene.counters.toRecord(),
      last: world.trace.last(),
    };
  }

  #form(): boolean {
    const { world, scene, swarm, admin } = this.#cast;
    for (const machine of world.machines) {
      world.env.clock.after(swarm.random.split(`start ${machine.id}`).below(500), () => {
        if (!machine.start()) scene.problem(`node ${machine.id} does not start: ${machine.reports.at(-1)}`);
      });
    }
    const isServing = () => world.machines.every(({ accepting }) => accepting);
    const why = () => unwell(world);
    if (!this.#passage.until(FORM_MS, isServing, "the cluster does not form", why)) return false;
    admin.begin();
    return this.#passage.until(FORM_MS, () => admin.isReady, "the topics cannot be made", why);
  }

  #weather(): boolean {
    const { swarm, records, groups, keyed, storm } = this.#cast;
    records.begin();
    groups.begin({ withAdmin: swarm.features.has("group-admin") });
    keyed?.begin();
    storm.begin();
    return this.#passage.for(swarm.stormMs);
  }

  #heal(): boolean {
    const { world, scene, storm, records } = this.#cast;
    scene.isEnding = true;
    world.trace.note("run", "mend everything");
    storm.end();
    this.#rescue();
    const wants = () => [...unwell(world), ...records.unanswered];
    const began = world.now();
    const healed = this.#passage.untilNothing(HEAL_MS, LOOK_MS, "not all is well", wants);
    scene.count("ms to heal", Math.round(world.now() - began));
    return healed && this.#calmGroups();
  }

  /** Everything is shared out, coordinators know what is committed, and logs that were cleaned have it. */
  #calmGroups(): boolean {
    const { scene, swarm, invariants, groups } = this.#cast;
    if (swarm.groups.length === 0) return true;
    groups.finish();
    const wants = () => [...groups.unrest((key) => invariants.endOf(key)), ...invariants.unrestOfGroups()];
    const problem = "the groups do not come to rest";
    if (!this.#passage.untilNothing(GROUPS_HEAL_MS, LOOK_MS * 5, problem, wants)) return false;
    groups.ask();
    if (!this.#passage.for(2_000)) return false;
    groups.end();
    for (const [name, count] of Object.entries(invariants.groups.counts)) scene.count(`groups: ${name}`, count);
    return true;
  }

  /** Of what is given up, an operator takes what there is. */
  #rescue(): void {
    const { world, scene, storm, admin, records } = this.#cast;
    const image = newestImage(world);
    for (const { topic, partition } of image === undefined ? [] : partitionsOf(image)) {
      const key = `${topic}-${partition.partition}`;
      if (partition.leader >= 0 || storm.limits.isDurable(key)) continue;
      scene.count("rescued");
      admin.electUnclean(topic, partition.partition);
    }
    world.env.clock.after(RESCUE_MS, () => records.isReadingAll || this.#rescue());
  }

  #readAll(): boolean {
    const { world, swarm, invariants, records, keyed, admin } = this.#cast;
    const keys = swarm.topics.flatMap(keysOf);
    const reader = records.readAll();
    const image = newestImage(world)!;
    const ends = new Map<string, number>();
    for (const key of keys) ends.set(key, this.#highWatermark(key, image.topics));
    const missing = () => keys.filter((key) => reader.offset(key) < ends.get(key)!);
    const why = () => missing().map((key) => `${key} was read to ${reader.offset(key)} of ${ends.get(key)}`);
    const isKeyedRead = () => keyed?.isRead(invariants.endOf(KEYED)) ?? true;
    admin.lookEverywhere();
    const isRead = () => missing().length === 0 && isKeyedRead() && !admin.isLooking;
    return this.#passage.until(READ_MS, isRead, "not everything can be read", why);
  }

  /** As the leader knows it. */
  #highWatermark(key: string, topics: NonNullable<ReturnType<typeof newestImage>>["topics"]): number {
    const { world } = this.#cast;
    const at = key.lastIndexOf("-");
    const { leader } = topics.get(key.slice(0, at))!.partitions[Number(key.slice(at + 1))]!;
    let highWatermark = -1;
    const ref = `${leader}/replica/${key}`;
    world.machine(leader)?.system?.askThen(ref as never, "describe" as never, undefined as never, (answer) => {
      if (answer.ok) highWatermark = (answer.value as { highWatermark: number }).highWatermark;
    });
    const endMs = world.now() + 1_000;
    this.#passage.while(() => highWatermark < 0 && world.now() < endMs);
    return highWatermark;
  }

  #judge(): boolean {
    const { world, scene, swarm, invariants, storm, keyed, admin } = this.#cast;
    for (const problem of admin.check(newestImage(world)!)) scene.problem(problem);
    for (const problem of keyed?.judge(lenses(world.nodes())) ?? []) scene.problem(problem);
    keyed?.end();
    for (const { ledger } of invariants.partitions) scene.count("cleanings", ledger.cleanings);
    const lossyKeys = new Set(swarm.topics.flatMap(keysOf).filter((key) => !storm.limits.isDurable(key)));
    for (const { message } of checkHistory(scene.history, { lossyKeys, startOffsets: scene.trimmed })) {
      scene.problem(message);
    }
    const acknowledged = scene.counters.get("batches acknowledged");
    // A storm that never was calm may hardly leave two nodes up at once: then it is enough that something was done at all.
    const least = scene.counters.get("calm times") > 0 ? swarm.stormMs / 5_000 : 1;
    if (acknowledged < least) {
      scene.problem(`only ${acknowledged} batches were acknowledged in ${swarm.stormMs} ms`);
    }
    return scene.problems.length === 0;
  }
}

/** Runs one seed. */
export function simulate(options: RunOptions): RunResult {
  return new Simulation(options).run();
}
