import { assertEquals, assertRejects } from "@std/assert";
import { type Actor, type Asker, LATER, type Outbox } from "../../../actors/actor.ts";
import {
  type ConsumedRecord,
  CONSUMER,
  type ConsumerConfig,
  type ConsumerProtocol,
  type Outcome,
  type RebalanceEvent,
} from "../../../actors/consumer/protocol.ts";
import { ActorSystem } from "../../../actors/system.ts";
import { Consumer } from "../../../client/consumer.ts";
import { ConsumerError, type RebalanceListener } from "../../../client/records.ts";
import { realEnv } from "../../../server/env.ts";

const FINE: Outcome = { error: "NONE", message: null };
const T0 = { topic: "t", partition: 0 };
const T1 = { topic: "t", partition: 1 };

type Poll = Asker<Outcome & { readonly records: readonly ConsumedRecord[] }>;

/** A consumer actor that says what it is told to say, and remembers what it was asked. */
class Script {
  readonly said: string[] = [];
  /** What it does before it pauses. */
  pausing: ((out: Outbox<ConsumerProtocol, Script>) => void) | undefined;
  /** False: commits are never answered. */
  takesCommits = true;
  poll: Poll | undefined;
  listener: Asker<RebalanceEvent> | undefined;
  /** Records for polls, and how they end. */
  readonly answers: (Outcome & { readonly records: readonly ConsumedRecord[] })[] = [];
  out: Outbox<ConsumerProtocol, Script> | undefined;

  note(what: string): Outcome {
    this.said.push(what);
    return FINE;
  }
}

function actor(script: Script): Actor<ConsumerProtocol, Script, unknown> {
  const key = ({ topic, partition }: { topic: string; partition: number }) => `${topic}-${partition}`;
  return {
    kind: CONSUMER.kind,
    supervision: { restarts: 0, then: "stop" },
    start: () => script,
    on: {
      subscribe: () => script.note("subscribe"),
      assign: () => script.note("assign"),
      unsubscribe: () => script.note("unsubscribe"),
      poll(_, { maxRecords }, out) {
        script.said.push(`poll ${maxRecords}`);
        const answer = script.answers.shift();
        if (answer !== undefined) return answer;
        script.poll = out.asker();
        return LATER;
      },
      commit(_, { offsets, onlyOwned }) {
        const noted = script.note(`commit ${onlyOwned ?? false} ${offsets?.map((one) => `${key(one)}@${one.offset}`)}`);
        return script.takesCommits ? noted : LATER;
      },
      committed: () => ({ ...FINE, offsets: [] }),
      seek: (_, { partitions, to }) => script.note(`seek ${partitions.map(key)} ${JSON.stringify(to)}`),
      position: () => ({ ...FINE, offset: 77 }),
      pause(_, __, out) {
        script.pausing?.(out as Outbox<ConsumerProtocol, Script>);
        return script.note("pause");
      },
      resume: () => script.note("resume"),
      assignment() {
        script.said.push("assignment");
        return [T0];
      },
      alive(_, offsets) {
        script.said.push(`alive ${offsets.map((one) => `${key(one)}@${one.offset}`)}`);
        return [T0];
      },
      lag: () => [{ ...T0, records: 3 }, { ...T1, records: -1 }],
      nextRebalance(_, { after }, out) {
        script.said.push(`listen ${after}`);
        script.listener = out.asker();
        return LATER;
      },
      handled: (_, { number }) => void script.note(`handled ${number}`),
      close(_, __, out) {
        script.said.push("close");
        if (script.poll !== undefined) out.reply(script.poll, { ...FINE, records: [] });
        out.stop();
        return FINE;
      },
      describe: () => LATER,
      tick(_, __, out) { // the test speaks
        script.out = out;
        for (const task of tasks.splice(0)) task(out);
      },
    },
  };
}

const tasks: ((out: Outbox<ConsumerProtocol, Script>) => void)[] = [];

