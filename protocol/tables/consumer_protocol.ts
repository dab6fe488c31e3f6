/**
 * What classic consumers put into the bytes of JoinGroup and SyncGroup. The broker passes them through; it reads a
 * subscription only to know which topics a group is subscribed to.
 *
 * Both begin with their version as an int16, which is not part of the tables. A reader that meets a newer version than it
 * knows reads what it knows and passes over the rest.
 *
 * @module
 */

import { message, row } from "../schema.ts";

const topicPartitions = row({
  topic: "string",
  partitions: "int32[]",
});

/** A member's metadata in JoinGroup. Version 1 is that of cooperative rebalancing (KIP-429). */
export const consumerProtocolSubscription = message("ConsumerProtocolSubscription", "0-3", "none", {
  topics: "string[]",
  userData: "bytes? =null",
  ownedPartitions: ["1+ ignorable", topicPartitions],
  generationId: "int32 2+ ignorable =-1",
  rackId: "string? 3+ ignorable =null",
});

/** A member's assignment in SyncGroup. */
export const consumerProtocolAssignment = message("ConsumerProtocolAssignment", "0-3", "none", {
  assignedPartitions: [topicPartitions],
  userData: "bytes? =null",
});
