import { assertEquals } from "@std/assert";
import type { Answer, Message } from "../../../../actors/actor.ts";
import type { ControllerProtocol, ControllerRef } from "../../../../actors/controller/protocol.ts";
import { metadata } from "../../../../protocol/tables/metadata.ts";
import { ClientStage } from "./client_stage.ts";

const FIRST = "2/controller/controller" as ControllerRef;
const SECOND = "3/controller/controller" as ControllerRef;
const RESULTS = [{ name: "t", error: "NONE" }];
const CHANGES = { changes: [], validateOnly: false };
const MOVE = { topic: "t", partition: 0, replicas: [2, 3] };

/** A connection whose client asks the controller for something that takes a second at most. */
class AskingStage extends ClientStage {
  readonly answers: Answer<unknown>[] = [];
  #version = 1;

  constructor(
    readonly verb: "createTopics" | "alterConfigs" | "reassign",
    controller: ControllerRef | undefined,
    timeoutMs = 1_000,
    partitions: Message<ControllerProtocol, "reassign">["partitions"] = [MOVE],
  ) {
    super();
    this.scripts["Metadata"] = (_, exchange) => {
      const then = (answer: Answer<unknown>) => {
        this.answers.push(answer);
        exchange.reply({} as never);
      };
      const topics = { topics: [], validateOnly: false, timeoutMs };
      const moves = { partitions, allowReplicationFactorChange: true, timeoutMs };
      if (verb === "createTopics") exchange.askController(verb, topics, then, timeoutMs);
      else if (verb === "reassign") exchange.askController(verb, moves, then, timeoutMs);
      else exchange.askController(verb, CHANGES, then, timeoutMs);
    };
    this.elect(controller);
    this.send(metadata, 9, { topics: [] });
  }

