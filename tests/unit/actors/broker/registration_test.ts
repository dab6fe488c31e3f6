import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { registered, unfenced } from "./records.ts";
import { broker } from "../../../../actors/broker/broker.ts";
import type { CleanLife } from "../../../../storage/log.ts";
import { BrokerStage, CONTROLLER, EPOCH, REGISTERED, UNFENCED } from "./broker_stage.ts";
import { CLUSTER } from "./records.ts";

/** The heartbeats that wait for their answers. */
const beats = (stage: BrokerStage) =>
  stage.asked("heartbeat").map(({ to, message }): Record<string, unknown> => ({ to, ...message as object }));

Deno.test("a broker follows its node's quorum actor, and registers once it hears who has the controller", () => {
  const stage = new BrokerStage();
  assertEquals(stage.did(), ["send quorum/quorum follow"]);
  stage.elect(-1, 1);
  assertEquals(stage.did(), []);
  stage.elect(2, 2);
  assertEquals(stage.probe.asks, [{
    to: CONTROLLER,
    verb: "register",
    message: {
      brokerId: 1,
      incarnationId: "i",
      endpoint: { host: "here", port: 9092 },
      nodeEndpoint: { host: "node-1", port: 2 },
      directoryId: "d",
      rack: "r",
      cleanLife: { brokerEpoch: 77, unheardIncarnationIds: ["before"] },
      follower: stage.probe.ref,
    },
  }]);
});

Deno.test("it registers again until the controller takes it, waiting longer each time", () => {
  const stage = new BrokerStage();
  stage.elect();
  const waits: number[] = [];
  for (let attempt = 0; attempt < 12; attempt++) {
    if (attempt % 2 === 0) stage.probe.fail("register", "unreachable");
    else stage.register(-1, "DUPLICATE_BROKER_REGISTRATION");
    let waitedMs = 0;
    while (stage.asked("register").length === 0) {
      stage.probe.advance(1);
      waitedMs++;
    }
    waits.push(waitedMs);
  }
  assert(waits[0]! <= 25 && waits.slice(6).every((ms) => ms >= 500 && ms <= 1000), waits.join());
});

Deno.test("a refusal is reported once, not with every attempt", () => {
  const stage = new BrokerStage();
  stage.elect();
  for (let attempt = 0; attempt < 3; attempt++) {
    stage.register(-1, "DUPLICATE_BROKER_REGISTRATION");
    stage.probe.advance(1_000);
  }
  assertEquals(stage.reports.length, 1);
  assertStringIncludes(stage.reports[0]!, "Broker 1 was not let into the cluster (DUPLICATE_BROKER_REGISTRATION)");
});

Deno.test("another controller is asked at once, and what the one before says counts no more", () => {
  const stage = new BrokerStage();
  stage.elect(2);
  const [old] = stage.asked("register");
  stage.elect(3);
  assertEquals(stage.asked("register").map(({ to }) => to), [CONTROLLER, "3/controller/controller"]);
  stage.probe.answer(old!, { error: "NONE", message: null, brokerEpoch: 9 });
  assertEquals(stage.probe.state.epoch, -1);
  stage.register(5);
  assertEquals(stage.probe.state.epoch, 5);
});

Deno.test("what one controller's node says of the log counts no more when another has the controller", () => {
  const stage = new BrokerStage();
  stage.elect(2);
  stage.register();
  const [late] = stage.asked("describe");
  stage.elect(3);
  stage.probe.answer(late!, { role: "leader", highWatermark: 0 });
  assertEquals(stage.probe.state.goal, Infinity);
  stage.register();
  stage.describe(2);
  assertEquals(stage.probe.state.goal, 2);
});

Deno.test("with another controller, waiting begins anew, and what it refuses is reported anew", () => {
  const stage = new BrokerStage();
  stage.elect(2);
  for (let attempt = 0; attempt < 8; attempt++) {
    stage.register(-1, "DUPLICATE_BROKER_REGISTRATION");
    stage.probe.advance(1_000);
  }
  stage.elect(3);
  stage.probe.answer(stage.asked("register").at(-1)!, {
    error: "INVALID_REGISTRATION",
    message: null,
    brokerEpoch: -1,
  });
  stage.probe.advance(25);
  assertEquals(stage.asked("register").at(-1)!.to, "3/controller/controller");
  assertEquals(stage.reports.length, 2);
});

Deno.test("a broker is ready when it knows its registration, the log as far as it goes, and that it was let in", () => {
  const stage = new BrokerStage();
  const asked = stage.probe.ask("ready", undefined);
  stage.elect();
  stage.register();
  stage.describe(3);
  stage.tell([CLUSTER, REGISTERED]);
  assertEquals([asked.reply, stage.probe.state.isActing], [undefined, false]);
  stage.tell([{ type: "QuorumLeader", leaderId: 2, epoch: 2, voters: [2] }]);
  assertEquals([asked.reply, stage.probe.state.isActing], [undefined, true]);
  stage.tell([UNFENCED]);
  assertEquals(asked.reply, true);
  assertEquals(stage.probe.ask("ready", undefined).reply, true);
});

