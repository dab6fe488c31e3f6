import { assert, assertEquals, assertThrows } from "@std/assert";
import { VirtualClock, VirtualEnv } from "../../../lib/virtual_clock.ts";

Deno.test("tasks run when time is moved to them, each at its own time", () => {
  const clock = new VirtualClock(undefined, 5_000);
  const ran: [string, number, number][] = [];
  const at = (name: string) => () => ran.push([name, clock.monotonic(), clock.now()]);
  clock.after(20, at("b"));
  clock.after(10, () => {
    at("a")();
    clock.after(5, at("within"));
  });
  const cancel = clock.after(15, at("never"));
  clock.after(31, at("too late"));
  cancel();
  cancel();
  assertEquals(clock.nextDue(), 10);
  clock.advance(30);
  assertEquals(ran, [["a", 10, 5_010], ["within", 15, 5_015], ["b", 20, 5_020]]);
  assertEquals([clock.monotonic(), clock.now()], [30, 5_030]);
});

Deno.test("tasks due at the same time run in an order that the seed draws; what is soon goes first", () => {
  const order = (seed: number) => {
    const env = new VirtualEnv(seed);
    const ran: string[] = [];
    for (const name of ["a", "b", "c", "d"]) env.clock.after(0, () => ran.push(name));
    env.scheduler.later(() => ran.push("later"));
    env.scheduler.soon(() => ran.push("soon"));
    env.advance(0);
    return ran.join(" ");
  };
  const orders = new Set<string>();
  for (let seed = 0; seed < 50; seed++) {
    assertEquals(order(seed), order(seed));
    assert(order(seed).startsWith("soon "));
    orders.add(order(seed));
  }
  assert(orders.size > 20);
});

Deno.test("run goes on until nothing is left, and refuses to go on for ever", () => {
  const env = new VirtualEnv();
  let left = 5;
  const again = () => void (--left > 0 && env.clock.after(1_000, again));
  again();
  assertEquals(env.run(), 4);
  assertEquals(env.clock.monotonic(), 4_000);
  assertEquals(env.step(), false);
  const forever = () => void env.clock.after(1, forever);
  forever();
  assertThrows(() => env.run(100), Error, "still busy after 100");
});

Deno.test("forks share time and have chance of their own", () => {
  const env = new VirtualEnv(1);
  const [a, b] = [env.fork("a"), env.fork("b")];
  env.advance(7);
  assertEquals([a.clock.monotonic(), b.clock.monotonic()], [7, 7]);
  assert(a.random.uint32() !== b.random.uint32());
});
