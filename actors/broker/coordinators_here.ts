/**
 * The coordinators of groups on this broker: one child for each partition of `__consumer_offsets` that it leads, for as long as the
 * leader epoch lasts.
 *
 *     led here ──spawn──▶ here ──another epoch, or another leader──▶ leaving ──stopped──▶ gone (or spawned anew, if it leads again)
 *                          │ given up by its supervisor
 *                          ▼
 *                       resting ──after a back-off──▶ spawned anew
 *
 * Invariant: there is one coordinator of a partition at a time, and it is spawned after its replica was told to lead in that epoch.
 *
 * @module
 */
import { COORDINATOR, type CoordinatorArgs, type CoordinatorRef, OFFSETS_TOPIC } from "../group/protocol.ts";
import type { Broker, BrokerOutbox } from "./state.ts";

const RESPAWN_MS = 500;
const RESPAWN_MAX_MS = 30_000;
/** A coordinator that has lived so long was able to: if it fails again, counting begins anew. */
const RECOVERED_MS = 60_000;

/** One coordinator on this broker. */
export interface LocalCoordinator {
  readonly args: CoordinatorArgs;
  readonly ref: CoordinatorRef;
  readonly spawnedMs: number;
  /** How often in a row it was given up. */
  failures: number;
  phase: "here" | "leaving" | "resting";
}

/** Brings the coordinators to where the image has the leaders. */
export function keepCoordinators(broker: Broker, out: BrokerOutbox): void {
  const partitions = broker.image.topics.get(OFFSETS_TOPIC)?.partitions.length ?? 0;
  for (const partition of broker.coordinators.keys()) if (partition >= partitions) keep(broker, partition, out);
  for (let partition = 0; partition < partitions; partition++) keep(broker, partition, out);
}

/** A coordinator has stopped for good: it was told to, or its supervisor has given it up. */
export function coordinatorEnded(broker: Broker, partition: number, out: BrokerOutbox): void {
  const coordinator = broker.coordinators.get(partition);
  if (coordinator === undefined) return;
  if (coordinator.phase === "leaving") {
    broker.coordinators.delete(partition);
    if (broker.isActing) keep(broker, partition, out);
    return;
  }
  if (out.monotonic() - coordinator.spawnedMs >= RECOVERED_MS) coordinator.failures = 0;
  coordinator.phase = "resting";
  const restMs = Math.min(RESPAWN_MAX_MS, RESPAWN_MS * 2 ** coordinator.failures++);
  out.timer(`coordinator/${partition}`, restMs, "coordinateAgain", partition);
}

/** A coordinator that was given up has rested. */
export function coordinateAgain(broker: Broker, partition: number, out: BrokerOutbox): void {
  const coordinator = broker.coordinators.get(partition);
  if (coordinator?.phase !== "resting") return;
  const { failures } = coordinator;
  broker.coordinators.delete(partition);
  if (broker.isActing) keep(broker, partition, out, failures); // else the image that counts will say what becomes of it
}

/** Brings one coordinator to where the image has the leader. */
function keep(broker: Broker, partition: number, out: BrokerOutbox, failures = 0): void {
  const wanted = wantedHere(broker, partition);
  const coordinator = broker.coordinators.get(partition);
  if (coordinator === undefined) {
    if (wanted !== undefined) spawn(broker, partition, wanted, failures, out);
    return;
  }
  const { args: { leaderEpoch }, phase } = coordinator;
  if (phase === "leaving" || leaderEpoch === wanted?.leaderEpoch) return;
  if (phase === "here") {
    coordinator.phase = "leaving";
    return out.stop(coordinator.ref);
  }
  out.cancel(`coordinator/${partition}`);
  broker.coordinators.delete(partition);
  if (wanted !== undefined) spawn(broker, partition, wanted, 0, out);
}

type Wanted = Pick<CoordinatorArgs, "leaderEpoch" | "replica">;

/**
 * What a partition's coordinator is to be, if there is to be one here. A topic that was made again counts its epochs anew, but there is
 * none as long as the replica of the old one has not gone, and so no coordinator outlives its topic.
 */
function wantedHere({ image, args, replicas }: Broker, partition: number): Wanted | undefined {
  const topic = image.topics.get(OFFSETS_TOPIC);
  const led = topic?.partitions[partition];
  const replica = replicas.get(OFFSETS_TOPIC)?.get(partition);
  if (topic === undefined || led?.leader !== args.brokerId || replica === undefined) return undefined;
  return replica.args.topicId === topic.topicId ? { leaderEpoch: led.leaderEpoch, replica: replica.ref } : undefined;
}

function spawn(
  broker: Broker,
  partition: number,
  { leaderEpoch, replica }: Wanted,
  failures: number,
  out: BrokerOutbox,
): void {
  const args: CoordinatorArgs = { brokerId: broker.args.brokerId, partition, leaderEpoch, replica, broker: out.self };
  const ref = out.spawn(COORDINATOR, String(partition), args);
  out.watch(ref);
  const spawnedMs = out.monotonic();
  broker.coordinators.set(partition, { args, ref, spawnedMs, failures, phase: "here" });
}