Deno.test("the image may be there before the answers are", () => {
  const stage = new BrokerStage();
  stage.elect();
  stage.tell([CLUSTER, REGISTERED]);
  stage.tell(stage.made("a"));
  stage.register();
  assert(!stage.did().some((did) => did.startsWith("spawn")));
  stage.describe(2);
  assertEquals(stage.did().filter((did) => did.startsWith("spawn")), []);
  assert(stage.probe.state.isActing);
});

Deno.test("roles are not acted upon before the broker's own registration has come", () => {
  const stage = new BrokerStage();
  stage.elect();
  stage.tell([CLUSTER, ...unfenced(1, 1)]); // the process before this one
  stage.register(7);
  stage.describe(3);
  stage.tell(stage.made("a"));
  stage.tell([{ type: "FenceBroker", brokerId: 1, brokerEpoch: 1 }]);
  const isEarly = stage.did().some((did) => did.startsWith("spawn") || did.endsWith("applied"));
  assert(!isEarly && !stage.probe.state.isActing);
  while (stage.log.length < 7) stage.tell([{ type: "QuorumLeader", leaderId: 2, epoch: 2, voters: [2] }]);
  stage.tell([registered(1, 7)]);
  assertEquals(stage.did(), ["spawn a-0", "watch replica/a-0"]);
});

Deno.test("nor before the log has been replayed as far as it was committed: what comes before is history", () => {
  const stage = new BrokerStage();
  stage.elect();
  stage.register(); // the epoch that an earlier life of this actor got
  stage.describe(9);
  stage.tell([CLUSTER, REGISTERED, UNFENCED]);
  const made = stage.made("a");
  stage.tell(made);
  stage.tell([{ type: "PartitionChange", topicId: stage.idOf("a"), partition: 0, leader: 1 }]);
  assertEquals(stage.did().filter((did) => did.startsWith("spawn")), []);
  assertEquals(stage.probe.ask("ready", undefined).reply, undefined);
  stage.tell([{ type: "PartitionChange", topicId: stage.idOf("a"), partition: 0, leader: 1 }]);
  stage.tell([{ type: "PartitionChange", topicId: stage.idOf("a"), partition: 0, leader: 1 }]);
  stage.tell([{ type: "PartitionChange", topicId: stage.idOf("a"), partition: 0, leader: 1 }]);
  assertEquals(stage.log.length, 9);
  const spawned = stage.probe.take().find(({ type }) => type === "spawn") as { args: { role: unknown } };
  const role = { leader: 1, leaderEpoch: 4, partitionEpoch: 4, replicas: [1], isr: [1], brokerEpoch: EPOCH };
  assertEquals(spawned.args.role, role);
});

Deno.test("only the leader of the quorum knows how far the log goes; without its word it registers again", () => {
  const stage = new BrokerStage();
  stage.elect();
  for (const failing of [() => stage.describe(0, "follower"), () => stage.probe.fail("describe", "timeout")]) {
    stage.register();
    assertEquals(stage.asked("describe").map(({ to }) => to), ["2/quorum/quorum"]);
    failing();
    assertEquals(stage.asked("heartbeat"), []);
    stage.probe.advance(1_000);
  }
  stage.register();
  stage.describe(2);
  stage.tell([CLUSTER, REGISTERED]);
  assert(stage.probe.state.isActing);
});

Deno.test("heartbeats go out at every interval, fenced or not, and say what has been applied", () => {
  const stage = new BrokerStage();
  stage.elect();
  stage.register();
  stage.describe(3);
  const beat = {
    to: CONTROLLER,
    brokerId: 1,
    brokerEpoch: EPOCH,
    follower: stage.probe.ref,
    offline: [],
    wantShutDown: false,
  };
  assertEquals(beats(stage), [{ ...beat, appliedOffset: 0 }]);
  stage.heartbeats();
  stage.tell([CLUSTER, REGISTERED]); // two of three: nothing of it is applied yet
  stage.probe.advance(299);
  assertEquals(beats(stage), []);
  stage.probe.advance(1);
  assertEquals(beats(stage), [{ ...beat, appliedOffset: 0 }]);
  stage.heartbeats();
  stage.tell(stage.made("a").slice(0, 1));
  assertEquals(beats(stage), [{ ...beat, appliedOffset: 3 }]); // at once: it may be let in
  stage.probe.advance(300); // whether it is answered or not
  assertEquals(beats(stage).length, 2);
});

Deno.test("broker.heartbeat.interval.ms is how often", () => {
  const stage = new BrokerStage({ properties: { "broker.heartbeat.interval.ms": "40" } });
  stage.elect();
  stage.register();
  stage.describe(2);
  stage.heartbeats();
  stage.probe.advance(39);
  assertEquals(beats(stage), []);
  stage.probe.advance(1);
  assertEquals(beats(stage).length, 1);
});

Deno.test("a controller that has just come hears at once", () => {
  const stage = BrokerStage.ready();
  stage.heartbeats();
  stage.elect(3);
  assertEquals(beats(stage).map((beat) => [beat["to"], beat["appliedOffset"]]), [["3/controller/controller", 3]]);
  assertEquals(stage.asked("register"), []);
});

