import { assert, assertEquals } from "@std/assert";
import { MemoryJournal } from "../../../../actors/memory_journal.ts";
import {
  beat,
  catchUp,
  type ControllerProbe,
  create,
  created,
  epochOf,
  errors,
  followerOf,
  join,
  lastEvent,
  partitionOf,
  placed,
  register,
  start,
} from "./probing.ts";
import { newTopic } from "./setting.ts";

function isFenced(p: ControllerProbe, brokerId: number): boolean | undefined {
  return p.state.image.brokers.get(brokerId)?.fenced;
}

/** Everybody but these reports every 300 ms. */
function advance(p: ControllerProbe, ms: number, ...silent: readonly number[]): void {
  for (let passed = 0; passed < ms; passed += 300) {
    p.advance(Math.min(300, ms - passed));
    for (const id of p.state.image.brokers.keys()) if (!silent.includes(id)) beat(p, id);
  }
}

function watched(p: ControllerProbe): string[] {
  return p.take().flatMap((effect) => effect.type === "watch" ? [effect.ref] : []);
}

Deno.test("a broker registers, asks again, and comes back as another incarnation", () => {
  const p = start();
  const first = register(p, 1).reply!;
  assertEquals([first.error, first.brokerEpoch], ["NONE", 2]);
  assertEquals(isFenced(p, 1), true);
  const { offset } = p.state.image;
  assertEquals([register(p, 1).reply!.brokerEpoch, p.state.image.offset], [2, offset], "asking again writes nothing");
  const again = register(p, 1, { incarnationId: "another" }).reply!;
  assertEquals([again.error, again.brokerEpoch], ["NONE", offset]);
});

Deno.test("it is let in by the first heartbeat that has applied its registration", () => {
  const p = start();
  const { brokerEpoch } = register(p, 1).reply!;
  assertEquals(beat(p, 1, { appliedOffset: brokerEpoch }).reply?.fenced, true);
  assertEquals(beat(p, 1, { appliedOffset: brokerEpoch + 1 }).reply?.fenced, false);
  assertEquals(isFenced(p, 1), false);
});

Deno.test("heartbeats of those who are not known, or not by that epoch", () => {
  const p = start();
  assertEquals(beat(p, 1).reply, { error: "BROKER_ID_NOT_REGISTERED", fenced: true, shouldShutDown: false });
  join(p, 1);
  const stale = { error: "STALE_BROKER_EPOCH", fenced: true, shouldShutDown: false } as const;
  assertEquals(beat(p, 1, { brokerEpoch: 1, wantShutDown: true }).reply, stale);
  assertEquals(beat(p, 1).reply, { error: "NONE", fenced: false, shouldShutDown: false });
});

Deno.test("two processes with one id: the first stays, unless both have the same folder, or it has been silent", () => {
  const p = start();
  join(p, 1);
  const other = { incarnationId: "another", directoryId: "elsewhere" };
  assertEquals(register(p, 1, other).reply?.error, "DUPLICATE_BROKER_REGISTRATION");
  assertEquals(register(p, 2, { directoryId: "d1" }).reply?.error, "INVALID_REGISTRATION");
  assertEquals(register(p, 1, { incarnationId: "restarted" }).reply?.error, "NONE", "one process per folder");
  beat(p, 1);
  p.terminate(followerOf(1));
  assertEquals(register(p, 1, other).reply?.error, "NONE");
  beat(p, 1);
  p.advance(1_999);
  assertEquals(
    register(p, 1, { incarnationId: "third", directoryId: "d3" }).reply?.error,
    "DUPLICATE_BROKER_REGISTRATION",
  );
  p.advance(1);
  assertEquals(isFenced(p, 1), true);
  assertEquals(register(p, 1, { incarnationId: "third", directoryId: "d3" }).reply?.error, "NONE");
});

