/**
 * A member of a group of the classic protocol, request by request.
 *
 *     join ──(MEMBER_ID_REQUIRED: join again, with the id)──▶ joined ──sync──▶ stable ──heartbeat … ──▶ REBALANCE_IN_PROGRESS: join
 *
 * It gives up everything before it joins again (eager); as the leader it shares everything out in turn, once each.
 *
 * @module
 */
import { errorName } from "../../protocol/errors.ts";
import { encodeMessage } from "../../protocol/codec.ts";
import type { Response } from "../../protocol/schema.ts";
import { consumerProtocolAssignment, consumerProtocolSubscription } from "../../protocol/tables/consumer_protocol.ts";
import { heartbeat, joinGroup, leaveGroup, syncGroup } from "../../protocol/tables/groups.ts";
import type { Random } from "../../lib/prng.ts";
import { byTopic, type Committer } from "./group_client.ts";
import { assignedOf } from "./invariants/group_rules.ts";
import { type MemberPlan, RawMember } from "./raw_member.ts";
import type { Scene } from "./scene.ts";

const BACKOFF_MS = 150;
const MARGIN_MS = 12_000;
const SYNC_VERSION = 5;
const HEARTBEAT_VERSION = 4;

/** A classic member. */
export class ClassicMember extends RawMember {
  #memberId = "";
  #generation = -1;
  /** The one before, of which it has had an assignment, too. */
  #formerGeneration = -1;
  #formerId = "";
  #phase: "joining" | "syncing" | "stable" = "joining";
  #protocol: string | null = null;
  /** Counts its joins: only the answer to the newest one counts. */
  #joins = 0;
  readonly #joinVersion: number;

  constructor(scene: Scene, name: string, plan: MemberPlan, random: Random) {
    super(scene, name, plan, random);
    this.#joinVersion = random.split("version").pick(plan.instanceId === null ? [3, 5, 9, 9] : [5, 9]);
    this.#join();
    this.begin();
  }

  get isMember(): boolean {
    return !this.isOver && this.#phase === "stable";
  }

