import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { collect, puppet, type PuppetArgs, stage } from "./fixtures.ts";

Deno.test("stop handles what is there already, and takes nothing more", () => {
  const { env, system, spawn } = stage();
  const diary: string[] = [];
  const a = spawn("a", { diary });
  const { answers, settle } = collect<number>();
  system.askThen(a, "note", "before", settle);
  system.stop(a);
  system.stop(a);
  system.askThen(a, "note", "after", settle);
  env.advance(0);
  assertEquals(diary, ["start", "before", "stopped"]);
  assertEquals(answers, ["unreachable", 1]);
  assertEquals(system.actors(), []);
  assertEquals(system.stop(a), false);
});

Deno.test("a handler stops itself after its turn, and its children only", () => {
  const { env, system, spawn } = stage();
  const diary: string[] = [];
  const other = spawn("other");
  const a = spawn("a", { diary, start: (out) => void out.spawn(puppet(), "child", { diary }) });
  system.tell(a, "act", (_, out) => {
    out.stop();
    out.send(out.self, "note", "too late");
    diary.push("still in its turn");
  });
  system.tell(a, "note", "was there");
  env.advance(0);
  assertEquals(diary, ["start", "still in its turn", "was there", "start", "stopped", "stopped"]);
  const b = spawn("b", { diary });
  system.tell(b, "act", (_, out) => out.stop(other));
  env.advance(0);
  assertEquals(diary.at(-1), "crashed");
});

Deno.test("children stop before their parents, messages and all, and crashing meanwhile restarts nobody", () => {
  const { env, system, spawn } = stage();
  const diary: string[] = [];
  const named = (name: string): PuppetArgs => ({
    diary: { push: (line: string) => diary.push(`${name} ${line}`) } as unknown as string[],
  });
  const start: PuppetArgs["start"] = (out) => {
    out.spawn(puppet(), "c1", named("c1"));
    out.spawn(puppet(), "c2", named("c2"));
  };
  const parent = spawn("parent", { ...named("parent"), start });
  env.advance(0);
  const child = "1/puppet/c1" as typeof parent;
  system.tell(child, "act", () => {
    throw new Error("while stopping");
  });
  system.tell(child, "note", "not reached");
  system.tell("1/puppet/c2" as typeof parent, "note", "last words");
  system.stop(parent);
  env.advance(0);
  assertEquals(
    diary,
    [
      "parent start",
      "c1 start",
      "c2 start",
      "c1 crashed",
      "c2 last words",
      "parent stopping",
    ].filter((line) => line !== "parent stopping").concat(["c2 stopped", "parent stopped"]),
  );
});

Deno.test("a child that crashes while its parent stops is not restarted", () => {
  const { env, system, spawn } = stage();
  const diary: string[] = [];
  const parent = spawn("parent", { diary, start: (out) => void out.spawn(puppet(), "child", { diary }) });
  env.advance(0);
  system.stop(parent);
  system.tell("1/puppet/child" as typeof parent, "act", () => {
    throw new Error("while its parent stops");
  });
  env.advance(0);
  assertEquals(diary, ["start", "start", "crashed", "stopped"]);
  assertEquals(system.actors(), []);
});

Deno.test("an actor between two lives stops at once", () => {
  const { env, system, spawn } = stage();
  const a = spawn("a");
  env.advance(0);
  system.kill(a);
  const { answers, settle } = collect<number>();
  system.askThen(a, "note", "x", settle);
  system.stop(a);
  assertEquals(answers, ["unreachable"]);
  assertEquals(system.actors(), []);
  env.advance(10_000);
  assertEquals(system.actors(), []);
});

Deno.test("death-watch tells of the end for good, not of restarts, and at once of the absent", () => {
  const { env, system, spawn } = stage();
  const diary: string[] = [];
  const b = spawn("b");
  const c = spawn("c");
  const a = spawn("a", {
    diary,
    start(out) {
      out.watch(b);
      out.watch("1/puppet/nobody" as typeof b);
    },
  });
  system.tell(a, "act", (_, out) => out.watch(b)); // twice is once
  system.tell(a, "act", (_, out) => out.watch(c));
  env.advance(0);
  assertEquals(diary, ["start", "terminated 1/puppet/nobody"]);
  system.kill(b);
  env.advance(1_000);
  assertEquals(diary.length, 2);
  system.stop(b);
  env.advance(0);
  assertEquals(diary.slice(2), ["terminated 1/puppet/b"]);
  system.restart(a); // its next life watches b and nobody again, but not c
  env.advance(0);
  system.stop(c);
  env.advance(0);
  assertEquals(diary.slice(3), ["crashed", "start", "terminated 1/puppet/b", "terminated 1/puppet/nobody"]);
});