Deno.test("a new incarnation leads nothing before it is let in, and everybody hears of it at once", () => {
  const journal = new MemoryJournal();
  const p = start({ journal });
  join(p, 1);
  join(p, 2);
  created(p, placed("t", [1, 2]), placed("u", [1]));
  register(p, 1, { incarnationId: "another" });
  assertEquals(lastEvent(journal), ["RegisterBroker", "PartitionChange", "PartitionChange"]);
  assertEquals([partitionOf(p, "t").leader, partitionOf(p, "u").leader], [2, -1]);
  beat(p, 1);
  assertEquals([partitionOf(p, "t").leader, partitionOf(p, "u").leader], [2, 1]);
  assertEquals(partitionOf(p, "u").leaderEpoch, 2);
});

Deno.test("a broker whose process is gone is fenced at once, others lead, and nobody waits for it", () => {
  const p = start();
  join(p, 1);
  join(p, 2);
  created(p, placed("t", [2, 1]));
  const waiting = create(p, [placed("u", [1])]);
  catchUp(p, 1);
  assertEquals(waiting.answer, undefined);
  p.terminate(followerOf(2));
  assertEquals(errors(waiting), ["NONE"]);
  assertEquals([isFenced(p, 2), partitionOf(p, "t").leader], [true, 1]);
});

Deno.test("nobody waits for an incarnation that is over, but for one that has begun to read again", () => {
  const p = start();
  join(p, 1);
  join(p, 2);
  const waiting = create(p, [placed("t", [1])]);
  catchUp(p, 1);
  register(p, 2, { incarnationId: "another" });
  assertEquals(errors(waiting), ["NONE"]);
  const asked = create(p, [placed("u", [1])]);
  register(p, 1); // its actor has begun anew
  p.tell("applied", { brokerId: 1, brokerEpoch: epochOf(p, 1), offset: 1 });
  assertEquals(asked.answer, undefined);
  catchUp(p, 1);
  const again = create(p, [placed("v", [1])]);
  register(p, 1);
  beat(p, 1, { appliedOffset: 1 });
  assertEquals([errors(asked), again.answer], [["NONE"], undefined]);
});

Deno.test("a broker that was fenced in error is let in again by its next heartbeat, and watched again", () => {
  const p = start();
  join(p, 1);
  assertEquals(watched(p), [followerOf(1)]);
  p.terminate(followerOf(1));
  assertEquals(isFenced(p, 1), true);
  assertEquals(beat(p, 1).reply?.fenced, false);
  assertEquals(watched(p), [followerOf(1)]);
  beat(p, 1);
  assertEquals(watched(p), []);
});

Deno.test("who is silent for broker.session.timeout.ms is fenced, one after the other", () => {
  const p = start();
  for (const id of [1, 2, 3]) join(p, id);
  created(p, placed("t", [1, 2, 3]));
  for (const id of [1, 2, 3]) beat(p, id);
  advance(p, 1_999, 1, 2);
  assertEquals([1, 2, 3].map((id) => isFenced(p, id)), [false, false, false]);
  advance(p, 1, 1, 2);
  assertEquals([1, 2, 3].map((id) => isFenced(p, id)), [true, true, false]);
  assertEquals([partitionOf(p, "t").leader, partitionOf(p, "t").isr], [3, [3]]);
  advance(p, 10_000, 1, 2);
  assertEquals(isFenced(p, 3), false);
});

Deno.test("the session's length is a config", () => {
  const p = start({ properties: { "broker.session.timeout.ms": "500" } });
  join(p, 1);
  p.advance(499);
  assertEquals(isFenced(p, 1), false);
  p.advance(1);
  assertEquals(isFenced(p, 1), true);
});

Deno.test("the clock's fractions of a millisecond do not make the controller look again and again", () => {
  const p = start();
  p.advance(0.3);
  join(p, 1);
  for (const ms of [0.1, 1 / 3, 1e-9]) {
    p.advance(ms);
    beat(p, 1);
  }
  p.take();
  p.advance(2_100.7);
  assertEquals(isFenced(p, 1), true);
  assert(p.take().filter(({ type }) => type === "timer").length < 5);
});

