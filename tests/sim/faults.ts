/**
 * Every kind of fault, and how it is taken back.
 *
 * A fault strikes at once; if it lasts, it says how to end it, and the storm does so when its time is over or when all is to be
 * well again. A fault that cannot strike now (nobody is up, what may be lost has been lost) does nothing.
 *
 * @module
 */
import type { Random } from "../../lib/prng.ts";
import type { KafkaClient } from "./client.ts";
import type { Limits } from "./limits.ts";
import type { Machine } from "./machine.ts";
import { OFFSETS_TOPIC } from "../../actors/group/protocol.ts";
import { newestImage } from "./glimpse.ts";
import { lowered, raised } from "./min_isr.ts";
import type { Scene } from "./scene.ts";
import type { Feature } from "./swarm.ts";

/** What a fault may touch. */
export interface Stage {
  readonly scene: Scene;
  readonly limits: Limits;
  readonly clients: () => readonly KafkaClient[];
  /** Actors that crashed lately: who crashes too often is given up, and that is an operator's matter. */
  readonly mayCrash: (ref: string) => boolean;
  /** What this machine has on its disk is not to be believed any more. */
  readonly forgive: (machine: Machine) => void;
  /** Starts a machine again after a while. */
  readonly restart: (machine: Machine, afterMs: number) => void;
}

/** What is left of a fault: how long it lasts, and how it ends. */
export interface Lasting {
  readonly forMs: number;
  readonly end: () => void;
}

/** One kind of fault. Returns undefined when it could not strike, and nothing to end when it does not last. */
export type Fault = (stage: Stage, random: Random) => Lasting | "done" | undefined;

