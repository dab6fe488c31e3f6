/**
 * Kafka's errors, one row each: its name, its code on the wire, whether trying again can help, and a sentence.
 *
 * Protocol errors are values: handlers put a code into a response, they do not throw.
 *
 * @module
 */

/** One error of Kafka's protocol. */
export interface ProtocolError {
  /** The int16 on the wire. */
  readonly code: number;
  /** Whether Kafka's Java client tries again after it. */
  readonly retriable: boolean;
  /** What it means. */
  readonly sentence: string;
}

function final(code: number, sentence: string): ProtocolError {
  return { code, retriable: false, sentence };
}

function retriable(code: number, sentence: string): ProtocolError {
  return { code, retriable: true, sentence };
}

const TABLE = {
  UNKNOWN_SERVER_ERROR: final(-1, "The broker met an error that it did not expect; its log says more."),
  NONE: final(0, "No error."),
  OFFSET_OUT_OF_RANGE: final(1, "The offset lies outside what the partition's log holds."),
  CORRUPT_MESSAGE: retriable(2, "The record batch is damaged: its checksum, size or format is wrong."),
  UNKNOWN_TOPIC_OR_PARTITION: retriable(3, "This broker does not host such a topic or partition."),
  INVALID_FETCH_SIZE: final(4, "The size asked for is not one that can be fetched."),
  LEADER_NOT_AVAILABLE: retriable(5, "The partition has no leader at this moment: one is being elected."),
  NOT_LEADER_OR_FOLLOWER: retriable(6, "This broker does not lead the partition, or holds no replica of it."),
  REQUEST_TIMED_OUT: retriable(7, "The request was not done within its time."),
  BROKER_NOT_AVAILABLE: final(8, "The broker cannot be reached."),
  REPLICA_NOT_AVAILABLE: retriable(9, "The partition's replica cannot be read on this broker yet."),
  MESSAGE_TOO_LARGE: final(10, "The record batch is larger than max.message.bytes allows."),
  STALE_CONTROLLER_EPOCH: final(11, "The request comes from a controller that has been replaced."),
  OFFSET_METADATA_TOO_LARGE: final(12, "The text committed with the offset is longer than offset.metadata.max.bytes."),
  NETWORK_EXCEPTION: retriable(13, "The connection ended before the response came."),
  COORDINATOR_LOAD_IN_PROGRESS: retriable(14, "The coordinator is still reading its log."),
  COORDINATOR_NOT_AVAILABLE: retriable(15, "There is no coordinator at this moment."),
  NOT_COORDINATOR: retriable(16, "This broker is not the coordinator for that key."),
  INVALID_TOPIC_EXCEPTION: final(17, "The topic's name is not valid, or the topic may not be used this way."),
  RECORD_LIST_TOO_LARGE: final(18, "The record batch is larger than a segment of the log."),
  NOT_ENOUGH_REPLICAS: retriable(
    19,
    "Fewer replicas are in sync than min.insync.replicas asks for: nothing was written.",
  ),
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: retriable(
    20,
    "The records were written, but to fewer in-sync replicas than min.insync.replicas asks for.",
  ),
  INVALID_REQUIRED_ACKS: final(21, "Acks must be -1 (all), 0 or 1."),
  ILLEGAL_GENERATION: final(22, "The group has moved on to another generation."),
  INCONSISTENT_GROUP_PROTOCOL: final(23, "The member shares no protocol with the group, or named none."),
  INVALID_GROUP_ID: final(24, "The group id is not valid."),
  UNKNOWN_MEMBER_ID: final(25, "The group has no such member."),
  INVALID_SESSION_TIMEOUT: final(
    26,
    "The session timeout lies outside group.min.session.timeout.ms and group.max.session.timeout.ms.",
  ),
  REBALANCE_IN_PROGRESS: final(27, "The group is rebalancing: join it again."),
  INVALID_COMMIT_OFFSET_SIZE: final(28, "The committed offset takes more space than allowed."),
  TOPIC_AUTHORIZATION_FAILED: final(29, "The principal is not allowed to do this with the topic."),
  GROUP_AUTHORIZATION_FAILED: final(30, "The principal is not allowed to do this with the group."),
  CLUSTER_AUTHORIZATION_FAILED: final(31, "The principal is not allowed to do this with the cluster."),
  INVALID_TIMESTAMP: final(32, "A record's timestamp lies outside what the topic accepts."),
  UNSUPPORTED_SASL_MECHANISM: final(33, "The broker does not offer that SASL mechanism."),
  ILLEGAL_SASL_STATE: final(34, "The request is not allowed at this point of the authentication."),
  UNSUPPORTED_VERSION: final(35, "The broker does not serve that version of the API."),
  TOPIC_ALREADY_EXISTS: final(36, "A topic of that name exists already."),
  INVALID_PARTITIONS: final(37, "The number of partitions is not one that the topic can have."),
  INVALID_REPLICATION_FACTOR: final(
    38,
    "The replication factor is below 1 or above the number of brokers that are up.",
  ),
  INVALID_REPLICA_ASSIGNMENT: final(39, "The assignment of replicas to brokers is not valid."),
  INVALID_CONFIG: final(40, "A configuration key or value is not valid."),
  NOT_CONTROLLER: retriable(41, "This node is not the active controller."),
  INVALID_REQUEST: final(42, "The request contradicts itself or breaks a rule of its API."),
  UNSUPPORTED_FOR_MESSAGE_FORMAT: final(43, "The log's record format cannot do what was asked."),
  POLICY_VIOLATION: final(44, "The broker's policy forbids what was asked."),
  OUT_OF_ORDER_SEQUENCE_NUMBER: final(45, "The producer's sequence number does not follow the last one."),
  DUPLICATE_SEQUENCE_NUMBER: final(46, "The producer's sequence number was used before."),
  INVALID_PRODUCER_EPOCH: final(47, "The producer's epoch is older than the one in use."),
  INVALID_TXN_STATE: final(48, "The transaction's state does not allow this."),
  INVALID_PRODUCER_ID_MAPPING: final(49, "The producer id is not the one assigned to that transactional id."),
  INVALID_TRANSACTION_TIMEOUT: final(50, "The transaction timeout is longer than transaction.max.timeout.ms."),
  CONCURRENT_TRANSACTIONS: retriable(51, "Another operation on the same transaction has not ended yet."),
  TRANSACTION_COORDINATOR_FENCED: final(52, "The transaction coordinator that wrote the marker has been replaced."),
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: final(53, "The principal is not allowed to use the transactional id."),
  SECURITY_DISABLED: final(54, "The broker runs without the security feature that this needs."),
  OPERATION_NOT_ATTEMPTED: final(55, "This part of the request was not tried, because another part failed."),
  KAFKA_STORAGE_ERROR: retriable(56, "The disk failed under the partition's log."),
  LOG_DIR_NOT_FOUND: final(57, "The broker has no such log directory."),
  SASL_AUTHENTICATION_FAILED: final(58, "The credentials were refused."),
  UNKNOWN_PRODUCER_ID: final(59, "The broker remembers nothing of that producer id: its records have expired."),
  REASSIGNMENT_IN_PROGRESS: final(60, "The partition's replicas are being reassigned."),
  DELEGATION_TOKEN_AUTH_DISABLED: final(61, "Delegation tokens are switched off."),
  DELEGATION_TOKEN_NOT_FOUND: final(62, "There is no such delegation token."),
  DELEGATION_TOKEN_OWNER_MISMATCH: final(63, "The principal neither owns the delegation token nor may renew it."),
  DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: final(
    64,
    "Delegation tokens cannot be asked for over this kind of connection.",
  ),
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: final(65, "The principal is not allowed to use the delegation token."),
  DELEGATION_TOKEN_EXPIRED: final(66, "The delegation token has expired."),
  INVALID_PRINCIPAL_TYPE: final(67, "That type of principal is not known."),
  NON_EMPTY_GROUP: final(68, "The group still has members."),
  GROUP_ID_NOT_FOUND: final(69, "There is no such group."),
  FETCH_SESSION_ID_NOT_FOUND: retriable(70, "The broker has no such fetch session."),
  INVALID_FETCH_SESSION_EPOCH: retriable(71, "The fetch session is at another epoch."),
  LISTENER_NOT_FOUND: retriable(72, "The leader has no listener of the name through which the request came."),
  TOPIC_DELETION_DISABLED: final(73, "Topics cannot be deleted: delete.topic.enable is false."),
  FENCED_LEADER_EPOCH: retriable(74, "The request names an older leader epoch than the broker's."),
  UNKNOWN_LEADER_EPOCH: retriable(75, "The request names a newer leader epoch than the broker has heard of."),
  UNSUPPORTED_COMPRESSION_TYPE: final(76, "The client's version cannot read the compression of these records."),
  STALE_BROKER_EPOCH: final(77, "The broker has registered again since."),
  OFFSET_NOT_AVAILABLE: retriable(78, "The new leader does not know the partition's high watermark yet."),
  MEMBER_ID_REQUIRED: final(79, "Join again with the member id that came with this error."),
  PREFERRED_LEADER_NOT_AVAILABLE: retriable(80, "The preferred leader cannot lead at this moment."),
  GROUP_MAX_SIZE_REACHED: final(81, "The group has as many members as group.max.size allows."),
  FENCED_INSTANCE_ID: final(82, "Another member has taken over that group.instance.id."),
  ELIGIBLE_LEADERS_NOT_AVAILABLE: retriable(83, "None of the replicas that may lead is available."),
  ELECTION_NOT_NEEDED: retriable(84, "The partition has the right leader already."),
  NO_REASSIGNMENT_IN_PROGRESS: final(85, "The partition's replicas are not being reassigned."),
  GROUP_SUBSCRIBED_TO_TOPIC: final(86, "The group is subscribed to the topic, so its offsets cannot be deleted."),
  INVALID_RECORD: final(87, "A record breaks a rule of the topic."),
  UNSTABLE_OFFSET_COMMIT: retriable(88, "A transaction that commits these offsets has not ended yet."),
  THROTTLING_QUOTA_EXCEEDED: retriable(89, "The quota for such requests is used up: wait, then ask again."),
  PRODUCER_FENCED: final(90, "A newer producer uses the same transactional id."),
  RESOURCE_NOT_FOUND: final(91, "The request names a resource that does not exist."),
  DUPLICATE_RESOURCE: final(92, "The request names the same resource twice."),
  UNACCEPTABLE_CREDENTIAL: final(93, "The credential does not meet the rules for credentials."),
  INCONSISTENT_VOTER_SET: final(94, "The sender or the receiver is not one of the voters."),
  INVALID_UPDATE_VERSION: final(95, "The feature level is not one that can be set."),
  FEATURE_UPDATE_FAILED: final(96, "The feature levels could not be changed."),
  PRINCIPAL_DESERIALIZATION_FAILURE: final(97, "The forwarded request's principal cannot be read."),
  SNAPSHOT_NOT_FOUND: final(98, "There is no such snapshot."),
  POSITION_OUT_OF_RANGE: final(99, "The position lies outside the snapshot."),
  UNKNOWN_TOPIC_ID: retriable(100, "This broker hosts no topic of that id."),
  DUPLICATE_BROKER_REGISTRATION: final(101, "Another broker that is up has that id."),
  BROKER_ID_NOT_REGISTERED: final(102, "No broker of that id is registered."),
  INCONSISTENT_TOPIC_ID: retriable(103, "The log belongs to a topic of another id."),
  INCONSISTENT_CLUSTER_ID: final(104, "The request is meant for another cluster."),
  TRANSACTIONAL_ID_NOT_FOUND: final(105, "There is no such transactional id."),
  FETCH_SESSION_TOPIC_ID_ERROR: retriable(106, "The fetch session mixes topic names and topic ids."),
  INELIGIBLE_REPLICA: final(107, "A replica of the new ISR may not be part of it."),
  NEW_LEADER_ELECTED: final(108, "The change was made, and with it the partition's leader changed."),
  OFFSET_MOVED_TO_TIERED_STORAGE: final(109, "The offset has moved to tiered storage."),
  FENCED_MEMBER_EPOCH: final(110, "The member's epoch is fenced: give up all partitions and join again."),
  UNRELEASED_INSTANCE_ID: final(111, "Another member still uses that instance id."),
  UNSUPPORTED_ASSIGNOR: final(112, "The group does not know that assignor."),
  STALE_MEMBER_EPOCH: final(113, "The member's epoch is old: heartbeat first, then ask again."),
  MISMATCHED_ENDPOINT_TYPE: final(114, "The request is meant for another kind of endpoint."),
  UNSUPPORTED_ENDPOINT_TYPE: final(115, "That kind of endpoint is not known."),
  UNKNOWN_CONTROLLER_ID: final(116, "There is no controller of that id."),
  UNKNOWN_SUBSCRIPTION_ID: final(117, "The telemetry subscription is not known, or has changed."),
  TELEMETRY_TOO_LARGE: final(118, "The telemetry is larger than the broker accepts."),
  INVALID_REGISTRATION: final(119, "The controller refuses the broker's registration."),
  TRANSACTION_ABORTABLE: final(120, "The transaction cannot go on: abort it, then begin another."),
  INVALID_RECORD_STATE: final(121, "The record is not in a state in which it can be acknowledged."),
  SHARE_SESSION_NOT_FOUND: retriable(122, "The broker has no such share session."),
  INVALID_SHARE_SESSION_EPOCH: retriable(123, "The share session is at another epoch."),
  FENCED_STATE_EPOCH: final(124, "The share group's state is at a newer epoch."),
  INVALID_VOTER_KEY: final(125, "The voter's key is not that of the replica which got the request."),
  DUPLICATE_VOTER: final(126, "That voter is one of the voters already."),
  VOTER_NOT_FOUND: final(127, "There is no such voter."),
  INVALID_REGULAR_EXPRESSION: final(128, "The regular expression is not valid."),
  REBOOTSTRAP_REQUIRED: final(
    129,
    "What the client knows of the cluster is too old: begin from the bootstrap servers.",
  ),
  STREAMS_INVALID_TOPOLOGY: final(130, "The streams topology is not valid."),
  STREAMS_INVALID_TOPOLOGY_EPOCH: final(131, "The streams topology's epoch is not valid."),
  STREAMS_TOPOLOGY_FENCED: final(132, "The streams topology's epoch is old."),
  SHARE_SESSION_LIMIT_REACHED: retriable(133, "The broker has as many share sessions as it allows."),
} as const satisfies Record<string, ProtocolError>;

/** The name of an error, as in Kafka's documentation. */
export type ErrorName = keyof typeof TABLE;

/** Every error by name. */
export const ERRORS: Readonly<Record<ErrorName, ProtocolError>> = TABLE;

const NAMES: ReadonlyMap<number, ErrorName> = new Map(
  Object.entries(TABLE).map(([name, error]) => [error.code, name as ErrorName]),
);

/**
 * The code of an error.
 *
 * @example
 * ```ts
 * import { errorCode, errorName } from "./errors.ts";
 *
 * console.assert(errorCode("UNKNOWN_TOPIC_OR_PARTITION") === 3);
 * console.assert(errorName(3) === "UNKNOWN_TOPIC_OR_PARTITION");
 * ```
 */
export function errorCode(name: ErrorName): number {
  return ERRORS[name].code;
}

/** The name of a code; UNKNOWN_SERVER_ERROR for a code that Kafka does not have, as its clients take it. */
export function errorName(code: number): ErrorName {
  return NAMES.get(code) ?? "UNKNOWN_SERVER_ERROR";
}