Deno.test("a stale epoch makes it register again, once; the answers to older heartbeats do not", () => {
  for (const error of ["STALE_BROKER_EPOCH", "BROKER_ID_NOT_REGISTERED"] as const) {
    const stage = BrokerStage.ready();
    stage.probe.advance(900);
    stage.heartbeats(error);
    const lives = stage.asked("register").map(({ message }) => (message as { cleanLife: CleanLife }).cleanLife);
    assertEquals(lives, [{ brokerEpoch: -1, unheardIncarnationIds: [] }]);
    stage.probe.advance(1_000);
    assertEquals(stage.asked("heartbeat"), []); // they would say the same
    stage.register();
    assertEquals(stage.asked("heartbeat").length, 1); // the same epoch again: nothing is new
    assertEquals(stage.asked("describe"), []);
  }
  const stale = { error: "STALE_BROKER_EPOCH", fenced: true, shouldShutDown: false };
  const moved = BrokerStage.ready();
  const [late] = moved.asked("heartbeat");
  moved.elect(3);
  moved.probe.answer(late!, stale);
  assertEquals(moved.asked("register"), []);

  const renewed = BrokerStage.ready();
  renewed.probe.advance(300);
  const [first, second] = renewed.asked("heartbeat");
  renewed.probe.answer(first!, stale);
  renewed.register(8);
  renewed.describe(9);
  renewed.probe.answer(second!, stale);
  assertEquals(renewed.asked("register"), []);
});

Deno.test("a controller that comes while the broker registers again is the one that it registers with", () => {
  const stage = BrokerStage.ready();
  stage.heartbeats("STALE_BROKER_EPOCH");
  stage.elect(3);
  assertEquals(stage.asked("register").map(({ to }) => to), [CONTROLLER, "3/controller/controller"]);
});

Deno.test("with a new epoch the replicas are told their roles again, when the image has it and not before", () => {
  const stage = BrokerStage.ready();
  stage.tell(stage.made("a", "b"));
  stage.heartbeats("BROKER_ID_NOT_REGISTERED");
  stage.probe.take();
  stage.register(8);
  stage.describe(9);
  stage.tell(stage.made("c").slice(0, 1));
  assertEquals(stage.did(), ["ask quorum/quorum describe"]);
  stage.tell([registered(1, 8)]);
  const assumed = stage.probe.take().filter((effect) => effect.type === "send" && effect.verb === "assume");
  assertEquals(
    assumed.map((effect) =>
      effect.type === "send" && [effect.to, (effect.message as { brokerEpoch: number }).brokerEpoch]
    ),
    [["1/replica/a-0", 8], ["1/replica/b-0", 8]],
  );
});

Deno.test("a clean stop asks for leave until it gets it", () => {
  const stage = BrokerStage.ready();
  stage.heartbeats();
  const left = stage.probe.ask("shutDown", { timeoutMs: 1_000 });
  assertEquals(beats(stage).map((beat) => beat["wantShutDown"]), [true]);
  stage.heartbeats();
  stage.probe.advance(25);
  assertEquals([left.reply, beats(stage).length], [undefined, 1]);
  stage.heartbeats("NONE", true);
  assertEquals(left.reply, EPOCH);
  stage.probe.advance(2_000);
  assertEquals(beats(stage), []); // it has said good-bye
});

Deno.test("leave that does not come is not waited for longer than allowed", () => {
  const stage = BrokerStage.ready();
  stage.elect(-1, 3);
  const left = stage.probe.ask("shutDown", { timeoutMs: 1_000 });
  stage.probe.advance(999);
  assertEquals(left.reply, undefined);
  stage.probe.advance(1);
  assertEquals(left.reply, EPOCH);
});

Deno.test("leave is given only to who asked for it, and who goes does not register any more", () => {
  const stage = BrokerStage.ready();
  stage.heartbeats("NONE", true);
  stage.probe.advance(300);
  assertEquals(beats(stage).length, 1); // nobody wanted to go
  const left = stage.probe.ask("shutDown", { timeoutMs: 1_000 });
  assertEquals(left.reply, undefined);
  stage.heartbeats("STALE_BROKER_EPOCH");
  assertEquals(stage.asked("register"), []);
  assertEquals(new BrokerStage().probe.ask("shutDown", { timeoutMs: 1_000 }).reply, -1);
});

Deno.test("a broker that crashes follows from the beginning; when that does not help, its supervisor hears", () => {
  const stage = BrokerStage.ready();
  stage.probe.kill();
  stage.probe.take();
  stage.probe.advance(10);
  assertEquals([stage.probe.restarts, stage.probe.state.epoch, stage.probe.state.image.offset], [1, -1, 0]);
  const followed = stage.probe.take().find((effect) => effect.type === "send" && effect.verb === "follow");
  assertEquals((followed as { message: unknown }).message, { follower: stage.probe.ref, fromOffset: 0 });
  assertEquals(broker().supervision, { then: "escalate" });
});
