/**
 * What the run can see of a cluster from outside of time: the states of its actors, between two events.
 *
 * @module
 */
import type { Broker } from "../../actors/broker/state.ts";
import { BROKER } from "../../actors/broker/protocol.ts";
import { refOf } from "../../actors/address.ts";
import type { MetadataImage, PartitionImage } from "../../actors/controller/protocol.ts";
import { QUORUM } from "../../actors/quorum/protocol.ts";
import type { Quorum } from "../../actors/quorum/state.ts";
import type { Machine } from "./machine.ts";
import type { World } from "./world.ts";

/** The state of a node's quorum actor, while it has one. */
export function quorumOf({ id, system }: Machine): Quorum | undefined {
  return system?.stateOf(refOf(id, QUORUM.kind, "quorum")) as Quorum | undefined;
}

/** The state of a node's broker, while it has one. */
export function brokerOf({ id, system }: Machine): Broker | undefined {
  return system?.stateOf(refOf(id, BROKER.kind, "broker")) as Broker | undefined;
}

/** The image that has come furthest of those that are committed. */
export function newestImage(world: World): MetadataImage | undefined {
  let newest: MetadataImage | undefined;
  for (const machine of world.machines) {
    const image = quorumOf(machine)?.image;
    if (image !== undefined && image.offset > (newest?.offset ?? 0)) newest = image;
  }
  return newest;
}

/** Every partition of an image, with the name of its topic. */
export function* partitionsOf(image: MetadataImage): Generator<{ topic: string; partition: PartitionImage }> {
  for (const { name, partitions } of image.topics.values()) {
    for (const partition of partitions) yield { topic: name, partition };
  }
}

/** Everything that keeps the cluster from being well, in words; nothing when it is. */
export function unwell(world: World): string[] {
  const image = newestImage(world);
  if (image === undefined) return ["there is no metadata"];
  const problems: string[] = [];
  for (const machine of world.machines) {
    const { id } = machine;
    const broker = brokerOf(machine);
    if (!machine.isUp || broker === undefined) problems.push(`node ${id} has no broker`);
    else if (!machine.accepting) problems.push(`node ${id} is not ready`);
    else if (broker.image.offset < image.offset) {
      problems.push(`node ${id} has metadata up to ${broker.image.offset} of ${image.offset}`);
    }
    if (image.brokers.get(id)?.fenced !== false) problems.push(`broker ${id} is fenced`);
  }
  for (const { topic, partition } of partitionsOf(image)) {
    const { replicas, isr, leader, adding, removing } = partition;
    const name = `${topic}-${partition.partition}`;
    if (leader < 0) problems.push(`${name} has no leader (isr ${isr}, elr ${partition.elr})`);
    if (isr.length < replicas.length) problems.push(`${name} has isr ${isr} of replicas ${replicas}`);
    if (adding.length + removing.length > 0) problems.push(`${name} is still moving`);
  }
  return problems;
}
