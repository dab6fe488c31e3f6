/**
 * The controller of this node: it lives as long as this node leads the quorum.
 *
 * ```text
 *   leads, everything committed ──spawn──▶ runs ──leadership lost──▶ stopping ──▶ gone
 *                ▲                          └──crashed: what it appended is committed first──┐
 *                └───────────────────────────────────back-off─────────────────────────────────┘
 * ```
 *
 * Invariant: a controller is given an image of everything that is in the log, so it begins to append at the log's end. Nothing that
 * its predecessor had sent is appended any more.
 *
 * @module
 */
import { CONTROLLER } from "../controller/protocol.ts";
import type { Out, Quorum } from "./state.ts";

const CRASHES_WITHIN_MS = 60_000;
const CRASHES_MAX = 5;
const BACKOFF_MS = 50;
const BACKOFF_MAX_MS = 5_000;

/** Spawns the controller, when it is time to. */
export function spawnController(quorum: Quorum, out: Out): void {
  const { role, log, highWatermark, epoch, image, deps } = quorum;
  if (role.type !== "leader" || role.leaving || quorum.controller !== undefined || quorum.controllerWaits) return;
  if (highWatermark <= role.epochStart || highWatermark < log.endOffset) return;
  const ref = out.spawn(deps.controllerKind ?? CONTROLLER, "controller", { epoch, image });
  out.watch(ref);
  quorum.controller = { ref, stopping: false };
}

/** Ends it: this node does not lead any more. */
export function stopController(quorum: Quorum, out: Out): void {
  const { controller } = quorum;
  out.cancel("spawn");
  quorum.controllerWaits = false;
  if (controller === undefined || controller.stopping) return;
  out.stop(controller.ref);
  controller.stopping = true;
}

/**
 * The controller has ended. The next one is spawned in a later turn, behind what this one had still sent: that is refused while
 * there is no controller. Returns whether it crashes so often that another node should try.
 */
export function controllerEnded(quorum: Quorum, out: Out): boolean {
  const { stopping } = quorum.controller!;
  quorum.controller = undefined;
  if (quorum.role.type !== "leader") return false;
  const now = out.monotonic();
  quorum.controllerCrashes = quorum.controllerCrashes.filter((at) => at > now - CRASHES_WITHIN_MS);
  if (!stopping) quorum.controllerCrashes.push(now);
  const crashes = quorum.controllerCrashes.length;
  if (crashes >= CRASHES_MAX && quorum.others.length > 0) {
    quorum.deps.report?.(
      `The controller of node ${quorum.nodeId} has crashed ${crashes} times: another node is to lead.`,
    );
    return true;
  }
  quorum.controllerWaits = true;
  if (crashes <= 1) out.send(out.self, "tick", "spawn");
  else out.timer("spawn", Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** (crashes - 2)), "tick", "spawn");
  return false;
}
