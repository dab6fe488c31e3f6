/**
 * Members of groups on raw connections, for measuring what the broker takes and not what a client library waits for.
 *
 *     join ──▶ (classic: sync) ──▶ heartbeat, heartbeat …, again what a rebalance asks for ──▶ crash: says nothing any more
 *
 * @module
 */
import { encodeMessage } from "../../protocol/codec.ts";
import { consumerGroupHeartbeat } from "../../protocol/tables/consumer_groups.ts";
import { consumerProtocolAssignment, consumerProtocolSubscription } from "../../protocol/tables/consumer_protocol.ts";
import { findCoordinator, heartbeat, joinGroup, syncGroup } from "../../protocol/tables/groups.ts";
import { concat, RawClient } from "../helpers/raw_client.ts";
import { sleep } from "./admin.ts";

/** How often members say that they are there: more often than clients do, so that what is measured is not their waiting. */
const HEARTBEAT_MS = 100;
export const SESSION_MS = 6_000;

const NONE = 0;
const LOADING = 14;
const NOT_AVAILABLE = 15;
const NOT_COORDINATOR = 16;
const ILLEGAL_GENERATION = 22;
const UNKNOWN_MEMBER = 25;
const REBALANCE = 27;
const MEMBER_ID_REQUIRED = 79;

/** The protocols, as `group.protocol` names them. */
export type GroupProtocol = "classic" | "consumer";

/** What a group is for. */
export interface GroupPlan {
  readonly groupId: string;
  readonly topic: string;
  readonly partitions: number;
}

/** A member. */
export interface BenchMember {
  /** Generation or member epoch; -1 before it has joined. */
  readonly epoch: number;
  /** How many partitions it has. */
  readonly owned: number;
  /** Takes part until it is told to crash; rejects when the broker says what it should not. */
  live(): Promise<void>;
  /** Closes its connection, and says nothing. */
  crash(): Promise<void>;
}

/** Asks until there is a coordinator for each group: `host:port`, in their order. */
export async function coordinatorsOf(bootstrap: string, groupIds: readonly string[]): Promise<string[]> {
  await using client = await RawClient.connect(bootstrap.split(",")[0]!);
  for (;; await sleep(20)) {
    const { coordinators } = await client.call(findCoordinator, 4, { keyType: 0, coordinatorKeys: [...groupIds] });
    const unexpected = coordinators.find(({ errorCode }) => ![NONE, LOADING, NOT_AVAILABLE].includes(errorCode));
    if (unexpected !== undefined) throw new Error(`FindCoordinator was answered ${unexpected.errorCode}.`);
    if (coordinators.every(({ errorCode }) => errorCode === NONE)) {
      return coordinators.map(({ host, port }) => `${host}:${port}`);
    }
  }
}

/** Opens a member; it has not joined. */
export async function openMember(protocol: GroupProtocol, address: string, plan: GroupPlan): Promise<BenchMember> {
  const client = await RawClient.connect(address);
  return protocol === "classic" ? new ClassicMember(client, plan) : new ModernMember(client, plan);
}

function isPassing(errorCode: number): boolean {
  return errorCode === LOADING || errorCode === NOT_AVAILABLE || errorCode === NOT_COORDINATOR;
}

class ClassicMember implements BenchMember {
  readonly #client: RawClient;
  readonly #plan: GroupPlan;
  #memberId = "";
  #isOver = false;
  epoch = -1;
  owned = 0;

  constructor(client: RawClient, plan: GroupPlan) {
    this.#client = client;
    this.#plan = plan;
  }

  async live(): Promise<void> {
    try {
      while (!this.#isOver) {
        if (!await this.#join()) continue;
        while (await this.#beat()) await sleep(HEARTBEAT_MS);
      }
    } catch (error) {
      if (!this.#isOver) throw error;
    }
  }

  async crash(): Promise<void> {
    this.#isOver = true;
    await this.#client.close();
  }

  /** Joins and syncs; false when that has to be done again. */
  async #join(): Promise<boolean> {
    const { groupId, topic, partitions } = this.#plan;
    const subscription = versioned(
      encodeMessage(consumerProtocolSubscription, 1, { topics: [topic], ownedPartitions: [] }),
    );
    const joined = await this.#client.call(joinGroup, 9, {
      groupId,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: 60_000,
      memberId: this.#memberId,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: subscription }],
    });
    if (joined.errorCode === MEMBER_ID_REQUIRED) this.#memberId = joined.memberId;
    if (!await this.#isFine(joined.errorCode)) return false;
    this.#memberId = joined.memberId;
    const assignments = joined.leader !== joined.memberId
      ? []
      : joined.members.map(({ memberId }, index, { length }) => {
        const mine = Array.from({ length: partitions }, (_, at) => at).filter((partition) =>
          partition % length === index
        );
        const assignedPartitions = mine.length === 0 ? [] : [{ topic, partitions: mine }];
        return {
          memberId,
          assignment: versioned(encodeMessage(consumerProtocolAssignment, 1, { assignedPartitions })),
        };
      });
    const { generationId } = joined;
    const synced = await this.#client.call(syncGroup, 5, {
      groupId,
      generationId,
      memberId: this.#memberId,
      protocolType: "consumer",
      protocolName: "range",
      assignments,
    });
    if (!await this.#isFine(synced.errorCode)) return false;
    this.owned = countOf(synced.assignment);
    this.epoch = generationId;
    return true;
  }

