/**
 * Three whole nodes on virtual time, whose groups are asked as connections would ask them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { Ref } from "../../../../actors/actor.ts";
import { refOf } from "../../../../actors/address.ts";
import type { ControllerProtocol } from "../../../../actors/controller/protocol.ts";
import {
  COORDINATOR,
  type CoordinatorRef,
  type Found,
  groupPartition,
  type GroupRef,
  OFFSETS_TOPIC,
} from "../../../../actors/group/protocol.ts";
import { REPLICA } from "../../../../actors/partition/protocol.ts";
import type { Random } from "../../../../lib/prng.ts";
import type { Node } from "../../../../server/node.ts";
import { Stage } from "../../server/node_stage.ts";

const PARTITIONS = 2;
const CLIENT = { id: "test", host: "/127.0.0.1" };

/** Some nodes with a topic for groups. */
export class GroupCluster {
  readonly stage: Stage = new Stage();
  readonly nodes = new Map<number, Node>();

  constructor(properties: Record<string, string> = {}, readonly ids: readonly number[] = [1, 2, 3]) {
    for (const id of ids) this.nodes.set(id, this.stage.start(id, ids, properties));
    this.stage.allReady([...this.nodes.values()]);
    this.createTopic(OFFSETS_TOPIC, PARTITIONS);
  }

  createTopic(name: string, partitions: number): void {
    const configs = [{ name: "cleanup.policy", value: "compact" }];
    const topic = { name, partitions, replicationFactor: this.ids.length, assignments: [], configs };
    const controller = this.view.controller as Ref<ControllerProtocol>;
    let error: string | undefined;
    this.anyone.system.askThen(controller, "createTopics", {
      topics: [topic],
      validateOnly: false,
      timeoutMs: 5_000,
    }, (answer) => error = answer.ok ? answer.value[0]!.error : answer.failure);
    this.stage.until(() => error !== undefined, "the topic has been created");
    assertEquals(error, "NONE");
  }

  get anyone(): Node {
    return [...this.nodes.values()][0]!;
  }

  get view() {
    return this.ask(this.anyone, this.anyone.broker, "look", undefined);
  }

  // deno-lint-ignore no-explicit-any -- the reply is judged by who asks
  ask(node: Node, to: Ref<any>, verb: string, message: unknown, timeoutMs = 10_000): any {
    let value: unknown;
    node.system.askThen(to, verb as never, message as never, (answer) => {
      value = answer.ok ? answer.value : { failure: answer.failure };
    }, timeoutMs);
    this.stage.until(() => value !== undefined, `${verb} is answered`);
    return value;
  }

  leaderOf(groupId: string): number {
    return this.view.image.topics.get(OFFSETS_TOPIC).partitions[groupPartition(groupId, PARTITIONS)].leader;
  }

  coordinatorOf(groupId: string): { node: Node; ref: CoordinatorRef } {
    const leader = this.leaderOf(groupId);
    const ref: CoordinatorRef = refOf(leader, COORDINATOR.kind, String(groupPartition(groupId, PARTITIONS)));
    return { node: this.nodes.get(leader)!, ref };
  }

  /** As a handler does it: asked again until there is a coordinator that knows. */
  group(groupId: string, create = false): { node: Node; ref: GroupRef } {
    for (;;) {
      if (this.nodes.has(this.leaderOf(groupId))) {
        const { node, ref } = this.coordinatorOf(groupId);
        const found: Found | { failure: string } = this.ask(node, ref, "find", { groupId, create });
        if ("group" in found && found.group !== null) return { node, ref: found.group };
        if ("error" in found && found.error === "GROUP_ID_NOT_FOUND") throw new Error(found.error);
      }
      this.stage.env.advance(50);
    }
  }

  /** Commits, and waits for the answer; -1 for none. */
  commit(groupId: string, offset: number): number {
    const { node, ref } = this.group(groupId, true);
    let error: number | undefined;
    this.commitTo(node, ref, groupId, offset, (given) => error = given);
    this.stage.until(() => error !== undefined, "a commit is answered");
    return error!;
  }

  /** Commits without waiting; an answer that does not come is -1. */
  commitTo(node: Node, ref: GroupRef, groupId: string, offset: number, settle: (error: number) => void): void {
    const partitions = [{
      partitionIndex: 0,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: 3,
      committedMetadata: "m",
    }];
    const body = {
      groupId,
      generationIdOrMemberEpoch: -1,
      memberId: "",
      groupInstanceId: null,
      retentionTimeMs: -1n,
      topics: [{ name: OFFSETS_TOPIC, topicId: "", partitions }],
    };
    node.system.askThen(ref, "commit", { version: 9, client: CLIENT, body }, (answer) => {
      settle(answer.ok ? answer.value.topics![0]!.partitions[0]!.errorCode : -1);
    }, 5_000);
  }

  committed(groupId: string): number {
    const { node, ref } = this.group(groupId);
    const body = { memberId: null, memberEpoch: -1, requireStable: false, topics: null };
    const reply = this.ask(node, ref, "fetchOffsets", { version: 8, client: CLIENT, body });
    return Number(reply.topics[0].partitions[0].committedOffset);
  }

  /** A node is gone as if its process had been killed. */
  halt(id: number): void {
    this.nodes.get(id)!.halt();
    this.gone(id);
  }

  /** A node has ended. */
  gone(id: number): void {
    this.stage.hub.disconnect(id);
    this.nodes.delete(id);
  }

  start(id: number): void {
    this.nodes.set(id, this.stage.start(id, this.ids));
    this.stage.allReady([...this.nodes.values()]);
  }

  /** Kills something that this group needs, or a whole node; one that had gone comes back. */
  hurt(random: Random, groupId: string): void {
    const missing = this.ids.find((id) => !this.nodes.has(id));
    if (missing !== undefined) return this.start(missing);
    const { node, ref } = this.group(groupId, true);
    const coordinator = this.coordinatorOf(groupId);
    const what = random.below(5);
    if (what === 0) node.system.kill(ref);
    else if (what === 1) coordinator.node.system.kill(coordinator.ref);
    else if (what === 2) this.killReplica(coordinator.node, groupId);
    else if (what === 3) this.halt(coordinator.node.system.node);
  }

  killReplica({ system }: Node, groupId: string): void {
    const name = `${OFFSETS_TOPIC}-${groupPartition(groupId, PARTITIONS)}`;
    system.kill(refOf<unknown>(system.node, REPLICA.kind, name));
  }
}
