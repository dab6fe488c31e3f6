/**
 * A group under a probe, with topics and settings of its own, spoken to as clients would.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { MemoryJournal } from "../../../../../actors/memory_journal.ts";
import { type Asked, type Probe, probe } from "../../../../../actors/probe.ts";
import { fold } from "../../../../../actors/group/fold.ts";
import { group } from "../../../../../actors/group/group.ts";
import { ModernGroup } from "../../../../../actors/group/modern/modern.ts";
import type {
  CoordinatorRef,
  GroupConfig,
  GroupNews,
  GroupProtocol,
  Topology,
  TopologyTopic,
} from "../../../../../actors/group/protocol.ts";
import { decodeRecord, encodeRecord, type GroupRecord } from "../../../../../actors/group/records.ts";
import type { Group } from "../../../../../actors/group/state.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import { encodeAssignment, encodeSubscription } from "../../../../../protocol/consumer_protocol.ts";
import type { Request, Response } from "../../../../../protocol/schema.ts";
import type { consumerGroupHeartbeat } from "../../../../../protocol/tables/consumer_groups.ts";
import type {
  heartbeat,
  joinGroup,
  leaveGroup,
  offsetCommit,
  syncGroup,
} from "../../../../../protocol/tables/groups.ts";
import { configOf } from "../config.ts";

export const GROUP_ID = "g";
/** Like a topic's id: 22 characters. */
export function idOf(topic: string): string {
  return topic.padEnd(21, "-") + "A";
}

export const CONFIG: GroupConfig = configOf({ minSessionTimeoutMs: 100 });

function topologyOf(topics: Readonly<Record<string, number>>): Topology {
  const all = Object.entries(topics).map(([name, partitions]): TopologyTopic => ({
    name,
    topicId: idOf(name),
    partitions,
    racks: Array.from({ length: partitions }, () => []),
  }));
  return {
    topics: new Map(all.map((topic) => [topic.name, topic])),
    names: new Map(all.map(({ name, topicId }) => [topicId, name])),
  };
}

export type Beat = Partial<Request<typeof consumerGroupHeartbeat>>;
export type Beaten = Response<typeof consumerGroupHeartbeat>;

export interface Setting {
  readonly topics?: Readonly<Record<string, number>>;
  readonly config?: Partial<GroupConfig>;
  readonly records?: readonly GroupRecord[];
}

/** A group, and clients of it. */
export class GroupHarness {
  readonly p: Probe<GroupProtocol, Group>;
  #news: GroupNews;

  constructor({ topics = { t: 4 }, config = {}, records = [] }: Setting = {}) {
    this.#news = { version: 1, topology: topologyOf(topics), config: { ...CONFIG, ...config } };
    let left: readonly GroupRecord[] | undefined = records;
    const takeRecords = () => {
      const taken = left;
      left = undefined;
      return taken;
    };
    const args = { groupId: GROUP_ID, term: 1, coordinator: "1/coordinator/0" as CoordinatorRef, takeRecords };
    this.p = probe(group({ report: () => {} }), { ...args, news: this.#news }, {
      journal: new MemoryJournal(),
      epochMs: 1_000_000,
    });
  }

  get state(): ModernGroup {
    return this.p.state.modern as ModernGroup;
  }

  /** Topics are others from now on. */
  topics(topics: Readonly<Record<string, number>>): this {
    return this.news({ topology: topologyOf(topics) });
  }

