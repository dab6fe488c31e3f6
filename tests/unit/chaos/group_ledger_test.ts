import { assertEquals } from "@std/assert";
import { GroupLedger } from "../../chaos/group_ledger.ts";

Deno.test("what was given is counted, and what was not is missing", () => {
  const ledger = new GroupLedger("g");
  ledger.assigned("0.1", 1, "a", [0]);
  ledger.handedOut("0.1", 0, "0-1", ["w:0", "w:1"]);
  ledger.handedOut("0.1", 0, "1-1", ["w:1"]);
  assertEquals([ledger.lacks(["w:0", "w:1", "w:2"]), ledger.repeated, ledger.problems], [["w:2"], 1, []]);
});

Deno.test("two members that claim a partition in one generation are found; generations may be unknown", () => {
  const ledger = new GroupLedger("g");
  ledger.assigned("0.1", 1, "a", [0, 1]);
  ledger.assigned("0.1", 1, "a", [0]);
  ledger.assigned("1.2", 2, "b", [0]);
  ledger.assigned("2.3", undefined, "c", [0]);
  assertEquals(ledger.problems, []);
  ledger.assigned("1.2", 1, "b", [1]);
  assertEquals(ledger.problems, ["g: 1 is of a and of b in generation 1"]);
});

Deno.test("who is given records of what it has given back is found, but not who has got it again, or has lost it", () => {
  const ledger = new GroupLedger("g");
  ledger.assigned("0.1", 1, "a", [0, 1]);
  ledger.lost("0.1", [1]);
  ledger.handedOut("0.1", 1, "0-0", ["w:0"]); // handed out before it heard
  ledger.revoked("0.1", [0]);
  ledger.assigned("0.1", 2, "a", [0]);
  ledger.handedOut("0.1", 0, "0-0", ["w:1"]);
  assertEquals(ledger.problems, []);
  ledger.revoked("0.1", [0]);
  ledger.handedOut("0.1", 0, "1-2", ["w:2"]);
  assertEquals(ledger.problems, ["g: 0.1 was given 1-2 of 0, which it had given back"]);
});