class Stage {
  readonly script = new Script();
  readonly system: ActorSystem;
  readonly consumer: Consumer;
  /** What the program's clock says. */
  nowMs = 0;
  /** What is to be done later, where the test says when. */
  readonly timers = new Set<() => void>();

  constructor({
    enableAutoCommit = true,
    delivery = "at-least-once",
    listener = {},
    maxPollIntervalMs = 60_000,
    hasTime = true,
  }: {
    enableAutoCommit?: boolean;
    delivery?: ConsumerConfig["delivery"];
    listener?: RebalanceListener;
    maxPollIntervalMs?: number;
    /** False: time passes with {@linkcode Stage.pass}. */
    hasTime?: boolean;
  } = {}) {
    const env = realEnv();
    this.system = new ActorSystem({ node: 0, env });
    this.system.register(actor(this.script));
    const ref = this.system.spawn(CONSUMER, "c", {} as never);
    const after = (ms: number, task: () => void) => {
      if (hasTime) return env.clock.after(ms, task);
      this.timers.add(task);
      return () => void this.timers.delete(task);
    };
    this.consumer = new Consumer({
      system: this.system,
      ref,
      enableAutoCommit,
      delivery,
      listener,
      after,
      maxPollIntervalMs,
      requestTimeoutMs: 30_000,
      heartbeatIntervalMs: 3_000,
      now: () => this.nowMs,
      groupProtocol: "classic",
      ended: () => {},
    });
  }

  /** Lets the actor speak. */
  async say(task: (out: Outbox<ConsumerProtocol, Script>) => void): Promise<void> {
    tasks.push(task);
    this.system.tell(this.consumer.ref as never, "tick" as never, "fetch" as never);
    await turns();
  }

  /** Whatever was to be done later is due. */
  async pass(): Promise<void> {
    for (const task of [...this.timers]) task();
    this.timers.clear();
    await turns();
  }

  /** What the actor was told, but for polls and listening. */
  get told(): string[] {
    return this.script.said.filter((what) => !/^(poll|listen|assignment|alive)/.test(what));
  }

  async end(): Promise<void> {
    await this.consumer.close();
    await this.system.shutdown();
  }
}

