/**
 * Members of consumer groups as the suite sees them: each in an agent of its own, so that it can be killed by itself.
 *
 * ```
 * join ──▶ owned changes, records are read, each is committed ──▶ leave (says good-bye) or die (SIGKILL)
 * ```
 * @module
 */
import { assert } from "@std/assert";
import { until } from "../helpers/patience.ts";
import { ABILITIES } from "./abilities.ts";
import type { Client, MemberEvent } from "./client.ts";
import { openClient } from "./open_client.ts";
import type { Target } from "./target.ts";

/** How a member is one. */
export interface Membership {
  readonly group: string;
  readonly topic: string;
  /** Default classic. */
  readonly protocol?: "classic" | "consumer";
  /** Of a static member. */
  readonly instance?: string;
  /** Default 120 000: nobody waits so long for whoever goes by it. */
  readonly sessionMs?: number;
  readonly strategy?: string;
}

/** No case keeps a member for longer. */
const LIFE_MS = 900_000;
/** By group and partition, the offset up to which somebody has been told that it is committed. */
const told = new Map<string, number>();
/** As long as members may take to agree on a busy machine. */
const PATIENCE_MS = 120_000;

/**
 * One member.
 *
 * Whatever may happen to a group, what has been committed is not handed out again: that is watched in every case, with clients that do not
 * do so by themselves. (What has been read and not committed may be: on a slow machine a session is over early.)
 */
export class Member implements AsyncDisposable {
  /** What it has now. */
  owned: readonly number[] = [];
  /** How often that has changed. */
  changes = 0;
  /** The records that it was handed, in order, as `partition@offset`. */
  readonly read: string[] = [];
  /** By partition, the offset that it has committed last. */
  readonly committed: Map<number, number> = new Map();
  /** What is wrong with it. */
  failure: unknown;
  readonly #client: Client;
  readonly #group: string;
  readonly #over: Promise<void>;

  private constructor(client: Client, membership: Membership) {
    this.#client = client;
    this.#group = membership.group;
    const fields = { member: "m", protocol: "classic", sessionMs: 120_000, ...membership };
    this.#over = client.call("member", fields, { timeoutMs: LIFE_MS, onEvent: (event) => this.#hear(event) })
      .then(() => {}, (error) => void (this.failure ??= error));
  }

  /** Opens an agent of that client, which joins. */
  static async join(client: string, target: Target, membership: Membership): Promise<Member> {
    return (await Member.prepare(client, target))(membership);
  }

  /** Opens an agent of that client, and returns how it joins when it is told to: at once. */
  static async prepare(client: string, target: Target): Promise<(membership: Membership) => Member> {
    const agent = await openClient(client, target.bootstrap);
    // There is no such command: it says so as soon as it hears of anything.
    await agent.call("nothing", {}, { timeoutMs: LIFE_MS }).catch(() => {});
    return (membership) => new Member(agent, membership);
  }

  /** The client's name. */
  get client(): string {
    return this.#client.name;
  }

  #hear(event: MemberEvent): void {
    if ("assigned" in event) {
      const owned = event.assigned.toSorted((a, b) => a - b);
      if (owned.join() !== this.owned.join()) this.changes++;
      this.owned = owned;
    } else if ("read" in event) {
      const [partition, offset] = event.read;
      this.read.push(`${partition}@${offset}`);
      const committed = told.get(this.#place(partition)) ?? 0;
      if (offset >= committed || !this.#isExact) return;
      this.failure ??= new Error(`It was handed ${partition}@${offset}, though ${committed} had been committed.`);
    } else {
      const [partition, offset] = event.committed;
      this.committed.set(partition, offset);
      if (!this.#isExact) return;
      told.set(this.#place(partition), Math.max(offset, told.get(this.#place(partition)) ?? 0));
    }
  }

  get #isExact(): boolean {
    return ABILITIES[this.client]!.exactMembers;
  }

  #place(partition: number): string {
    return `${this.#group}/${partition}`;
  }

  /** Leaves the group, and resolves when it has said so. */
  async leave(): Promise<void> {
    await this.#client.call("leave", { member: "m" });
    await this.#over;
    const { failure } = this;
    await this.#client.close();
    if (failure !== undefined) throw failure;
  }

  /** SIGKILL: the broker is told nothing. */
  async die(): Promise<void> {
    const { failure } = this;
    await this.#client.close();
    await this.#over;
    this.failure = failure; // that its agent has ended is none
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }
}

/** Throws what is wrong with any of them. */
export function assertWell(members: readonly Member[]): void {
  for (const { client, failure } of members) if (failure !== undefined) throw new Error(`${client}: ${failure}`);
}

/** Waits until `assertHolds` throws no more; no longer, if something is wrong with a member. */
async function untilHolds(members: readonly Member[], what: string, assertHolds: () => void, limitMs: number) {
  await until(what, () => {
    if (members.every(({ failure }) => failure === undefined)) assertHolds();
    return Promise.resolve(true);
  }, limitMs);
  assertWell(members);
}

/** Waits until the members have all partitions between them, each one, and as evenly as can be. */
export async function untilShared(members: readonly Member[], partitions: number, limitMs = PATIENCE_MS) {
  const fair = Math.floor(partitions / members.length);
  await untilHolds(members, `${members.length} members share ${partitions} partitions`, () => {
    const owned = members.flatMap((member) => member.owned);
    const isFair = members.every((member) => member.owned.length >= fair);
    if (owned.length === partitions && isFair && new Set(owned).size === partitions) return;
    throw new Error(`they have: ${members.map(({ client, owned }) => `${client} [${owned}]`).join(", ")}`);
  }, limitMs);
}

/** Waits until every partition has been committed up to `end` by one of the members. */
export async function untilCommitted(members: readonly Member[], ends: readonly number[], limitMs = PATIENCE_MS) {
  await untilHolds(members, `all is committed up to ${ends}`, () => {
    const committed = ends.map((_, partition) =>
      Math.max(0, ...members.map((each) => each.committed.get(partition) ?? 0))
    );
    if (committed.every((offset, partition) => offset === ends[partition])) return;
    throw new Error(`they have committed ${committed}`);
  }, limitMs);
}

/** Every record has been read by somebody, and none again after it had been committed. */
export function assertRead(members: readonly Member[], ends: readonly number[]): void {
  assertWell(members);
  const read = new Set(members.flatMap((member) => member.read));
  ends.forEach((end, partition) => {
    for (let offset = 0; offset < end; offset++) {
      assert(read.has(`${partition}@${offset}`), `nobody read ${partition}@${offset}`);
    }
  });
}
