/**
 * A group under a probe, and members that speak the classic protocol to it. Every answer goes through the bytes of its version.
 *
 * @module
 */
import { group } from "../../../../../actors/group/group.ts";
import type { CoordinatorRef, GroupConfig, GroupProtocol } from "../../../../../actors/group/protocol.ts";
import type { GroupRecord } from "../../../../../actors/group/records.ts";
import type { Group } from "../../../../../actors/group/state.ts";
import { MemoryJournal } from "../../../../../actors/memory_journal.ts";
import { type Asked, type Probe, probe } from "../../../../../actors/probe.ts";
import { concatenate } from "../../../../../lib/bytes.ts";
import { decodeResponse, encodeResponse } from "../../../../../protocol/codec.ts";
import { encodeSubscription } from "../../../../../protocol/consumer_protocol.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import type { Api, Request, Response, ResponseInput } from "../../../../../protocol/schema.ts";
import { describeGroups, heartbeat, joinGroup, leaveGroup, syncGroup } from "../../../../../protocol/tables/groups.ts";
import { configOf } from "../config.ts";

export const EPOCH_MS = 1_700_000_000_000;

const CONFIG: GroupConfig = configOf({ initialRebalanceDelayMs: 1_000 });

/** What a JoinGroup may say. */
export interface JoinOptions {
  readonly version?: number;
  readonly instanceId?: string | null;
  readonly sessionTimeoutMs?: number;
  readonly rebalanceTimeoutMs?: number;
  readonly protocolType?: string;
  /** Names of protocols, each with the topics "t". */
  readonly protocols?: readonly string[];
  readonly topics?: readonly string[];
  readonly metadata?: Uint8Array;
}

export interface SyncOptions {
  readonly version?: number;
  readonly instanceId?: string | null;
  readonly protocolType?: string | null;
  readonly protocolName?: string | null;
  readonly assignments?: Readonly<Record<string, string>>;
}

/** An answer that may still be waited for, as the client reads it. */
export class Reply<T extends { readonly errorCode: number }> {
  readonly #asked: Asked<unknown>;
  readonly #read: (reply: unknown) => T;

  constructor(asked: Asked<unknown>, read: (reply: unknown) => T) {
    this.#asked = asked;
    this.#read = read;
  }

  /** The answer, undefined while there is none. */
  get body(): T | undefined {
    return this.#asked.reply === undefined ? undefined : this.#read(this.#asked.reply);
  }

  /** The name of its error; "waits" while there is none. */
  get error(): string {
    return this.body === undefined ? "waits" : errorName(this.body.errorCode);
  }
}

export interface StageOptions {
  readonly config?: Partial<GroupConfig>;
  readonly records?: readonly GroupRecord[];
  readonly journal?: MemoryJournal;
}

/** The group "g" and its members. */
export class Stage {
  readonly journal: MemoryJournal;
  readonly probe: Probe<GroupProtocol, Group>;

  constructor({ config = {}, records = [], journal = new MemoryJournal() }: StageOptions = {}) {
    this.journal = journal;
    const coordinator = "1/coordinator/0" as CoordinatorRef;
    const news = {
      version: 1,
      topology: { topics: new Map(), names: new Map() },
      config: { ...CONFIG, ...config },
    };
    const args = { groupId: "g", term: 1, coordinator, takeRecords: () => records, news };
    this.probe = probe(group(), args, { epochMs: EPOCH_MS, journal });
  }

  /** The group as DescribeGroups names it, "none" when there is none. */
  get state(): string {
    return this.probe.state.classic?.state ?? "none";
  }

  /** What the log has of the group. */
  get records(): readonly GroupRecord[] {
    return this.probe.state.classic?.records() ?? [];
  }

  advance(ms: number): this {
    this.probe.advance(ms);
    return this;
  }

  join(memberId: string, options: JoinOptions = {}): Reply<Response<typeof joinGroup>> {
    const { version = 9, topics = ["t"], protocols = ["range"], instanceId = null } = options;
    const metadata = options.metadata ?? subscription(topics);
    const body: Request<typeof joinGroup> = {
      groupId: "g",
      sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? 60_000,
      memberId,
      groupInstanceId: instanceId,
      protocolType: options.protocolType ?? "consumer",
      protocols: protocols.map((name) => ({ name, metadata })),
      reason: null,
    };
    return new Reply(
      this.probe.ask("join", { version, client: CLIENT, body }, 3_600_000),
      reader(joinGroup, version),
    );
  }

