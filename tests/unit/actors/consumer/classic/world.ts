/**
 * Classic members, as pure machines, around one real group under a probe: time, links and listeners are the test's.
 *
 * @module
 */
import { assert } from "@std/assert";
import { classicMembership } from "../../../../../actors/consumer/classic_membership.ts";
import { CONSUMER_DEFAULTS } from "../../../../../actors/consumer/config.ts";
import type {
  Membership,
  MembershipEvent,
  MembershipRequest,
  MembershipResponse,
} from "../../../../../actors/consumer/membership.ts";
import type { ConsumerConfig, TopicPartition } from "../../../../../actors/consumer/protocol.ts";
import type { GroupRecord } from "../../../../../actors/group/records.ts";
import type { Asked } from "../../../../../actors/probe.ts";
import { SeededRandom } from "../../../../../lib/prng.ts";
import { decodeMessage, encodeMessage } from "../../../../../protocol/codec.ts";
import { errorCode } from "../../../../../protocol/errors.ts";
import type { Api } from "../../../../../protocol/schema.ts";
import { heartbeat, joinGroup, leaveGroup, syncGroup } from "../../../../../protocol/tables/groups.ts";
import { Stage } from "../../group/classic/stage.ts";

const STEP_MS = 50;
const APIS = { join: joinGroup, sync: syncGroup, heartbeat, leave: leaveGroup } as const;
type Verb = keyof typeof APIS;
/** What the broker answers by itself as long as the coordinator reads its log; the rest waits. */
const WHILE_LOADING: Partial<Record<Verb, number>> = { heartbeat: 0, sync: errorCode("REBALANCE_IN_PROGRESS") };

interface Request {
  readonly api: Verb;
  readonly message: unknown;
  /** Undefined as long as it has not got there. */
  asked: Asked<unknown> | undefined;
  readonly dueMs: number;
}

/** A consumer: its machine, and what is done for it. */
export class Client {
  readonly name: string;
  readonly instance: string | null;
  readonly membership: Membership;
  /** What it reads from, as keys. */
  readonly using: Set<string> = new Set();
  /** Every change that it was told of, in order. */
  readonly told: string[] = [];
  /** Requests that it sent, by API. */
  readonly sent: string[] = [];
  ended: string | undefined;
  /** Nothing comes through, in either direction, until it is mended. */
  isCut = false;
  /** Its process stands still: what it is told waits, and it uses nothing. */
  isStill = false;
  /** The application asks for records. */
  isPolling = true;
  readonly #world: World;
  #wakeAtMs = Infinity;
  #requests: Request[] = [];
  #handling: { readonly atMs: number; readonly assigned: readonly TopicPartition[] }[] = [];

  constructor(world: World, name: string, config: Partial<ConsumerConfig>) {
    this.#world = world;
    this.name = name;
    this.instance = config.groupInstanceId ?? null;
    const defaults = { ...CONSUMER_DEFAULTS, sessionTimeoutMs: 10_000, maxPollIntervalMs: 30_000 };
    this.membership = classicMembership({ ...defaults, ...config, groupId: "g" }, new SeededRandom(name));
  }

  get isAlive(): boolean {
    return this.ended === undefined;
  }

  tell(event: MembershipEvent): void {
    for (const action of this.membership.handle(event, this.#world.nowMs)) {
      switch (action.type) {
        case "request":
          this.#send(action.request, action.timeoutMs);
          break;
        case "wake":
          this.#wakeAtMs = action.atMs;
          break;
        case "assign":
        case "revoke":
        case "lose":
          this.told.push(`${action.type} ${action.partitions.map(nameOf).join(" ")}`);
          if (action.type !== "assign") { for (const at of action.partitions) this.using.delete(nameOf(at)); }
          this.#handling.push({
            atMs: this.#world.nowMs + this.#world.listenerMs,
            assigned: action.type === "assign" ? action.partitions : [],
          });
          break;
        case "findCoordinator":
          this.tell({ type: "coordinator", isKnown: true });
          break;
        case "lookUp":
          this.#world.later(() => this.isAlive && this.tell(this.#world.metadata()));
          break;
        case "fail":
        case "left":
          this.end(action.type === "fail" ? action.error : "left");
      }
    }
  }

  /** Its process is gone, or it is no member any more. */
  end(why: string): void {
    this.ended = why;
    this.using.clear();
  }

  /** Its connection is gone: whatever is under way has failed, but what has come to a process that stands still is in its socket. */
  disconnect(): void {
    const hasCome = ({ asked }: Request) => this.isStill && !this.isCut && asked?.reply !== undefined;
    const under = this.#requests.filter((request) => !hasCome(request));
    this.#requests = this.#requests.filter(hasCome);
    for (const { api } of under) this.tell({ type: "failed", api });
  }

  step(): void {
    if (this.isStill) return;
    const { nowMs } = this.#world;
    const due = this.#requests;
    this.#requests = [];
    for (const request of due) this.#look(request);
    const handling = this.#handling;
    this.#handling = handling.filter(({ atMs }) => atMs > nowMs);
    for (const { atMs, assigned } of handling) {
      if (atMs > nowMs || !this.isAlive) continue;
      // What was lost meanwhile is not used: it is not the member's any more.
      const owned = new Set(this.membership.owned.map(nameOf));
      for (const at of assigned) if (owned.has(nameOf(at))) this.using.add(nameOf(at));
      this.tell({ type: "handled" });
    }
    if (this.isAlive && this.isPolling) this.tell({ type: "polled" });
    if (this.isAlive && nowMs >= this.#wakeAtMs) {
      this.#wakeAtMs = Infinity;
      this.tell({ type: "time" });
    }
  }

  #look(request: Request): void {
    const { api, dueMs } = request;
    if (!this.isAlive) return;
    if (!this.isCut && request.asked === undefined) this.#deliver(request);
    const { asked } = request;
    const hasCome = asked?.reply !== undefined && !this.isCut;
    if (!hasCome && this.#world.nowMs >= dueMs) return this.tell({ type: "failed", api });
    if (!hasCome) {
      this.#requests.push(request);
      return;
    }
    const body = through(APIS[api], "response", asked.reply);
    this.tell({ type: "response", response: { api, body } as MembershipResponse });
  }

  #send({ api, body }: MembershipRequest, timeoutMs: number): void {
    assert(api !== "consumerHeartbeat");
    const underWay = this.#requests.map(({ api }) => api);
    assert(!underWay.includes(api), `${api} is under way`);
    const isJoining = underWay.includes("join") || underWay.includes("sync");
    assert(!isJoining || (api !== "join" && api !== "sync"), `${underWay} is under way: no ${api} beside it`);
    this.sent.push(api);
    const message = {
      version: newest(APIS[api]),
      client: { id: this.name, host: "/h" },
      body: through(APIS[api], "request", body),
    };
    const request: Request = { api, message, asked: undefined, dueMs: this.#world.nowMs + timeoutMs };
    if (!this.isCut) this.#deliver(request);
    this.#requests.push(request);
  }

  /** A link that is cut holds back what is sent; TCP sends it again. */
  #deliver(request: Request): void {
    if (this.#world.nowMs < this.#world.loadingUntilMs) {
      const errorCode = WHILE_LOADING[request.api];
      if (errorCode !== undefined) request.asked = { reply: { errorCode, assignment: new Uint8Array() } } as never;
      return;
    }
    request.asked = this.#world.stage.probe.ask(request.api, request.message as never, 3_600_000);
  }
}

