import { assertEquals } from "@std/assert";
import { GroupHarness } from "./harness.ts";

Deno.test("a message of a timer that was set anew puts nobody out, and the timer goes on", () => {
  const h = new GroupHarness();
  h.join("a");
  h.p.advance(30_000);
  h.beat("a", 1);
  // As if it had been in the mailbox already when the heartbeat came.
  h.p.tell("sessionOver", { memberId: "a", memberEpoch: 1 });
  assertEquals(h.state.hasMembers, true);
  h.p.advance(44_999);
  assertEquals(h.state.hasMembers, true);
  h.p.advance(1);
  assertEquals(h.state.hasMembers, false);
});

Deno.test("a timer of somebody who is gone, or of another kind of group, does nothing", () => {
  const h = new GroupHarness();
  h.p.tell("sessionOver", { memberId: "a", memberEpoch: 1 });
  h.p.tell("revocationOver", { memberId: "a", memberEpoch: 1 });
  h.p.tell("look", "regex");
  h.join("a");
  h.p.tell("sessionOver", { memberId: "b", memberEpoch: 1 });
  h.p.tell("revocationOver", { memberId: "a", memberEpoch: 1 });
  h.p.tell("memberLate", { memberId: "a", token: 0 });
  assertEquals([h.p.crash, h.state.metadata.size], [undefined, 1]);
});

Deno.test("all timers of who has left are unset", () => {
  const h = new GroupHarness();
  h.join("a");
  h.join("b");
  h.beat("a", 1);
  assertEquals([...h.state.volatile.deadlines.keys()].sort(), ["revoke/a", "session/a", "session/b"]);
  h.beat("a", -1);
  assertEquals([...h.state.volatile.deadlines.keys()], ["session/b"]);
});
