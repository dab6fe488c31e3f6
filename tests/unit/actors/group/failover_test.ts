import { assert, assertEquals } from "@std/assert";
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
import type { Node } from "../../../../server/node.ts";
import type { Stage as StageType } from "../../server/node_stage.ts";
import { Stage } from "../../server/node_stage.ts";

const PARTITIONS = 2;
const CLIENT = { id: "test", host: "/127.0.0.1" };

/** Three nodes with a topic for groups. */
class Cluster {
  readonly stage: StageType = new Stage();
  readonly nodes = new Map<number, Node>();

  constructor(properties: Record<string, string> = {}) {
    for (const id of [1, 2, 3]) this.nodes.set(id, this.stage.start(id, [1, 2, 3], properties));
    this.stage.allReady([...this.nodes.values()]);
    this.createTopic(OFFSETS_TOPIC, PARTITIONS);
  }

  createTopic(name: string, partitions: number): void {
    const configs = [{ name: "cleanup.policy", value: "compact" }];
    const topic = { name, partitions, replicationFactor: 3, assignments: [], configs };
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

  commit(groupId: string, offset: number): number {
    const { node, ref } = this.group(groupId, true);
    const partitions = [{
      partitionIndex: 0,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: 3,
      committedMetadata: "m",
    }];
    const reply = this.ask(node, ref, "commit", {
      version: 9,
      client: CLIENT,
      body: {
        groupId,
        generationIdOrMemberEpoch: -1,
        memberId: "",
        groupInstanceId: null,
        retentionTimeMs: -1n,
        topics: [{ name: OFFSETS_TOPIC, topicId: "", partitions }],
      },
    });
    return reply.topics?.[0].partitions[0].errorCode ?? -1;
  }

  committed(groupId: string): number {
    const { node, ref } = this.group(groupId);
    const body = { memberId: null, memberEpoch: -1, requireStable: false, topics: null };
    const reply = this.ask(node, ref, "fetchOffsets", { version: 8, client: CLIENT, body });
    return Number(reply.topics[0].partitions[0].committedOffset);
  }

  halt(id: number): void {
    this.nodes.get(id)!.halt();
    this.stage.hub.disconnect(id);
    this.nodes.delete(id);
  }
}

Deno.test("what a group has committed is there after its coordinator's node has gone, and again after the next one's", () => {
  const cluster = new Cluster();
  for (let offset = 1; offset <= 20; offset++) assertEquals(cluster.commit("orders", offset), 0);
  assertEquals(cluster.committed("orders"), 20);
  const first = cluster.leaderOf("orders");
  cluster.halt(first);
  assertEquals(cluster.committed("orders"), 20);
  const second = cluster.leaderOf("orders");
  assert(second !== first);
  assertEquals(cluster.commit("orders", 21), 0);
  cluster.nodes.set(first, cluster.stage.start(first));
  cluster.stage.allReady([...cluster.nodes.values()]);
  cluster.stage.env.advance(3_000); // back in the ISR
  cluster.halt(second);
  assertEquals(cluster.committed("orders"), 21);
  assertEquals(cluster.stage.reports.filter((report) => report.includes("crashed")), []);
});
