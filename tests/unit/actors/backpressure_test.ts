import { assert, assertEquals } from "@std/assert";
import { realEnv } from "../../../server/env.ts";
import { ActorSystem } from "../../../actors/system.ts";
import { collect, puppet, type PuppetOutbox, type PuppetRef, stage } from "./fixtures.ts";

function blockedOn(system: ActorSystem, ref: string): string | null {
  return system.actors().find((actor) => actor.ref === ref)!.blockedOn;
}

Deno.test("a full mailbox suspends its sender; nothing is dropped, nothing overtakes", () => {
  const { env, system, spawn, trace } = stage({ mailboxCapacity: 3 });
  const diary: string[] = [];
  const slow = spawn("slow", { diary });
  const other = spawn("other", { diary });
  const fast = spawn("fast", { diary });
  env.advance(0);
  diary.length = 0;
  system.pause(slow);
  const { answers, settle } = collect<number>();
  system.askThen(fast, "act", (_, out) => {
    for (let at = 1; at <= 5; at++) out.send(slow, "note", `to slow ${at}`);
    out.send(other, "note", "behind them");
    out.ask(slow, "note", "asked last", (_, answer) => settle(answer));
  }, () => diary.push("replied"));
  system.tell(fast, "note", "handled when it goes on");
  env.advance(10_000);
  assertEquals(diary, []);
  assertEquals(blockedOn(system, fast), slow);
  assertEquals(system.actors().map(({ mailboxDepth }) => mailboxDepth), [3, 0, 1]);
  system.resume(slow);
  env.advance(0);
  assertEquals(diary.filter((line) => line.includes("slow")), [1, 2, 3, 4, 5].map((at) => `to slow ${at}`));
  assertEquals(diary.filter((line) => !line.includes("slow")).sort(), [
    "asked last",
    "behind them",
    "handled when it goes on",
    "replied",
  ]);
  assertEquals(answers, [6]);
  assertEquals(blockedOn(system, fast), null);
  assertEquals(system.deadLetters.count, 0);
  assertEquals(trace.filter(({ type }) => type === "suspended").length, 1);
  assertEquals(trace.filter(({ type }) => type === "released").length, 1);
  assertEquals(system.overfilled, 0);
});

Deno.test("a suspended actor does not take its answers either, and can be killed", () => {
  const { env, system, spawn } = stage({ mailboxCapacity: 1 });
  const diary: string[] = [];
  const slow = spawn("slow");
  const prompt = spawn("prompt");
  const a = spawn("a", { diary });
  env.advance(0);
  system.pause(slow);
  system.tell(a, "act", (_, out) => {
    out.ask(prompt, "note", "x", () => diary.push("answer"));
    out.send(slow, "note", "1");
    out.send(slow, "note", "2");
  });
  env.advance(0);
  assertEquals(diary, ["start"]);
  system.kill(a);
  env.advance(1_000);
  assertEquals(diary, ["start", "crashed", "start"]);
  assertEquals(blockedOn(system, a), null);
  system.resume(slow);
  env.advance(0);
  assertEquals(system.actors()[0]!.processed, 1); // "2" was dropped with the life that wanted to send it
});

Deno.test("a suspended actor that is stopped waits no longer", () => {
  const { env, system, spawn } = stage({ mailboxCapacity: 1 });
  const diary: string[] = [];
  const slow = spawn("slow", { diary });
  const a = spawn("a", { diary });
  env.advance(0);
  system.pause(slow);
  system.tell(a, "act", (_, out) => {
    for (const text of ["1", "2", "3"]) out.send(slow, "note", text);
  });
  env.advance(0);
  system.stop(a);
  env.advance(0);
  assertEquals(system.actors().map(({ ref }) => ref), [slow]);
  assertEquals(system.overfilled, 2);
  system.resume(slow);
  env.advance(0);
  assertEquals(diary.slice(2), ["stopped", "1", "2", "3"]);
});

Deno.test("the death of the one who is waited for sets free who waits", () => {
  const { env, system, spawn } = stage({ mailboxCapacity: 1 });
  const slow = spawn("slow");
  const a = spawn("a");
  const { answers, settle } = collect<number>();
  env.advance(0);
  system.pause(slow);
  system.tell(a, "act", (_, out) => {
    out.send(slow, "note", "1");
    out.ask(slow, "note", "2", (_, answer) => settle(answer));
  });
  env.advance(0);
  assertEquals(blockedOn(system, a), slow);
  system.stop(slow);
  env.advance(0);
  assertEquals(blockedOn(system, a), null);
  assertEquals(answers, ["unreachable"]);
});