/** A controller whose only broker was heard at 1500, and whose next look at the sessions comes so much too late. */
function lookingLate(lateMs: number): ControllerProbe {
  const journal = new MemoryJournal();
  const p = start({ journal });
  join(p, 1);
  p.advance(1_500);
  beat(p, 1);
  p.advance(499);
  journal.hold(); // what it does from now on waits, setting the timer of its next look as well
  p.ask("allocateProducerIds", { brokerId: 1 });
  p.advance(lateMs);
  journal.release();
  return p;
}

Deno.test("a controller that looks far too late has slept itself, and gives everybody another session's time", () => {
  const p = lookingLate(10_000);
  p.advance(1_500);
  assertEquals(isFenced(p, 1), false);
  p.advance(1_999);
  assertEquals(isFenced(p, 1), false);
  p.advance(1);
  assertEquals(isFenced(p, 1), true);
});

Deno.test("a controller that looks a little late has heard nobody meanwhile, and does not count that time", () => {
  const p = lookingLate(500);
  p.advance(1_500);
  assertEquals(isFenced(p, 1), false, "what it has said meanwhile comes first");
  p.advance(1);
  assertEquals(isFenced(p, 1), true);
});

Deno.test("a new controller gives all that were let in half a session, watches them, and calls nobody", () => {
  const p = start();
  for (const id of [1, 2, 3]) join(p, id);
  created(p, placed("t", [1, 2]));
  p.terminate(followerOf(3));
  const q = start({ image: p.state.image.freeze() });
  const effects = q.take();
  const watches = effects.flatMap((effect) => effect.type === "watch" ? [effect.ref] : []);
  assertEquals(watches, [followerOf(1), followerOf(2)]);
  assertEquals(effects.filter(({ type }) => type === "send" || type === "ask" || type === "append"), []);
  q.advance(500);
  beat(q, 2);
  q.advance(499);
  assertEquals(isFenced(q, 1), false);
  q.advance(1);
  assertEquals([isFenced(q, 1), isFenced(q, 2), partitionOf(q, "t").leader], [true, false, 2]);
  q.terminate(followerOf(2));
  assertEquals(isFenced(q, 2), true);
});

Deno.test("who wants to stop hands over, and may go when the others know", () => {
  const journal = new MemoryJournal();
  const p = start({ journal });
  for (const id of [1, 2, 3]) join(p, id);
  created(p, placed("t", [1, 2], [2, 1]));
  const ask = () => beat(p, 1, { wantShutDown: true }).reply;
  assertEquals(ask(), { error: "NONE", fenced: false, shouldShutDown: false });
  assertEquals(lastEvent(journal), ["ControlledShutdown", "PartitionChange", "PartitionChange"]);
  assertEquals([partitionOf(p, "t", 0).leader, partitionOf(p, "t", 1).isr], [2, [2]]);
  catchUp(p, 2);
  assertEquals(ask()?.shouldShutDown, false, "3 has not heard of it");
  catchUp(p, 3);
  assertEquals(ask(), { error: "NONE", fenced: true, shouldShutDown: true });
  assertEquals(lastEvent(journal), ["FenceBroker"]);
  const { length } = journal.events;
  assertEquals(ask(), { error: "NONE", fenced: true, shouldShutDown: true }, "the answer was lost");
  assertEquals(journal.events.length, length);
  assertEquals(beat(p, 1).reply?.fenced, true, "it is not let in any more as what it was");
});

Deno.test("who leads nothing that could be moved may go at once", () => {
  const p = start();
  join(p, 1);
  created(p, placed("t", [1]));
  assertEquals(beat(p, 1, { wantShutDown: true }).reply, { error: "NONE", fenced: true, shouldShutDown: true });
  assertEquals(partitionOf(p, "t").elr, [1]);
  register(p, 1, { incarnationId: "another" });
  beat(p, 1);
  assertEquals(partitionOf(p, "t").leader, 1);
});

Deno.test("who hopes for a follower that ends may go without it", () => {
  const p = start();
  for (const id of [1, 2]) join(p, id);
  created(p, placed("t", [1, 2]));
  p.terminate(followerOf(2));
  beat(p, 2);
  const ask = () => beat(p, 1, { wantShutDown: true }).reply?.shouldShutDown;
  assertEquals(ask(), false);
  p.terminate(followerOf(2));
  assertEquals(ask(), true);
});