/** The kinds that strike by themselves; features that are not here are ways in which the world is. */
export const FAULTS: { readonly [Name in Feature]?: Fault } = {
  kill(stage, random) {
    const machine = pickUp(stage, random);
    if (machine === undefined || !stage.limits.takeProcess(machine)) return undefined;
    machine.kill();
    stage.restart(machine, someMs(random, 5_000));
    return "done";
  },

  power(stage, random) {
    const machine = pickUp(stage, random);
    if (machine === undefined || !stage.limits.takeProcess(machine)) return undefined;
    machine.losePower(random.chance(1, 2));
    stage.restart(machine, someMs(random, 6_000));
    return "done";
  },

  blackout(stage, random) {
    if (stage.limits.hasUnflushed) return undefined;
    const together = random.chance(1, 2) ? someMs(random, 4_000) : undefined;
    for (const machine of stage.scene.world.machines) {
      if (machine.isUp) machine.losePower(random.chance(1, 2));
      stage.restart(machine, together ?? someMs(random, 4_000));
    }
    return "done";
  },

  stop(stage, random) {
    const machine = pickUp(stage, random);
    if (machine === undefined || machine.isStopping || machine.isPaused) return undefined;
    const afterMs = someMs(random, 3_000);
    machine.stop(random.pick([500, 3_000]), (isClean) => {
      stage.scene.count(isClean ? "stopped clean" : "stopped not clean");
      if (!isClean) stage.limits.forceProcess(machine);
      stage.restart(machine, afterMs);
    });
    return "done";
  },

  pause(stage, random) {
    const machine = pickUp(stage, random);
    if (machine === undefined || machine.isPaused) return undefined;
    machine.pause();
    const { life } = machine;
    return { forMs: someMs(random, 8_000), end: () => machine.life === life && machine.resume() };
  },

  "lost-disk"(stage, random) {
    const machine = pickUp(stage, random);
    if (machine === undefined || !stage.limits.takeDisk(machine)) return undefined;
    machine.loseDisk();
    stage.restart(machine, someMs(random, 3_000));
    return "done";
  },

  rot(stage, random) {
    const machine = pickUp(stage, random);
    if (machine === undefined || machine.isStopping || machine.isPaused || !stage.limits.takeDisk(machine)) {
      return undefined;
    }
    stage.limits.hold();
    const { disk } = machine;
    let isOver = false;
    // Behind a recovery point nobody can tell rot from what a failure of power has torn: it stops in good order before.
    machine.stop(1_000, (isClean) => {
      if (isClean && !isOver) {
        stage.scene.count("rotten");
        stage.forgive(machine);
        for (let flips = 1 + random.below(8); flips > 0; flips--) machine.rot(random);
      }
      stage.restart(machine, 1 + random.below(500));
    });
    const end = () => {
      isOver = true;
      stage.limits.release();
      if (machine.disk !== disk) return;
      machine.loseDisk();
      stage.restart(machine, 1 + random.below(500));
    };
    return { forMs: 1_000 + someMs(random, 6_000), end };
  },

  actor(stage, random) {
    const machine = pickUp(stage, random);
    const refs = machine?.system?.actors().filter(({ state }) => state === "running").map(({ ref }) => ref) ?? [];
    if (refs.length === 0) return undefined;
    const ref = random.pick(refs);
    if (!stage.mayCrash(ref)) return undefined;
    stage.scene.count(`killed ${ref.split("/")[1]}`);
    machine!.system!.kill(ref, "killed by the storm");
    return "done";
  },

  "slow-disk"(stage, random) {
    const { syncs } = random.pick(stage.scene.world.machines);
    syncs.maxMs = random.pick([20, 200, 2_000]);
    return { forMs: someMs(random, 8_000), end: () => syncs.maxMs = 1 };
  },

  eio(stage, random) {
    const machine = pickUp(stage, random);
    if (machine === undefined) return undefined;
    const operation = random.pick(["sync", "sync", "append", "create", "rename", "syncFolder", "truncate"] as const);
    const { disk } = machine;
    // A snapshot of metadata whose folder cannot be synced may be there in the next life, though nobody has seen it in this one.
    const path = operation === "syncFolder" ? /^(?!__cluster_metadata)/ : /./;
    const after = random.below(20);
    const mend = disk.plan({ operation, path, code: "EIO", after, times: random.pick([1, 2, 1_000]) });
    return { forMs: someMs(random, 3_000), end: () => replaceNode(stage, random, machine, disk, mend) };
  },

  enospc(stage, random) {
    const machine = pickUp(stage, random);
    if (machine === undefined) return undefined;
    const { disk } = machine;
    const usedBytes = disk.files().reduce((sum, path) => sum + (disk.size(path) ?? 0), 0);
    disk.capacityBytes = usedBytes + random.below(5_000);
    const mend = () => disk.capacityBytes = Infinity;
    return { forMs: someMs(random, 4_000), end: () => replaceNode(stage, random, machine, disk, mend) };
  },

  cut(stage, random) {
    const link = pickLink(stage, random);
    if (link === undefined) return undefined;
    const { network } = stage.scene.world;
    network.cut(...link);
    return { forMs: someMs(random, 6_000), end: () => network.heal(...link) };
  },

  partition(stage, random) {
    const { network, machines } = stage.scene.world;
    if (machines.length < 2) return undefined;
    const isAlone = machines.map(() => random.chance(1, 2));
    if (random.chance(1, 2)) isAlone.fill(false)[random.below(machines.length)] = true;
    const links = allLinks(stage).filter(([from, to]) => isAlone[from - 1] !== isAlone[to - 1]);
    if (links.length === 0) return undefined;
    const oneWay = random.chance(1, 4);
    const cut = links.filter(([from]) => !oneWay || isAlone[from - 1]);
    for (const link of cut) network.cut(...link);
    return { forMs: someMs(random, 10_000), end: () => cut.forEach((link) => network.heal(...link)) };
  },

  strand(stage, random) {
    const { network, machines, clientLinks } = stage.scene.world;
    if (machines.length < 2) return undefined;
    const coordinators = newestImage(stage.scene.world)?.topics.get(OFFSETS_TOPIC)?.partitions ?? [];
    const leaders = coordinators.map(({ leader }) => leader).filter((id) => id >= 0);
    const alone = leaders.length > 0 && random.chance(2, 3) ? random.pick(leaders) : random.pick(machines).id;
    const links = allLinks(stage).filter((link) => link.includes(alone));
    const others = machines.map(({ id }) => id).filter((id) => id !== alone);
    for (const link of links) network.cut(...link);
    const clients = [...clientLinks];
    for (const client of clients) client.cut(random.pick([others, others, [alone], [alone], []]));
    const end = () => {
      for (const link of links) network.heal(...link);
      for (const client of clients) client.heal();
    };
    return { forMs: someMs(random, 24_000), end };
  },

  clog(stage, random) {
    const link = pickLink(stage, random);
    if (link === undefined) return undefined;
    const { network } = stage.scene.world;
    network.clog(...link);
    return { forMs: someMs(random, 5_000), end: () => network.heal(...link) };
  },

  reset(stage, random) {
    const link = pickLink(stage, random);
    if (link === undefined) return undefined;
    stage.scene.world.network.reset(...link);
    return "done";
  },

  swizzle(stage, random) {
    const { network, env } = stage.scene.world;
    const links = shuffled(allLinks(stage), random).slice(0, 1 + random.below(6));
    if (links.length === 0) return undefined;
    const stepMs = 20 + random.below(500);
    let isOver = false;
    links.forEach((link, index) => env.clock.after(index * stepMs, () => isOver || network.cut(...link)));
    const healFromMs = links.length * stepMs + someMs(random, 3_000);
    shuffled(links, random).forEach((link, index) => {
      env.clock.after(healFromMs + index * stepMs, () => isOver || network.heal(...link));
    });
    const end = () => {
      isOver = true;
      for (const link of links) network.heal(...link);
    };
    return { forMs: healFromMs + links.length * stepMs, end };
  },

  sockets(stage, random) {
    const sockets = stage.scene.world.machines.flatMap((machine) => machine.sockets);
    if (sockets.length === 0) return undefined;
    const socket = random.pick(sockets);
    if (random.chance(1, 2)) socket.reset();
    else socket.isCut = true;
    return "done";
  },

  "clock-step"(stage, random) {
    const { clock } = random.pick(stage.scene.world.machines);
    // Less than message.timestamp.after.max.ms.
    clock.wallOffsetMs = random.pick([-1_500_000, -5_000, -100, 0, 100, 5_000, 1_500_000]);
    return "done";
  },

  "raised-min-isr": raised,
  "lowered-min-isr": lowered,
};

