/**
 * The last step of a turn: what has been drafted becomes what is, or nothing has happened.
 *
 * @module
 */
import { toModern } from "../classic/convert.ts";
import { complain } from "../complaints.ts";
import type { Group, GroupOutbox } from "../state.ts";
import { tooLargeFor } from "../write_size.ts";
import { type Refusal, refusal } from "./checks.ts";
import type { Draft } from "./draft.ts";
import { ModernGroup } from "./modern.ts";
import { startTimers } from "./starting.ts";

/** The group as one of the new protocol. */
export function modernOf(group: Group): ModernGroup | undefined {
  return group.modern instanceof ModernGroup ? group.modern : undefined;
}

/**
 * Decides what has been drafted; a refusal when it lacks the target that was due, or is too large to be written. Comes before everything that
 * this turn says: what is put into the outbox before the records does not wait for them.
 */
export function decide(group: Group, draft: Draft, out: GroupOutbox): Refusal | undefined {
  const { maxWriteBytes } = group.news.config;
  if (draft.fault !== undefined) {
    complain(group, `The group "${group.args.groupId}" gets no other assignment: ${draft.fault}`, out);
    return refusal("UNKNOWN_SERVER_ERROR", draft.fault);
  }
  if (!draft.fits(maxWriteBytes)) {
    complain(group, tooLargeFor(group), out);
    return refusal("UNKNOWN_SERVER_ERROR", `What this changes takes more than the ${maxWriteBytes} bytes of a batch.`);
  }
  draft.append(out);
  if (group.modern === draft.state) return undefined;
  if (group.classic !== undefined) toModern(group, out);
  group.modern = draft.state;
  startTimers(group, draft.state, out);
  return undefined;
}

/**
 * Whether what was refused could be decided with the target that there is. In Kafka everybody is refused by whose request a target is due and
 * cannot be had, which puts out one member after the other for what none of them can help. Here it is only who would be new.
 */
export function mayGoWithout(group: Group, draft: Draft): boolean {
  return group.modern === draft.state && (draft.fault !== undefined || draft.isAssigned);
}
