import { assertEquals } from "@std/assert";
import { ClusterMetadata } from "../../../../actors/consumer/metadata.ts";
import type { Response } from "../../../../protocol/schema.ts";
import { findCoordinator } from "../../../../protocol/tables/groups.ts";
import { metadata } from "../../../../protocol/tables/metadata.ts";
import { address, asks, Stage, T0, T_ID } from "./consumer_stage.ts";

type Body = Response<typeof metadata>;

/** An answer of one topic. */
function answer(leaders: readonly (readonly [leader: number, epoch: number])[], topicId = T_ID, errorCode = 0): Body {
  const row = { errorCode: 0, replicaNodes: [], isrNodes: [], offlineReplicas: [] };
  return {
    throttleTimeMs: 0,
    brokers: [1, 2].map((id) => ({ nodeId: id, ...address(id), rack: null })),
    clusterId: null,
    controllerId: 1,
    topics: [{
      errorCode,
      name: "t",
      topicId,
      isInternal: false,
      partitions: leaders.map(([leaderId, leaderEpoch], partitionIndex) => ({
        ...row,
        partitionIndex,
        leaderId,
        leaderEpoch,
      })),
      topicAuthorizedOperations: 0,
    }],
    clusterAuthorizedOperations: 0,
    errorCode: 0,
  };
}

Deno.test("nobody is unreached before all addresses were tried for five seconds, nor when one has ever answered", () => {
  const cluster = new ClusterMetadata([address(1), address(2)]);
  const unreached = (nowMs = 5_100, requestTimeoutMs = 30_000) => cluster.unreached(nowMs, { requestTimeoutMs });
  assertEquals(unreached(), undefined);
  cluster.askedMs = 100;
  cluster.problem = "host1: refused.";
  cluster.attempts = 1;
  assertEquals(unreached(), undefined);
  cluster.attempts = 2;
  assertEquals(unreached(), "No broker has answered so far. host1: refused.");
  assertEquals([unreached(5_099), unreached(1_099, 1_000)], [undefined, undefined]); // it may be about to start
  assertEquals(unreached(1_100, 1_000), "No broker has answered so far. host1: refused.");
  cluster.toldMs = 0;
  assertEquals(unreached(), undefined);
});

Deno.test("what is known of a leader does not go back to an older epoch, unless the topic is another one", () => {
  const cluster = new ClusterMetadata([address(1)]);
  cluster.learn(answer([[1, 5]]), false);
  cluster.learn(answer([[2, 4]]), false);
  assertEquals(cluster.leaderOf("t", 0), { leader: 1, leaderEpoch: 5 });
  cluster.learn(answer([[2, 4]], "CAAAAAAAAAAAAAAAAAAAAA"), false);
  assertEquals(cluster.leaderOf("t", 0), { leader: 2, leaderEpoch: 4 });
  assertEquals([cluster.nameOf(T_ID), cluster.nameOf("CAAAAAAAAAAAAAAAAAAAAA")], [undefined, "t"]);
});

Deno.test("a topic that is gone is forgotten; one of which nothing can be said stays as it was", () => {
  const cluster = new ClusterMetadata([address(1)]);
  cluster.learn(answer([[1, 5]]), false);
  cluster.learn(answer([], T_ID, 5), false); // LEADER_NOT_AVAILABLE
  assertEquals(cluster.leaderOf("t", 0)?.leader, 1);
  cluster.learn(answer([], T_ID, 3), false);
  assertEquals(cluster.topics.size, 0);
  cluster.learn(answer([[1, 5]]), false);
  cluster.learn({ ...answer([]), topics: [] }, false);
  assertEquals(cluster.topics.size, 1); // it was not asked for
  cluster.learn({ ...answer([]), topics: [] }, true);
  assertEquals(cluster.topics.size, 0);
});

Deno.test("a broker that knows of no brokers knows nothing: what is known stays, and another one is asked", () => {
  const stage = new Stage({ config: { groupId: "g", metadataMaxAgeMs: 1_000 } }).own([T0]);
  const before = stage.member.heard("metadata").length;
  stage.auto = false;
  stage.probe.advance(1_000);
  const { to } = stage.one(metadata);
  stage.answer(metadata, { brokers: [], topics: [] });
  assertEquals(stage.member.heard("metadata").length, before);
  stage.probe.advance(200);
  assertEquals(stage.one(metadata).to.port === to.port, false);
});

Deno.test("a hint counts when it is newer, and says where the leader is", () => {
  const cluster = new ClusterMetadata([address(1)]);
  cluster.learn(answer([[1, 5]]), false);
  assertEquals(cluster.hint("t", 0, { leader: 2, leaderEpoch: 5 }, []), false);
  assertEquals(cluster.hint("t", 0, { leader: 9, leaderEpoch: 6 }, []), false);
  assertEquals(cluster.hint("t", 0, { leader: 9, leaderEpoch: 6 }, [{ id: 9, ...address(9) }]), true);
  assertEquals(cluster.leaderOf("t", 0), { leader: 9, leaderEpoch: 6 });
});

