/**
 * How the controller deals with brokers: they register, report, fall silent, end, and want to stop.
 *
 * Fencing is always safe, because whatever a fenced broker still does carries epochs that are over; so a process that is known to be gone is
 * fenced at once, and one that is silent after `broker.session.timeout.ms`.
 *
 * @module
 */
import { refOf } from "../address.ts";
import { BROKER, type BrokerProtocol } from "../broker/protocol.ts";
import {
  fenceBroker,
  moveLeadership,
  registerBroker,
  type Registration,
  unfenceBroker,
  unregisterBroker,
} from "./brokers.ts";
import { activeBrokerIds, liveBrokerIds, partitionKey, type Refusal, refusal } from "./decision.ts";
import { heedOffline } from "./offline.ts";
import type { BrokerImage, ControllerProtocol, ErrorResult, MetadataRecord } from "./protocol.ts";
import type { Session } from "./sessions.ts";
import { commit, type Controller, type Out, settle } from "./state.ts";

/** Timers are never quite on time. */
const NAP_MS = 20;

type Heartbeat = Parameters<ControllerProtocol["heartbeat"]>[0];
type HeartbeatReply = ReturnType<ControllerProtocol["heartbeat"]>;

/**
 * A new controller knows the brokers from the log, and gives each that was let in half a session's time to be heard: it was most likely silence
 * that made this controller the active one, and the broker that shared a process with the one before has been silent for some time already.
 */
export function takeOver(state: Controller, out: Out): void {
  const heardMs = out.monotonic() - state.number("broker.session.timeout.ms") / 2;
  for (const { id, epoch, fenced, inControlledShutdown } of state.image.brokers.values()) {
    const follower = refOf<BrokerProtocol>(id, BROKER.kind, "broker");
    const session = state.sessions.open(id, epoch, follower, heardMs);
    if (inControlledShutdown) session.departure = state.image.offset;
    if (!fenced) watch(session, out);
  }
  awaitSilence(state, out);
}

/** A broker introduces itself. */
export function register(
  state: Controller,
  { follower, ...registration }: Parameters<ControllerProtocol["register"]>[0],
  out: Out,
): ReturnType<ControllerProtocol["register"]> {
  const { brokerId, incarnationId } = registration;
  const known = state.image.brokers.get(brokerId);
  if (known?.incarnationId === incarnationId) { // an answer was lost, or its actor has begun anew and reads everything again
    const session = state.sessions.get(brokerId)!;
    session.heardMs = out.monotonic();
    session.applied = 0;
    return { error: "NONE", message: null, brokerEpoch: known.epoch };
  }
  const refused = refuseRegistration(state, registration, known);
  if (refused !== undefined) return { ...refused, brokerEpoch: -1 };
  const { records, brokerEpoch } = registerBroker(state.setting(out), registration);
  commit(state, records, out);
  state.sessions.open(brokerId, brokerEpoch, follower, out.monotonic());
  settle(state, out, brokerId);
  return { error: "NONE", message: null, brokerEpoch };
}

/**
 * Two processes with one id: who was there first stays, until it is fenced. Not so if both name one folder, which only one process can have
 * open: then the other is gone, even if nobody has noticed yet.
 */
function refuseRegistration(
  { image }: Controller,
  { brokerId, directoryId }: Registration,
  known: BrokerImage | undefined,
): Refusal | undefined {
  const owner = [...image.brokers.values()].find((broker) => broker.directoryId === directoryId);
  if (owner !== undefined && owner.id !== brokerId) {
    return refusal("INVALID_REGISTRATION", `Folder ${directoryId} is that of broker ${owner.id}.`);
  }
  if (known === undefined || known.fenced || owner !== undefined) return undefined;
  return refusal(
    "DUPLICATE_BROKER_REGISTRATION",
    `Another process is broker ${brokerId}: stop it, or choose another id.`,
  );
}

/** A broker reports: it is let in when it has caught up, and let go when it wants to and can. */
export function heartbeat(state: Controller, beat: Heartbeat, out: Out): HeartbeatReply {
  const { brokerId, brokerEpoch, appliedOffset, wantShutDown } = beat;
  const broker = state.image.brokers.get(brokerId);
  if (broker === undefined) return { error: "BROKER_ID_NOT_REGISTERED", fenced: true, shouldShutDown: false };
  if (broker.epoch !== brokerEpoch) return { error: "STALE_BROKER_EPOCH", fenced: true, shouldShutDown: false };
  const session = state.sessions.get(brokerId)!;
  session.heardMs = out.monotonic();
  session.applied = Math.max(session.applied, appliedOffset);
  watch(session, out);
  settle(state, out);
  if (takeOffline(state, broker, session, beat.offline, out)) {
    return { error: "NONE", fenced: broker.fenced, shouldShutDown: false };
  }
  if (wantShutDown) return depart(state, broker, session, out);
  // One that was about to stop and has forgotten about it is as good as gone: it comes back as another incarnation.
  if (broker.fenced && appliedOffset > broker.epoch && !broker.inControlledShutdown) {
    commit(state, unfenceBroker(state.setting(out), broker), out);
    return { error: "NONE", fenced: false, shouldShutDown: false };
  }
  return { error: "NONE", fenced: broker.fenced, shouldShutDown: false };
}

