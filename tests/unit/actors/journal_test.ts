import { assertEquals } from "@std/assert";
import { type Actor, LATER } from "../../../actors/actor.ts";
import { MemoryJournal, memoryJournals } from "../../../actors/memory_journal.ts";
import { ActorSystem } from "../../../actors/system.ts";
import { VirtualEnv } from "../../../lib/virtual_clock.ts";
import { collect, puppet } from "./fixtures.ts";

interface LedgerProtocol {
  /** Replies with the sum before and after, as the handler saw it. */
  add(amount: number): number;
  /** Sends before, between and after two events. */
  both(_: void): string;
  sum(_: void): number;
  ping(_: void): string;
}
interface Ledger {
  sum: number;
  readonly heard: string[];
}

function ledger(heard: string[]): Actor<LedgerProtocol, Ledger, void> {
  return {
    kind: "ledger",
    start: () => ({ sum: 0, heard }),
    replay: (state, event) => void (state.sum += event as number),
    stopped: (_, why) => void heard.push(why),
    on: {
      add(state, amount, out) {
        out.append(amount);
        return state.sum; // before: the event is applied when the handler has returned
      },
      both(_, __, out) {
        out.call("before", () => heard.push("before"));
        out.append(1);
        out.call("between", () => heard.push("between"));
        out.append(10);
        out.reply(out.asker(), "both");
        out.call("after", () => heard.push("after"));
        return LATER;
      },
      sum: (state) => state.sum,
      ping: () => "pong",
    },
  };
}

function books(journal = new MemoryJournal()) {
  const env = new VirtualEnv();
  const heard: string[] = [];
  const actor = ledger(heard);
  const system = new ActorSystem({ node: 1, env, openJournal: () => journal }).register(actor);
  const ref = system.spawn(actor, "l", undefined);
  env.advance(0);
  return { env, heard, actor, system, ref, journal, ...collect<unknown>() };
}

Deno.test("the handler sees the state before its event; the next turn sees it after", () => {
  const { env, system, ref, journal, answers, settle } = books();
  system.askThen(ref, "add", 5, settle);
  system.askThen(ref, "add", 2, settle);
  system.askThen(ref, "sum", undefined, settle);
  env.advance(0);
  assertEquals(answers, [0, 5, 7]);
  assertEquals(journal.events, [5, 2]);
});

Deno.test("nothing that comes after an event leaves before the event is durable; turns go on meanwhile", () => {
  const { env, system, ref, journal, heard, answers, settle } = books();
  journal.hold();
  system.askThen(ref, "ping", undefined, settle);
  system.askThen(ref, "both", undefined, settle);
  system.askThen(ref, "sum", undefined, settle); // a later turn, that has seen what is not durable
  env.advance(1_000);
  assertEquals(answers, ["pong"]);
  assertEquals(heard, ["before"]);
  assertEquals(system.actors()[0]!.processed, 3);
  journal.release();
  assertEquals(answers, ["pong", "both", 11]);
  assertEquals(heard, ["before", "between", "after"]);
  system.askThen(ref, "ping", undefined, settle);
  env.advance(0);
  assertEquals(answers.at(-1), "pong");
});

Deno.test("it can be seen whether what an actor has decided is on its way to the journal still", () => {
  const { env, system, ref, journal, settle } = books();
  assertEquals(system.isHeldBack(ref), false);
  journal.hold();
  system.askThen(ref, "add", 5, settle);
  env.advance(0);
  assertEquals(system.isHeldBack(ref), true);
  journal.release();
  assertEquals(system.isHeldBack(ref), false);
  system.kill(ref);
  assertEquals(system.isHeldBack(ref), false);
});

Deno.test("each reply waits for its own events only", () => {
  const settles: (() => void)[] = [];
  const journal = new MemoryJournal();
  journal.whenDurable = (_, settle) => void settles.push(() => settle({ ok: true, value: undefined }));
  const { env, system, ref, answers, settle } = books(journal);
  for (const amount of [1, 2, 3]) system.askThen(ref, "add", amount, settle);
  env.advance(0);
  settles[0]!();
  assertEquals(answers, [0]);
  settles[2]!(); // durable up to the third is durable up to the second
  assertEquals(answers, [0, 1, 3]);
  settles[1]!();
  assertEquals(answers, [0, 1, 3]);
});

