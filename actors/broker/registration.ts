/**
 * How a broker belongs to its cluster: it registers with the active controller, says again and again that it lives, and says
 * when it wants to go.
 *
 *     register ──epoch──▶ how far is the log? ──goal──▶ heartbeats … ──shutDown──▶ heartbeats that want to go ──▶ may go
 *        ▲ │ no answer: again after a back-off             │
 *        └─┴────────────── STALE_BROKER_EPOCH ─────────────┘
 *
 * A registration alone does not say how old the image is: a broker that was restarted within its process gets the epoch that
 * it had, and replays everything since. So it asks the leader of the quorum how far the log is committed, and acts on nothing
 * before.
 *
 * Invariant: an answer counts only if it is the answer to the last attempt, of the controller that is the active one now.
 *
 * @module
 */
import { LATER } from "../actor.ts";
import type { CleanLife } from "../../storage/log.ts";
import { refOf } from "../address.ts";
import type { ErrorResult } from "../controller/protocol.ts";
import type { QuorumProtocol } from "../quorum/protocol.ts";
import { QUORUM } from "../quorum/protocol.ts";
import { controllerHeard, controllerLost } from "./isolation.ts";
import { abandonIsrChanges, sendIsrChangesAnew } from "./isr_changes.ts";
import { offlineHere } from "./offline.ts";
import type { Broker, BrokerOutbox } from "./state.ts";
import { announce } from "./announcing.ts";
import { proceed } from "./following.ts";

/** Says of no life that it ended cleanly. */
const NOT_CLEAN: CleanLife = { brokerEpoch: -1, unheardIncarnationIds: [] };
const REGISTER_PATIENCE_MS = 2_000;
const BACKOFF_MS = 25;
const BACKOFF_MAX_MS = 1_000;
/** An answer that takes longer tells nothing that a newer heartbeat does not. */
const HEARTBEAT_PATIENCE_MS = 2_000;
/** How often a broker that wants to go asks whether it may. */
const LEAVING_INTERVAL_MS = 25;

/** Node `controllerId` has the controller now, or (-1) nobody is known to. Comes from this node's quorum actor, in order. */
export function controllerChanged(
  broker: Broker,
  { controllerId, epoch }: { readonly controllerId: number; readonly epoch: number },
  out: BrokerOutbox,
): void {
  if (controllerId === broker.controllerId && epoch === broker.controllerEpoch) return;
  const isLost = broker.controllerId >= 0 && controllerId < 0;
  broker.controllerId = controllerId;
  broker.controllerEpoch = epoch;
  broker.version++;
  announce(broker, out);
  if (isLost) controllerLost(broker, out);
  if (controllerId < 0) return;
  broker.failedAttempts = 0;
  if (broker.epoch < 0 || broker.registering) register(broker, out);
  else beat(broker, out);
  sendIsrChangesAnew(broker, out);
}

/** Asks the active controller to take this broker in. Whatever was tried before is forgotten. */
export function register(broker: Broker, out: BrokerOutbox): void {
  if (broker.leaving) return;
  broker.registering = true;
  const attempt = ++broker.attempt;
  out.cancel("register");
  const { controller } = broker;
  if (controller === undefined) return; // tried again as soon as there is one
  const { brokerId, incarnationId, advertised, nodeEndpoint, directoryId, rack, cleanLife } = broker.args;
  const registration = {
    brokerId,
    incarnationId,
    endpoint: advertised,
    nodeEndpoint,
    directoryId,
    rack,
    cleanLife: broker.epoch < 0 ? cleanLife : NOT_CLEAN, // of the stop before this process, not of what came since
    follower: out.self,
  };
  const askedMs = out.monotonic();
  out.ask(controller, "register", registration, (broker, answer, out) => {
    if (attempt !== broker.attempt) return;
    if (!answer.ok) return registerLater(broker, out);
    if (answer.value.error === "NONE") return takeEpoch(broker, answer.value.brokerEpoch, askedMs, out);
    if (broker.failedAttempts === 0) reportRefusal(broker, answer.value, out);
    registerLater(broker, out);
  }, REGISTER_PATIENCE_MS);
}