Deno.test("nobody waits for who has gone, and what it has applied counts until then", () => {
  const p = start();
  for (const id of [1, 2]) join(p, id);
  const heard = create(p, [placed("t", [1])]);
  catchUp(p, 2);
  beat(p, 1, { wantShutDown: true });
  assertEquals(errors(heard), ["NONE"]);
  join(p, 3);
  const deaf = create(p, [placed("u", [2])]);
  catchUp(p, 2);
  assertEquals(beat(p, 3, { wantShutDown: true, appliedOffset: 0 }).reply?.shouldShutDown, true);
  assertEquals(errors(deaf), ["NONE"]);
});

Deno.test("who wants to stop waits for a follower that may yet catch up", () => {
  const p = start();
  for (const id of [1, 2]) join(p, id);
  created(p, placed("t", [1, 2]));
  p.terminate(followerOf(2));
  beat(p, 2);
  assertEquals(partitionOf(p, "t").isr, [1]);
  const ask = () => beat(p, 1, { wantShutDown: true }).reply?.shouldShutDown;
  assertEquals([ask(), ask()], [false, false]);
  const { leaderEpoch, partitionEpoch } = partitionOf(p, "t");
  const isr = [1, 2].map((brokerId) => ({ brokerId, brokerEpoch: epochOf(p, brokerId) }));
  const { topicId } = p.state.image.topics.get("t")!;
  const changes = [{ topicId, partition: 0, leaderEpoch, partitionEpoch, isr }];
  catchUp(p, 2);
  const { reply } = p.ask("alterPartitions", { brokerId: 1, brokerEpoch: epochOf(p, 1), changes });
  assertEquals(reply?.results[0]?.error, "NEW_LEADER_ELECTED");
  assertEquals([ask(), ask(), partitionOf(p, "t").leader], [false, false, 2]);
  catchUp(p, 2);
  assertEquals(ask(), true, "everybody knows who leads instead");
});

Deno.test("a controller that takes over lets nobody go whose successors it has not heard of", () => {
  const p = start();
  for (const id of [1, 2]) join(p, id);
  created(p, placed("t", [1, 2]));
  beat(p, 1, { wantShutDown: true });
  const q = start({ image: p.state.image.freeze() });
  assertEquals(beat(q, 1, { wantShutDown: true }).reply?.shouldShutDown, false);
  catchUp(q, 2);
  assertEquals(beat(q, 1, { wantShutDown: true }).reply?.shouldShutDown, true);
});

Deno.test("what an earlier incarnation says it has applied does not count", () => {
  const p = start();
  join(p, 1);
  const earlier = epochOf(p, 1);
  register(p, 1, { incarnationId: "another" });
  beat(p, 1);
  const asked = create(p, [newTopic("t")]);
  p.tell("applied", { brokerId: 1, brokerEpoch: earlier, offset: p.state.image.offset });
  assertEquals(asked.answer, undefined);
  p.tell("applied", { brokerId: 7, brokerEpoch: 0, offset: p.state.image.offset });
  assertEquals(asked.answer, undefined);
  beat(p, 1);
  assertEquals(errors(asked), ["NONE"], "a heartbeat says it, too");
});

Deno.test("a broker is forgotten when it is fenced, and registers again if it lives", () => {
  const p = start();
  join(p, 1);
  join(p, 2);
  assertEquals(p.ask("unregisterBroker", { brokerId: 1 }).reply?.error, "INVALID_REQUEST");
  assertEquals(p.ask("unregisterBroker", { brokerId: 3 }).reply?.error, "BROKER_ID_NOT_REGISTERED");
  const before = epochOf(p, 1);
  p.terminate(followerOf(1));
  assertEquals(p.ask("unregisterBroker", { brokerId: 1 }).reply?.error, "NONE");
  assertEquals(p.state.image.brokers.has(1), false);
  assertEquals(beat(p, 1).reply?.error, "BROKER_ID_NOT_REGISTERED");
  assert(register(p, 1).reply!.brokerEpoch > before);
  assertEquals(beat(p, 1).reply?.fenced, false);
});
