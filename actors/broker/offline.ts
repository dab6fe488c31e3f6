/**
 * Replicas on this broker that serve nothing: their disks have failed, they must not lead, or their supervisor has given them up.
 *
 *     replica ──replicaChanged──▶ offline ──a heartbeat, soon──▶ controller: another leads, and this one is in sync with nothing
 *        └──────opened again────▶ back ────the next heartbeat───▶ controller: it may join again, or lead what nobody leads
 *
 * That one is back is not said at once: one that fails again and again would have the cluster elect as fast as it can.
 *
 * Invariant: every heartbeat names all that are offline.
 *
 * @module
 */
import type { PartitionId } from "../controller/protocol.ts";
import type { ReplicaChange } from "./protocol.ts";
import type { Broker, BrokerOutbox } from "./state.ts";

/** A disk that fails takes all of its replicas offline: they are told of together. */
const SOON_MS = 10;

/** All that are offline. */
export function offlineHere({ replicas }: Broker): readonly PartitionId[] {
  return [...replicas.values()].flatMap((topic) =>
    [...topic.values()].filter(({ phase, offline }) => phase === "resting" || (phase === "here" && offline))
      .map(({ args: { topicId, partition } }) => ({ topicId, partition }))
  );
}

/** A replica has gone offline, or serves again. */
export function replicaChanged(broker: Broker, change: ReplicaChange, out: BrokerOutbox): void {
  const { topic, topicId, partition, offline } = change;
  const replica = broker.replicas.get(topic)?.get(partition);
  if (replica === undefined || replica.args.topicId !== topicId) return;
  replica.offline = offline;
  if (offline) beatSoon(broker, out);
}

/** The next heartbeat has something to tell. */
export function beatSoon(broker: Broker, out: BrokerOutbox): void {
  if (broker.beatsSoon) return;
  broker.beatsSoon = true;
  out.timer("beat", SOON_MS, "beat", undefined);
}
