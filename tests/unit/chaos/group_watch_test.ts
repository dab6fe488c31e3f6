import { assertEquals } from "@std/assert";
import { firstNotIn } from "../../chaos/group_watch.ts";

Deno.test("what coordinators say must follow each other in the log; nothing is missed by looking now and then", () => {
  const log = [5n, 9n, 5n, 12n];
  assertEquals(firstNotIn(log, []), undefined);
  assertEquals(firstNotIn(log, [5n, 12n]), undefined);
  assertEquals(firstNotIn(log, [9n, 5n, 12n]), undefined);
  assertEquals(firstNotIn(log, [12n, 9n]), 1);
  assertEquals(firstNotIn(log, [5n, 10n]), 1);
});