Deno.test("a paused actor handles nothing until it is resumed; kill, restart and stop end the pause", () => {
  const { env, system, spawn } = stage();
  const diary: string[] = [];
  const a = spawn("a", { diary });
  env.advance(0);
  for (
    const [end, heard] of [["resume", []], ["kill", ["crashed", "start"]], ["restart", ["crashed", "start"]]] as const
  ) {
    diary.length = 0;
    system.pause(a);
    system.tell(a, "note", "x");
    env.advance(1_000);
    assertEquals(diary, []);
    assertEquals(system.actors()[0]!.state, "paused");
    assertEquals(system.actors()[0]!.mailboxDepth, 1);
    system[end](a);
    env.advance(1_000);
    assertEquals(diary, [...heard, "x"]);
  }
  system.pause(a);
  system.tell(a, "note", "y");
  system.stop(a);
  env.advance(0);
  assertEquals(diary.slice(-2), ["y", "stopped"]);
});

Deno.test("killing from within: in the middle of the victim's turn it waits for the turn's end", () => {
  const { env, system, spawn } = stage();
  const diary: string[] = [];
  const a = spawn("a", { diary });
  const port = system.port<{ hit(_: void): void }>("adapter", "p", () => void system.kill(a));
  system.tell(a, "act", (_, out) => {
    out.send(port.ref, "hit", undefined);
    out.call("after", () => diary.push("the turn ends"));
  });
  env.advance(1_000);
  assertEquals(diary, ["start", "the turn ends", "crashed", "start"]);
});

Deno.test("shutdown stops roots in reverse order, each after its children, and leaves no timer", async () => {
  const { env, system, spawn } = stage();
  const diary: string[] = [];
  const named = (name: string): PuppetArgs => ({
    diary: { push: (line: string) => diary.push(`${name} ${line}`) } as unknown as string[],
  });
  spawn("a", { ...named("a"), start: (out) => out.timer("t", 1_000, "note", "never") });
  spawn("b", { ...named("b"), start: (out) => void out.spawn(puppet(), "child", named("child")) });
  const c = spawn("c", named("c"));
  const paused = spawn("paused", named("paused"));
  env.advance(0);
  system.pause(paused);
  system.kill(c); // it waits for its restart
  diary.length = 0;
  const { answers, settle } = collect<string>();
  system.askThen(c, "later", undefined, settle);
  let done = false;
  const ended = system.shutdown().then(() => done = true);
  env.advance(0);
  assertEquals(diary, ["paused stopped", "child stopped", "b stopped", "a stopped"]);
  assertEquals(env.clock.nextDue(), undefined);
  await ended;
  assertEquals(done, true);
  assertEquals(answers, ["unreachable"]);
  system.tell(c, "note", "x");
  system.askThen(c, "later", undefined, settle);
  assertEquals(answers.length, 2);
  assertEquals(env.clock.nextDue(), undefined);
  assertThrows(() => spawn("late"), Error, "shut down");
});

Deno.test("halt ends everything in the middle of it, and gives back what the actors held", () => {
  const { env, system, spawn } = stage();
  const diary: string[] = [];
  const a = spawn("a", { diary, start: (out) => void out.spawn(puppet(), "child", { diary }) });
  env.advance(0);
  system.tell(a, "note", "not handled");
  system.halt();
  assertEquals(diary, ["start", "start", "crashed", "crashed"]);
  assertEquals(env.run(), 1); // the turn that was due finds nobody
  assertEquals(diary.length, 4);
  assertEquals(system.actors(), []);
});

Deno.test("an actor that has the ref of one before it draws other numbers", () => {
  const { env, system, spawn } = stage();
  const draw = () => {
    let drawn = "";
    const ref = spawn("a");
    system.tell(ref, "act", (_, out) => {
      drawn = out.random.bytes(16).join();
      out.stop();
    });
    env.advance(0);
    return drawn;
  };
  assertNotEquals(draw(), draw());
});