  async #beat(): Promise<boolean> {
    const { groupId } = this.#plan;
    const beaten = await this.#client.call(heartbeat, 4, {
      groupId,
      generationId: this.epoch,
      memberId: this.#memberId,
    });
    return !this.#isOver && await this.#isFine(beaten.errorCode);
  }

  async #isFine(errorCode: number): Promise<boolean> {
    if (errorCode === NONE) return true;
    this.epoch = -1;
    if (errorCode === UNKNOWN_MEMBER) this.#memberId = "";
    else if (isPassing(errorCode)) await sleep(20);
    else if (![MEMBER_ID_REQUIRED, REBALANCE, ILLEGAL_GENERATION].includes(errorCode)) {
      throw new Error(`A classic member was refused with error ${errorCode}.`);
    }
    return false;
  }
}

/** What consumers say to each other begins with its version. */
function versioned(message: Uint8Array): Uint8Array {
  return concat([new Uint8Array([0, 1]), message]);
}

/** How many partitions an assignment of one topic names. */
function countOf(assignment: Uint8Array): number {
  if (assignment.length < 6) return 0;
  const view = new DataView(assignment.buffer, assignment.byteOffset);
  if (view.getInt32(2) === 0) return 0;
  return view.getInt32(8 + view.getInt16(6));
}

class ModernMember implements BenchMember {
  readonly #client: RawClient;
  readonly #plan: GroupPlan;
  readonly #memberId: string = crypto.randomUUID();
  #assigned: readonly { readonly topicId: string; readonly partitions: readonly number[] }[] = [];
  #isOver = false;
  epoch = -1;
  owned = 0;

  constructor(client: RawClient, plan: GroupPlan) {
    this.#client = client;
    this.#plan = plan;
  }

  async live(): Promise<void> {
    try {
      for (let isNew = true; !this.#isOver;) isNew = await this.#beat(isNew);
    } catch (error) {
      if (!this.#isOver) throw error;
    }
  }

  async crash(): Promise<void> {
    this.#isOver = true;
    await this.#client.close();
  }

  /** True when it has to begin anew. What it is given, or has to give back, it says at once that it has. */
  async #beat(isNew: boolean): Promise<boolean> {
    const { groupId, topic } = this.#plan;
    const answer = await this.#client.call(consumerGroupHeartbeat, 1, {
      groupId,
      memberId: this.#memberId,
      memberEpoch: isNew ? 0 : this.epoch,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: [topic],
      topicPartitions: isNew
        ? []
        : this.#assigned.map(({ topicId, partitions }) => ({ topicId, partitions: [...partitions] })),
    });
    if (isPassing(answer.errorCode)) {
      await sleep(20);
      return isNew;
    }
    if (answer.errorCode !== NONE) {
      throw new Error(`A member was refused: ${answer.errorCode}, ${answer.errorMessage}.`);
    }
    this.epoch = answer.memberEpoch;
    if (answer.assignment === null) {
      await sleep(HEARTBEAT_MS);
      return false;
    }
    const before = JSON.stringify(this.#assigned);
    this.#assigned = answer.assignment.topicPartitions;
    this.owned = this.#assigned.reduce((sum, { partitions }) => sum + partitions.length, 0);
    if (JSON.stringify(this.#assigned) === before) await sleep(HEARTBEAT_MS);
    return false;
  }
}

/** Waits until all members are in one epoch, and all partitions are theirs; the milliseconds that took. */
export async function untilStable(
  members: readonly BenchMember[],
  partitions: number,
  lives: readonly Promise<void>[],
): Promise<number> {
  const started = performance.now();
  const failed = Promise.race(lives).then(() => {
    throw new Error("A member has ended.");
  });
  failed.catch(() => {});
  for (;; await Promise.race([sleep(1), failed])) {
    const epoch = members[0]!.epoch;
    const isOne = epoch >= 0 && members.every((member) => member.epoch === epoch);
    if (isOne && members.reduce((sum, { owned }) => sum + owned, 0) === partitions) return performance.now() - started;
    if (performance.now() - started > 120_000) throw new Error("The group was not stable in 120 s.");
  }
}
