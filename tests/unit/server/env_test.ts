import { assert, assertEquals } from "@std/assert";
import { realEnv } from "../../../server/env.ts";

Deno.test("soon comes before timers and sockets, later lets them go first, and after can be called off", async () => {
  const env = realEnv();
  const ran: string[] = [];
  const startMs = env.clock.monotonic();
  await new Promise<void>((resolve) => {
    env.scheduler.later(() => ran.push("later"));
    env.scheduler.soon(() => ran.push("soon"));
    env.clock.after(1, () => ran.push("called off"))();
    env.clock.after(1.5, () => {
      ran.push("after");
      resolve();
    });
    ran.push("now");
  });
  assertEquals(ran.slice(0, 2), ["now", "soon"]);
  assertEquals(ran.slice(2).sort(), ["after", "later"]);
  assert(env.clock.monotonic() > startMs);
  assert(Math.abs(env.clock.now() - Date.now()) < 60_000);
  assert(env.random.uint32() !== realEnv().random.uint32());
});
