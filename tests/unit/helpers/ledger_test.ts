/** The judge of the durability tests: each kind of damage is told. */
import { assertEquals, assertThrows } from "@std/assert";
import { Ledger, type ReadRecord, type SentBatch } from "../../helpers/ledger.ts";

function read(...batches: readonly SentBatch[]): ReadRecord[] {
  return batches.flatMap(({ values }) => values).map((value, offset) => ({ offset, value }));
}

/** A ledger with three batches of two records, the first of which is acknowledged. */
function three(idempotent = true): { ledger: Ledger; a: SentBatch; b: SentBatch; c: SentBatch } {
  const ledger = new Ledger("t-0");
  const [a, b, c] = [1, 2, 3].map(() => ledger.send("w", idempotent, ["", ""])) as [SentBatch, SentBatch, SentBatch];
  ledger.acknowledge(a, 0);
  return { ledger, a, b, c };
}

Deno.test("what was acknowledged must be there; what was not may be, whole and in order", () => {
  for (const present of [1, 2, 3]) {
    const { ledger, a, b, c } = three();
    assertEquals(ledger.check(read(...[a, b, c].slice(0, present))), []);
  }
});

Deno.test("each kind of damage is told", () => {
  const problem = (records: (batches: { a: SentBatch; b: SentBatch; c: SentBatch }) => ReadRecord[]) => {
    const { ledger, ...batches } = three();
    return ledger.check(records(batches)).join().replace(/\bt-0: /g, "");
  };
  assertEquals(problem(() => []), "LOST: batch w:0+2, acknowledged at 0");
  assertEquals(problem(({ a }) => read(a, a)), "batch w:0+2 is there twice: at 0 and 2");
  assertEquals(problem(({ a, c }) => read(a, c)), "batch w:4+2 is there, but batch w:2+2, sent before it, is not");
  assertEquals(problem(({ a, b }) => read(a, b).slice(0, 3)), "batch w:2+2 is torn at 2");
  assertEquals(problem(({ a }) => [...read(a), { offset: 2, value: "?" }]), 'nobody sent what is at 2: "?"');
  const gap = problem(({ a }) => [...read(a), { offset: 7, value: "?" }]);
  assertEquals(gap.split(",").at(0), "offset 7 comes where 2 must");
  const moved = problem(({ a, b }) => read(b, a));
  assertEquals(moved.split(",").at(0), "batch w:0+2 was acknowledged at 0 and is at 2");
  assertEquals(
    problem(({ a }) => read(a).map(({ offset, value }) => ({ offset: offset + 2, value }))).length > 0,
    true,
  );
});

Deno.test("plain writers may miss what was not acknowledged", () => {
  const { ledger, a, c } = three(false);
  assertEquals(ledger.check(read(a, c)), []);
});

Deno.test("what was read once must be read again", () => {
  const { ledger, a, b } = three();
  assertEquals(ledger.check(read(a, b)), []);
  assertEquals(ledger.check(read(a)).length, 2);
  assertEquals(ledger.saw({ offset: 0, value: "other" })?.startsWith("t-0: 0 was"), true);
});

Deno.test("deleted records need not be there, and the start may not go back", () => {
  const { ledger, a, b } = three();
  ledger.acknowledge(b, 2);
  ledger.deletedBelow(3);
  assertEquals(ledger.check(read(a, b).slice(3), 3), []);
  assertEquals(ledger.check(read(a, b), 0), ["t-0: begins at 0, but records were deleted below 3"]);
  assertEquals(ledger.check([], 4).length > 0, true);
});

Deno.test("two acknowledgements of one batch must agree", () => {
  const { ledger, a } = three();
  ledger.acknowledge(a, 0);
  assertThrows(() => ledger.acknowledge(a, 1), Error, "acknowledged at 0 and then at 1");
  assertEquals(ledger.acknowledged, 2);
});
