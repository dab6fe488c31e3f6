import { assert, assertEquals, assertFalse } from "@std/assert";
import { committedEnd, effectiveMinIsr, isUnderMinIsr, maximalIsr, mayJoin } from "../../../../actors/partition/isr.ts";
import { ROLE } from "./harness.ts";

const role = (replicas: number[], isr: number[]) => ({ ...ROLE, replicas, isr });

Deno.test("min.insync.replicas never asks for more replicas than there are", () => {
  assertEquals(effectiveMinIsr(role([1], [1]), 2), 1);
  assertEquals(effectiveMinIsr(role([1, 2, 3], [1]), 2), 2);
  assertFalse(isUnderMinIsr(role([1], [1]), 3));
  assert(isUnderMinIsr(role([1, 2, 3], [1]), 2));
  assertFalse(isUnderMinIsr(role([1, 2, 3], [1, 3]), 2));
});

Deno.test("what is committed is what every in-sync replica has safe", () => {
  const ends = new Map([[2, 7], [3, 4]]);
  const end = (isr: number[], ownEnd: number) => committedEnd(isr, 1, ownEnd, (node) => ends.get(node));
  assertEquals(end([1, 2, 3], 9), 4);
  assertEquals(end([1, 2], 9), 7);
  assertEquals(end([1, 2], 5), 5);
  assertEquals(end([1], 9), 9);
  assertEquals(end([1, 4], 9), 0, "a follower that has not been heard of holds it back");
});

Deno.test("who is proposed counts as in sync, and who is proposed to leave still does", () => {
  assertEquals(maximalIsr([1, 2], undefined), [1, 2]);
  assertEquals(maximalIsr([1, 2], [1, 2, 3]), [1, 2, 3]);
  assertEquals(maximalIsr([1, 2, 3], [1, 2]), [1, 2, 3]);
});

Deno.test("who joins has all that is committed, and all that was there when the leader began", () => {
  assert(mayJoin(7, 7, 5));
  assert(mayJoin(7, 3, 7));
  assertFalse(mayJoin(6, 7, 5), "below the high watermark");
  assertFalse(mayJoin(6, 3, 7), "below the start of the leader's epoch");
});