function registerLater(broker: Broker, out: BrokerOutbox): void {
  const fullMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** Math.min(broker.failedAttempts++, 16));
  out.timer("register", fullMs - out.random.below(Math.floor(fullMs / 2) + 1), "register", undefined);
}

function reportRefusal(broker: Broker, { error, message }: ErrorResult, out: BrokerOutbox): void {
  const sentence = `Broker ${broker.args.brokerId} was not let into the cluster (${error}). ${message ?? ""}`.trim();
  out.call("report", (done) => {
    broker.deps.report?.(sentence);
    done({ ok: true, value: undefined });
  });
}

function takeEpoch(broker: Broker, brokerEpoch: number, askedMs: number, out: BrokerOutbox): void {
  if (brokerEpoch !== broker.epoch) {
    broker.epoch = brokerEpoch;
    broker.goal = Infinity;
    abandonIsrChanges(broker, out);
  }
  if (broker.goal === Infinity) return askHowFar(broker, askedMs, out);
  hasRegistered(broker, askedMs, out);
}

/** The controller's node leads the quorum: what is committed there by now is what this broker has to know before it acts. */
function askHowFar(broker: Broker, askedMs: number, out: BrokerOutbox): void {
  const { attempt } = broker;
  const leader = refOf<QuorumProtocol>(broker.controllerId, QUORUM.kind, "quorum");
  out.ask(leader, "describe", undefined, (broker, answer, out) => {
    if (attempt !== broker.attempt) return;
    if (!answer.ok || answer.value.role !== "leader") return registerLater(broker, out);
    broker.goal = answer.value.highWatermark;
    hasRegistered(broker, askedMs, out);
  }, REGISTER_PATIENCE_MS);
}

function hasRegistered(broker: Broker, askedMs: number, out: BrokerOutbox): void {
  broker.registering = false;
  broker.failedAttempts = 0;
  controllerHeard(broker, askedMs, out);
  if (broker.isActing && broker.actedFor !== broker.epoch) proceed(broker, "all", out);
  else beat(broker, out);
}

/** The controller does not know this broker's epoch: begin again. */
function registerAnew(broker: Broker, out: BrokerOutbox): void {
  if (!broker.registering) register(broker, out);
}

/** Says that this broker lives and what it has applied; the next heartbeat is due one interval later. */
export function beat(broker: Broker, out: BrokerOutbox): void {
  const intervalMs = broker.leaving ? LEAVING_INTERVAL_MS : broker.config("broker.heartbeat.interval.ms");
  out.timer("beat", intervalMs, "beat", undefined);
  broker.beatsSoon = false;
  const { controller, epoch, appliedOffset, leaving, args: { brokerId } } = broker;
  if (controller === undefined || broker.registering) return;
  const offline = offlineHere(broker);
  const heartbeat = { brokerId, brokerEpoch: epoch, follower: out.self, appliedOffset, offline, wantShutDown: leaving };
  const askedMs = out.monotonic();
  out.ask(controller, "heartbeat", heartbeat, (broker, answer, out) => {
    if (!answer.ok || broker.controller !== controller || broker.epoch !== epoch) return;
    const { error, shouldShutDown } = answer.value;
    if (error === "NONE") controllerHeard(broker, askedMs, out);
    if (error === "STALE_BROKER_EPOCH" || error === "BROKER_ID_NOT_REGISTERED") registerAnew(broker, out);
    else if (error === "NONE" && shouldShutDown && broker.leaving) mayGo(broker, out);
  }, HEARTBEAT_PATIENCE_MS);
}

/** A clean stop begins. The reply is due when the controller has moved leadership away, or the time is over. */
export function shutDown(
  broker: Broker,
  { timeoutMs }: { readonly timeoutMs: number },
  out: BrokerOutbox<number>,
): number | typeof LATER {
  broker.leaving = true;
  if (broker.epoch < 0) return -1;
  broker.leaveAskers.push(out.asker());
  out.timer("shutDown", Math.max(0, timeoutMs), "tick", "shutDown");
  beat(broker, out);
  return LATER;
}

/** Leadership has moved away, or there is no more time for that. */
export function mayGo(broker: Broker, out: BrokerOutbox): void {
  out.cancel("shutDown");
  out.cancel("beat");
  for (const asker of broker.leaveAskers.splice(0)) out.reply(asker, broker.epoch);
}
