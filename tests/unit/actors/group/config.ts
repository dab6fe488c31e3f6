/**
 * The configs of groups under test: Kafka's defaults, but that nobody waits for more members, and what a test says.
 *
 * @module
 */
import { groupConfig } from "../../../../actors/group/group_config.ts";
import type { GroupConfig } from "../../../../actors/group/protocol.ts";

/** The configs, with these in place of their defaults. */
export function configOf(over: Partial<GroupConfig> = {}): GroupConfig {
  const defaults = groupConfig({ properties: {} });
  return { ...defaults, initialRebalanceDelayMs: 0, consumerAssignmentIntervalMs: 0, ...over };
}