/** Long ones are rare: faults that last longer than timeouts and those that are over before are different things. */
function someMs(random: Random, maxMs: number): number {
  return 1 + random.below(random.pick([Math.ceil(maxMs / 20), Math.ceil(maxMs / 4), maxMs]));
}

function pickUp({ scene }: Stage, random: Random): Machine | undefined {
  const up = scene.world.machines.filter(({ isUp }) => isUp);
  return up.length === 0 ? undefined : random.pick(up);
}

function allLinks({ scene }: Stage): [from: number, to: number][] {
  const ids = scene.world.machines.map(({ id }) => id);
  return ids.flatMap((from) => ids.filter((to) => to !== from).map((to): [number, number] => [from, to]));
}

function pickLink(stage: Stage, random: Random): [from: number, to: number] | undefined {
  const links = allLinks(stage);
  return links.length === 0 ? undefined : random.pick(links);
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  const rest = [...list];
  return list.map(() => rest.splice(random.below(rest.length), 1)[0]!);
}

/** A disk that has failed is mended, and whatever the node made of it, in this life or the next, an operator starts it again. */
function replaceNode(
  stage: Stage,
  random: Random,
  machine: Machine,
  disk: Machine["disk"],
  mend: () => void,
): void {
  mend();
  if (machine.disk !== disk) return;
  stage.limits.forceProcess(machine);
  if (random.chance(1, 2) && !stage.limits.hasUnflushed) machine.losePower(false);
  else machine.kill();
  stage.restart(machine, someMs(random, 1_000));
}
