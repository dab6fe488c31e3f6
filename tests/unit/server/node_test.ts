import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { Result } from "../../../lib/env.ts";
import { randomUuid } from "../../../lib/uuid.ts";
import type { Node } from "../../../server/node.ts";
import { DiskLogStore } from "../../../storage/log_store.ts";
import { Stage } from "./node_stage.ts";

function leaderOf(nodes: readonly Node[]): Node | undefined {
  return nodes.find(({ system }) =>
    system.actors().some(({ kind, state }) => kind === "controller" && state === "running")
  );
}

Deno.test("nodes form one cluster, tell who waits once, and write down which cluster it is", () => {
  const stage = new Stage();
  const nodes = [1, 2, 3].map((id) => stage.start(id));
  const ready: number[] = [];
  for (const node of nodes) node.whenReady(() => ready.push(node.system.node));
  stage.allReady(nodes);
  stage.env.advance(1_000);
  assertEquals(ready.sort(), [1, 2, 3]);
  nodes[0]!.whenReady(() => ready.push(0));
  assertEquals(ready.at(-1), 0); // at once
  nodes.forEach((node) => node.halt());
  const ids = new Set([1, 2, 3].map((id) => stage.leftBy(id).clusterId));
  assertEquals(ids.size, 1);
  assert(!ids.has(""));
});

Deno.test("a node that shuts down hands its part over, stops everything, and leaves its folder clean, with its epoch", () => {
  const stage = new Stage();
  const nodes = [1, 2, 3].map((id) => stage.start(id));
  stage.allReady(nodes);
  const leader = leaderOf(nodes)!;
  const others = nodes.filter((node) => node !== leader);
  assertEquals(stage.shutDown(leader), { ok: true, value: true });
  assertEquals(leader.system.actors(), []);
  const took = stage.until(() => leaderOf(others) !== undefined, "another has the controller");
  assert(took < 500, `it took ${took} ms to find another controller`);
  const left = stage.leftBy(leader.system.node);
  assert(left.wasClean);
  assert(left.lastLife.brokerEpoch >= 0);
  assertEquals(left.lastLife.unheardIncarnationIds, []);
});

Deno.test("all nodes can shut down at the same time, and none waits for the others in vain", () => {
  const stage = new Stage();
  const nodes = [1, 2, 3].map((id) => stage.start(id));
  stage.allReady(nodes);
  const results: Result<boolean>[] = [];
  for (const node of nodes) node.shutDown(5_000, (result) => results.push(result));
  const took = stage.until(() => results.length === 3, "all have shut down");
  assert(took < 1_000, `it took ${took} ms`);
  assertEquals(results, nodes.map(() => ({ ok: true, value: true })));
});

Deno.test("a node that has nobody left to elect with waits only a little for a controller, and is clean all the same", () => {
  const stage = new Stage();
  const nodes = [1, 2, 3].map((id) => stage.start(id));
  stage.allReady(nodes);
  for (const id of [2, 3]) {
    nodes[id - 1]!.halt();
    stage.hub.disconnect(id);
  }
  const beganMs = stage.env.clock.monotonic();
  let result: Result<boolean> | undefined;
  nodes[0]!.shutDown(60_000, (given) => result = given);
  stage.until(() => result !== undefined, "the node has shut down");
  assertEquals(result, { ok: true, value: true });
  const took = stage.env.clock.monotonic() - beganMs;
  assert(took < 5_000, `it took ${took} ms`);
  const { brokerEpoch, unheardIncarnationIds } = stage.leftBy(1).lastLife;
  assert(brokerEpoch >= 0);
  assertEquals(unheardIncarnationIds, []);
});

Deno.test("lives that nobody answered leave the last epoch that was known, and say who they were", () => {
  const stage = new Stage();
  const nodes = [1, 2, 3].map((id) => stage.start(id));
  stage.allReady(nodes);
  stage.shutDown(nodes[0]!);
  for (const id of [2, 3]) {
    nodes[id - 1]!.halt();
    stage.hub.disconnect(id);
  }
  assertEquals(stage.shutDown(stage.start(1)), { ok: true, value: true });
  assertEquals(stage.shutDown(stage.start(1)), { ok: true, value: true });
  const { brokerEpoch, unheardIncarnationIds } = stage.leftBy(1).lastLife;
  assert(brokerEpoch >= 0);
  assertEquals(unheardIncarnationIds, ["life 4", "life 5"]);
});

