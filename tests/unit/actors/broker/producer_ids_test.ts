import { assertEquals } from "@std/assert";
import { BrokerStage } from "./broker_stage.ts";

Deno.test("producer ids come from blocks of the controller, one after the other, each once", () => {
  const stage = BrokerStage.ready();
  const block = (first: bigint, count: number) =>
    stage.probe.answer("allocateProducerIds", { error: "NONE", message: null, first, count });
  const asked = [1, 2, 3].map(() => stage.probe.ask("nextProducerId", undefined));
  assertEquals(stage.asked("allocateProducerIds").length, 1);
  block(1000n, 2); // too few: it asks for more for the third
  assertEquals(asked.map(({ reply }) => reply?.producerId), [1000n, 1001n, undefined]);
  block(5000n, 10);
  assertEquals(asked[2]!.reply, { error: "NONE", producerId: 5000n });
  assertEquals(stage.probe.ask("nextProducerId", undefined).reply?.producerId, 5001n);
  assertEquals(stage.asked("allocateProducerIds"), []);
});

Deno.test("without a block, those who wait are told to come again, and the next one tries anew", () => {
  for (const failure of ["timeout", "unreachable", "crashed", "refused"] as const) {
    const stage = BrokerStage.ready();
    const asked = [1, 2].map(() => stage.probe.ask("nextProducerId", undefined));
    if (failure === "refused") {
      const refused = { error: "NOT_CONTROLLER", message: null, first: -1n, count: 0 };
      stage.probe.answer("allocateProducerIds", refused);
    } else stage.probe.fail("allocateProducerIds", failure);
    for (const { reply } of asked) assertEquals(reply, { error: "COORDINATOR_LOAD_IN_PROGRESS", producerId: -1n });
    const again = stage.probe.ask("nextProducerId", undefined);
    stage.probe.answer("allocateProducerIds", { error: "NONE", message: null, first: 7n, count: 1 });
    assertEquals(again.reply?.producerId, 7n);
  }
});

Deno.test("without a controller they are told at once, unless there are ids left", () => {
  const stage = BrokerStage.ready();
  const [first, second] = [1, 2].map(() => stage.probe.ask("nextProducerId", undefined));
  stage.probe.answer("allocateProducerIds", { error: "NONE", message: null, first: 7n, count: 3 });
  stage.elect(-1, 3);
  assertEquals([first!.reply?.producerId, second!.reply?.producerId], [7n, 8n]);
  assertEquals(stage.probe.ask("nextProducerId", undefined).reply?.producerId, 9n);
  assertEquals(stage.probe.ask("nextProducerId", undefined).reply?.error, "COORDINATOR_LOAD_IN_PROGRESS");
});

Deno.test("a controller that is lost in the middle of it leaves nobody waiting", () => {
  const stage = BrokerStage.ready();
  const [first, second] = [1, 2].map(() => stage.probe.ask("nextProducerId", undefined));
  stage.elect(-1, 3);
  stage.probe.answer("allocateProducerIds", { error: "NONE", message: null, first: 7n, count: 1 });
  assertEquals([first!.reply?.producerId, second!.reply?.error], [7n, "COORDINATOR_LOAD_IN_PROGRESS"]);
});
