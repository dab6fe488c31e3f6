import { assert, assertEquals } from "@std/assert";
import { decide } from "../../../actors/supervisor.ts";
import { SeededRandom } from "../../../lib/prng.ts";
import { puppet, type PuppetArgs, stage } from "./fixtures.ts";

const SUPERVISION = { restarts: 3, periodMs: 1_000, backoffMs: 100, backoffMaxMs: 300, then: "stop" } as const;

Deno.test("the back-off doubles up to its limit, with up to half of it taken away by chance", () => {
  const random = new SeededRandom(1);
  const seen = [new Set<number>(), new Set<number>(), new Set<number>()];
  for (let round = 0; round < 300; round++) {
    const history: number[] = [];
    for (const [crash, fullMs] of [100, 200, 300].entries()) {
      const decision = decide(history, 0, SUPERVISION, random);
      assert(decision.type === "restart" && decision.delayMs >= fullMs / 2 && decision.delayMs <= fullMs);
      seen[crash]!.add(decision.delayMs);
    }
    assertEquals(decide(history, 0, SUPERVISION, random), { type: "stop" });
  }
  for (const delays of seen) assert(delays.size > 20);
});

Deno.test("only crashes within the period count", () => {
  const random = new SeededRandom(1);
  const history = [0, 10, 20];
  assertEquals(decide(history, 999, { ...SUPERVISION, then: "escalate" }, random), { type: "escalate" });
  assertEquals(decide(history, 1_000, SUPERVISION, random).type, "restart");
  assertEquals(history, [10, 20, 1_000]);
});

Deno.test("a crashed actor comes back after its back-off, and is given up when its restarts are used up", () => {
  const { env, system, spawn } = stage({ supervision: { restarts: 2, periodMs: 10_000, backoffMs: 100 } });
  const diary: string[] = [];
  const a = spawn("a", { diary });
  const ended: string[] = [];
  system.watch(a, (ref) => ended.push(ref));
  env.advance(0);
  system.kill(a, "first");
  assertEquals(system.actors()[0]!.state, "restarting");
  env.advance(49);
  assertEquals(diary, ["start", "crashed"]);
  env.advance(51);
  assertEquals(diary, ["start", "crashed", "start"]);
  system.kill(a);
  env.advance(200);
  assertEquals(ended, []);
  system.kill(a, "last");
  env.advance(10_000);
  assertEquals(ended, [a]);
  assertEquals(diary.filter((line) => line === "start").length, 3);
  assertEquals(system.actors().map(({ ref, state, lastError }) => [ref, state, lastError]), [
    [a, "stopped", "Error: last"],
  ]);
  spawn("a"); // its name is free again
  assertEquals(system.actors().map(({ state }) => state), ["running"]);
});

Deno.test("restart neither waits nor counts", () => {
  const { env, system, spawn } = stage({ supervision: { restarts: 1, backoffMs: 1_000 } });
  const diary: string[] = [];
  const a = spawn("a", { diary });
  env.advance(0);
  for (let round = 0; round < 10; round++) {
    system.restart(a);
    env.advance(0);
  }
  system.kill(a);
  system.restart(a); // in the back-off: it begins now
  env.advance(0);
  assertEquals(system.actors()[0]!.state, "running");
  env.advance(5_000); // and not a second time
  assertEquals(diary.filter((line) => line === "start").length, 12);
});

Deno.test("a start that throws is a crash like any other", () => {
  const { env, system, spawn } = stage();
  let failures = 3;
  const diary: string[] = [];
  const a = spawn("a", {
    diary,
    start() {
      if (failures-- > 0) throw new Error("not yet");
    },
  });
  system.tell(a, "note", "waits");
  env.advance(1_000);
  assertEquals(system.actors()[0]!.restarts, 3);
  assertEquals(diary, ["start", "start", "start", "start", "waits"]);
});

Deno.test("the message that crashed an actor is gone, the others wait for its next life", () => {
  const { env, system, spawn } = stage();
  const diary: string[] = [];
  const a = spawn("a", { diary });
  system.tell(a, "note", "1");
  system.tell(a, "act", () => {
    throw new Error("poison");
  });
  system.tell(a, "note", "2");
  env.advance(1_000);
  assertEquals(diary, ["start", "1", "crashed", "start", "2"]);
});

Deno.test("the children of a crashed actor stop before it starts again, and are spawned anew by its start", () => {
  const { env, system, spawn } = stage();
  const diary: string[] = [];
  const parent = spawn("parent", { start: (out) => void out.spawn(puppet(), "child", { diary }) });
  env.advance(0);
  system.pause("1/puppet/child");
  const child = "1/puppet/child" as typeof parent;
  system.tell(child, "note", "lost with it");
  system.kill(parent);
  assertEquals(diary, ["start", "crashed"]);
  assertEquals(system.deadLetters.count, 1);
  env.advance(1_000);
  assertEquals(diary, ["start", "crashed", "start"]);
  assertEquals(system.actors().map(({ ref, parent }) => [ref, parent]), [[parent, null], [child, parent]]);
});

Deno.test("escalation crashes the parent, and all its children with it", () => {
  const { env, system } = stage();
  const diary: string[] = [];
  const sister = { ...puppet(), kind: "sister" };
  const child = { ...puppet({ supervision: { restarts: 0, then: "escalate" } }), kind: "child" };
  const parent = { ...puppet(), kind: "parent" };
  system.register(sister).register(child).register(parent);
  const args: PuppetArgs = {
    diary,
    start(out) {
      out.spawn(sister, "s", {});
      out.spawn(child, "c", {});
    },
  };
  system.spawn(parent, "p", args);
  env.advance(0);
  system.kill("1/child/c", "too bad");
  env.advance(1_000);
  assertEquals(diary, ["start", "crashed", "start"]);
  const info = system.actors().find(({ kind }) => kind === "parent")!;
  assertEquals(info.lastError, "Error: 1/child/c has used up its restarts: too bad");
  assertEquals(system.actors().map(({ kind, state }) => [kind, state]), [
    ["parent", "running"],
    ["sister", "running"],
    ["child", "running"],
  ]);
});

Deno.test("a stopped hook that throws does not stop the restart", () => {
  const { env, system, spawn } = stage({
    stopped() {
      throw new Error("must not");
    },
  });
  const a = spawn("a");
  env.advance(0);
  system.kill(a);
  env.advance(100);
  assertEquals(system.actors()[0]!.state, "running");
});
