import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { VirtualClock } from "../../../lib/virtual_clock.ts";
import { type MemoryAccount, MemoryBudget } from "../../../server/memory_budget.ts";

/** A budget of 1000 bytes, and accounts that write down when they are evicted. */
function stage() {
  const clock = new VirtualClock();
  const budget = new MemoryBudget(1000, clock);
  const evicted: string[] = [];
  const reasons: string[] = [];
  const open = (name: string): MemoryAccount =>
    budget.open((reason) => {
      evicted.push(name);
      reasons.push(reason);
    });
  return { clock, budget, evicted, reasons, open };
}

Deno.test("what accounts hold adds up, and is given back when they close", () => {
  const { budget, open } = stage();
  const [a, b] = [open("a"), open("b")];
  a.add("requests", 100);
  a.set("partial", 50);
  a.set("partial", 20);
  b.add("unsent", 300);
  assertEquals([budget.heldBytes, a.heldBytes, budget.isFull], [420, 120, false]);
  a.close();
  a.close();
  a.add("requests", 5); // too late to count
  assertEquals([budget.heldBytes, a.reserve(5)], [300, 0]);
});

Deno.test("an answer gets at most half of what is left, and nothing when it is full", () => {
  const { budget, open } = stage();
  const a = open("a");
  assertEquals([a.reserve(100), a.reserve(10_000), a.reserve(10_000)], [100, 450, 225]);
  a.add("reserved", -225);
  assertEquals(budget.heldBytes, 550);
  open("b").add("requests", 450);
  assertEquals([budget.isFull, a.reserve(1)], [true, 0]);
});

Deno.test("whoever waits for room is called once there is some, in order; one that gave up is not", () => {
  const { clock, budget, open } = stage();
  const a = open("a");
  const called: string[] = [];
  budget.whenRoom(() => called.push("at once"));
  a.add("requests", 1000);
  budget.whenRoom(() => called.push("first"));
  const off = budget.whenRoom(() => called.push("never"));
  budget.whenRoom(() => called.push("second"));
  off();
  assertEquals(called, ["at once"]);
  a.add("requests", -1);
  assertEquals(called, ["at once", "first", "second"]);
  a.add("requests", 1);
  budget.whenRoom(() => called.push("never"))();
  assertEquals(clock.nextDue(), undefined); // nobody waits: there is nothing to look at
  a.add("requests", -1000);
  assertEquals(called.length, 3);
});

Deno.test("a full memory closes whoever has not moved for a second and is itself in the way, the longest first", () => {
  const { clock, budget, evicted, reasons, open } = stage();
  const [working, old, young] = [open("working"), open("old"), open("young")];
  working.add("requests", 400); // it waits for the broker, not for its peer
  old.add("unsent", 300);
  clock.advance(400);
  young.reading = true;
  young.set("partial", 300);
  let room = false;
  budget.whenRoom(() => room = true);
  clock.advance(599);
  assertEquals(evicted, []);
  clock.advance(1000);
  assertEquals([evicted, room], [["old"], true]);
  assertStringIncludes(reasons[0]!, "300 bytes");
  clock.advance(10_000);
  assertEquals(evicted, ["old"]); // there is room: nobody else has to go
});

Deno.test("whoever moves is not closed", () => {
  const { clock, budget, evicted, open } = stage();
  const [moving, stalled] = [open("moving"), open("stalled")];
  moving.add("unsent", 500);
  stalled.add("unsent", 500);
  budget.whenRoom(() => {});
  clock.advance(900);
  moving.moved();
  clock.advance(900);
  assertEquals(evicted, ["stalled"]);
});

Deno.test("past the limit a stalled one goes at once; past twice the limit whoever moved least lately, never the one that moves", () => {
  const { clock, budget, evicted, open } = stage();
  const [a, b, c] = [open("a"), open("b"), open("c")];
  a.add("unsent", 600);
  b.add("unsent", 600);
  assertEquals(evicted, []); // both have just moved
  clock.advance(1_000);
  b.moved();
  b.add("unsent", 1);
  assertEquals(evicted, ["a"]);
  a.add("unsent", 1); // gone already
  c.add("unsent", 1_398);
  assertEquals([evicted, budget.heldBytes], [["a"], 1_999]);
  c.moved();
  c.add("unsent", 1);
  assertEquals([evicted, budget.heldBytes], [["a", "b"], 1_399]);
  c.add("unsent", 5_000); // alone, it may have what it wants
  assertEquals(evicted, ["a", "b"]);
});

Deno.test("the beginning of a request is in the way only while the rest is being read", () => {
  const { clock, budget, evicted, open } = stage();
  const a = open("a");
  a.reading = true;
  a.set("partial", 1_000);
  a.reading = false; // the broker has enough of it for now
  budget.whenRoom(() => {});
  clock.advance(5_000);
  assertEquals(evicted, []);
  a.reading = true;
  clock.advance(999);
  assertEquals(evicted, []);
  clock.advance(1_001);
  assertEquals(evicted, ["a"]);
});

Deno.test("an account that owes nothing any more is safe", () => {
  const { clock, budget, evicted, open } = stage();
  const a = open("a");
  a.add("unsent", 500);
  a.add("unsent", -500);
  a.add("reserved", 1_000);
  budget.whenRoom(() => {});
  clock.advance(5_000);
  assertEquals(evicted, []);
  assert(clock.nextDue() !== undefined); // it keeps looking while somebody waits
  a.close();
  assertEquals(clock.nextDue(), undefined);
});