/** Lets everything happen that is due. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function record(partition: number, offset: number): ConsumedRecord {
  const rest = { key: null, value: null, headers: [], leaderEpoch: 0, setbacks: 0 };
  return { topic: "t", partition, offset, timestamp: 1, timestampType: "CreateTime", ...rest };
}

function records(...offsets: readonly number[]) {
  return { ...FINE, records: offsets.map((offset) => record(0, offset)) };
}

Deno.test("a loop asks for more when all that it got has been handed out, and not before", async () => {
  const stage = new Stage();
  stage.script.answers.push(records(0, 1), records(2));
  const polls: number[] = [];
  for await (const { offset } of stage.consumer) {
    polls.push(stage.script.said.filter((what) => what.startsWith("poll")).length);
    if (offset === 2n) break;
  }
  assertEquals(polls, [1, 1, 2]);
  await stage.end();
});

Deno.test("what a loop that was left has not handed out is handed out by the next one, and not committed before", async () => {
  const stage = new Stage();
  stage.script.answers.push(records(0, 1, 2));
  for await (const _ of stage.consumer) break;
  await stage.consumer.commit();
  assertEquals(stage.told, ["commit true t-0@1"]);
  for await (const { offset } of stage.consumer) {
    assertEquals(offset, 1n);
    break;
  }
  await stage.consumer.commit(); // by hand the record at hand counts
  await stage.end();
  assertEquals(stage.told, ["commit true t-0@1", "commit true t-0@2", "commit true t-0@1", "close"]);
});

Deno.test("without auto-commit closing commits nothing", async () => {
  const stage = new Stage({ enableAutoCommit: false });
  stage.script.answers.push(records(0));
  await stage.consumer.poll();
  await stage.end();
  assertEquals(stage.told, ["close"]);
});

Deno.test("batches are of one partition each", async () => {
  const stage = new Stage();
  stage.script.answers.push({ ...FINE, records: [record(0, 4), record(0, 5), record(1, 9)] });
  const batches: string[] = [];
  for await (const { partition, records } of stage.consumer.batches()) {
    batches.push(`${partition}: ${records.map(({ offset }) => offset)}`);
    if (partition === 1) break;
  }
  assertEquals(batches, ["0: 4,5", "1: 9"]);
  await stage.end();
});

Deno.test("a poll that says what is wrong throws it", async () => {
  const stage = new Stage();
  stage.script.answers.push({ error: "FENCED_INSTANCE_ID", message: "another has it", records: [] });
  const error = await assertRejects(() => stage.consumer.poll(), ConsumerError, "another has it");
  assertEquals((error as ConsumerError).code, "FENCED_INSTANCE_ID");
  await stage.end();
});

Deno.test("closing ends a loop that waits", async () => {
  const stage = new Stage();
  const loop = (async () => {
    for await (const _ of stage.consumer);
  })();
  await turns();
  await stage.end();
  await loop;
  await assertRejects(() => stage.consumer.poll(), ConsumerError, "closed");
});

Deno.test("what is closed says so, whatever it is asked for, and has nothing more to hand out", async () => {
  const stage = new Stage();
  stage.script.answers.push(records(0, 1));
  for await (const _ of stage.consumer) break;
  await stage.consumer.close();
  const { consumer } = stage;
  const asked = [
    () => consumer.poll(),
    () => consumer.commit(),
    () => consumer.commit([{ ...T0, offset: 1n }]),
    () => consumer.committed([T0]),
    () => consumer.subscribe(["t"]),
    () => consumer.unsubscribe(),
    () => consumer.seek(T0, 1n),
    () => consumer.position(T0),
    () => consumer.pause([T0]),
    () => consumer.lag(),
    () => consumer.assignment(),
  ];
  for (const ask of asked) {
    const error = await assertRejects(ask, ConsumerError, "is closed");
    assertEquals((error as ConsumerError).code, "INVALID_REQUEST");
  }
  for await (const _ of consumer) throw new Error("nothing is left");
  for await (const _ of consumer.batches()) throw new Error("nothing is left");
  await stage.end();
});

Deno.test("after a standstill nothing is handed out before the actor has said what is still its own", async () => {
  const stage = new Stage();
  stage.script.answers.push({ ...FINE, records: [record(0, 4), record(1, 8), record(1, 9), record(0, 5)] });
  const loop = stage.consumer[Symbol.asyncIterator]();
  await loop.next();
  stage.nowMs = 2_999;
  assertEquals((await loop.next()).value?.offset, 8n);
  assertEquals(stage.script.said.some((what) => what.startsWith("alive")), false);
  stage.nowMs = 3_000; // the actor has T0 only, and has not come to say so
  assertEquals((await loop.next()).value?.offset, 5n);
  stage.script.answers.push({ ...FINE, records: [record(0, 6), record(1, 10)] });
  stage.nowMs = 6_000;
  assertEquals((await stage.consumer.poll({ maxRecords: 1 })).length, 1);
  stage.nowMs = 9_000;
  stage.script.answers.push(records(7));
  assertEquals((await stage.consumer.poll()).map(({ offset }) => offset), [7n]);
  await loop.return();
  await stage.end();
});

Deno.test("a loop says that it lives, and how far it has come, as often as its time is up while records wait", async () => {
  const stage = new Stage({ maxPollIntervalMs: 3_000 });
  stage.script.answers.push(records(0, 1, 2, 3, 4));
  const loop = stage.consumer[Symbol.asyncIterator]();
  for (let record = 0; record < 4; record++) {
    await loop.next();
    stage.nowMs += 600;
  }
  await stage.consumer.poll(); // which says it as well
  assertEquals(stage.script.said.filter((what) => what.startsWith("alive")), ["alive t-0@2", "alive t-0@4"]);
  await loop.return();
  await stage.end();
});

Deno.test("one whose actor is killed hands out nothing more, and says that it has crashed", async () => {
  const stage = new Stage();
  stage.script.answers.push(records(0, 1, 2));
  const loop = stage.consumer[Symbol.asyncIterator]();
  await loop.next();
  stage.system.kill(stage.consumer.ref);
  await turns();
  await assertRejects(() => loop.next(), ConsumerError, "has crashed");
  await assertRejects(() => stage.consumer.lag(), ConsumerError, "has crashed");
  await assertRejects(() => stage.consumer.commit(), ConsumerError, "has ended before it could say"); // it has had one
  await stage.end();
});

Deno.test("closing one that stands still ends it when its time is over", async () => {
  const stage = new Stage({ hasTime: false });
  stage.system.pause(stage.consumer.ref);
  const closed = stage.consumer.close();
  await turns();
  await stage.pass();
  await closed;
  assertEquals(stage.system.actors().map(({ state }) => state), ["stopped"]);
  await stage.system.shutdown();
});

Deno.test("a close that makes no sense is refused, and closes nothing", async () => {
  const stage = new Stage();
  await assertRejects(() => stage.consumer.close({ timeoutMs: NaN }), RangeError, "timeoutMs is NaN");
  await assertRejects(() => stage.consumer.close({ timeoutMs: -1 }), RangeError, "timeoutMs is -1");
  assertEquals(await stage.consumer.assignment(), [T0]);
  await stage.end();
});

Deno.test("to subscribe to nothing is to unsubscribe", async () => {
  const stage = new Stage();
  await stage.consumer.subscribe([]);
  await stage.end();
  assertEquals(stage.told, ["unsubscribe", "close"]);
});

Deno.test("partitions are given back when the program is through with its record, and what waited of them is not handed out", async () => {
  const heard: string[] = [];
  const listener = { revoked: () => void heard.push("revoked") };
  const stage = new Stage({ listener });
  stage.script.answers.push({ ...FINE, records: [record(0, 0), record(0, 1), record(1, 7)] });
  const loop = stage.consumer[Symbol.asyncIterator]();
  await loop.next();
  await stage.say((out) => out.reply(stage.script.listener!, { number: 1, type: "revoked", partitions: [T0] }));
  assertEquals([heard, stage.told], [[], []]);
  const next = loop.next(); // it is through with the first
  assertEquals((await next).value?.offset, 7n);
  await turns();
  assertEquals([heard, stage.told], [["revoked"], ["commit true t-0@1", "handled 1"]]);
  stage.script.answers.push({ ...FINE, records: [record(1, 8)] });
  await loop.next(); // it is through with that, too
  await loop.return();
  await stage.end();
  assertEquals(stage.told.slice(2), ["commit true t-1@8", "close"]); // and nothing of what is somebody else's
});

Deno.test("a program that does not come back is not waited for longer than maxPollIntervalMs", async () => {
  const stage = new Stage({ maxPollIntervalMs: 1 });
  stage.script.answers.push(records(0));
  await stage.consumer.poll();
  await stage.say((out) => out.reply(stage.script.listener!, { number: 1, type: "revoked", partitions: [T0] }));
  while (!stage.told.includes("handled 1")) await turns();
  await stage.end();
});

Deno.test("what a program does not come back from is not committed when its partition goes", async () => {
  const stage = new Stage({ maxPollIntervalMs: 1 });
  stage.script.answers.push(records(0, 1));
  const loop = stage.consumer[Symbol.asyncIterator]();
  await loop.next();
  await loop.next();
  await stage.say((out) => out.reply(stage.script.listener!, { number: 1, type: "revoked", partitions: [T0] }));
  while (!stage.told.includes("handled 1")) await turns();
  assertEquals(stage.told, ["commit true t-0@1", "handled 1"]);
  await loop.return();
  await stage.end();
});

Deno.test("what a loop was left with is not committed by itself: it may have been left because that failed", async () => {
  for (const batches of [false, true]) {
    const stage = new Stage();
    stage.script.answers.push(records(0, 1), records(2, 3));
    let count = batches ? 2 : 4; // the last of which fails
    await assertRejects(
      async () => {
        await using consumer = stage.consumer;
        for await (const _ of batches ? consumer.batches() : consumer) if (--count === 0) throw new Error("it failed");
      },
      Error,
      "it failed",
    );
    assertEquals(stage.told, [batches ? "commit true t-0@2" : "commit true t-0@3", "close"]);
    await stage.system.shutdown();
  }
  const first = new Stage();
  first.script.answers.push(records(0, 1));
  for await (const _ of first.consumer) break;
  await first.consumer.unsubscribe();
  assertEquals(first.told, ["unsubscribe"]);
  await first.end();
});

Deno.test("a loop or a poll after a loop that was left says that what that was left with is dealt with", async () => {
  const stage = new Stage();
  stage.script.answers.push(records(0, 1, 2));
  for await (const _ of stage.consumer) break;
  for await (const _ of stage.consumer) break;
  await stage.consumer.poll();
  await stage.end();
  assertEquals(stage.told, ["commit true t-0@3", "close"]);
});

Deno.test("who commits after a partition went with something that was not committed hears of it, once", async () => {
  for (const type of ["lost", "revoked"] as const) {
    const stage = new Stage({ enableAutoCommit: false });
    stage.script.answers.push({ ...FINE, records: [record(0, 0), record(1, 7), record(0, 1)] });
    await stage.consumer.poll({ maxRecords: 2 });
    await stage.say((out) => out.reply(stage.script.listener!, { number: 1, type, partitions: [T0] }));
    stage.script.answers.push(records());
    await stage.consumer.poll(); // it is through with that
    await turns();
    const error = await assertRejects(() => stage.consumer.commit(), ConsumerError, "Of t-0");
    assertEquals((error as ConsumerError).code, "ILLEGAL_GENERATION");
    assertEquals(stage.told, ["handled 1", "commit true t-1@8"]);
    await stage.consumer.commit();
    await stage.end();
  }
});

Deno.test("of a partition that went when all that was handed out of it was committed nothing is missed", async () => {
  for (const offsets of [undefined, [{ ...T0, offset: 2n }]]) {
    const stage = new Stage({ enableAutoCommit: false });
    stage.script.answers.push(records(0, 1));
    await stage.consumer.poll();
    await stage.consumer.commit(offsets);
    await stage.say((out) => out.reply(stage.script.listener!, { number: 1, type: "lost", partitions: [T0] }));
    await stage.consumer.commit();
    await stage.end();
  }
});

Deno.test("at most once nothing is missed: all that was handed out had been committed", async () => {
  const stage = new Stage({ delivery: "at-most-once" });
  stage.script.answers.push(records(0, 1));
  await stage.consumer.poll();
  await stage.say((out) => out.reply(stage.script.listener!, { number: 1, type: "lost", partitions: [T0] }));
  await stage.consumer.commit();
  await stage.end();
});

Deno.test("what was handed out of partitions that are assigned no more is not committed, nor missed", async () => {
  const stage = new Stage({ enableAutoCommit: false });
  stage.script.answers.push({ ...FINE, records: [record(0, 0), record(1, 7)] });
  await stage.consumer.poll();
  await stage.consumer.assign([T1]);
  await stage.consumer.commit();
  assertEquals(stage.told, ["assign", "commit true t-1@8"]);
  await stage.end();
});

Deno.test("what is lost is told at once, whatever the program is doing, and is not committed", async () => {
  const heard: string[] = [];
  const stage = new Stage({ listener: { lost: (partitions) => void heard.push(`lost ${partitions.length}`) } });
  stage.script.answers.push(records(0, 1));
  const loop = stage.consumer[Symbol.asyncIterator]();
  await loop.next();
  await stage.say((out) => out.reply(stage.script.listener!, { number: 3, type: "lost", partitions: [T0] }));
  assertEquals([heard, stage.told], [["lost 1"], ["handled 3"]]);
  assertEquals(stage.script.said.at(-1), "listen 3");
  await loop.return();
  await stage.end();
  assertEquals(stage.told, ["handled 3", "close"]);
});

/** A listener that fails at once. */
const FAILING: RebalanceListener = {
  assigned: () => {
    throw new Error("no room");
  },
};

