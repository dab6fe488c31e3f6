/**
 * DescribeQuorum (key 55), versions 0–2: who votes on the metadata log, who follows it, and how far each has come (KIP-595).
 *
 * The leader of the quorum is asked: the node that has the controller. Only partition 0 of `__cluster_metadata` is there to be
 * described; a request for anything else is UNKNOWN_TOPIC_OR_PARTITION. v1 has times (KIP-836), v2 data folders and where the
 * nodes are (KIP-853), as far as they have registered.
 *
 * @module
 */
import { ZERO_UUID } from "../../../lib/uuid.ts";
import { errorCode, type ErrorName } from "../../../protocol/errors.ts";
import type { Request, ResponseInput } from "../../../protocol/schema.ts";
import { describeQuorum as table } from "../../../protocol/tables/cluster.ts";
import { METADATA_TOPIC } from "../../../protocol/topic_names.ts";
import { nodeOf, refOf } from "../../address.ts";
import type { QuorumDescription, QuorumProtocol, QuorumReplica } from "../../quorum/protocol.ts";
import { QUORUM } from "../../quorum/protocol.ts";
import { type Exchange, handler } from "../handler.ts";

type DescribeQuorum = typeof table;
type Reply = ResponseInput<DescribeQuorum>;
type ReplicaState = Reply["topics"][number]["partitions"][number]["currentVoters"][number];

/** First version that has room for data folders and for where nodes are. */
const NODES = 2;
const PATIENCE_MS = 5_000;
/** What Kafka calls the listener that the nodes of the quorum talk to. */
const LISTENER = "CONTROLLER";

/** Serves DescribeQuorum. */
export const describeQuorum = handler(table, 0, 2, (request, exchange) => {
  const { view } = exchange;
  if (!isMetadataLog(request)) return exchange.reply(unknown(request));
  if (view.controller === undefined) return exchange.reply(failed("NOT_LEADER_OR_FOLLOWER"));
  const leader = refOf<QuorumProtocol>(nodeOf(view.controller)!, QUORUM.kind, "quorum");
  exchange.ask(leader, "describe", undefined, (answer) => {
    if (answer.ok && answer.value.role === "leader") return exchange.reply(described(answer.value, exchange));
    const isSilent = !answer.ok && answer.failure === "timeout"; // who has gone leads no more
    exchange.reply(failed(isSilent ? "REQUEST_TIMED_OUT" : "NOT_LEADER_OR_FOLLOWER"));
  }, PATIENCE_MS);
});

function isMetadataLog({ topics: [topic, ...others] }: Request<DescribeQuorum>): boolean {
  return others.length === 0 && topic?.topicName === METADATA_TOPIC && topic.partitions.length === 1 &&
    topic.partitions[0]!.partitionIndex === 0;
}

function unknown({ topics }: Request<DescribeQuorum>): Reply {
  const nothing = { leaderId: -1, leaderEpoch: -1, highWatermark: -1n, currentVoters: [], observers: [] };
  const code = errorCode("UNKNOWN_TOPIC_OR_PARTITION");
  return {
    errorCode: 0,
    topics: topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: code, ...nothing })),
    })),
    nodes: [],
  };
}

function failed(error: ErrorName): Reply {
  const errorMessage = "The leader of the quorum gave no answer: try again.";
  return { errorCode: errorCode(error), errorMessage, topics: [], nodes: [] };
}

function described(quorum: QuorumDescription, { view: { image }, version }: Exchange<DescribeQuorum>): Reply {
  const withNodes = version >= NODES;
  const state = ({ replicaId, endOffset, lastFetchMs, lastCaughtUpMs }: QuorumReplica): ReplicaState => ({
    replicaId,
    replicaDirectoryId: withNodes ? image.brokers.get(replicaId)?.directoryId ?? ZERO_UUID : ZERO_UUID,
    logEndOffset: BigInt(endOffset),
    lastFetchTimestamp: BigInt(lastFetchMs),
    lastCaughtUpTimestamp: BigInt(lastCaughtUpMs),
  });
  const partition = {
    partitionIndex: 0,
    errorCode: 0,
    leaderId: quorum.leaderId,
    leaderEpoch: quorum.epoch,
    highWatermark: BigInt(quorum.highWatermark),
    currentVoters: quorum.voters.map(state),
    observers: quorum.observers.map(state),
  };
  const voters = withNodes ? quorum.voters : [];
  const nodes = voters.flatMap(({ replicaId }) => {
    const endpoint = image.brokers.get(replicaId)?.nodeEndpoint;
    return endpoint === undefined ? [] : [{ nodeId: replicaId, listeners: [{ name: LISTENER, ...endpoint }] }];
  });
  return { errorCode: 0, topics: [{ topicName: METADATA_TOPIC, partitions: [partition] }], nodes };
}
