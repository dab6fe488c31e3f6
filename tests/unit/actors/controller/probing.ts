/**
 * One controller under a probe, and brokers that are told by hand.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { Ref } from "../../../../actors/actor.ts";
import { controller } from "../../../../actors/controller/controller.ts";
import { emptyImage, replay } from "../../../../actors/controller/image.ts";
import type {
  ControllerProtocol,
  MetadataFollower,
  MetadataImage,
  MetadataRecord,
  NewTopic,
} from "../../../../actors/controller/protocol.ts";
import type { Controller } from "../../../../actors/controller/state.ts";
import { MemoryJournal } from "../../../../actors/memory_journal.ts";
import { type Asked, type Probe, probe } from "../../../../actors/probe.ts";

/** A controller under a probe. */
export type ControllerProbe = Probe<ControllerProtocol, Controller>;

/** What is in the log of a new cluster before anybody registers. */
const NEW: MetadataImage = replay(emptyImage(), [
  { type: "Cluster", clusterId: "c" },
  { type: "QuorumLeader", leaderId: 1, epoch: 1, voters: [1] },
]);

/** How a controller is started. */
export interface Beginning {
  readonly image?: MetadataImage;
  readonly journal?: MemoryJournal;
  readonly properties?: Readonly<Record<string, string>>;
}

/** Starts a controller. */
export function start(
  { image = NEW, journal = new MemoryJournal(), properties = {} }: Beginning = {},
): ControllerProbe {
  const own = { "broker.session.timeout.ms": "2000", ...properties };
  return probe(controller({ properties: own }), { epoch: 1, image }, { name: "controller", journal });
}

/** The broker actor of a node. */
export function followerOf(brokerId: number): Ref<MetadataFollower> {
  return `${brokerId}/broker/broker` as Ref<MetadataFollower>;
}

/** A broker introduces itself. */
export function register(
  p: ControllerProbe,
  brokerId: number,
  more: Partial<Parameters<ControllerProtocol["register"]>[0]> = {},
) {
  return p.ask("register", {
    brokerId,
    incarnationId: `i${brokerId}`,
    endpoint: { host: "h", port: 9092 },
    nodeEndpoint: { host: "h", port: 9093 },
    directoryId: `d${brokerId}`,
    rack: null,
    cleanLife: { brokerEpoch: -1, unheardIncarnationIds: [] },
    follower: followerOf(brokerId),
    ...more,
  });
}

/** A broker reports that it has applied everything, unless `more` says otherwise. */
export function beat(
  p: ControllerProbe,
  brokerId: number,
  more: Partial<Parameters<ControllerProtocol["heartbeat"]>[0]> = {},
) {
  const brokerEpoch = epochOf(p, brokerId);
  const follower = followerOf(brokerId);
  const { offset: appliedOffset } = p.state.image;
  const beat = { brokerId, brokerEpoch, follower, appliedOffset, offline: [], wantShutDown: false, ...more };
  return p.ask("heartbeat", beat);
}

/** A broker registers, catches up, and is let in. */
export function join(p: ControllerProbe, brokerId: number): void {
  register(p, brokerId);
  assertEquals(beat(p, brokerId).reply, { error: "NONE", fenced: false, shouldShutDown: false });
  catchUp(p, brokerId);
}

/** A broker says that it has applied everything. */
export function catchUp(p: ControllerProbe, brokerId: number): void {
  p.tell("applied", { brokerId, brokerEpoch: epochOf(p, brokerId), offset: p.state.image.offset });
}

/** Everybody has applied everything. */
function catchUpAll(p: ControllerProbe): void {
  for (const id of p.state.image.brokers.keys()) catchUp(p, id);
}

/** The epoch of a broker; -1 if it has none. */
export function epochOf(p: ControllerProbe, brokerId: number): number {
  return p.state.image.brokers.get(brokerId)?.epoch ?? -1;
}

/** Asks for topics. */
export function create(
  p: ControllerProbe,
  topics: readonly NewTopic[],
  { validateOnly = false, timeoutMs = 1_000 } = {},
) {
  return p.ask("createTopics", { topics, validateOnly, timeoutMs });
}

/** Asks for topics, and lets every broker apply them. */
export function created(p: ControllerProbe, ...topics: readonly NewTopic[]): void {
  const asked = create(p, topics);
  catchUpAll(p);
  assertEquals(errors(asked), topics.map(() => "NONE"));
}

/** A topic with these replicas, a list for each partition. */
export function placed(name: string, ...replicas: readonly (readonly number[])[]): NewTopic {
  const assignments = replicas.map((brokerIds, partition) => ({ partition, brokerIds }));
  return { name, partitions: -1, replicationFactor: -1, assignments, configs: [] };
}

/** How each of several things ended. */
export function errors(asked: Asked<readonly { readonly error: string }[]>): string[] | undefined {
  return asked.reply?.map(({ error }) => error);
}

/** A partition, as the controller has it. */
export function partitionOf(p: ControllerProbe, topic: string, partition = 0) {
  return p.state.image.topics.get(topic)!.partitions[partition]!;
}

/** The kinds of the records of the last event. */
export function lastEvent(journal: MemoryJournal): string[] {
  return (journal.events.at(-1) as readonly MetadataRecord[]).map(({ type }) => type);
}
