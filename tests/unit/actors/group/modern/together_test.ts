import { assert, assertEquals } from "@std/assert";
import { CONSUMER_DEFAULTS } from "../../../../../actors/consumer/config.ts";
import type { Membership, MembershipEvent, MembershipRequest } from "../../../../../actors/consumer/membership.ts";
import { modernMembership } from "../../../../../actors/consumer/modern_membership.ts";
import { has, union } from "../../../../../actors/group/modern/partitions.ts";
import { SeededRandom } from "../../../../../lib/prng.ts";
import type { GroupRecord } from "../../../../../actors/group/records.ts";
import { GROUP_ID, GroupHarness, idOf } from "./harness.ts";

// Members and their group, both as they are in production, over a network that loses, and a coordinator that moves.

const SESSION_MS = 6_000;
const STEP_MS = 20;

type Beat = (MembershipRequest & { readonly api: "consumerHeartbeat" })["body"];

/** A message on its way, or a thing to be done by the application. */
interface Due {
  readonly atMs: number;
  readonly what: () => void;
}

function takeDue(waiting: Due[], nowMs: number): Due[] {
  const due = waiting.filter(({ atMs }) => atMs <= nowMs);
  for (const one of due) waiting.splice(waiting.indexOf(one), 1);
  return due;
}

class Client {
  readonly member: Membership;
  /** What its application reads: from when it is given to when it has been given up. */
  readonly uses = new Set<string>();
  readonly due: Due[] = [];
  wakeAtMs = Infinity;
  isDead = false;
  isLeaving = false;
  failed: string | undefined;

  constructor(readonly world: World, readonly name: string, instanceId: string | null) {
    const config = {
      ...CONSUMER_DEFAULTS,
      groupId: GROUP_ID,
      groupInstanceId: instanceId,
      sessionTimeoutMs: SESSION_MS,
      requestTimeoutMs: 1_000,
    };
    this.member = modernMembership(config, world.random.split(name));
    this.tell({ type: "coordinator", isKnown: true });
    this.tell({ type: "subscribed", topics: world.random.chance(3, 4) ? ["t", "u"] : ["t"], pattern: null });
    this.tellTopics();
  }

  tellTopics(): void {
    const topics = Object.entries(this.world.topics).map(([name, partitions]) =>
      [name, { id: idOf(name), partitions }] as const
    );
    this.tell({ type: "metadata", topics: new Map(topics) });
  }

  later(delayMs: number, what: () => void): void {
    this.due.push({ atMs: this.world.nowMs + delayMs, what });
  }

  /** What it used is not used any more before it says so. */
  leave(): void {
    this.uses.clear();
    this.isLeaving = true;
    this.tell({ type: "leave" });
  }

  /** Whatever is due at this time. */
  run(): void {
    const { nowMs } = this.world;
    if (this.isDead) return;
    for (const due of takeDue(this.due, nowMs)) if (!this.isDead) due.what();
    this.tell({ type: "polled" });
    if (nowMs >= this.wakeAtMs) this.tell({ type: "time" });
  }

  tell(event: MembershipEvent): void {
    const { random } = this.world;
    for (const action of this.member.handle(event, this.world.nowMs)) {
      switch (action.type) {
        case "request":
          this.world.carry(this, action.request.body as Beat, action.timeoutMs);
          break;
        case "findCoordinator":
          this.later(random.below(100), () => this.tell({ type: "coordinator", isKnown: true }));
          break;
        case "assign":
          for (const { topic, partition } of action.partitions) this.uses.add(`${topic}-${partition}`);
          this.later(random.below(200), () => this.tell({ type: "handled" }));
          break;
        case "revoke":
          this.later(random.below(500), () => {
            for (const { topic, partition } of action.partitions) this.uses.delete(`${topic}-${partition}`);
            this.tell({ type: "handled" });
          });
          break;
        case "lose":
          for (const { topic, partition } of action.partitions) this.uses.delete(`${topic}-${partition}`);
          this.later(random.below(200), () => this.tell({ type: "handled" }));
          break;
        case "lookUp":
          this.later(random.below(100), () => this.tellTopics());
          break;
        case "wake":
          this.wakeAtMs = action.atMs;
          break;
        case "fail":
          this.failed = `${action.error}: ${action.message}`;
          this.isDead = true;
          break;
        case "left":
          this.isDead = true;
          this.uses.clear();
          break;
      }
    }
  }
}

class World {
  readonly random: SeededRandom;
  nowMs = 0;
  clients: Client[] = [];
  topics: Record<string, number> = { t: 5, u: 2 };
  h: GroupHarness;
  isQuiet = false;
  #count = 0;
  /** Requests that arrive when their members have given them up. */
  readonly late: Due[] = [];
  /** Answers that gave something to a member that read them. */
  rebalances = 0;

  constructor(readonly seed: number, readonly arriveLate: boolean) {
    this.random = new SeededRandom(seed);
    this.h = this.#lead([]);
  }

