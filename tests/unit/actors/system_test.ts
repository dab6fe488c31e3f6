import { assert, assertEquals, assertThrows } from "@std/assert";
import { nodeOf, parseRef, refOf } from "../../../actors/address.ts";
import { type Actor, type Ref } from "../../../actors/actor.ts";
import { collect, puppet, type PuppetOutbox, type PuppetProtocol, stage } from "./fixtures.ts";

function stateOf(system: ReturnType<typeof stage>["system"], ref: string): string | undefined {
  return system.actors().find((actor) => actor.ref === ref)?.state;
}

Deno.test("a ref holds any name", () => {
  for (const name of ["", "a", "a/b//c", "orders-0", "…/ß", " "]) {
    assertEquals(parseRef(refOf(-3, "group", name)), { node: -3, kind: "group", name });
  }
  assertThrows(() => refOf(1.5, "group", "a"));
  assertThrows(() => refOf(1, "a/b", "c"));
  for (const text of ["", "1", "1/", "1/group", "x/group/a", "/group/a", "01/group/a", "1//a"]) {
    assertThrows(() => parseRef(text), Error, "a ref must be");
  }
  assertEquals(nodeOf("12/group/a"), 12);
  assertEquals(nodeOf("group"), undefined);
});

Deno.test("messages of one sender are handled in order, replies come back", () => {
  const { env, system, spawn } = stage();
  const a = spawn("a");
  const { answers, settle } = collect<number>();
  for (const text of ["x", "y", "z"]) system.askThen(a, "note", text, settle);
  assertEquals(answers, []);
  env.advance(0);
  assertEquals(answers, [1, 2, 3]);
});

Deno.test("effects leave in order after the handler has returned", () => {
  const { env, system, spawn } = stage();
  const diary: string[] = [];
  const b = spawn("b", { diary });
  const a = spawn("a");
  system.tell(a, "act", (_, out) => {
    out.send(b, "note", "one");
    out.call("adapter", () => diary.push("call"));
    diary.push("handler");
    out.send(b, "note", "two");
  });
  env.advance(0);
  assertEquals(diary, ["start", "handler", "call", "one", "two"]);
});

Deno.test("a handler that throws half-way has sent nothing, set nothing, answered nobody", () => {
  const { env, system, spawn } = stage();
  const diary: string[] = [];
  const b = spawn("b", { diary });
  const a = spawn("a", { diary });
  const { answers, settle } = collect<unknown>();
  system.askThen(a, "later", undefined, settle);
  env.advance(0);
  system.askThen(a, "act", (state, out) => {
    state.notes.push("gone with the state");
    out.send(b, "note", "never");
    out.timer("t", 1, "note", "never");
    out.reply(state.askers[0]!, "never");
    out.spawn(puppet(), "child", {});
    throw new Error("half-way");
  }, settle);
  system.askThen(a, "note", "waits for the next life", settle);
  env.advance(0);
  assertEquals(answers, ["crashed", "crashed"]);
  env.advance(100);
  assertEquals(answers, ["crashed", "crashed", 1]);
  assertEquals(diary, ["start", "start", "crashed", "start", "waits for the next life"]);
  assertEquals(system.actors().map(({ ref, restarts }) => [ref, restarts]), [[b, 0], [a, 1]]);
});

Deno.test("an answer is a turn with the state of then; one to a former life is dropped", () => {
  const { env, system, spawn } = stage();
  const b = spawn("b");
  const diary: string[] = [];
  const a = spawn("a", { diary });
  const ask = (state: { notes: string[] }, out: PuppetOutbox) => {
    out.ask(b, "later", undefined, (later, answer) => {
      diary.push(`${answer.ok && answer.value}, notes ${later.notes.length}, same ${later === state}`);
    });
  };
  system.tell(a, "act", ask);
  system.tell(a, "note", "meanwhile");
  env.advance(0);
  system.tell(b, "answer", "hello");
  env.advance(0);
  assertEquals(diary, ["start", "meanwhile", "hello, notes 1, same true"]);
  system.tell(a, "act", ask);
  env.advance(0);
  system.restart(a);
  system.tell(b, "answer", "too late");
  env.advance(0);
  assertEquals(diary.slice(3), ["crashed", "start"]);
});

Deno.test("an ask fails: nobody there, no answer in time, stopped before it answered", () => {
  const { env, system, spawn } = stage();
  const a = spawn("a");
  const { answers, settle } = collect<string>();
  system.askThen("1/puppet/nobody" as typeof a, "later", undefined, settle);
  assertEquals(answers, ["unreachable"]);
  system.askThen(a, "later", undefined, settle, 50);
  env.advance(49);
  assertEquals(answers.length, 1);
  env.advance(1);
  assertEquals(answers, ["unreachable", "timeout"]);
  system.askThen(a, "later", undefined, settle);
  system.stop(a);
  system.askThen(a, "later", undefined, settle);
  assertEquals(answers[2], "unreachable");
  env.advance(0);
  assertEquals(answers[3], "crashed");
  system.askThen("7/puppet/a" as typeof a, "later", undefined, settle);
  assertEquals(answers[4], "unreachable");
});

