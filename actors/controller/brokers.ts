/**
 * Brokers come, go and lead: what the controller decides about them, as records.
 *
 * ```text
 *             register              caught up           wants to stop
 *   unknown ───────────▶ fenced ───────────────▶ live ─────────────────▶ in controlled shutdown
 *              ▲  ▲         ▲                     │ silent, or its process gone    │ leads nothing, or nothing that could be moved
 *              │  │         └─────────────────────┴───────────────────────────────┘
 *   unregister │  └── another incarnation, from wherever it is: fenced, with a larger epoch
 * ```
 *
 * A broker's epoch is the offset of the record that registered it, so it only grows.
 *
 * **Why a restart begins a new leader epoch, even for the only replica.** A process that died may have lost records that it had
 * written but not synced, and that somebody had read or, with acks=1, had acknowledged. Under the same epoch other records
 * would appear at the same offsets, and nobody could tell. With a new epoch a client asks where the old one ended
 * (OffsetForLeaderEpoch), finds that it stands past that end, and notices. A request that was on its way to the old
 * incarnation, or a replica of it that still runs, carries the old epoch and is refused with FENCED_LEADER_EPOCH. Leadership is taken
 * away in the same event as the registration, so no replica is ever told twice to lead in one epoch. Epochs cannot go back, because
 * they are counted in the metadata log, which is durable before it is seen.
 *
 * **Who may have lost something.** A broker that comes back with another folder has nothing. One that was not stopped cleanly has
 * what it had synced; that is all it ever vouched for where the topic flushes before it acknowledges, and may be less where it does not.
 *
 * @module
 */
import type { CleanLife } from "../../storage/log.ts";
import { Changes } from "./changes.ts";
import { indexOf, type Setting } from "./decision.ts";
import { NO_LEADER } from "./partition_change.ts";
import type { BrokerImage, ControllerProtocol, MetadataRecord } from "./protocol.ts";

/** A broker as it introduces itself. */
export type Registration = Omit<Parameters<ControllerProtocol["register"]>[0], "follower">;

/** A new incarnation introduces itself: the records that make it known, and its epoch. It leads nothing before it is let in. */
export function registerBroker(
  setting: Setting,
  registration: Registration,
): { readonly records: readonly MetadataRecord[]; readonly brokerEpoch: number } {
  const { image } = setting;
  const { cleanLife, ...broker } = registration;
  const { brokerId, directoryId } = broker;
  const brokerEpoch = image.offset;
  const known = image.brokers.get(brokerId);
  const empty = known?.directoryId !== directoryId;
  const wasClean = known !== undefined && endedCleanly(known, cleanLife);
  const changes = new Changes(setting, { gone: brokerId });
  for (const { topic, partition } of indexOf(setting).on(brokerId, image)) {
    const { isr, elr, lastKnownElr } = partition;
    if (![isr, elr, lastKnownElr].some((ids) => ids.includes(brokerId))) continue;
    const sound = !empty && (wasClean || changes.flushesBeforeAck(topic.name, brokerId));
    changes.wish(topic, partition.partition, {
      isr: isr.filter((id) => id !== brokerId),
      unclean: changes.policy(topic.name).unclean,
      ...(sound ? {} : { lost: { id: brokerId, empty } }),
    });
  }
  return { records: [{ type: "RegisterBroker", ...broker, brokerEpoch }, ...changes.records], brokerEpoch };
}

/** Whether it was the life that is known here that ended cleanly: one whose registration was not answered does not know its epoch. */
function endedCleanly(known: BrokerImage, { brokerEpoch, unheardIncarnationIds }: CleanLife): boolean {
  return brokerEpoch === known.epoch || unheardIncarnationIds.includes(known.incarnationId);
}

/** A broker is gone: it is in sync with nothing, and others lead. */
export function fenceBroker(setting: Setting, { id: brokerId, epoch: brokerEpoch }: BrokerImage): MetadataRecord[] {
  const changes = new Changes(setting, { gone: brokerId });
  for (const { topic, partition } of indexOf(setting).on(brokerId, setting.image)) {
    if (!partition.isr.includes(brokerId)) continue;
    const isr = partition.isr.filter((id) => id !== brokerId);
    changes.wish(topic, partition.partition, { isr, unclean: changes.policy(topic.name).unclean });
  }
  return [{ type: "FenceBroker", brokerId, brokerEpoch }, ...changes.records];
}

/** A broker has caught up with its registration: it may lead what nobody leads. */
export function unfenceBroker(setting: Setting, { id: brokerId, epoch: brokerEpoch }: BrokerImage): MetadataRecord[] {
  const changes = new Changes(setting, { back: brokerId });
  for (const { topic, partition } of indexOf(setting).on(brokerId, setting.image)) {
    if (partition.leader !== NO_LEADER) continue;
    changes.wish(topic, partition.partition, { unclean: changes.policy(topic.name).unclean });
  }
  return [{ type: "UnfenceBroker", brokerId, brokerEpoch }, ...changes.records];
}

/** What a broker that wants to stop still has to do. */
export interface Departure {
  /** Leadership that can be moved now, and ISRs that it leaves. */
  readonly records: readonly MetadataRecord[];
  /** Whether somebody else begins to lead, and every broker should have heard of it before this one goes. */
  readonly moves: boolean;
  /** Whether it leads a partition that another broker, which is there, may come to be in sync with. */
  readonly hopes: boolean;
}

/** A broker wants to stop: others lead where they can, and nobody waits for it where others are in sync. */
export function moveLeadership(setting: Setting, broker: BrokerImage): Departure {
  const { id: brokerId } = broker;
  const changes = new Changes(setting, { leaving: brokerId });
  let moves = false;
  let hopes = false;
  for (const { topic, partition } of indexOf(setting).on(brokerId, setting.image)) {
    if (!partition.isr.includes(brokerId)) continue;
    const isr = partition.isr.filter((id) => id !== brokerId);
    const mayLead = (id: number) => id !== brokerId && changes.mayLead(topic, partition.partition, id);
    const others = (ids: readonly number[]) => ids.some(mayLead);
    const successor = others(partition.isr) || (isr.length === 0 && others(partition.elr));
    if (partition.leader !== brokerId) changes.wish(topic, partition.partition, { isr });
    else if (successor) {
      changes.wish(topic, partition.partition, { isr });
      moves = true;
    } else hopes ||= others(partition.replicas);
  }
  return { records: changes.records, moves, hopes };
}

/** A broker that is fenced is forgotten, and what it had is not counted on any more. */
export function unregisterBroker(
  setting: Setting,
  { id: brokerId, epoch: brokerEpoch }: BrokerImage,
): MetadataRecord[] {
  const changes = new Changes(setting, { gone: brokerId });
  for (const { topic, partition } of indexOf(setting).on(brokerId, setting.image)) {
    const unclean = changes.policy(topic.name).unclean;
    changes.wish(topic, partition.partition, { unclean, lost: { id: brokerId, empty: true } });
  }
  return [{ type: "UnregisterBroker", brokerId, brokerEpoch }, ...changes.records];
}