Deno.test("a listener that fails holds nobody up, and the next poll says so; other questions have their own answers", async () => {
  const stage = new Stage({ listener: FAILING });
  await turns();
  await stage.say((out) => out.reply(stage.script.listener!, { number: 1, type: "assigned", partitions: [T0] }));
  assertEquals(stage.told, ["handled 1"]);
  assertEquals(await stage.consumer.assignment(), [T0]);
  await assertRejects(() => stage.consumer.poll(), ConsumerError, "no room");
  stage.script.answers.push(records(0));
  assertEquals((await stage.consumer.poll()).length, 1);
  await stage.end();
});

// It may be the listener that was to say where reading begins.
Deno.test("a poll that waits hears of a listener that fails before it hands out records, and the next one has them", async () => {
  const stage = new Stage({ listener: FAILING });
  const poll = stage.consumer.poll();
  await turns();
  const failed = assertRejects(() => poll, ConsumerError, "no room");
  await stage.say((out) => out.reply(stage.script.listener!, { number: 1, type: "assigned", partitions: [T0] }));
  await stage.say((out) => out.reply(stage.script.poll!, records(4, 5)));
  await failed;
  assertEquals((await stage.consumer.poll()).map(({ offset }) => offset), [4n, 5n]);
  await stage.end();
});