Deno.test("a reply that comes after the deadline is not heard", () => {
  const { env, system, spawn } = stage();
  const a = spawn("a");
  const { answers, settle } = collect<number>();
  system.pause(a);
  system.askThen(a, "note", "x", settle, 10);
  env.advance(10);
  system.resume(a);
  env.advance(0);
  assertEquals(answers, ["timeout"]);
  assertEquals(system.actors()[0]!.processed, 1);
});

Deno.test("answering twice, or somebody who no longer waits, does nothing", () => {
  const { env, system, spawn } = stage();
  const a = spawn("a");
  const { answers, settle } = collect<string>();
  system.askThen(a, "later", undefined, settle);
  system.tell(a, "act", (state, out) => {
    const asker = state.askers[0]!;
    out.reply(asker, "first");
    out.reply(asker, "second");
    out.timer("again", 10, "answer", "third");
  });
  env.advance(100);
  assertEquals(answers, ["first"]);
  system.tell(a, "act", (_, out) => out.reply(out.asker(), undefined as never)); // a tell: nobody waits
  env.advance(0);
  assertEquals(system.deadLetters.count, 0);
  assertEquals(stateOf(system, a), "running");
});

Deno.test("an asker is plain data: whoever is handed it may answer", () => {
  const { env, system, spawn } = stage();
  const b = spawn("b");
  const a = spawn("a");
  const { answers, settle } = collect<string>();
  system.askThen(a, "later", undefined, settle);
  system.tell(a, "act", (state, out) => {
    const asker = state.askers.pop()!;
    out.send(b, "act", (_, theirs) => theirs.reply(asker, "from b"));
  });
  env.advance(0);
  assertEquals(answers, ["from b"]);
});

Deno.test("the outbox is dead outside of a turn", () => {
  const { env, system, spawn } = stage();
  const a = spawn("a");
  let kept: PuppetOutbox | undefined;
  system.tell(a, "act", (_, out) => kept = out);
  env.advance(0);
  assertThrows(() => kept!.cancel("x"), Error, "outside of a turn");
});

Deno.test("calls come back once, and only to the life that made them; an error without a continuation crashes", () => {
  const { env, system, spawn } = stage();
  const diary: string[] = [];
  const a = spawn("a", { diary });
  let finish: ((value: number) => void) | undefined;
  const call = (_: unknown, out: PuppetOutbox) =>
    out.call<number>("disk", (done) => {
      finish = (value) => done({ ok: true, value });
    }, (_, result) => diary.push(`disk ${result.ok && result.value}`));
  system.tell(a, "act", call);
  env.advance(0);
  finish!(1);
  finish!(2);
  env.advance(0);
  system.tell(a, "act", call);
  env.advance(0);
  system.restart(a);
  env.advance(0);
  finish!(3);
  env.advance(0);
  assertEquals(diary, ["start", "disk 1", "crashed", "start"]);
  const fails = (then?: (result: string) => void) => (_: unknown, out: PuppetOutbox) =>
    out.call("bug", () => {
      throw new Error("in the adapter");
    }, then && ((_, result) => then(result.ok ? "" : result.error.message)));
  system.tell(a, "act", fails((message) => diary.push(message)));
  env.advance(0);
  assertEquals(diary.at(-1), "in the adapter");
  system.tell(a, "act", fails());
  env.advance(0);
  assertEquals(diary.at(-1), "crashed");
});

Deno.test("timers: a key moves, a cancelled or former timer is never heard, even when its message waits already", () => {
  const { env, system, spawn } = stage();
  const diary: string[] = [];
  const a = spawn("a", { diary });
  system.tell(a, "act", (_, out) => {
    out.timer("moved", 10, "note", "early");
    out.timer("moved", 30, "note", "moved");
    out.timer("unset", 20, "note", "unset");
    out.cancel("unset");
    out.cancel("unknown");
  });
  env.advance(29);
  assertEquals(diary, ["start"]);
  env.advance(1);
  assertEquals(diary, ["start", "moved"]);
  // While it is paused the timers ring into the mailbox; then it takes one of them back.
  system.tell(a, "act", (_, out) => {
    out.timer("a", 1, "note", "kept");
    out.timer("b", 1, "note", "taken back");
    out.timer("c", 1, "note", "set again");
  });
  env.advance(0);
  system.pause(a);
  system.tell(a, "act", (_, out) => {
    out.cancel("b");
    out.timer("c", 5, "note", "later");
  });
  env.advance(2);
  system.resume(a);
  env.advance(0);
  assertEquals(diary.slice(2), ["kept"]);
  env.advance(5);
  assertEquals(diary.slice(2), ["kept", "later"]);
  // A timer of a former life, rung and not rung.
  system.tell(a, "act", (_, out) => {
    out.timer("rung", 1, "note", "former");
    out.timer("set", 10, "note", "former");
  });
  env.advance(0);
  system.pause(a);
  env.advance(1);
  system.restart(a);
  env.advance(100);
  assertEquals(diary.slice(4), ["crashed", "start"]);
});

