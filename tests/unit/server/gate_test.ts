import { assertEquals } from "@std/assert";
import { VirtualEnv } from "../../../lib/virtual_clock.ts";
import { Gate } from "../../../server/gate.ts";

/** A gate over virtual time, and what has passed it. */
function stage() {
  const outer = new VirtualEnv();
  const gate = new Gate(outer);
  const passed: string[] = [];
  const { clock, scheduler } = gate.env;
  scheduler.soon(() => passed.push("soon"));
  scheduler.later(() => passed.push("later"));
  clock.after(10, () => passed.push("after 10"));
  clock.after(20, () => passed.push("after 20"));
  return { outer, gate, passed };
}

Deno.test("an open gate lets everything pass when it is due", () => {
  const { outer, passed } = stage();
  outer.advance(0);
  assertEquals(passed, ["soon", "later"]);
  outer.advance(20);
  assertEquals(passed, ["soon", "later", "after 10", "after 20"]);
});

Deno.test("a shut gate holds up what comes due, and lets it pass in order when it opens; time goes on meanwhile", () => {
  const { outer, gate, passed } = stage();
  gate.pause();
  outer.advance(15);
  assertEquals([passed, gate.env.clock.monotonic()], [[], 15]);
  gate.resume();
  assertEquals(passed, []); // not inside whoever opens it
  outer.advance(0);
  assertEquals(passed, ["soon", "later", "after 10"]);
  outer.advance(5);
  assertEquals(passed.at(-1), "after 20");
});

Deno.test("a gate that is shut again before what it held has passed holds it up again", () => {
  const { outer, gate, passed } = stage();
  gate.pause();
  outer.advance(0);
  gate.resume();
  gate.pause();
  outer.advance(0);
  assertEquals(passed, []);
  gate.resume();
  outer.advance(0);
  assertEquals(passed, ["soon", "later"]);
});

Deno.test("what is cancelled while it is held never runs", () => {
  const { outer, gate, passed } = stage();
  const cancel = gate.env.clock.after(5, () => passed.push("cancelled"));
  gate.pause();
  outer.advance(5);
  cancel();
  gate.resume();
  outer.advance(0);
  assertEquals(passed, ["soon", "later"]);
});

Deno.test("behind a gate that is walled up nothing runs any more, held or not, and it never opens", () => {
  for (const heldBefore of [true, false]) {
    const { outer, gate, passed } = stage();
    if (heldBefore) {
      gate.pause();
      outer.advance(15);
    }
    gate.wallUp();
    gate.resume();
    gate.pause();
    gate.resume();
    outer.advance(100);
    assertEquals(passed, []);
  }
});