Deno.test("records that come when nobody waits for them any more are handed out by the next poll", async () => {
  const stage = new Stage({ hasTime: false });
  const late = assertRejects(() => stage.consumer.poll({ timeoutMs: 1 }), ConsumerError, "did not answer in time");
  await turns();
  await stage.pass();
  await late;
  const next = stage.consumer.poll();
  await turns();
  assertEquals(stage.script.said.filter((what) => what.startsWith("poll")), ["poll 500"]); // it is under way
  await stage.say((out) => out.reply(stage.script.poll!, records(7)));
  assertEquals((await next).map(({ offset }) => offset), [7n]);
  await stage.end();
});

Deno.test("a poll that makes no sense is refused", async () => {
  const stage = new Stage();
  await assertRejects(() => stage.consumer.poll({ timeout: 1 } as object), RangeError, 'no option "timeout"');
  await assertRejects(() => stage.consumer.poll(1_000 as never), RangeError, "1000 are no options");
  await assertRejects(() => stage.consumer.poll({ maxRecords: 0 }), RangeError, "maxRecords is 0");
  await assertRejects(() => stage.consumer.poll({ timeoutMs: NaN }), RangeError, "timeoutMs is NaN");
  await stage.end();
});

Deno.test("what is revoked can be committed by the listener, all that was handed out of it", async () => {
  const listener: { revoked?: () => Promise<void> } = {};
  const stage = new Stage({ enableAutoCommit: false, listener });
  listener.revoked = () => stage.consumer.commit();
  stage.script.answers.push(records(0, 1));
  const loop = stage.consumer[Symbol.asyncIterator]();
  await loop.next();
  await stage.say((out) => out.reply(stage.script.listener!, { number: 1, type: "revoked", partitions: [T0] }));
  await loop.return();
  await turns();
  assertEquals(stage.told, ["commit true t-0@1", "handled 1"]);
  await stage.consumer.commit();
  assertEquals(stage.told, ["commit true t-0@1", "handled 1"]); // it is somebody else's
  await stage.end();
});

