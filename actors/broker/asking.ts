/**
 * What to tell a client when the controller or a replica gave no answer, and how long to wait for one.
 *
 * @module
 */
import type { AskFailure } from "../actor.ts";
import type { ErrorResult } from "../controller/protocol.ts";
import type { ErrorName } from "../../protocol/errors.ts";

/** No client waits longer than this for the controller, whatever it asks for. */
const PATIENCE_MAX_MS = 600_000;
/** The controller keeps the request's time itself; only when it is silent does the handler give up, a little later. */
const MARGIN_MS = 5_000;

/** The time that a request allows, within reason. */
export function limitMs(timeoutMs: number): number {
  return Math.min(Math.max(0, timeoutMs), PATIENCE_MAX_MS);
}

/** How long to wait for the answer when the request allows `timeoutMs`. */
export function patienceMs(timeoutMs: number): number {
  return limitMs(timeoutMs) + MARGIN_MS;
}

/** The controller did not answer. Whoever does not know whether it has happened is told that time ran out. */
export function controllerFailure(failure: AskFailure): ErrorResult {
  return failure === "unreachable"
    ? { error: "NOT_CONTROLLER", message: "The controller cannot be reached: try again." }
    : {
      error: "REQUEST_TIMED_OUT",
      message: "The controller gave no answer: the change may or may not have been made.",
    };
}

/** A replica did not answer. */
export function replicaFailure(failure: AskFailure): ErrorName {
  if (failure === "unreachable") return "NOT_LEADER_OR_FOLLOWER";
  return failure === "timeout" ? "REQUEST_TIMED_OUT" : "KAFKA_STORAGE_ERROR";
}
