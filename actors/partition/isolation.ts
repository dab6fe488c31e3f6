/**
 * A leader that is cut off: its broker hears nothing from the controller, and it hears nothing from a follower that it has to wait for.
 *
 *     isolated? ─▶ leads? ─▶ a member of the maximal ISR silent for as long? ──▶ produces are turned away, those that wait too
 *         └─────────┴─────────┴──no──▶ serves as ever
 *
 * It can commit nothing, and nobody takes the silent one out of the ISR. Most likely another leads by now, and whoever waits here
 * would do so until his patience ends: he is told to look for the leader elsewhere. What was appended stays in the log; the same
 * sent again to the next leader is appended there, or known if it had come that far.
 *
 * Invariant: a leader whose followers all pull, or that waits for nobody, serves whatever becomes of the controller.
 *
 * @module
 */
import { maximalIsr } from "./isr.ts";
import type { ReplicaProtocol } from "./protocol.ts";
import { refusedAppend } from "./refusals.ts";
import type { Replica, ReplicaOutbox } from "./state.ts";

/** Handles `isolation`. */
export function isolation(
  replica: Replica,
  { isolated, silenceMs }: Parameters<ReplicaProtocol["isolation"]>[0],
  out: ReplicaOutbox,
): void {
  replica.isolatedMs = isolated ? silenceMs : undefined;
  if (!isCutOff(replica, out.monotonic())) return;
  const { committing, leadership } = replica;
  for (let next = committing.next(Infinity); next !== undefined; next = committing.next(Infinity)) {
    out.reply(next.asker, refusedAppend(replica, "NOT_LEADER_OR_FOLLOWER", null));
  }
  for (const { asker } of leadership?.deletions.splice(0) ?? []) {
    out.reply(asker, { error: "NOT_LEADER_OR_FOLLOWER", lowWatermark: -1 });
  }
  for (const { asker } of leadership?.questions.splice(0) ?? []) out.reply(asker, "NOT_LEADER_OR_FOLLOWER");
}

/** Whether this leader cannot commit anything, and nobody can change that as long as the controller is away. */
export function isCutOff({ isolatedMs, leadership, role, config }: Replica, nowMs: number): boolean {
  if (isolatedMs === undefined || leadership === null) return false;
  // A pull may wait here for so long: then nothing is to be heard meanwhile.
  const silenceMs = Math.max(isolatedMs, 2 * config.replicaFetchWaitMaxMs);
  const { followers, proposal } = leadership;
  return maximalIsr(role.isr, proposal?.isr).some((node) =>
    node !== role.leader && nowMs - followers.heardMs(node) >= silenceMs
  );
}