Deno.test("a node that is halted does nothing any more, and its folder is free and not clean", () => {
  const stage = new Stage();
  const nodes = [1, 2, 3].map((id) => stage.start(id));
  stage.allReady(nodes);
  const [first, ...rest] = nodes;
  first!.halt();
  stage.hub.disconnect(1);
  assertEquals(first!.system.actors(), []);
  assertEquals(stage.leftBy(1), {
    ...stage.leftBy(1),
    wasClean: false,
    lastLife: { brokerEpoch: -1, unheardIncarnationIds: [] },
  });
  stage.until(() => leaderOf(rest) !== undefined, "the others have a controller");
  assertEquals(first!.system.actors(), []);
  const again = stage.start(1);
  stage.allReady([again]);
});

Deno.test("a node that stands still is missed, and comes back when it goes on", () => {
  const stage = new Stage();
  const nodes = [1, 2, 3].map((id) => stage.start(id));
  stage.allReady(nodes);
  const leader = leaderOf(nodes)!;
  const others = nodes.filter((node) => node !== leader);
  leader.pause();
  stage.until(() => leaderOf(others) !== undefined, "the others have a controller");
  assert(leaderOf([leader]) !== undefined); // it knows nothing of it yet
  leader.resume();
  stage.until(() => leaderOf([leader]) === undefined, "the former leader knows");
});

Deno.test("a folder of a cluster with other voters is refused, and left as it is", () => {
  const stage = new Stage();
  const nodes = [1, 2, 3].map((id) => stage.start(id));
  stage.allReady(nodes);
  stage.shutDown(nodes[0]!);
  for (const voters of [[1], [1, 2, 4]]) {
    const error = assertThrows(() => stage.start(1, voters), Error);
    assertMatch(error.message, /belongs to a cluster in which 1,2,3 vote, says its quorum.properties, not 1/);
    stage.hub.disconnect(1);
  }
  stage.allReady([stage.start(1, [3, 2, 1])]); // the same ones, in another order
});

Deno.test("a node whose folder belongs to another cluster fails, and says so to whoever asks, once each", () => {
  const stage = new Stage();
  new DiskLogStore(stage.disk(4), { nodeId: 4, clusterId: randomUuid(new Uint8Array(16)), random: stage.env.random })
    .close(true);
  const nodes = [1, 2, 3].map((id) => stage.start(id));
  stage.allReady(nodes);
  const lost = stage.start(4);
  const told: string[] = [];
  lost.failed((sentence) => told.push(sentence));
  stage.until(() => told.length > 0, "the stranger has failed");
  assertMatch(told[0]!, /belongs to the cluster/);
  lost.failed((sentence) => told.push(sentence));
  assertEquals(told, [told[0], told[0]]);
  lost.halt();
});

Deno.test("an actor without which nothing works and that is given up fails the node, with the reason", () => {
  const stage = new Stage();
  const node = stage.start(1, [1]);
  stage.allReady([node]);
  let told = "";
  node.failed((sentence) => told = sentence);
  stage.until(() => {
    node.system.kill("1/broker/broker", "no luck");
    stage.env.advance(100);
    return told !== "";
  }, "the broker is given up");
  assertEquals(
    told,
    "Broker 1 cannot go on: 1/broker/broker was given up after too many failures. Error: no luck",
  );
  node.halt();
});

Deno.test("checkpoints are written now and then; a failure is said, and tried again", () => {
  const stage = new Stage();
  let written = 0;
  let broken = false;
  const node = stage.start(1, [1], { "replica.high.watermark.checkpoint.interval.ms": "1000" }, (store) => {
    store.checkpoint = () => {
      if (broken) throw new Error("the disk refuses");
      written++;
    };
  });
  stage.allReady([node]);
  stage.env.advance(2_500);
  assertEquals(written, 2);
  broken = true;
  stage.env.advance(1_000);
  assertMatch(stage.reports.join("\n"), /The offset checkpoints could not be written: the disk refuses/);
  broken = false;
  stage.env.advance(1_000);
  assertEquals(written, 3);
  node.halt();
  stage.env.advance(5_000);
  assertEquals(written, 3);
});