Deno.test("actors that wait for each other go over capacity rather than for ever, in rings of every size", () => {
  for (const size of [1, 2, 3, 5]) {
    const { env, system, spawn, trace } = stage({ mailboxCapacity: 2 });
    const diary: string[] = [];
    const ring = Array.from({ length: size }, (_, at) => spawn(String(at), { diary }));
    env.advance(0);
    diary.length = 0;
    const burst = (to: PuppetRef) => (_: unknown, out: PuppetOutbox) => {
      for (let at = 0; at < 5; at++) out.send(to, "note", `${at}`);
    };
    ring.forEach((ref, at) => system.tell(ref, "act", burst(ring[(at + 1) % size]!)));
    env.advance(0);
    assertEquals(diary.length, 5 * size);
    assert(system.overfilled > 0);
    assertEquals(trace.filter(({ type }) => type === "overfilled").length, system.overfilled);
    assertEquals(system.actors().map(({ blockedOn }) => blockedOn), ring.map(() => null));
  }
});

Deno.test("answers, timers and results do not count towards a full mailbox", () => {
  const { env, system, spawn } = stage({ mailboxCapacity: 1 });
  const diary: string[] = [];
  const b = spawn("b");
  const a = spawn("a", { diary });
  system.tell(a, "act", (_, out) => {
    for (let at = 0; at < 10; at++) {
      out.timer(`${at}`, 1, "note", `timer ${at}`);
      out.call("c", (done) => done({ ok: true, value: 0 }), () => diary.push("result"));
    }
    out.ask(b, "note", "x", () => diary.push("answer"));
  });
  env.advance(1);
  assertEquals(diary.length, 1 + 10 + 10 + 1);
  assertEquals(system.overfilled, 0);
});

Deno.test("an offer is refused while there is no room, and whenRoom tells when there is", () => {
  const { env, system, spawn } = stage({ mailboxCapacity: 2 });
  const a = spawn("a");
  env.advance(0);
  system.pause(a);
  const calls: string[] = [];
  system.whenRoom(a, () => calls.push("at once"));
  assertEquals(calls, ["at once"]);
  assert(system.offer(a, "note", "1"));
  assert(system.offer(a, "note", "2"));
  assert(!system.offer(a, "note", "3"));
  system.whenRoom(a, () => calls.push("room"));
  system.whenRoom(a, () => calls.push("called off"))();
  env.advance(100);
  assertEquals(calls, ["at once"]);
  system.resume(a);
  env.advance(0);
  assertEquals(calls, ["at once", "room"]);
  assert(system.offer(a, "note", "3"));
  system.stop(a);
  env.advance(0);
  assert(system.offer(a, "note", "to nobody")); // taken, as a dead letter: there is nothing to wait for
  assertEquals(system.deadLetters.count, 1);
  system.whenRoom(a, () => calls.push("nobody"));
  assertEquals(calls.at(-1), "nobody");
});

Deno.test("an offer is refused by an actor that is suspended, whatever room it has", () => {
  const { env, system, spawn } = stage({ mailboxCapacity: 2 });
  const slow = spawn("slow");
  const a = spawn("a");
  env.advance(0);
  system.pause(slow);
  system.tell(a, "act", (_, out) => {
    for (let at = 0; at < 3; at++) out.send(slow, "note", "x");
  });
  env.advance(0);
  const calls: string[] = [];
  assert(!system.offer(a, "note", "x"));
  system.whenRoom(a, () => calls.push("room"));
  env.advance(100);
  assertEquals(calls, []);
  system.resume(slow);
  env.advance(0);
  assertEquals(calls, ["room"]);
});

Deno.test("an actor with much to do does not starve another", () => {
  const { env, system, spawn } = stage({ mailboxCapacity: 100_000 });
  const diary: string[] = [];
  const busy = spawn("busy", { diary });
  for (let at = 0; at < 10_000; at++) system.tell(busy, "note", "x");
  const other = spawn("other", { diary });
  system.tell(other, "note", "me too");
  env.advance(0);
  assert(diary.indexOf("me too") < 200, `came after ${diary.indexOf("me too")}`);
});

Deno.test("a million messages do not starve a timer of the machine", async () => {
  const system = new ActorSystem({ node: 1, env: realEnv() });
  let left = 1_000_000;
  let leftAtTimer: number | undefined;
  const actor = puppet({
    on: {
      ...puppet().on,
      note(_, text, out) {
        if (--left > 0) out.send(out.self, "note", text);
        return left;
      },
    },
  });
  system.register(actor);
  const a = system.spawn(actor, "a", {});
  setTimeout(() => leftAtTimer = left, 1);
  system.tell(a, "note", "x");
  while (left > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert(leftAtTimer !== undefined && leftAtTimer > 0, `the timer came when ${leftAtTimer} were left`);
  await system.shutdown();
});

Deno.test("whoever awaits each reply before it asks again does not starve a timer of the machine either", async () => {
  const system = new ActorSystem({ node: 1, env: realEnv() });
  const actor = puppet();
  system.register(actor);
  const a = system.spawn(actor, "a", {});
  let fired = false;
  setTimeout(() => fired = true, 1);
  let asked = 0;
  while (!fired && asked < 1_000_000) {
    await system.ask(a, "note", "x");
    asked++;
  }
  assert(fired, "a million asks, and the timer has not fired");
  await system.shutdown();
});