  news(change: Partial<GroupNews>): this {
    this.#news = { ...this.#news, ...change, version: this.#news.version + 1 };
    this.p.answer("news", this.#news);
    return this;
  }

  /** What a client reads: a heartbeat with what it does not say left out. */
  beat(memberId: string, memberEpoch: number, body: Beat = {}, version = 1): Beaten {
    const request = {
      groupId: GROUP_ID,
      memberId,
      memberEpoch,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: null,
      ...body,
    };
    return this.#reply(this.p.ask("consumerHeartbeat", { version, client: CLIENT, body: request })) as Beaten;
  }

  join(memberId: string, body: Beat = {}): Beaten {
    const first = { rebalanceTimeoutMs: 60_000, topicPartitions: [], subscribedTopicNames: ["t"] };
    return this.beat(memberId, 0, { ...first, ...body });
  }

  classicJoin(
    memberId: string,
    body: Partial<Request<typeof joinGroup>> = {},
    version = 9,
  ): Response<typeof joinGroup> {
    const request = {
      groupId: GROUP_ID,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 30_000,
      memberId,
      groupInstanceId: null,
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: subscription(["t"]) }],
      reason: null,
      ...body,
    };
    return this.#reply(this.p.ask("join", { version, client: CLIENT, body: request })) as Response<typeof joinGroup>;
  }

  classicSync(memberId: string, generationId: number, body: Partial<Request<typeof syncGroup>> = {}) {
    const request = {
      groupId: GROUP_ID,
      generationId,
      memberId,
      groupInstanceId: null,
      protocolType: "consumer",
      protocolName: "range",
      assignments: [],
      ...body,
    };
    return this.#reply(this.p.ask("sync", { version: 5, client: CLIENT, body: request })) as Response<typeof syncGroup>;
  }

  classicBeat(memberId: string, generationId: number, groupInstanceId: string | null = null): string {
    const body = { groupId: GROUP_ID, generationId, memberId, groupInstanceId };
    const asked = this.p.ask("heartbeat", { version: 4, client: CLIENT, body });
    return errorName((this.#reply(asked) as Response<typeof heartbeat>).errorCode);
  }

  classicLeave(...members: { memberId: string; groupInstanceId: string | null }[]): string[] {
    const body = { groupId: GROUP_ID, memberId: "", members: members.map((member) => ({ ...member, reason: null })) };
    const reply = this.#reply(this.p.ask("leave", { version: 5, client: CLIENT, body }));
    return (reply as Response<typeof leaveGroup>).members.map(({ errorCode }) => errorName(errorCode));
  }

  /** Commits for partitions of `t`; the error of each. */
  commit(memberId: string, generationIdOrMemberEpoch: number, partitions: readonly number[], text = ""): string[] {
    const rows = partitions.map((partitionIndex) => ({
      partitionIndex,
      committedOffset: 7n,
      committedLeaderEpoch: -1,
      committedMetadata: text,
    }));
    const topics = [{ name: "t", topicId: idOf("t"), partitions: rows }];
    const who = { groupId: GROUP_ID, generationIdOrMemberEpoch, memberId, groupInstanceId: null };
    const body = { ...who, retentionTimeMs: -1n, topics };
    const reply = this.#reply(this.p.ask("commit", { version: 9, client: CLIENT, body }));
    return (reply as Response<typeof offsetCommit>).topics.flatMap(({ partitions }) =>
      partitions.map(({ errorCode }) => errorName(errorCode))
    );
  }

  /** Everything that has been appended since it was last taken. */
  appended(): GroupRecord[] {
    return this.p.take().flatMap((did) => did.type === "append" ? [did.event as GroupRecord] : []);
  }

  /** What this group has, as records, folded anew: it has to be the same. */
  checkFold(): void {
    const { state } = this.p;
    const modern = this.state;
    const records = modern.records();
    const other = new ModernGroup(GROUP_ID);
    for (const record of [...records].reverse()) {
      const { key, value } = encodeRecord(record);
      other.apply(decodeRecord(key, value)!);
    }
    assertEquals(other.records(), records);
    for (const record of records) fold(state, record);
    assertEquals(this.state.records(), records, "the same record a second time changes nothing");
    const said = [...this.state.metadata.values()];
    const named = new Set(said.flatMap(({ subscribedTopicNames }) => subscribedTopicNames));
    const expressions = new Set(said.flatMap(({ subscribedTopicRegex: regex }) => regex === null ? [] : [regex]));
    assertEquals([new Set(this.state.names.names()), new Set(this.state.expressions.names())], [named, expressions]);
  }

  #reply(asked: Asked<unknown>): unknown {
    if (this.p.crash) throw this.p.crash;
    return asked.reply;
  }
}

const CLIENT = { id: "client", host: "/127.0.0.1" };

/** What a classic member says of itself. */
export function subscription(
  topics: readonly string[],
  owned: readonly { topic: string; partitions: readonly number[] }[] = [],
  generationId = -1,
): Uint8Array {
  return encodeSubscription(2, { topics, ownedPartitions: owned, generationId });
}

export function assignment(partitions: readonly { topic: string; partitions: readonly number[] }[]): Uint8Array {
  return encodeAssignment(2, partitions);
}

/** Error by name, epoch, and the partitions of `t` that it gives; null when it says nothing of them. */
export function told(reply: Beaten, topic = "t"): [string, number, readonly number[] | null] {
  const given = reply.assignment ?? null;
  const rows = given?.topicPartitions.filter(({ topicId }) => topicId === idOf(topic)) ?? [];
  const partitions = given === null ? null : rows.flatMap(({ partitions }) => partitions);
  return [errorName(reply.errorCode), reply.memberEpoch, partitions];
}

/** The rows that say that these partitions of `t` are used. */
export function owns(...partitions: number[]): { topicId: string; partitions: number[] }[] {
  return partitions.length === 0 ? [] : [{ topicId: idOf("t"), partitions }];
}

/** Two members that share `t`: a has 0 and 1, b has 2 and 3, both at epoch 2. */
export function two(setting: Setting = {}): GroupHarness {
  const h = new GroupHarness(setting);
  h.join("a");
  h.join("b");
  h.beat("a", 1);
  h.beat("a", 1, { topicPartitions: owns(0, 1) });
  assertEquals(told(h.beat("b", 2)), ["NONE", 2, [2, 3]]);
  h.beat("b", 2, { topicPartitions: owns(2, 3) });
  assertEquals(h.state.state, "Stable");
  h.appended();
  return h;
}