Deno.test("the system lane goes before the user lane", () => {
  const { env, system, spawn } = stage();
  const diary: string[] = [];
  const a = spawn("a", { diary });
  let settle = () => {};
  system.tell(a, "act", (_, out) => {
    const work = (done: (result: { ok: true; value: number }) => void) => settle = () => done({ ok: true, value: 0 });
    out.call("adapter", work, () => diary.push("result"));
  });
  env.advance(0);
  system.pause(a);
  system.tell(a, "note", "was there first");
  settle();
  system.resume(a);
  env.advance(0);
  assertEquals(diary, ["start", "result", "was there first"]);
});

Deno.test("ports are sent to and asked like actors", () => {
  const { env, system, spawn } = stage();
  const a = spawn("a");
  const heard: unknown[] = [];
  const port = system.port<PuppetProtocol>("adapter", "p", (verb, message, answer) => {
    heard.push(verb, message);
    if (verb === "note") answer(7 as never);
  });
  const { answers, settle } = collect<unknown>();
  system.tell(a, "act", (_, out) => {
    out.watch(port.ref);
    out.ask(port.ref, "note", "x", (_, answer) => settle(answer));
    out.ask(port.ref, "later", undefined, (_, answer) => settle(answer));
  });
  env.advance(0);
  assertEquals(heard, ["note", "x", "later", undefined]);
  assertEquals(answers, [7]);
  port.close();
  port.close();
  env.advance(0);
  assertEquals(answers, [7, "crashed"]);
  system.tell(port.ref, "note", "nobody");
  assertEquals(system.deadLetters.recent.map(({ to, verb, reason }) => [to, verb, reason]), [
    [port.ref, "note", "there is no such actor"],
  ]);
});

Deno.test("what an adapter throws is reported, and hurts no actor", () => {
  const reports: string[] = [];
  const report = (error: unknown, where: string) => reports.push(`${where}: ${(error as Error).message}`);
  const { env, system, spawn } = stage({}, { report });
  const port = system.port<PuppetProtocol>("adapter", "p", () => {
    throw new Error("port");
  });
  const a = spawn("a");
  const { answers, settle } = collect<unknown>();
  system.tell(a, "act", (_, out) => out.ask(port.ref, "later", undefined, (_, answer) => settle(answer)));
  system.askThen(a, "note", "x", () => {
    throw new Error("settle");
  });
  env.advance(0);
  assertEquals(answers, ["crashed"]);
  assertEquals(reports, ["port 1/adapter/p: port", "answer to note: settle"]);
  assertEquals(system.actors()[0]!.restarts, 0);
});

Deno.test("dead letters are counted, the last hundred kept", () => {
  const { env, system, spawn } = stage();
  const a = spawn("a");
  for (let at = 0; at < 150; at++) system.tell("1/puppet/none" as typeof a, "note", String(at));
  system.tell(a as Ref<unknown> as Ref<{ toString(_: void): void }>, "toString", undefined);
  env.advance(0);
  assertEquals(system.deadLetters.count, 151);
  assertEquals(system.deadLetters.recent.length, 100);
  assertEquals(system.deadLetters.recent.at(-1), {
    atMs: 0,
    to: a,
    from: "",
    verb: "toString",
    reason: "the actor does not understand it",
  });
});

Deno.test("spawning what is unknown or taken is a programmer error", () => {
  const { env, system, spawn } = stage();
  const a = spawn("a");
  assertThrows(() => spawn("a"), Error, "is taken");
  assertThrows(
    () => system.spawn({ kind: "unheard" } as Actor<unknown, unknown, void>, "x", undefined),
    Error,
    "regist",
  );
  const diary: string[] = [];
  const b = spawn("b", { diary });
  system.tell(b, "act", (_, out) => {
    out.spawn(puppet(), "c", {});
    out.spawn(puppet(), "c", {});
  });
  env.advance(0);
  assertEquals(diary, ["start", "crashed"]);
  assertEquals(stateOf(system, "1/puppet/c"), undefined);
  assert(system.stop(a));
});

Deno.test("every turn in an actor's life is traced", () => {
  const { env, system, spawn, trace } = stage();
  const a = spawn("a");
  system.tell(a, "note", "x");
  env.advance(0);
  system.kill(a);
  env.advance(100);
  system.pause(a);
  system.resume(a);
  system.stop(a);
  env.advance(0);
  assertEquals(trace.map(({ type }) => type), [
    "spawned",
    "started",
    "message",
    "crashed",
    "restarting",
    "started",
    "paused",
    "resumed",
    "stopping",
    "stopped",
  ]);
});