/** Takes note of the replicas that are offline. True if something had to be decided. */
function takeOffline(
  state: Controller,
  broker: BrokerImage,
  session: Session,
  offline: Heartbeat["offline"],
  out: Out,
): boolean {
  const before = session.offline;
  const now = session.offline = new Set(offline.map(partitionKey));
  const mayBeBack = before === undefined || [...before].some((key) => !now.has(key));
  if (offline.length === 0 && !mayBeBack) return false;
  const records = heedOffline(state.setting(out), broker, offline, mayBeBack);
  commit(state, records, out);
  return records.length > 0;
}

/** A broker wants to stop. It may when it leads nothing that another could, and the others know who leads instead. */
function depart(state: Controller, broker: BrokerImage, session: Session, out: Out): HeartbeatReply {
  const { id: brokerId, epoch } = broker;
  if (broker.fenced) return { error: "NONE", fenced: true, shouldShutDown: true };
  const waiting: HeartbeatReply = { error: "NONE", fenced: false, shouldShutDown: false };
  if (session.hopedAt === state.image.offset) return waiting;
  const { records, moves, hopes } = moveLeadership(state.setting(out), broker);
  if (moves || hopes) {
    const first: MetadataRecord = { type: "ControlledShutdown", brokerId, brokerEpoch: epoch };
    session.departure = commit(state, broker.inControlledShutdown ? records : [first, ...records], out);
    session.hopedAt = moves ? -1 : session.departure;
    return waiting;
  }
  if (session.hopedAt !== -1) { // what it hoped for has come true, or has ended
    session.departure = state.image.offset;
    session.hopedAt = -1;
  }
  const others = activeBrokerIds(state.image);
  others.delete(brokerId);
  if (state.sessions.appliedByAll(others) < session.departure) return waiting;
  commit(state, fenceBroker(state.setting(out), broker), out);
  settle(state, out, brokerId);
  return { error: "NONE", fenced: true, shouldShutDown: true };
}

/** A broker has applied records: who waited for that is answered. */
export function applied(
  state: Controller,
  { brokerId, brokerEpoch, offset }: Parameters<ControllerProtocol["applied"]>[0],
  out: Out,
): void {
  const session = state.sessions.get(brokerId);
  if (session?.brokerEpoch !== brokerEpoch) return; // said by an incarnation that is over
  if (offset <= session.applied) return;
  session.applied = offset;
  settle(state, out);
}

/** A broker's actor has ended, or its node is gone. */
export function ended(state: Controller, follower: string, out: Out): void {
  for (const brokerId of state.sessions.ended(follower)) fence(state, brokerId, out);
}

/** Fences the broker that has been silent for longest, if that is too long; there may be more, so it looks again at once then. */
export function expireSessions(state: Controller, out: Out): void {
  const { sessions, image } = state;
  const timeoutMs = state.number("broker.session.timeout.ms");
  const nowMs = out.monotonic();
  // While this controller slept it heard nobody: what the brokers have said meanwhile may still be in its mailbox.
  const sleptMs = nowMs - state.expireMs;
  if (sleptMs > timeoutMs / 2) sessions.renew(nowMs);
  else if (sleptMs > NAP_MS && !state.excused) {
    state.excused = true; // not twice in a row: on a machine that is always late nobody would ever be silent
    sessions.excuse(sleptMs, nowMs);
    return awaitSilence(state, out);
  }
  state.excused = false;
  const silent = sessions.mostSilent(liveBrokerIds(image));
  if (silent === undefined || nowMs - silent.heardMs < timeoutMs) return awaitSilence(state, out);
  fence(state, silent.brokerId, out);
  state.expireMs = nowMs;
  out.timer("sessions", 0, "expireSessions", undefined);
}

/** Forgets a broker that is fenced. */
export function unregister(state: Controller, brokerId: number, out: Out): ErrorResult {
  const broker = state.image.brokers.get(brokerId);
  if (broker === undefined) return refusal("BROKER_ID_NOT_REGISTERED", `Broker ${brokerId} is not registered.`);
  if (!broker.fenced) return refusal("INVALID_REQUEST", `Broker ${brokerId} is there: stop it first.`);
  commit(state, unregisterBroker(state.setting(out), broker), out);
  state.sessions.close(brokerId);
  return { error: "NONE", message: null };
}

function fence(state: Controller, brokerId: number, out: Out): void {
  const broker = state.image.brokers.get(brokerId);
  if (broker === undefined || broker.fenced) return;
  commit(state, fenceBroker(state.setting(out), broker), out);
  settle(state, out, brokerId);
}

function awaitSilence(state: Controller, out: Out): void {
  const timeoutMs = state.number("broker.session.timeout.ms");
  const nowMs = out.monotonic();
  const silent = state.sessions.mostSilent(liveBrokerIds(state.image));
  // Whole milliseconds, one at least: what is left of one might be too little for the clock to move.
  const delayMs = silent === undefined ? timeoutMs : Math.max(1, Math.ceil(silent.heardMs + timeoutMs - nowMs));
  state.expireMs = nowMs + delayMs;
  out.timer("sessions", delayMs, "expireSessions", undefined);
}

/** From now on the controller is told when the broker ends. */
function watch(session: Session, out: Out): void {
  if (session.watched) return;
  session.watched = true;
  out.watch(session.follower);
}
