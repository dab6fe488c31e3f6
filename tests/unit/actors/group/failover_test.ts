import { assert, assertEquals } from "@std/assert";
import { SeededRandom } from "../../../../lib/prng.ts";
import { GroupCluster } from "./group_cluster.ts";

/** What crashed, as operators are told. */
function crashes(cluster: GroupCluster): string[] {
  return cluster.stage.reports.filter((report) => report.includes("crashed"));
}

Deno.test("what a group has committed is there after its coordinator's node has gone, and again after the next one's", () => {
  const cluster = new GroupCluster();
  for (let offset = 1; offset <= 20; offset++) assertEquals(cluster.commit("orders", offset), 0);
  assertEquals(cluster.committed("orders"), 20);
  const first = cluster.leaderOf("orders");
  cluster.halt(first);
  assertEquals(cluster.committed("orders"), 20);
  const second = cluster.leaderOf("orders");
  assert(second !== first);
  assertEquals(cluster.commit("orders", 21), 0);
  cluster.start(first);
  cluster.stage.env.advance(3_000); // back in the ISR
  cluster.halt(second);
  assertEquals(cluster.committed("orders"), 21);
  assertEquals(crashes(cluster), []);
});

Deno.test("a group that is killed is read again, and so is a whole coordinator; others go on", () => {
  const cluster = new GroupCluster();
  for (const groupId of ["orders", "billing", "search"]) assertEquals(cluster.commit(groupId, 1), 0);
  for (const kill of ["group", "coordinator"] as const) {
    const { node, ref } = cluster.group("orders");
    assertEquals(cluster.commit("orders", 2), 0);
    assert(node.system.kill(kill === "group" ? ref : cluster.coordinatorOf("orders").ref));
    assertEquals(["orders", "billing", "search"].map((groupId) => cluster.committed(groupId)), [2, 1, 1], kill);
    assertEquals(cluster.commit("orders", 1), 0);
    assertEquals(cluster.committed("orders"), 1);
  }
});

Deno.test("what groups of a former life have asked for is not written by the next: these groups have been read without it", () => {
  const cluster = new GroupCluster({}, [1]);
  assertEquals(cluster.commit("orders", 1), 0);
  const { node, ref } = cluster.group("orders");
  const { ref: coordinator } = cluster.coordinatorOf("orders");
  assert(node.system.pause(coordinator));
  for (let at = 0; at < 1_000; at++) {
    node.system.askThen(coordinator, "find", { groupId: "orders", create: false }, () => {});
  }
  let error: number | undefined;
  cluster.commitTo(node, ref, "orders", 2, (given) => error = given);
  cluster.stage.env.advance(1);
  assertEquals(error, undefined, "the coordinator has not come to it");
  assert(node.system.kill(coordinator));
  assertEquals(cluster.committed("orders"), 1);
  cluster.stage.env.advance(1_000);
  assert(node.system.kill(coordinator));
  assertEquals(cluster.committed("orders"), 1, "the same when it is read again");
});

Deno.test("a node stops cleanly while its groups write, and nobody who was told that it is committed was told wrong", () => {
  const cluster = new GroupCluster();
  assertEquals(cluster.commit("orders", 1), 0);
  const { node, ref } = cluster.group("orders");
  const answers: number[] = [];
  for (let offset = 2; offset <= 50; offset++) {
    cluster.commitTo(node, ref, "orders", offset, (error) => void answers.push(error === 0 ? offset : 0));
  }
  let closed: boolean | undefined;
  node.shutDown(5_000, (result) => closed = result.ok && result.value);
  for (let offset = 51; offset <= 100; offset++) {
    cluster.commitTo(node, ref, "orders", offset, (error) => void answers.push(error === 0 ? offset : 0));
    cluster.stage.env.step();
  }
  const took = cluster.stage.until(() => closed !== undefined, "the node has shut down");
  assertEquals([closed, answers.length, took < 5_000], [true, 99, true]);
  cluster.gone(node.system.node);
  assert(cluster.committed("orders") >= Math.max(1, ...answers));
  assertEquals(crashes(cluster), []);
});

Deno.test("a lone node stops cleanly while its groups write", () => {
  const cluster = new GroupCluster({}, [1]);
  assertEquals(cluster.commit("orders", 1), 0);
  const { node, ref } = cluster.group("orders");
  const answers: number[] = [];
  for (let offset = 2; offset <= 50; offset++) {
    cluster.commitTo(node, ref, "orders", offset, (error) => void answers.push(error));
  }
  let closed: boolean | undefined;
  node.shutDown(2_000, (result) => closed = result.ok && result.value);
  const took = cluster.stage.until(() => closed !== undefined, "the node has shut down");
  assertEquals([closed, answers.length, took < 5_000], [true, 49, true]);
  assertEquals(crashes(cluster), []);
});

Deno.test("groups, coordinators, replicas and nodes are killed in the middle of everything: no acknowledged commit is lost", () => {
  for (let seed = 1; seed <= 4; seed++) {
    const cluster = new GroupCluster();
    const random = new SeededRandom(`storm ${seed}`);
    const groupIds = ["a", "b", "c", "d", "e"];
    const sent = new Map(groupIds.map((groupId) => [groupId, 1]));
    const acknowledged = new Map(sent);
    let count = 0;
    for (const groupId of groupIds) assertEquals(cluster.commit(groupId, 1), 0);
    for (let round = 0; round < 25; round++) {
      for (const groupId of groupIds) {
        const { node, ref } = cluster.group(groupId, true);
        for (let time = 0; time < 4; time++) {
          const offset = sent.get(groupId)! + 1;
          sent.set(groupId, offset);
          cluster.commitTo(node, ref, groupId, offset, (error) => {
            if (error !== 0) return;
            count++;
            acknowledged.set(groupId, Math.max(offset, acknowledged.get(groupId)!));
          });
        }
      }
      for (let step = random.below(40); step > 0; step--) cluster.stage.env.step();
      cluster.hurt(random, groupIds[random.below(groupIds.length)]!);
      cluster.stage.env.advance(random.below(200));
    }
    cluster.stage.env.advance(6_000);
    for (const groupId of groupIds) {
      const committed = cluster.committed(groupId);
      const range = [acknowledged.get(groupId)!, sent.get(groupId)!] as const;
      assert(committed >= range[0] && committed <= range[1], `seed ${seed}: ${groupId} ${committed} of ${range}`);
    }
    assert(count > 100, `seed ${seed}: only ${count} commits were acknowledged`);
    for (const node of cluster.nodes.values()) node.halt();
  }
});