Deno.test("without auto-commit unsubscribing commits nothing", async () => {
  for (const enableAutoCommit of [false, true]) {
    const stage = new Stage({ enableAutoCommit });
    stage.script.answers.push(records(0));
    await stage.consumer.poll();
    await stage.consumer.unsubscribe();
    assertEquals(stage.told, enableAutoCommit ? ["commit true t-0@1", "unsubscribe"] : ["unsubscribe"]);
    await stage.end();
  }
});

Deno.test("closing does not wait for a commit before it begins to leave", async () => {
  const stage = new Stage();
  stage.script.answers.push(records(0));
  stage.script.takesCommits = false;
  await stage.consumer.poll();
  const closed = stage.consumer.close();
  await turns();
  assertEquals(stage.told, ["commit true t-0@1", "close"]);
  await closed;
  await stage.end();
});

Deno.test("closing does not wait for a listener that does not come back", async () => {
  const stage = new Stage({ hasTime: false, listener: { assigned: () => new Promise(() => {}) } });
  await turns();
  await stage.say((out) => out.reply(stage.script.listener!, { number: 1, type: "assigned", partitions: [T0] }));
  const closed = stage.consumer.close();
  await turns();
  await stage.pass();
  await closed;
  await stage.system.shutdown();
});

Deno.test("what waits of a paused partition is fetched again later; the position is that of the next record handed out", async () => {
  const stage = new Stage();
  stage.script.answers.push({ ...FINE, records: [record(0, 4), record(0, 5), record(1, 9)] });
  const loop = stage.consumer[Symbol.asyncIterator]();
  await loop.next();
  assertEquals(await stage.consumer.position(T0), 5n);
  assertEquals(await stage.consumer.lag(), [{ ...T0, records: 4 }, { ...T1, records: -1 }]);
  await stage.consumer.pause([T0]);
  assertEquals(stage.told, ["pause", 'seek t-0 {"offset":5,"setbacks":0}']);
  assertEquals((await loop.next()).value?.offset, 9n);
  assertEquals(await stage.consumer.position(T0), 77n);
  await loop.return();
  await stage.end();
});