Deno.test("brokers that do not answer are passed over; when none does, everything begins anew", () => {
  const cluster = new ClusterMetadata([address(7), address(8)]);
  assertEquals(cluster.candidates(), [address(7), address(8)]);
  cluster.learn(answer([]), false);
  const ports = () => cluster.candidates().map(({ port }) => port - 9000);
  assertEquals(ports(), [1, 2]);
  cluster.silent(address(1));
  assertEquals(ports(), [2]);
  cluster.silent(address(2));
  assertEquals(ports(), [7, 8]);
  cluster.silent(address(7));
  cluster.silent(address(8));
  assertEquals(ports(), [7, 8]);
  assertEquals(ports(), [1, 2]); // they may be back
  cluster.silent(address(1));
  cluster.heard(address(1));
  assertEquals(ports(), [1, 2]);
});

Deno.test("it is asked for what is read, and not before something is", () => {
  const stage = new Stage({ auto: false });
  assertEquals(stage.waiting, []);
  stage.probe.ask("assign", [T0]);
  const { body, version, lane } = stage.one(metadata);
  assertEquals([version, lane, body.topics?.map(({ name }) => name), body.allowAutoTopicCreation], [
    12,
    "control",
    ["t"],
    true,
  ]);
});

Deno.test("it is asked again when it is old, later when nobody answers, and not by many at once", () => {
  const stage = new Stage({ config: { groupId: "g", metadataMaxAgeMs: 60_000 } }).own([]);
  stage.auto = false;
  stage.probe.advance(59_900);
  assertEquals(stage.all(metadata), []);
  stage.probe.advance(200);
  const first = stage.one(metadata);
  stage.settle(first, "closed");
  assertEquals(stage.all(metadata), []);
  stage.probe.advance(130);
  assertEquals(stage.all(metadata).length, 1);
});

Deno.test("a topic that is not there is asked for until it is", () => {
  const stage = new Stage({ auto: false });
  stage.probe.ask("assign", [T0]);
  stage.answer(metadata, { ...stage.metadata(), topics: [{ errorCode: 3, name: "t", partitions: [] }] });
  assertEquals(stage.poll(1, 0).reply?.error, "NONE");
  stage.auto = true;
  stage.probe.advance(300);
  stage.probe.ask("seek", { partitions: [T0], to: { offset: 0 } });
  assertEquals(asks(stage), ["1 full #t-0@0"]);
});

Deno.test("a partition that its topic does not have is asked for less and less often", () => {
  const stage = new Stage({ auto: false });
  stage.probe.ask("assign", [{ topic: "t", partition: 9 }]);
  let asked = 0;
  for (let ms = 0; ms < 10_000; ms += 10) {
    stage.probe.advance(10);
    for (const one of stage.all(metadata)) {
      asked++;
      stage.answer(metadata, stage.metadata(), one);
    }
  }
  assertEquals(asked < 20, true, `${asked} times`);
});

Deno.test("a topic that may not be read is complained of", () => {
  const stage = new Stage({ auto: false });
  stage.probe.ask("assign", [T0]);
  stage.answer(metadata, { ...stage.metadata(), topics: [{ errorCode: 29, name: "t", partitions: [] }] });
  assertEquals(stage.poll().reply?.error, "TOPIC_AUTHORIZATION_FAILED");
});

Deno.test("the coordinator is looked for where there is a group, again while nobody is it, and in old words where need be", () => {
  const stage = new Stage({ config: { groupId: "g" }, auto: false, newest: { FindCoordinator: 2 } });
  stage.probe.ask("subscribe", { topics: ["t"] });
  const { version, body } = stage.one(findCoordinator);
  assertEquals([version, body.key, body.keyType], [2, "g", 0]);
  stage.answer(findCoordinator, { errorCode: 15, nodeId: -1, host: "", port: -1 });
  assertEquals(stage.member.heard("coordinator"), []);
  stage.probe.advance(130);
  stage.answer(findCoordinator, { errorCode: 0, nodeId: 2, ...address(2) });
  assertEquals(stage.member.heard("coordinator"), [{ type: "coordinator", isKnown: true }]);
});

Deno.test("a group that may not be used is said to be so until it may", () => {
  const stage = new Stage({ config: { groupId: "g" }, auto: false });
  stage.probe.ask("subscribe", { topics: ["t"] });
  const where = { nodeId: -1, host: "", port: -1 };
  stage.answer(findCoordinator, { coordinators: [{ key: "g", errorCode: 30, errorMessage: "no", ...where }] });
  assertEquals(stage.poll().reply, { error: "GROUP_AUTHORIZATION_FAILED", message: "no", records: [] } as never);
  assertEquals(stage.probe.ask("subscribe", { topics: ["t"] }).reply?.error, "NONE");
  stage.auto = true;
  stage.probe.advance(300);
  assertEquals(stage.poll(1, 0).reply?.error, "NONE");
});
