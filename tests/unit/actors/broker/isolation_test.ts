import { assertEquals } from "@std/assert";
import { BrokerStage, EPOCH, REGISTERED } from "./broker_stage.ts";
import { CLUSTER } from "./records.ts";

const SESSION_MS = 2_000;

/** What replicas were told since the last look. */
function told(stage: BrokerStage): [to: string, message: unknown][] {
  return stage.probe.take().flatMap((effect) =>
    effect.type === "send" && effect.verb === "isolation" ? [[effect.to, effect.message] as [string, unknown]] : []
  );
}

const news = (isolated: boolean) => ({ isolated, silenceMs: SESSION_MS });

/** One that leads two partitions, and has just been answered. */
function leading(): BrokerStage {
  const stage = BrokerStage.ready();
  stage.tell(stage.made("a", "b"));
  stage.probe.advance(300);
  stage.heartbeats();
  stage.probe.take();
  return stage;
}

/** Lets time pass; the controller answers each heartbeat so, or not at all. */
function pass(stage: BrokerStage, ms: number, answer: () => void = () => {}): void {
  for (let passedMs = 0; passedMs < ms; passedMs += 50) {
    stage.probe.advance(50);
    answer();
  }
}

Deno.test("without an answer for the session timeout it is isolated, and tells its replicas so again and again", () => {
  const stage = leading();
  stage.probe.advance(SESSION_MS - 1);
  assertEquals(told(stage), []);
  stage.probe.advance(1);
  const all: [string, unknown][] = [["1/replica/a-0", news(true)], ["1/replica/b-0", news(true)]];
  assertEquals(told(stage), all);
  stage.probe.advance(199);
  assertEquals(told(stage), []);
  stage.probe.advance(1);
  assertEquals(told(stage), all);
});

Deno.test("the next answer to a heartbeat ends it; as long as there are answers it does not begin", () => {
  const stage = leading();
  pass(stage, 10_000, () => stage.heartbeats());
  assertEquals(told(stage), []);
  pass(stage, SESSION_MS + 300);
  assertEquals(told(stage).at(-1)?.[1], news(true));
  stage.heartbeats();
  assertEquals(told(stage), [["1/replica/a-0", news(false)], ["1/replica/b-0", news(false)]]);
  pass(stage, 10_000, () => stage.heartbeats());
  assertEquals(told(stage), []);
});

Deno.test("an answer that does not know it, or of one who has the controller no more, counts for nothing", () => {
  for (const error of ["STALE_BROKER_EPOCH", "BROKER_ID_NOT_REGISTERED", "NOT_CONTROLLER"] as const) {
    const stage = leading();
    pass(stage, 1_500);
    stage.heartbeats(error);
    pass(stage, 500);
    assertEquals(told(stage).length, 2, error);
  }
  const moved = leading();
  const late = () => moved.asked("heartbeat").filter(({ to }) => to.startsWith("2/"));
  moved.probe.advance(300);
  moved.elect(3);
  for (const question of late()) moved.probe.answer(question, { error: "NONE", fenced: false, shouldShutDown: false });
  moved.probe.advance(SESSION_MS - 300);
  assertEquals(told(moved).length, 2);
});

Deno.test("an answer counts from when it was asked for: a process that stood still finds it late", () => {
  const stage = leading();
  stage.probe.advance(300); // and it asks again
  const asked = stage.asked("heartbeat").length;
  assertEquals(asked > 0, true);
  stage.probe.advance(1_500);
  const [question] = stage.asked("heartbeat");
  stage.probe.answer(question!, { error: "NONE", fenced: false, shouldShutDown: false });
  stage.probe.advance(SESSION_MS - 1_600);
  assertEquals(told(stage), []);
  stage.probe.advance(101);
  assertEquals(told(stage).length, 2, "as if it had been answered at once");
});

Deno.test("a registration that is answered ends it too", () => {
  const stage = leading();
  pass(stage, 1_500);
  stage.heartbeats("STALE_BROKER_EPOCH");
  pass(stage, 600);
  assertEquals(told(stage).length, 2);
  stage.register(EPOCH);
  assertEquals(told(stage).map(([, message]) => message), [news(false), news(false)]);
});

Deno.test("a replica that rests is told nothing, and one that is spawned meanwhile hears of it", () => {
  const stage = leading();
  pass(stage, SESSION_MS);
  stage.probe.terminate("1/replica/a-0");
  stage.probe.take();
  stage.probe.advance(400);
  assertEquals(told(stage).map(([to]) => to), ["1/replica/b-0", "1/replica/b-0"]);
  stage.probe.advance(200);
  assertEquals(told(stage).map(([to]) => to), ["1/replica/b-0", "1/replica/a-0"].toSorted());
});

Deno.test("the time is broker.session.timeout.ms, as it is by now", () => {
  const stage = leading();
  stage.tell([{
    type: "Config",
    resourceType: "broker",
    resourceName: "",
    name: "broker.session.timeout.ms",
    value: "5000",
  }]);
  stage.probe.advance(300);
  stage.heartbeats();
  pass(stage, 4_950);
  assertEquals(told(stage), []);
  pass(stage, 50);
  assertEquals(told(stage)[0]?.[1], { isolated: true, silenceMs: 5_000 });
});

Deno.test("a controller that is lost, however often, does not make the time longer that is left", () => {
  const stage = leading(); // which has been answered within the last 300 ms
  stage.probe.advance(SESSION_MS - 310);
  for (const epoch of [3, 4]) {
    stage.elect(-1, epoch);
    stage.elect(2, epoch);
  }
  assertEquals(told(stage), []);
  stage.probe.advance(310);
  assertEquals(told(stage)[0]?.[1], news(true));
});

Deno.test("one that has never been answered in time is isolated, and not so when it is", () => {
  const stage = new BrokerStage();
  stage.elect();
  stage.probe.advance(SESSION_MS - 100);
  stage.register();
  stage.probe.advance(200);
  stage.describe(2);
  stage.tell([CLUSTER, REGISTERED, ...stage.made("a")]);
  stage.probe.advance(10);
  assertEquals(stage.probe.state.isIsolated, true);
  stage.heartbeats();
  assertEquals(stage.probe.state.isIsolated, false);
});

Deno.test("where there is no controller any more, half of that time is enough; who is sought in vain for longer changes nothing", () => {
  const stage = leading();
  stage.elect(-1, 3);
  stage.probe.advance(SESSION_MS / 2 - 1);
  stage.elect(-1, 4);
  assertEquals(told(stage), []);
  stage.probe.advance(1);
  assertEquals(told(stage)[0]?.[1], news(true));
  stage.elect(-1, 5);
  stage.probe.advance(200);
  assertEquals(told(stage).length, 2, "it goes on being told");

  const another = leading();
  another.elect(-1, 3);
  another.elect(2, 4);
  another.heartbeats();
  another.probe.advance(SESSION_MS - 1);
  assertEquals(told(another), []);
});

Deno.test("connections hear of it, and of its end", () => {
  const stage = leading();
  const before = stage.probe.state.view();
  stage.probe.advance(SESSION_MS);
  const during = stage.probe.state.view();
  stage.heartbeats();
  const after = stage.probe.state.view();
  assertEquals([before, during, after].map(({ isIsolated }) => isIsolated), [false, true, false]);
  assertEquals([during.version > before.version, after.version > during.version], [true, true]);
});

Deno.test("a broker that has never been answered is none that others take for a leader", () => {
  const stage = new BrokerStage();
  stage.elect();
  stage.probe.advance(60_000);
  assertEquals(stage.probe.state.isIsolated, false);
});
