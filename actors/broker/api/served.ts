/**
 * Every Kafka API that is served, by key: what ApiVersions advertises is read off this list and nothing else.
 *
 * @module
 */
import type { ApiHandler } from "../handler.ts";
import { produce } from "./00_produce.ts";
import { fetch } from "./01_fetch.ts";
import { listOffsets } from "./02_list_offsets.ts";
import { metadata } from "./03_metadata.ts";
import { offsetCommit } from "./08_offset_commit.ts";
import { offsetFetch } from "./09_offset_fetch.ts";
import { findCoordinator } from "./10_find_coordinator.ts";
import { joinGroup } from "./11_join_group.ts";
import { heartbeat } from "./12_heartbeat.ts";
import { leaveGroup } from "./13_leave_group.ts";
import { syncGroup } from "./14_sync_group.ts";
import { describeGroups } from "./15_describe_groups.ts";
import { listGroups } from "./16_list_groups.ts";
import { API_VERSIONS_RANGE, apiVersionsHandler } from "./18_api_versions.ts";
import { createTopics } from "./19_create_topics.ts";
import { deleteTopics } from "./20_delete_topics.ts";
import { deleteRecords } from "./21_delete_records.ts";
import { initProducerId } from "./22_init_producer_id.ts";
import { offsetForLeaderEpoch } from "./23_offset_for_leader_epoch.ts";
import { describeConfigs } from "./32_describe_configs.ts";
import { alterConfigs } from "./33_alter_configs.ts";
import { describeLogDirs } from "./35_describe_log_dirs.ts";
import { createPartitions } from "./37_create_partitions.ts";
import { deleteGroups } from "./42_delete_groups.ts";
import { electLeaders } from "./43_elect_leaders.ts";
import { incrementalAlterConfigs } from "./44_incremental_alter_configs.ts";
import { alterPartitionReassignments } from "./45_alter_partition_reassignments.ts";
import { listPartitionReassignments } from "./46_list_partition_reassignments.ts";
import { offsetDelete } from "./47_offset_delete.ts";
import { describeQuorum } from "./55_describe_quorum.ts";
import { describeCluster } from "./60_describe_cluster.ts";
import { describeProducers } from "./61_describe_producers.ts";
import { unregisterBroker } from "./64_unregister_broker.ts";
import { consumerGroupHeartbeat } from "./68_consumer_group_heartbeat.ts";
import { consumerGroupDescribe } from "./69_consumer_group_describe.ts";
import { describeTopicPartitions } from "./75_describe_topic_partitions.ts";

const HANDLERS: readonly ApiHandler[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  describeConfigs,
  alterConfigs,
  describeLogDirs,
  createPartitions,
  deleteGroups,
  electLeaders,
  incrementalAlterConfigs,
  alterPartitionReassignments,
  listPartitionReassignments,
  offsetDelete,
  describeQuorum,
  describeCluster,
  describeProducers,
  unregisterBroker,
  consumerGroupHeartbeat,
  consumerGroupDescribe,
  describeTopicPartitions,
];

/** The handlers by key, ApiVersions among them. */
export function servedApis(): ReadonlyMap<number, ApiHandler> {
  const served = new Map<number, ApiHandler>(HANDLERS.map((handler) => [handler.api.key, handler]));
  const ranges = new Map<number, { readonly min: number; readonly max: number }>(served);
  const apiVersions = apiVersionsHandler(ranges.set(18, API_VERSIONS_RANGE));
  return served.set(apiVersions.api.key, apiVersions);
}