  /** Joins as Kafka's clients do: with the id that the first answer gives. Returns the id. */
  enter(options: JoinOptions = {}): { id: string; joined: Reply<Response<typeof joinGroup>> } {
    const first = this.join("", options);
    if (first.error !== "MEMBER_ID_REQUIRED") {
      const id = options.instanceId ? this.memberOf(options.instanceId) : first.body?.memberId ?? "";
      return { id, joined: first };
    }
    const id = first.body!.memberId;
    return { id, joined: this.join(id, options) };
  }

  sync(
    memberId: string,
    generationId: number,
    options: SyncOptions = {},
  ): Reply<Response<typeof syncGroup>> {
    const { version = 5, instanceId = null, assignments = {} } = options;
    const body: Request<typeof syncGroup> = {
      groupId: "g",
      generationId,
      memberId,
      groupInstanceId: instanceId,
      protocolType: options.protocolType === undefined ? "consumer" : options.protocolType,
      protocolName: options.protocolName === undefined ? "range" : options.protocolName,
      assignments: Object.entries(assignments).map(([memberId, text]) => ({ memberId, assignment: bytes(text) })),
    };
    return new Reply(this.probe.ask("sync", { version, client: CLIENT, body }, 3_600_000), reader(syncGroup, version));
  }

  heartbeat(memberId: string, generationId: number, instanceId: string | null = null): string {
    const body = { groupId: "g", generationId, memberId, groupInstanceId: instanceId };
    return new Reply(this.probe.ask("heartbeat", { version: 4, client: CLIENT, body }), reader(heartbeat, 4)).error;
  }

  /** Members by id, or by instance id ("", instance). Returns the errors. */
  leave(members: readonly (readonly [memberId: string, instanceId: string | null])[]): string[] {
    const body = {
      groupId: "g",
      memberId: "",
      members: members.map(([memberId, groupInstanceId]) => ({ memberId, groupInstanceId, reason: null })),
    };
    const asked = this.probe.ask("leave", { version: 5, client: CLIENT, body });
    const reply: Reply<Response<typeof leaveGroup>> = new Reply(asked, reader(leaveGroup, 5));
    return reply.body!.members.map(({ errorCode }) => errorName(errorCode));
  }

  describe(version = 6): ResponseInput<typeof describeGroups>["groups"][number] {
    return this.probe.ask("describe", { version, client: CLIENT, body: undefined }).reply!;
  }

  /** The member id of an instance, as the group has it. */
  memberOf(instanceId: string): string {
    return this.describe().members.find(({ groupInstanceId }) => groupInstanceId === instanceId)!.memberId;
  }

  /** A group of so many dynamic members, Stable in its first generation; the first leads. Each has its own name's number for an assignment. */
  form(count: number, options: JoinOptions = {}): string[] {
    const ids = Array.from({ length: count }, () => this.join("", options).body!.memberId);
    const joins = ids.map((id) => this.join(id, options));
    this.advance(2_000); // the initial delay, and once more for those who came meanwhile
    const { generationId, leader } = joins[0]!.body!;
    const assignments = Object.fromEntries(ids.map((id, index) => [id, `of ${index}`]));
    for (const id of ids) if (id !== leader) this.sync(id, generationId);
    this.sync(leader, generationId, { assignments });
    return ids;
  }
}

const CLIENT = { id: "app", host: "/127.0.0.1" };

/** A subscription as Java's consumer sends it. */
export function subscription(topics: readonly string[]): Uint8Array {
  return encodeSubscription(1, { topics, ownedPartitions: [] });
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function reader<A extends Api>(api: A, version: number): (reply: unknown) => Response<A> {
  return (reply) => {
    const frame = concatenate(encodeResponse(api, version, 1, reply as ResponseInput<A>)).slice(4);
    return decodeResponse(api, version, frame).body as Response<A>;
  };
}
