/**
 * Answers that bring an error, for those who wait at a replica.
 *
 * @module
 */
import type { ErrorName } from "../../protocol/errors.ts";
import type { AppendReply, PullReply } from "./protocol.ts";
import type { Replica } from "./state.ts";

const NOTHING = new Uint8Array(0);

/** The refusal of an append. */
export function refusedAppend(
  { role }: Replica,
  error: Exclude<ErrorName, "NONE">,
  message: string | null,
  recordErrors: AppendReply["recordErrors"] = [],
): AppendReply {
  const { leader, leaderEpoch } = role;
  return { error, message, recordErrors, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1, leader, leaderEpoch };
}

/** The refusal of a pull. */
export function refusedPull(error: Exclude<ErrorName, "NONE">, startOffset = -1): PullReply {
  const unknown = { highWatermark: -1, divergingEpoch: null, leaderMs: -1, heldByAll: -1, tombstonesGoneTo: -1 };
  return { error, records: NOTHING, startOffset, ...unknown };
}
