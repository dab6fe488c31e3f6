import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import type { Actor, Asker, Ref } from "../../../actors/actor.ts";
import { LATER } from "../../../actors/actor.ts";
import { MemoryJournal } from "../../../actors/memory_journal.ts";
import { probe } from "../../../actors/probe.ts";
import { puppet, type PuppetRef } from "./fixtures.ts";

interface Member {
  readonly sessionMs: number;
  joining?: Asker<Joined>;
}
interface Joined {
  readonly generation: number;
  readonly members: readonly string[];
}
interface GroupState {
  generation: number;
  readonly members: Map<string, Member>;
}
interface GroupProtocol {
  join(member: { readonly memberId: string; readonly sessionMs: number }): Joined;
  heartbeat(memberId: string): string;
  formed(_: void): void;
  expire(memberId: string): void;
}

/** The consumer group in small: members join, form after three seconds, and are expired when they are silent. */
const group: Actor<GroupProtocol, GroupState, void> = {
  kind: "group",
  start: () => ({ generation: 0, members: new Map() }),
  replay: (state, event) => void (state.generation = event as number),
  on: {
    join(state, { memberId, sessionMs }, out) {
      state.members.set(memberId, { sessionMs, joining: out.asker() });
      out.timer("formed", 3_000, "formed", undefined);
      return LATER;
    },
    heartbeat(state, memberId, out) {
      const member = state.members.get(memberId);
      if (!member) return "UNKNOWN_MEMBER_ID";
      out.timer(`session/${memberId}`, member.sessionMs, "expire", memberId);
      return "NONE";
    },
    formed(state, _, out) {
      out.append(state.generation + 1);
      for (const [memberId, member] of state.members) {
        out.timer(`session/${memberId}`, member.sessionMs, "expire", memberId);
        if (!member.joining) continue;
        out.reply(member.joining, { generation: state.generation + 1, members: [...state.members.keys()] });
        delete member.joining;
      }
    },
    expire: (state, memberId) => void state.members.delete(memberId),
  },
};

Deno.test("a silent member is expired, the other stays", () => {
  const g = probe(group, undefined);
  const a = g.ask("join", { memberId: "a", sessionMs: 10_000 });
  g.tell("join", { memberId: "b", sessionMs: 10_000 });
  g.take();
  g.advance(2_999);
  assertEquals(a.reply, undefined);
  g.advance(1);
  const joined = { generation: 1, members: ["a", "b"] };
  assertEquals(a.reply, joined);
  assertEquals(g.take(), [
    { type: "append", event: 1 },
    { type: "timer", key: "session/a", delayMs: 10_000, verb: "expire", message: "a" },
    { type: "reply", to: "join", value: joined },
    { type: "timer", key: "session/b", delayMs: 10_000, verb: "expire", message: "b" },
  ]);
  g.advance(9_000);
  assertEquals(g.ask("heartbeat", "a").reply, "NONE");
  g.advance(1_000); // b was silent
  assertEquals([...g.state.members.keys()], ["a"]);
});

Deno.test("replies wait for the journal", () => {
  const journal = new MemoryJournal();
  journal.hold();
  const g = probe(group, undefined, { journal });
  const a = g.ask("join", { memberId: "a", sessionMs: 10_000 });
  g.advance(3_000);
  assertEquals([g.state.generation, a.reply], [1, undefined]);
  journal.release();
  assertEquals(a.reply?.generation, 1);
});

Deno.test("what an actor sends, spawns, watches and stops is recorded and goes nowhere", () => {
  const p = probe(puppet(), {}, { node: 3, name: "x" });
  assertEquals(p.ref, "3/puppet/x" as PuppetRef);
  const other = "3/puppet/other" as PuppetRef;
  p.tell("act", (_, out) => {
    out.send(other, "note", "hello");
    const child = out.spawn(puppet(), "child", {});
    out.watch(child);
    out.stop(child);
    out.reply("4/$ask/1" as Asker<number>, 5);
    out.cancel("k");
  });
  assertEquals(
    p.take(),
    [
      { type: "send", to: other, verb: "note", message: "hello" },
      { type: "spawn", kind: "puppet", name: "child", args: {} },
      { type: "watch", ref: "3/puppet/child" },
      { type: "stop", ref: "3/puppet/child" },
      { type: "reply", to: "4/$ask/1", value: 5 },
      { type: "cancel", key: "k" },
    ].map((effect) => effect.type === "spawn" ? { ...effect, args: {} } : effect) as never,
  );
  assertEquals(p.take(), []);
});

Deno.test("the probe answers the actor's questions, or lets them fail or time out", () => {
  const p = probe(puppet(), {});
  const other = "1/puppet/other" as PuppetRef;
  p.tell("act", (_, out) => {
    for (const text of ["1", "2", "3", "4"]) {
      out.ask(other, "note", text, (state, answer) => void state.answers.push(answer), 100);
    }
  });
  assertEquals(
    p.asks.map(({ to, verb, message }) => [to, verb, message]),
    ["1", "2", "3", "4"].map((n) => [other, "note", n]),
  );
  p.answer(p.asks[1]!, 22).answer("note", 11).fail("note", "unreachable").advance(100);
  assertEquals(p.state.answers, [
    { ok: true, value: 22 },
    { ok: true, value: 11 },
    { ok: false, failure: "unreachable" },
    { ok: false, failure: "timeout" },
  ]);
  assertEquals(p.asks, []);
  assertThrows(() => p.answer("note", 1), Error, "no question");
});

Deno.test("calls run at once; those that do not settle are settled by the test", () => {
  const diary: unknown[] = [];
  const p = probe(puppet(), { diary: diary as string[] });
  p.tell("act", (_, out) => {
    out.call<number>("now", (done) => done({ ok: true, value: 1 }), (_, result) => diary.push(result));
    out.call("later", () => diary.push("begun"), (_, result) => diary.push(result));
  });
  assertEquals(diary.slice(1), ["begun", { ok: true, value: 1 }]);
  assertEquals(p.calls, ["later"]);
  p.settle("later", { ok: true, value: 2 });
  assertEquals(diary.at(-1), { ok: true, value: 2 });
  assertEquals(p.calls, []);
  assertThrows(() => p.settle("later", { ok: true, value: 2 }), Error, "no call");
  assertEquals(p.take().map(({ type }) => type), ["call", "call"]);
});

Deno.test("crashes, restarts, the end of others and of itself can be seen", () => {
  const diary: string[] = [];
  const p = probe(puppet(), { diary, start: (out) => out.watch("1/puppet/friend" as Ref<unknown>) });
  const error = new Error("boom");
  p.tell("act", () => {
    throw error;
  });
  assertStrictEquals(p.crash, error);
  p.advance(1_000);
  assertEquals(p.restarts, 1);
  p.terminate("1/puppet/friend");
  assertEquals(diary, ["start", "crashed", "start", "terminated 1/puppet/friend"]);
  assertThrows(() => p.terminate("1/puppet/stranger"), Error, "does not watch");
  p.kill().advance(1_000).stop();
  assert(p.stopped);
  assertEquals(diary.slice(4), ["crashed", "start", "stopped"]);
});

Deno.test("two probes with one seed have the same chance", () => {
  const draw = (seed: number) => {
    const drawn: number[] = [];
    probe(puppet(), {}, { seed }).tell("act", (_, out) => drawn.push(out.random.uint32(), out.random.uint32()));
    return drawn;
  };
  assertEquals(draw(1), draw(1));
  assert(draw(1)[0] !== draw(2)[0]);
});
