/**
 * The broker configs that groups obey, as they count now.
 *
 * @module
 */
import {
  type ConfigLayers,
  listOf,
  numberOf,
  resolveBrokerConfig,
  resolveTopicConfig,
} from "../../protocol/configs/resolve.ts";
import type { BrokerView } from "../broker/protocol.ts";
import { type GroupConfig, OFFSETS_TOPIC } from "./protocol.ts";

/** The configuration of a broker's groups: `before` itself, when nothing has changed. */
export function groupConfigOf(
  { brokerId, properties, image: { configs } }: Pick<BrokerView, "brokerId" | "properties" | "image">,
  before?: GroupConfig,
): GroupConfig {
  const config = groupConfig({
    topic: configs.get(`topic/${OFFSETS_TOPIC}`),
    broker: configs.get(`broker/${brokerId}`),
    brokers: configs.get("broker/"),
    properties,
  });
  return before !== undefined && JSON.stringify(before) === JSON.stringify(config) ? before : config;
}

/** The configuration of groups where these are the layers. */
export function groupConfig(layers: ConfigLayers): GroupConfig {
  const number = (name: string) => numberOf(resolveBrokerConfig(name, layers));
  const list = (name: string) => listOf(resolveBrokerConfig(name, layers));
  const ofTopic = (name: string) => numberOf(resolveTopicConfig(name, layers));
  const policy = resolveBrokerConfig("group.consumer.migration.policy", layers).value?.trim().toLowerCase();
  return {
    protocols: list("group.coordinator.rebalance.protocols"),
    minSessionTimeoutMs: Math.max(0, number("group.min.session.timeout.ms")), // Kafka lets it be anything
    maxSessionTimeoutMs: number("group.max.session.timeout.ms"),
    initialRebalanceDelayMs: Math.max(0, number("group.initial.rebalance.delay.ms")),
    maxSize: number("group.max.size"),
    offsetMetadataMaxBytes: number("offset.metadata.max.bytes"),
    offsetsRetentionMs: number("offsets.retention.minutes"), // resolved to milliseconds
    offsetsRetentionCheckIntervalMs: number("offsets.retention.check.interval.ms"),
    consumerSessionTimeoutMs: number("group.consumer.session.timeout.ms"),
    consumerHeartbeatIntervalMs: number("group.consumer.heartbeat.interval.ms"),
    consumerMaxSize: number("group.consumer.max.size"),
    consumerAssignors: list("group.consumer.assignors"),
    consumerMigrationPolicy: policy as GroupConfig["consumerMigrationPolicy"],
    consumerAssignmentIntervalMs: number("group.consumer.assignment.interval.ms"),
    consumerRegexRefreshIntervalMs: number("group.consumer.regex.refresh.interval.ms"),
    deposedMs: 2 * number("broker.session.timeout.ms"),
    maxWriteBytes: Math.min(ofTopic("max.message.bytes"), ofTopic("segment.bytes")),
  };
}