  /** The broker hears who has the controller. */
  elect(controller: ControllerRef | undefined): void {
    this.learn({ ...this.view, controller, version: ++this.#version });
  }

  /** Who has been asked and has not answered. */
  get asked(): string[] {
    return this.probe.asks.filter(({ verb }) => verb === this.verb).map(({ to }) => to);
  }
}

Deno.test("the active controller is asked, and its answer is the answer", () => {
  const stage = new AskingStage("createTopics", FIRST);
  assertEquals(stage.asked, [FIRST]);
  stage.probe.answer("createTopics", RESULTS);
  assertEquals(stage.answers, [{ ok: true, value: RESULTS }]);
  stage.elect(SECOND);
  stage.probe.advance(60_000);
  assertEquals([stage.asked, stage.answers.length], [[], 1]);
});

Deno.test("while there is no controller the question waits for one", () => {
  const stage = new AskingStage("createTopics", undefined);
  stage.probe.advance(999);
  assertEquals([stage.asked, stage.answers], [[], []]);
  stage.elect(SECOND);
  assertEquals(stage.asked, [SECOND]);
});

Deno.test("when none comes in time, nothing has happened", () => {
  const stage = new AskingStage("createTopics", undefined);
  stage.probe.advance(1_000);
  assertEquals(stage.answers, [{ ok: false, failure: "unreachable" }]);
  assertEquals(new AskingStage("createTopics", undefined, 0).answers.length, 1);
  assertEquals(new AskingStage("createTopics", FIRST, 0).asked, [FIRST]); // there is always time to ask once
});

Deno.test("a controller that is not there is asked again a little later, or the next one at once when it is due", () => {
  const stage = new AskingStage("createTopics", FIRST);
  stage.probe.fail("createTopics", "unreachable");
  assertEquals(stage.asked, []);
  stage.probe.advance(100);
  assertEquals(stage.asked, [FIRST]);
  stage.probe.fail("createTopics", "unreachable");
  stage.elect(undefined);
  stage.probe.advance(200);
  assertEquals(stage.asked, []);
  stage.elect(SECOND);
  assertEquals(stage.asked, [SECOND]);
});

Deno.test("a controller that stays away is given up when the time is over", () => {
  const stage = new AskingStage("createTopics", FIRST);
  for (let ms = 0; ms < 1_000; ms += 100) {
    stage.probe.fail("createTopics", "unreachable");
    stage.probe.advance(100);
  }
  stage.probe.fail("createTopics", "unreachable");
  stage.probe.advance(1);
  assertEquals(stage.answers, [{ ok: false, failure: "unreachable" }]);
});

Deno.test("what may have happened is not asked twice, unless twice is as good as once", () => {
  const once = new AskingStage("createTopics", FIRST);
  once.probe.fail("createTopics", "crashed");
  assertEquals(once.answers, [{ ok: false, failure: "timeout" }]);
  const often = new AskingStage("alterConfigs", FIRST);
  often.probe.fail("alterConfigs", "crashed");
  assertEquals(often.answers, []);
  often.probe.advance(100);
  often.probe.answer("alterConfigs", []);
  assertEquals(often.answers, [{ ok: true, value: [] }]);
});

Deno.test("what may have happened once is in doubt to the end", () => {
  const stage = new AskingStage("alterConfigs", FIRST);
  stage.probe.fail("alterConfigs", "crashed");
  stage.elect(undefined);
  stage.probe.advance(1_000);
  assertEquals(stage.answers, [{ ok: false, failure: "timeout" }]);
});

Deno.test("what has never left has not happened, however long it took to know that", () => {
  const stage = new AskingStage("createTopics", FIRST);
  stage.probe.advance(1);
  stage.probe.fail("createTopics", "unreachable");
  stage.elect(undefined);
  stage.probe.advance(1_000);
  assertEquals(stage.answers, [{ ok: false, failure: "unreachable" }]);
});

Deno.test("moves may be asked for twice, but none is called off twice: it might be another's by then", () => {
  const moved = new AskingStage("reassign", FIRST);
  moved.probe.fail("reassign", "crashed").advance(100);
  moved.probe.answer("reassign", []);
  assertEquals(moved.answers, [{ ok: true, value: [] }]);
  const calledOff = new AskingStage("reassign", FIRST, 1_000, [MOVE, { ...MOVE, partition: 1, replicas: null }]);
  calledOff.probe.fail("reassign", "crashed");
  assertEquals(calledOff.answers, [{ ok: false, failure: "timeout" }]);
});

Deno.test("silence is not asked again", () => {
  const stage = new AskingStage("alterConfigs", FIRST);
  stage.probe.advance(5_999); // its own second, and a margin
  assertEquals(stage.answers, []);
  stage.probe.advance(1);
  assertEquals(stage.answers, [{ ok: false, failure: "timeout" }]);
});

Deno.test("a controller that was replaced has a second more to answer, then its successor is asked", () => {
  const stage = new AskingStage("alterConfigs", FIRST, 10_000);
  stage.elect(SECOND);
  stage.probe.advance(999);
  assertEquals(stage.asked, [FIRST]);
  stage.probe.advance(101);
  assertEquals(stage.asked, [FIRST, SECOND]);
  stage.probe.answer("alterConfigs", [1]); // the one that was given up
  assertEquals(stage.answers, []);
  stage.probe.answer("alterConfigs", [2]);
  assertEquals(stage.answers, [{ ok: true, value: [2] }]);

  const unrepeatable = new AskingStage("createTopics", FIRST, 10_000);
  unrepeatable.elect(SECOND);
  unrepeatable.probe.advance(1_000);
  assertEquals(unrepeatable.answers, [{ ok: false, failure: "timeout" }]);
});

Deno.test("a controller that was replaced for a moment only may take its time", () => {
  const stage = new AskingStage("createTopics", FIRST, 10_000);
  stage.elect(SECOND);
  stage.probe.advance(500);
  stage.elect(FIRST);
  stage.probe.advance(1_500);
  assertEquals(stage.answers, []);
  stage.elect(SECOND);
  stage.probe.advance(999);
  assertEquals(stage.answers, []);
  stage.elect(FIRST);
  stage.elect(undefined); // nobody else has it
  stage.probe.advance(2_000);
  stage.probe.answer("createTopics", RESULTS);
  assertEquals(stage.answers, [{ ok: true, value: RESULTS }]);
});

Deno.test("nobody is asked for a client that has gone", () => {
  const stage = new AskingStage("createTopics", undefined);
  stage.probe.tell("disconnected", { reason: "gone" });
  stage.probe.advance(2_000);
  assertEquals([stage.asked, stage.answers], [[], []]);
});