Deno.test("a restart replays what is durable; what was not has not happened, and its askers learn that it crashed", () => {
  const { env, system, ref, journal, heard, answers, settle } = books();
  system.askThen(ref, "add", 5, settle);
  env.advance(0);
  journal.hold();
  system.askThen(ref, "add", 100, settle);
  system.askThen(ref, "both", undefined, settle);
  env.advance(0);
  system.kill(ref);
  assertEquals(answers, [0, "crashed", "crashed"]);
  journal.release();
  env.advance(1_000);
  system.askThen(ref, "sum", undefined, settle);
  env.advance(0);
  assertEquals(answers.at(-1), 5);
  assertEquals(heard, ["crashed"]); // "before" was behind the event of the turn before it
});

Deno.test("a journal that fails crashes its actor: at once when it refuses, later when it cannot make durable", () => {
  const { env, system, ref, journal, heard, answers, settle } = books();
  journal.hold();
  system.askThen(ref, "add", 5, settle);
  env.advance(0);
  journal.fail(new Error("EIO"));
  assertEquals(answers, ["crashed"]);
  assertEquals(system.actors()[0]!.lastError, "Error: EIO");
  env.advance(1_000);
  system.askThen(ref, "both", undefined, settle);
  env.advance(0);
  assertEquals(answers, ["crashed", "crashed"]);
  assertEquals(heard.includes("before"), false); // the whole turn has not happened
  journal.mend();
  journal.release();
  env.advance(1_000);
  system.askThen(ref, "add", 1, settle);
  env.advance(0);
  assertEquals(answers.at(-1), 0);
});

Deno.test("a stop waits until what was said is durable", () => {
  const { env, system, ref, journal, answers, settle } = books();
  journal.hold();
  system.askThen(ref, "add", 5, settle);
  system.stop(ref);
  env.advance(1_000);
  assertEquals(system.actors()[0]!.state, "stopping");
  journal.release();
  assertEquals(answers, [0]);
  assertEquals(system.actors(), []);
});

Deno.test("an actor whose journal waits for its parent does not keep that from stopping: what is unanswered has crashed", () => {
  const env = new VirtualEnv();
  const actor = ledger([]);
  const parent = puppet();
  const crashed: string[] = [];
  const system: ActorSystem = new ActorSystem({
    node: 1,
    env,
    crashed: (ref) => void crashed.push(ref),
    openJournal: () => ({
      recover: () => {},
      append: () => 1,
      whenDurable: (_, settle) =>
        system.askThen(writer, "later", undefined, (answer) => {
          settle(answer.ok ? { ok: true, value: undefined } : { ok: false, error: new Error(answer.failure) });
        }, Infinity),
      close: () => {},
    }),
  }).register(actor).register(parent);
  const writer = system.spawn(parent, "writer", { start: (out) => void out.spawn(actor, "l", undefined) });
  env.advance(0);
  const { answers, settle } = collect<unknown>();
  system.askThen("1/ledger/l" as ReturnType<typeof books>["ref"], "add", 5, settle);
  env.advance(0);
  assertEquals(answers, []);
  system.stop(writer);
  env.advance(0);
  assertEquals([answers, crashed], [["crashed"], ["1/ledger/l"]]);
  assertEquals(system.actors(), []);
});

Deno.test("an actor does not run ahead of its journal for ever", () => {
  const { env, system, ref, journal } = books();
  journal.hold();
  for (let at = 0; at < 10_000; at++) system.askThen(ref, "add", 1, () => {}, Infinity);
  env.advance(1_000);
  const [info] = system.actors();
  assertEquals(info!.processed < 5_000, true);
  assertEquals(info!.mailboxDepth, 10_000 - info!.processed);
  journal.release();
  env.advance(0);
  assertEquals(system.actors()[0]!.processed, 10_000);
  assertEquals(journal.events.length, 10_000);
});

Deno.test("without a journal an event-sourced actor does not start, and without replay nothing can be appended", () => {
  const env = new VirtualEnv();
  const actor = ledger([]);
  const { replay: _, ...plain } = { ...actor, kind: "plain" };
  const system = new ActorSystem({ node: 1, env }).register(actor).register(plain);
  system.spawn(actor, "a", undefined);
  const ref = system.spawn(plain, "b", undefined);
  system.tell(ref, "add", 1);
  env.advance(0);
  const errors = system.actors().map(({ lastError }) => lastError);
  assertEquals(errors[0]!.includes("openJournal"), true);
  assertEquals(errors[1]!.includes("cannot append"), true);
});

Deno.test("journals in memory are kept by kind and name", () => {
  const open = memoryJournals();
  open("a", "b").append([1]);
  const seen: unknown[] = [];
  open("a", "b").recover((event) => seen.push(event));
  open("a", "c").recover((event) => seen.push(event));
  assertEquals(seen, [1]);
});
