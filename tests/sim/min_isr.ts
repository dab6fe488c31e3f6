/**
 * An administrator who changes min.insync.replicas just while the ISR changes that is counted by it: faults for two moments that hardly
 * ever come by chance.
 *
 *     raised    leader ╳ follower, which lags ─▶ min is all replicas, and the leader's disk slow ─▶ its ISR shrinks: what the controller
 *               counted by lies on that disk, unread, when its answer comes
 *     lowered   min is all replicas, leader ╳ follower ─▶ the ISR shrinks ─▶ all of it is cut off, with records that only it has
 *               ─▶ the follower, who is eligible, is elected ─▶ min is as it was ─▶ the old leader hears of both at once
 *
 * They strike only in runs in which they are named (`--only`): nothing else is changed by their being there.
 *
 * @module
 */
import type { MetadataImage, PartitionImage } from "../../actors/controller/protocol.ts";
import { REPLICA } from "../../actors/partition/protocol.ts";
import { refOf } from "../../actors/address.ts";
import type { Replica } from "../../actors/partition/state.ts";
import type { Random } from "../../lib/prng.ts";
import { ask } from "./admin_calls.ts";
import { KafkaClient } from "./client.ts";
import type { Fault, Lasting } from "./faults.ts";
import { brokerOf, newestImage, partitionsOf, quorumOf } from "./glimpse.ts";
import type { Machine } from "./machine.ts";
import type { Scene } from "./scene.ts";
import type { World } from "./world.ts";

const MIN_ISR = "min.insync.replicas";
const LOOK_MS = 5;
/** The leader's disk takes so long while the ISR changes: for some questions and answers, but nobody is taken for dead. */
const SYNC_MIN_MS = 200;
const SYNC_MAX_MS = 800;
/** How long the others may take to find that those who are cut off are gone: a session, and some more. */
const ELECTION_MS = 6_000;

/** A partition all of whose replicas are in sync and more than must be, one of them to lag. */
interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly leader: number;
  readonly follower: number;
  /** The rest of the ISR. */
  readonly others: readonly number[];
  /** What the topic's minimum is set to. */
  readonly before: string;
}

/** Whether a place will do, with the controller on that machine. */
type Suits = (place: Place, controller: Machine) => boolean;

/** Scenes in which one of them is under way: two would spoil each other. */
const busy = new WeakSet<Scene>();

/** A leader hears late that more must be in sync than its new ISR has, so that whoever has left it is eligible. */
export const raised: Fault = ({ scene }, random) => {
  const work = begin(scene, random, isSplittable);
  if (work === undefined) return undefined;
  const { place, lagMs } = work;
  work.cut([place.leader], [place.follower]);
  work.after(lagMs + random.below(Math.ceil(lagMs / 2)), () => {
    work.slowDisk();
    work.setMinIsr(all(place));
    work.when(({ elr }) => elr.includes(place.follower), () => scene.count("raised-min-isr, and another ISR"));
  });
  return work.lasts(2 * lagMs + SYNC_MAX_MS);
};

/** A leader that is none any more hears late of that, and at the same time that its old ISR would be enough again. */
export const lowered: Fault = ({ scene }, random) => {
  const work = begin(scene, random, isApart);
  if (work === undefined) return undefined;
  const { place, lagMs } = work;
  const { leader, follower, others } = place;
  const inSync = [leader, ...others];
  work.setMinIsr(all(place));
  work.when(({ minIsr }) => minIsr === all(place), () => {
    work.cut([leader], [follower]);
    work.when(({ elr }) => elr.includes(follower) && work.hasUncommitted, () => {
      work.cut(inSync, scene.world.machines.map(({ id }) => id).filter((id) => !inSync.includes(id)));
      work.when((now) => now.leader === follower, () => {
        work.setMinIsr(place.before);
        work.when(({ minIsr }) => minIsr === place.before, () => {
          work.heal();
          scene.count("lowered-min-isr, and another leader");
        });
      });
    });
  });
  return work.lasts(2 * lagMs + ELECTION_MS);
};

/** What is done to one place, until it is taken back. */
class Work {
  readonly lagMs: number;
  readonly #scene: Scene;
  readonly #leader: Machine;
  readonly #client: KafkaClient;
  readonly #undo: (() => void)[] = [];
  #links: [from: number, to: number][] = [];
  #isOver = false;