Deno.test("no poll comes between a pause and its return to what was not handed out: it would say that all was", async () => {
  const stage = new Stage();
  stage.script.answers.push(records(4, 5));
  await stage.consumer[Symbol.asyncIterator]().next();
  const paused = stage.consumer.pause([T0]);
  const poll = stage.consumer.poll();
  await turns();
  const said = stage.script.said.filter((what) => !what.startsWith("listen"));
  assertEquals(said, ["poll 500", "pause", 'seek t-0 {"offset":5,"setbacks":0}', "poll 500"]);
  await Promise.all([paused, stage.end(), poll]);
});

Deno.test("what was on its way when its partition was paused is not handed out either", async () => {
  const stage = new Stage();
  const poll = stage.consumer.poll();
  await turns();
  stage.script.pausing = (out) => out.reply(stage.script.poll!, records(4, 5));
  const paused = stage.consumer.pause([T0]);
  await paused;
  assertEquals(stage.told, ["pause", 'seek t-0 {"offset":4,"setbacks":0}']);
  assertEquals(await poll, []);
  await stage.end();
});

Deno.test("after a seek nothing is handed out of what was polled before", async () => {
  const stage = new Stage();
  stage.script.answers.push(records(4, 5), records(0));
  const loop = stage.consumer[Symbol.asyncIterator]();
  await loop.next();
  await stage.consumer.seek(T0, 0n);
  await stage.consumer.commit(); // what was handed out before does not count
  assertEquals(stage.told, ['seek t-0 {"offset":0}']);
  assertEquals((await loop.next()).value?.offset, 0n);
  await loop.return();
  await stage.end();
});