  #lead(records: readonly GroupRecord[]): GroupHarness {
    return new GroupHarness({
      topics: this.topics,
      records,
      config: {
        consumerSessionTimeoutMs: SESSION_MS,
        consumerHeartbeatIntervalMs: 500,
        consumerAssignmentIntervalMs: this.random.pick([0, 300]),
      },
    });
  }

  /** Another coordinator, which knows what is in the log. */
  failOver(): void {
    if (this.h.state !== undefined) this.h.checkFold();
    this.h = this.#lead(this.h.p.state.modern?.records() ?? []);
  }

  come(instanceId: string | null = null): Client {
    const client = new Client(this, `c${this.#count++}`, instanceId);
    this.clients.push(client);
    return client;
  }

  /** Carries a request to the group and its answer back, or does not. */
  carry(client: Client, body: Beat, timeoutMs: number): void {
    const { random } = this;
    const fails = !this.isQuiet && random.chance(1, 8);
    const isHeard = !fails || random.chance(1, 2);
    const arrive = () => {
      if (!isHeard) return;
      const { memberId, memberEpoch, ...rest } = body;
      const answer = this.h.beat(memberId, memberEpoch, rest);
      if (fails) return;
      client.later(random.below(40), () => {
        if (answer.assignment !== null) this.rebalances++;
        client.tell({ type: "response", response: { api: "consumerHeartbeat", body: answer } });
      });
    };
    // On a connection that is given up, it may lie for a while.
    if (fails && this.arriveLate) this.late.push({ atMs: this.nowMs + random.below(4_000), what: arrive });
    else client.later(random.below(40), arrive);
    if (fails) client.later(timeoutMs, () => client.tell({ type: "failed", api: "consumerHeartbeat" }));
  }

  step(): void {
    this.nowMs += STEP_MS;
    this.h.p.advance(STEP_MS);
    for (const { what } of takeDue(this.late, this.nowMs)) what();
    for (const client of this.clients) client.run();
    this.clients = this.clients.filter(({ isDead, failed }) => {
      assertEquals(failed, undefined);
      return !isDead;
    });
    this.check();
  }

  check(): void {
    const used = new Map<string, string>();
    for (const client of this.clients) {
      for (const key of client.uses) {
        const other = used.get(key);
        assert(other === undefined, `seed ${this.seed}, ${this.nowMs} ms: ${other} and ${client.name} use ${key}`);
        used.set(key, client.name);
      }
    }
    const state = this.h.state;
    if (state === undefined) return;
    for (const [topicId, count] of Object.entries(this.topics).map(([name, count]) => [idOf(name), count] as const)) {
      for (let partition = 0; partition < count; partition++) {
        const holders = [...state.metadata.keys()].filter((memberId) => {
          const { assigned, pending } = state.current(memberId);
          return has(union(assigned, pending), topicId, partition);
        });
        assert(holders.length <= 1, `seed ${this.seed}: ${holders} hold ${topicId}-${partition}`);
        assertEquals([...state.holders(topicId, partition)], holders, "the index");
      }
    }
    for (const memberId of state.metadata.keys()) assert(state.current(memberId).epoch <= state.assignmentEpoch);
    assert(state.assignmentEpoch <= state.epoch);
  }

  /** One of the things that happen. */
  disturb(): void {
    const { random } = this;
    const some = () => random.pick(this.clients);
    switch (random.below(8)) {
      case 0:
      case 1:
        if (this.clients.length < 5) this.come(random.chance(1, 3) ? `i${random.below(3)}` : null);
        break;
      case 2: // dies without a word
        if (this.clients.length > 0) some().isDead = true;
        break;
      case 3:
        if (this.clients.length > 0) some().leave();
        break;
      case 4:
        this.failOver();
        break;
      case 5:
        this.topics = { ...this.topics, t: this.topics.t! + random.below(2), u: 2 };
        if (random.chance(1, 2)) delete this.topics.u;
        this.h.topics(this.topics);
        for (const client of this.clients) client.tellTopics();
        break;
      case 6:
        if (this.clients.length > 0) {
          some().tell({ type: "subscribed", topics: random.pick([["t"], ["t", "u"], ["u"]]), pattern: null });
        }
        break;
      case 7:
        break;
    }
  }

  /** Nobody disturbs: after a while everybody has what it is to have, and nothing is left over. */
  settle(): void {
    this.isQuiet = true;
    this.topics = { ...this.topics, u: 2 };
    this.h.topics(this.topics);
    if (this.clients.every(({ isLeaving }) => isLeaving)) this.come();
    for (const client of this.clients) {
      client.tell({ type: "subscribed", topics: ["t", "u"], pattern: null });
      client.tellTopics();
    }
    for (let ms = 0; ms < 5 * SESSION_MS; ms += STEP_MS) this.step();
    assertEquals(this.h.state.state, "Stable", `seed ${this.seed}`);
    const used = this.clients.flatMap(({ uses }) => [...uses]).sort();
    const all = Object.entries(this.topics).flatMap(([topic, count]) =>
      Array.from({ length: count }, (_, partition) => `${topic}-${partition}`)
    );
    assertEquals(used, all.sort(), `seed ${this.seed}`);
  }
}

for (const arriveLate of [false, true]) {
  const how = arriveLate ? "arrives late" : "is lost";
  Deno.test(`members and their group never use a partition twice, and all in the end, whatever ${how}`, () => {
    let rebalances = 0;
    for (let seed = 0; seed < 10; seed++) {
      const world = new World(seed, arriveLate);
      world.come();
      for (let at = 0; at < 500; at++) {
        if (world.random.chance(1, 15)) world.disturb();
        world.step();
      }
      world.settle();
      rebalances += world.rebalances;
    }
    assert(rebalances > 150, `only ${rebalances} answers that gave something`);
  });
}