  protected override get me(): Committer {
    const { instanceId } = this.plan;
    return { memberId: this.#memberId, epoch: this.#generation, instanceId };
  }

  override leave(): void {
    const { groupId, instanceId } = this.plan;
    const member = { memberId: this.#memberId, groupInstanceId: instanceId };
    this.scene.usage.drop(this.user);
    this.#phase = "joining";
    this.group.ask(leaveGroup, 5, { groupId, members: [member] }, (answer) => {
      if (answer !== undefined) this.group.count("leave", answer.errorCode);
      this.vanish();
    }, 1_500);
  }

  protected override readonly mischief: Readonly<Record<string, () => void>> = {
    ...this.commonMischief,
    "old generation": () => this.#sayOld(),
    "old commit": () => this.commitAs({ epoch: this.#formerGeneration >= 0 ? this.#formerGeneration : 0 }),
    "old id": () => this.#formerId !== "" && this.commitAs({ memberId: this.#formerId, instanceId: null }),
    "sync again": () => this.#sync([], "again"),
    "old sync": () => this.#syncOld(),
    "join again": () => this.#join(),
  };

  #join(): void {
    if (this.isOver) return;
    const join = ++this.#joins;
    this.#phase = "joining";
    this.use([], -1);
    const { groupId, instanceId, sessionTimeoutMs, rebalanceTimeoutMs } = this.plan;
    const metadata = subscription(this.plan.topics.map(({ name }) => name));
    const body = {
      groupId,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      memberId: this.#memberId,
      ...(this.#joinVersion >= 5 ? { groupInstanceId: instanceId } : {}),
      protocolType: "consumer",
      protocols: [{ name: "range", metadata }, { name: "roundrobin", metadata }],
    };
    const patienceMs = rebalanceTimeoutMs + MARGIN_MS;
    this.group.ask(joinGroup, this.#joinVersion, body, (answer) => {
      if (join === this.#joins) this.#joined(answer);
    }, patienceMs);
  }

  #joined(answer: Response<typeof joinGroup> | undefined): void {
    if (answer === undefined) return this.#joinLater();
    const error = this.group.count("join", answer.errorCode);
    if (error === "MEMBER_ID_REQUIRED") {
      this.#memberId = answer.memberId;
      return this.#join();
    }
    if (error !== "NONE") return this.#refused(error);
    this.#memberId = answer.memberId;
    this.#formerGeneration = this.#generation;
    this.#generation = answer.generationId;
    this.scene.book.joined(this.plan.groupId, this.#memberId, this.#generation);
    this.#protocol = answer.protocolName;
    this.#phase = "syncing";
    if (this.plan.isRogue && this.random.chance(1, 8)) {
      this.beSilent(this.plan.rebalanceTimeoutMs * 2); // it has joined, and does not sync
      return this.#joinLater();
    }
    if (this.plan.isRogue && this.random.chance(1, 4)) this.commitAs({});
    const ids = answer.members.map(({ memberId }) => memberId).sort();
    const isLeader = answer.leader === this.#memberId && !answer.skipAssignment;
    this.#sync(isLeader ? ids : [], "first");
  }

  /** `ids` are those to whom it assigns something. */
  #sync(ids: readonly string[], which: "first" | "again"): void {
    const { groupId, instanceId } = this.plan;
    const assignments = ids.map((memberId, at) => ({
      memberId,
      assignment: assignment(this.keys.filter((_, index) => index % ids.length === at)),
    }));
    const generation = this.#generation;
    const open = this.scene.book.sync({ groupId, memberId: this.#memberId, instanceId, generation });
    const body = {
      groupId,
      generationId: generation,
      memberId: this.#memberId,
      groupInstanceId: instanceId,
      protocolType: "consumer",
      protocolName: this.#protocol,
      assignments,
    };
    const askedMs = this.group.now();
    this.group.ask(syncGroup, SYNC_VERSION, body, (answer) => {
      if (answer !== undefined && answer.errorCode === 0) this.scene.book.synced(open, answer.assignment);
      if (this.#generation !== generation || (which === "first") !== (this.#phase === "syncing")) return;
      if (which === "again") return;
      if (answer === undefined) return this.#joinLater();
      const error = this.group.count("sync", answer.errorCode);
      if (error !== "NONE") return this.#refused(error);
      this.#phase = "stable";
      this.heard(askedMs);
      this.use(assignedOf(answer.assignment), generation);
      this.#beat(generation);
    }, this.plan.rebalanceTimeoutMs + MARGIN_MS);
  }

  #beat(generation: number): void {
    this.group.after(this.plan.heartbeatMs, () => {
      if (this.isOver || this.#phase !== "stable" || this.#generation !== generation) return;
      if (this.isSilent) return this.#beat(generation);
      const askedMs = this.group.now();
      this.#say(generation, (error) => {
        if (this.#phase !== "stable" || this.#generation !== generation) return;
        if (error === "NONE") this.heard(askedMs);
        if (error !== undefined && FINAL.has(error)) return this.#refused(error);
        this.#beat(generation);
      });
    });
  }

  #say(generationId: number, then: (error: ReturnType<typeof errorName> | undefined) => void): void {
    const { groupId, instanceId } = this.plan;
    const body = { groupId, generationId, memberId: this.#memberId, groupInstanceId: instanceId };
    this.group.ask(heartbeat, HEARTBEAT_VERSION, body, (answer) => {
      then(answer === undefined ? undefined : this.group.count("heartbeat", answer.errorCode));
    });
  }

  /** Somebody who is in a newer generation speaks of an older one. */
  #sayOld(): void {
    const [generation, former] = [this.#generation, this.#formerGeneration];
    if (former < 0 || former >= generation) return;
    const { book } = this.scene;
    const load = book.actingLoad(this.plan.groupId, this.group.node);
    if (load === undefined) return; // who loads says that all is well without knowing
    this.#say(former, (error) => {
      if (error !== "NONE" && error !== "REBALANCE_IN_PROGRESS") return;
      const { groupId } = this.plan;
      if (this.#generation !== generation || book.isLossy(groupId)) return;
      if (book.actingLoad(groupId, this.group.node) !== load) return;
      this.group.problem(`${this.group.name} is in generation ${generation}, and was answered ${error} in ${former}.`);
    });
  }

  #syncOld(): void {
    const [generation, former] = [this.#generation, this.#formerGeneration];
    if (former < 0 || former >= generation) return;
    const { groupId, instanceId } = this.plan;
    const body = {
      groupId,
      generationId: former,
      memberId: this.#memberId,
      groupInstanceId: instanceId,
      assignments: [{ memberId: this.#memberId, assignment: assignment(this.keys) }],
    };
    this.group.ask(syncGroup, 3, body, (answer) => {
      if (answer?.errorCode !== 0 || this.#generation !== generation) return;
      if (this.scene.book.isLossy(groupId)) return;
      this.group.problem(`${this.group.name} is in generation ${generation}, and could sync in ${former}.`);
    });
  }

  #refused(error: ReturnType<typeof errorName>): void {
    if (error === "UNKNOWN_MEMBER_ID" || error === "FENCED_INSTANCE_ID") {
      this.#formerId = this.#memberId;
      this.#memberId = "";
      this.#generation = this.#formerGeneration = -1;
    }
    this.use([], -1);
    if (error === "FENCED_INSTANCE_ID") return this.vanish();
    this.#joinLater();
  }

  #joinLater(): void {
    this.#phase = "joining";
    this.use([], -1);
    this.group.after(this.isSilent ? 2_000 : BACKOFF_MS + this.random.below(BACKOFF_MS), () => this.#join());
  }
}

/** After these it has to join again. */
const FINAL = new Set<ReturnType<typeof errorName>>([
  "REBALANCE_IN_PROGRESS",
  "ILLEGAL_GENERATION",
  "UNKNOWN_MEMBER_ID",
  "FENCED_INSTANCE_ID",
]);

function subscription(topics: readonly string[]): Uint8Array {
  return versioned(1, encodeMessage(consumerProtocolSubscription, 1, { topics: [...topics], ownedPartitions: [] }));
}

function assignment(keys: readonly string[]): Uint8Array {
  const assignedPartitions = byTopic(keys).map(([topic, partitions]) => ({ topic, partitions }));
  return versioned(1, encodeMessage(consumerProtocolAssignment, 1, { assignedPartitions }));
}

function versioned(version: number, bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([0, version, ...bytes]);
}
