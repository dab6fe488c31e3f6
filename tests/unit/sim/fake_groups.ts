/**
 * A cluster of which one partition of `__consumer_offsets` is seen, what is committed there, and a coordinator with one group.
 *
 * @module
 */
import { OFFSETS_TOPIC } from "../../../actors/group/protocol.ts";
import { encodeRecord, type GroupRecord } from "../../../actors/group/records.ts";
import { encodeMessage } from "../../../protocol/codec.ts";
import { consumerProtocolAssignment } from "../../../protocol/tables/consumer_protocol.ts";
import { latin1 } from "../../sim/invariants/group_fold.ts";
import type { CoordinatorView, GroupView } from "../../sim/invariants/views.ts";
import { batch, FakeCluster } from "./fake_cluster.ts";

export const GROUP_ID = "g";
const ID_OF_T = "AAAAAAAAAAAAAAAAAAAAAQ";

class FakeCoordinator implements CoordinatorView {
  readonly partition = 0;
  leaderEpoch = 0;
  isActive = true;
  term = 1;

  groups(): readonly string[] {
    return [GROUP_ID];
  }

  termOf(): number {
    return this.term;
  }
}

class FakeGroup implements GroupView {
  readonly groupId = GROUP_ID;
  readonly partition = 0;
  term = 1;
  isWriting = false;
  state = "Stable";
  had: readonly GroupRecord[] = [];

  records(): readonly GroupRecord[] {
    return this.had;
  }
}

/** The cluster. */
export class FakeGroups extends FakeCluster {
  readonly coordinator: FakeCoordinator = new FakeCoordinator();
  readonly group: FakeGroup = new FakeGroup();

  constructor() {
    super();
    this.begin(OFFSETS_TOPIC);
    this.node(1).coordinators.set(0, this.coordinator);
    this.node(1).groups.set(GROUP_ID, this.group);
  }

  /** These records are written in one batch, and committed. */
  wrote(...records: GroupRecord[]): this {
    const base = this.replica(1).endOffset;
    const written = batch(base, this.replica(1).leaderEpoch, { last: base + records.length - 1, crc: base });
    const entries = records.map((record, index) => {
      const { key, value } = encodeRecord(record);
      return { offset: base + index, base, epoch: written.epoch, key: latin1(key), value };
    });
    for (const { replica } of this.nodes) {
      replica.write([written]);
      replica.records.push(...entries);
    }
    this.invariants.lookAtAll();
    for (const { replica } of this.nodes) replica.highWatermark = written.last + 1;
    this.invariants.lookAtAll();
    return this;
  }

  /** The group has taken a turn. */
  turn(...records: GroupRecord[]): this {
    this.group.had = records;
    this.hear(`1/group/${GROUP_ID}`);
    return this;
  }

  /** An actor has taken a turn. */
  hear(ref: string): void {
    this.invariants.hear({ atMs: 0, type: "message", ref, verb: "x", from: "", detail: "" });
    this.invariants.settle();
  }
}

export function offset(committed: number, more: { partition?: number; metadata?: string } = {}): GroupRecord {
  const { partition = 0, metadata = "" } = more;
  const value = { offset: BigInt(committed), leaderEpoch: -1, metadata, commitTimestamp: 1n, expireTimestamp: -1n };
  return { type: "offset", group: GROUP_ID, topic: "t", partition, value };
}

export function noOffset(partition = 0): GroupRecord {
  return { type: "offset", group: GROUP_ID, topic: "t", partition, value: null };
}

/** A generation of the classic protocol: what each member has of topic t. */
export function generation(number: number, members: Readonly<Record<string, readonly number[]>>): GroupRecord {
  const value = {
    protocolType: "consumer",
    generation: number,
    protocol: "range",
    leader: Object.keys(members)[0] ?? null,
    currentStateTimestamp: 1n,
    members: Object.entries(members).map(([memberId, partitions]) => ({
      memberId,
      groupInstanceId: null,
      clientId: "c",
      clientHost: "/h",
      rebalanceTimeout: 1,
      sessionTimeout: 1,
      subscription: new Uint8Array(0),
      assignment: assignment(partitions),
    })),
  };
  return { type: "classicGroup", group: GROUP_ID, value };
}

/** As a leader would send it. */
export function assignment(partitions: readonly number[]): Uint8Array {
  const body = { assignedPartitions: [{ topic: "t", partitions: [...partitions] }], userData: null };
  return Uint8Array.from([0, 1, ...encodeMessage(consumerProtocolAssignment, 1, body)]);
}

export function epoch(number: number): GroupRecord {
  return { type: "group", group: GROUP_ID, value: { epoch: number, metadataHash: 0n, creationTimeMs: -1n } };
}

export function assigned(number: number): GroupRecord {
  return { type: "targetEpoch", group: GROUP_ID, value: { assignmentEpoch: number, assignmentTimestamp: 0n } };
}

export function member(memberId: string, topics: readonly string[] = ["t"]): GroupRecord {
  const value = {
    instanceId: null,
    rackId: null,
    clientId: "c",
    clientHost: "/h",
    subscribedTopicNames: [...topics],
    subscribedTopicRegex: null,
    rebalanceTimeoutMs: 1,
    serverAssignor: null,
    classicMemberMetadata: null,
  };
  return { type: "member", group: GROUP_ID, memberId, value };
}

export function target(memberId: string, partitions: readonly number[]): GroupRecord {
  const value = { topicPartitions: [{ topicId: ID_OF_T, partitions: [...partitions] }] };
  return { type: "target", group: GROUP_ID, memberId, value };
}

/** Where a member is: state 1 when it has something to give up. */
export function current(
  memberId: string,
  memberEpoch: number,
  partitions: readonly number[],
  pending: readonly number[] = [],
): GroupRecord {
  const of = (list: readonly number[]) =>
    list.length === 0 ? [] : [{ topicId: ID_OF_T, partitions: [...list], assignmentEpochs: null }];
  const value = {
    memberEpoch,
    previousMemberEpoch: Math.max(0, memberEpoch - 1),
    state: pending.length > 0 ? 1 : 0,
    assignedPartitions: of(partitions),
    partitionsPendingRevocation: of(pending),
  };
  return { type: "current", group: GROUP_ID, memberId, value };
}