  constructor(scene: Scene, readonly place: Place, random: Random) {
    this.#scene = scene;
    this.#leader = scene.world.machine(place.leader)!;
    this.#client = new KafkaClient(scene.world, "admin-in-between", random.split("client"));
    this.lagMs = Number(brokerOf(this.#leader)!.args.properties["replica.lag.time.max.ms"]);
    busy.add(scene);
  }

  /** Whether the leader has records that wait for the high watermark. */
  get hasUncommitted(): boolean {
    const replica = replicaOf(this.#leader, this.place);
    return replica !== undefined && replica.endOffset > replica.highWatermark && replica.isUnderMinIsr;
  }

  after(delayMs: number, then: () => void): void {
    this.#scene.world.env.clock.after(delayMs, () => this.#isOver || then());
  }

  /** As soon as the partition is committed to be so. */
  when(isSo: (now: PartitionImage & { readonly minIsr: string }) => boolean, then: () => void): void {
    const { topic, partition } = this.place;
    const image = newestImage(this.#scene.world);
    const found = image?.topics.get(topic)?.partitions[partition];
    if (found !== undefined && isSo({ ...found, minIsr: minIsrOf(image!, topic) })) return then();
    this.after(LOOK_MS, () => this.when(isSo, then));
  }

  /** Nothing comes from these to those, or back. */
  cut(these: readonly number[], those: readonly number[]): void {
    const links = these.flatMap((one) => those.flatMap((other): [number, number][] => [[one, other], [other, one]]));
    for (const link of links) this.#scene.world.network.cut(...link);
    this.#links.push(...links);
  }

  heal(): void {
    for (const link of this.#links.splice(0)) this.#scene.world.network.heal(...link);
  }

  slowDisk(): void {
    const { syncs } = this.#leader;
    Object.assign(syncs, { minMs: SYNC_MIN_MS, maxMs: SYNC_MAX_MS });
    this.#undo.push(() => Object.assign(syncs, { minMs: 0, maxMs: 1 }));
  }

  /** Asks the node of the controller, which takes the least time. */
  setMinIsr(value: string): void {
    const { adminBook, world } = this.#scene;
    const controller = controllerOf(world);
    if (controller === undefined) return;
    const request = { f: "configure", topic: this.place.topic, name: MIN_ISR, value } as const;
    const asked = adminBook.begin(request);
    ask(this.#client, controller.id, request, (outcome) => {
      if (outcome === "refused") adminBook.withdraw(asked);
      else if (outcome !== "silence") adminBook.end(asked, outcome);
    });
  }

  lasts(forMs: number): Lasting {
    return { forMs, end: () => this.#end() };
  }

  #end(): void {
    this.#isOver = true;
    busy.delete(this.#scene);
    this.heal();
    for (const undo of this.#undo) undo();
    this.setMinIsr(this.place.before);
  }
}

/** The value that lets nothing be committed without all replicas. */
function all({ others }: Place): string {
  return String(2 + others.length);
}

/** Whether the leader and the follower may be cut off from each other, and both from nobody else that matters. */
const isSplittable: Suits = ({ leader, follower }, controller) =>
  leader !== controller.id && follower !== controller.id;

/** Whether the controller stands apart from the replicas, and goes on when all but the follower are cut off. */
const isApart: Suits = ({ leader, follower, others }, controller) => {
  if ([leader, follower, ...others].includes(controller.id)) return false;
  const voters = quorumOf(controller)?.voters ?? [];
  return voters.filter((id) => id !== leader && !others.includes(id)).length > voters.length / 2;
};

/** Picks a place and begins there; undefined when there is none, or one of these faults is under way. */
function begin(scene: Scene, random: Random, suits: Suits): Work | undefined {
  const { world } = scene;
  const image = newestImage(world);
  const controller = controllerOf(world);
  if (image === undefined || controller === undefined || busy.has(scene)) return undefined;
  const places = placesIn(image).filter((place) => suits(place, controller) && brokerOf(world.machine(place.leader)!));
  return places.length === 0 ? undefined : new Work(scene, random.pick(places), random);
}

/** All partitions that will do, with each of their followers. */
function placesIn(image: MetadataImage): Place[] {
  return [...partitionsOf(image)].flatMap(({ topic, partition: { partition, leader, replicas, isr } }) => {
    const before = minIsrOf(image, topic);
    const isFull = replicas.length >= 3 && isr.length === replicas.length;
    if (!isFull || topic.startsWith("__") || before === "" || Number(before) >= replicas.length) return [];
    const rest = replicas.filter((id) => id !== leader);
    return rest.map((follower): Place => (
      { topic, partition, leader, follower, others: rest.filter((id) => id !== follower), before }
    ));
  });
}

/** The node whose controller decides. */
function controllerOf(world: World): Machine | undefined {
  const epochOf = (machine: Machine) => {
    const quorum = quorumOf(machine);
    return quorum?.role.type === "leader" ? quorum.epoch : -1;
  };
  const newest = Math.max(...world.machines.map(epochOf));
  return newest < 0 ? undefined : world.machines.find((machine) => epochOf(machine) === newest);
}

function replicaOf({ id, system }: Machine, { topic, partition }: Place): Replica | undefined {
  return system?.stateOf(refOf(id, REPLICA.kind, `${topic}-${partition}`)) as Replica | undefined;
}

function minIsrOf({ configs }: MetadataImage, topic: string): string {
  return configs.get(`topic/${topic}`)?.get(MIN_ISR) ?? "";
}
