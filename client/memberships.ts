/**
 * Both ways to be a member of a group, by the name of their protocol.
 *
 * @module
 */
import { classicMembership } from "../actors/consumer/classic_membership.ts";
import type { MakeMembership } from "../actors/consumer/membership.ts";
import type { ConsumerConfig } from "../actors/consumer/protocol.ts";

const none: MakeMembership = () => {
  throw new Error("Not there yet.");
};

/** The memberships. */
export const MEMBERSHIPS: Readonly<Record<ConsumerConfig["groupProtocol"], MakeMembership>> = {
  classic: classicMembership,
  consumer: none,
};
