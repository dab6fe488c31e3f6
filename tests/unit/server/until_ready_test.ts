import { assertEquals, assertRejects } from "@std/assert";
import type { Node } from "../../../server/node.ts";
import { untilReady } from "../../../server/until_ready.ts";
import { Stage } from "./node_stage.ts";

/** Waits for a node, and notes what was said meanwhile. */
function waitFor(stage: Stage, node: Node, voterIds: readonly number[], signal?: AbortSignal) {
  const said: string[] = [];
  const wait = { voterIds, clock: stage.env.clock, log: (line: string) => said.push(line), signal };
  return { said, ready: untilReady(node, wait) };
}

Deno.test("the wait is over when the node serves, and nothing is left of it", async () => {
  const stage = new Stage();
  const nodes = [1, 2, 3].map((id) => stage.start(id));
  const { said, ready } = waitFor(stage, nodes[0]!, [1, 2, 3]);
  stage.allReady(nodes);
  await ready;
  stage.env.advance(60_000);
  assertEquals(said, []);
  nodes.forEach((node) => node.halt());
});

Deno.test("who depends on others waits as long as it takes, and says what for", async () => {
  const stage = new Stage();
  const node = stage.start(2);
  const { said, ready } = waitFor(stage, node, [1, 2, 3]);
  stage.env.advance(30_500);
  const sentence = "Broker 2 waits for a controller: 2 of the voters 1, 2, 3 must run.";
  assertEquals(said, [sentence, sentence, sentence]);
  stage.start(1);
  stage.start(3);
  stage.allReady([node]);
  await ready;
});

Deno.test("who is alone and takes too long never comes up", async () => {
  const stage = new Stage();
  const node = stage.start(1, [1]);
  node.pause();
  const { said, ready } = waitFor(stage, node, [1]);
  stage.env.advance(60_000);
  await assertRejects(() => ready, Error, "Broker 1 did not come up.");
  assertEquals(said, []);
});

Deno.test("a node that fails ends the wait with its reason", async () => {
  const stage = new Stage();
  const node = stage.start(1);
  const { ready } = waitFor(stage, node, [1, 2, 3]);
  for (let kills = 0; kills < 10; kills++) {
    node.system.kill("1/quorum/quorum", "no luck");
    stage.env.advance(1_000);
  }
  await assertRejects(() => ready, Error, "1/quorum/quorum was given up after too many failures. Error: no luck");
});

Deno.test("a wait that is called off ends with the reason, before it has begun too", async () => {
  const stage = new Stage();
  const calledOff = new AbortController();
  const { ready } = waitFor(stage, stage.start(1), [1, 2, 3], calledOff.signal);
  calledOff.abort(new Error("enough"));
  await assertRejects(() => ready, Error, "enough");
  await assertRejects(() => waitFor(stage, stage.start(2), [1, 2, 3], calledOff.signal).ready, Error, "enough");
});