/** The group, its clients and its topics. */
export class World {
  stage: Stage = new Stage({ config: { initialRebalanceDelayMs: 500 } });
  readonly clients: Client[] = [];
  readonly topics: Map<string, number> = new Map([["t", 6]]);
  listenerMs = 0;
  nowMs = 0;
  /** The coordinator reads its log until then, and takes nothing. */
  loadingUntilMs = 0;
  readonly #later: (() => void)[] = [];
  /** The last record of the group, as of its last life. */
  #written: GroupRecord | undefined;

  metadata(): MembershipEvent {
    return {
      type: "metadata",
      topics: new Map([...this.topics].map(([name, partitions]) => [name, { id: name, partitions }])),
    };
  }

  /** What the group writes becomes durable only when it is let through again. */
  stall(): void {
    this.stage.journal.hold();
  }

  flow(): void {
    this.stage.journal.release();
  }

  /** The group dies, and is loaded anew from what is durable: whoever waits is told nothing. */
  restartGroup(loadingMs = 0): void {
    this.loadingUntilMs = this.nowMs + loadingMs;
    for (const event of this.stage.journal.events) this.#written = event as GroupRecord;
    const records = this.#written === undefined ? [] : [this.#written];
    this.stage = new Stage({ config: { initialRebalanceDelayMs: 500 }, records });
    for (const client of this.clients) if (client.isAlive) client.disconnect();
  }

  later(what: () => void): void {
    this.#later.push(what);
  }

  /** Another consumer, which begins at once. */
  add(config: Partial<ConsumerConfig> = {}, topics: readonly string[] = ["t"], pattern: string | null = null): Client {
    const client = new Client(this, `c${this.clients.length}`, config);
    this.clients.push(client);
    client.tell({ type: "coordinator", isKnown: true });
    client.tell({ type: "subscribed", topics, pattern });
    client.tell(this.metadata());
    return client;
  }

  /** Topics are as the test has made them, and all hear of it. */
  publish(): void {
    for (const client of this.clients) if (client.isAlive) client.tell(this.metadata());
  }

  advance(ms: number): this {
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.nowMs += STEP_MS;
      this.stage.advance(STEP_MS);
      if (this.stage.probe.state.retired) this.restartGroup(); // its coordinator makes another
      for (const what of this.#later.splice(0)) what();
      for (const client of this.clients) client.step();
      this.#judge();
    }
    return this;
  }

  /** What each client uses, by its name. */
  used(): Record<string, string[]> {
    return Object.fromEntries(
      this.clients.filter(({ isAlive }) => isAlive).map(({ name, using }) => [name, [...using].sort()]),
    );
  }

  /** No partition is used by two. */
  #judge(): void {
    const users = new Map<string, string>();
    for (const { name, using, isStill } of this.clients) {
      if (isStill) continue;
      for (const at of using) {
        assert(!users.has(at), `${at} is used by ${users.get(at)} and ${name} at ${this.nowMs} ms`);
        users.set(at, name);
      }
    }
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

function newest(api: Api): number {
  return api.request.versions.max;
}

/** A body as it comes out on the other side. */
function through(api: Api, direction: "request" | "response", body: unknown): unknown {
  const table = api[direction];
  return decodeMessage(table, newest(api), encodeMessage(table, newest(api), body as never));
}
