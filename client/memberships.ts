/**
 * Both ways to be a member of a group, by the name of their protocol.
 *
 * @module
 */
import { classicMembership } from "../actors/consumer/classic_membership.ts";
import type { MakeMembership } from "../actors/consumer/membership.ts";
import { modernMembership } from "../actors/consumer/modern_membership.ts";
import type { ConsumerConfig } from "../actors/consumer/protocol.ts";

/** The memberships. */
export const MEMBERSHIPS: Readonly<Record<ConsumerConfig["groupProtocol"], MakeMembership>> = {
  classic: classicMembership,
  consumer: modernMembership,
};
