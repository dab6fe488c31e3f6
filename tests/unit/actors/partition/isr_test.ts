import { assert, assertEquals, assertFalse } from "@std/assert";
import { committedEnd, effectiveMinIsr, isUnderMinIsr } from "../../../../actors/partition/isr.ts";

const role = (replicas: number[], isr: number[]) => ({ leader: 1, leaderEpoch: 0, partitionEpoch: 0, replicas, isr });

Deno.test("min.insync.replicas never asks for more replicas than there are", () => {
  assertEquals(effectiveMinIsr(role([1], [1]), 2), 1);
  assertEquals(effectiveMinIsr(role([1, 2, 3], [1]), 2), 2);
  assertFalse(isUnderMinIsr(role([1], [1]), 3));
  assert(isUnderMinIsr(role([1, 2, 3], [1]), 2));
  assertFalse(isUnderMinIsr(role([1, 2, 3], [1, 3]), 2));
});

Deno.test("what is committed is what every in-sync replica has", () => {
  const ends = new Map([[2, 7], [3, 4]]);
  assertEquals(committedEnd(role([1, 2, 3], [1, 2, 3]), 9, ends), 4);
  assertEquals(committedEnd(role([1, 2, 3], [1, 2]), 9, ends), 7);
  assertEquals(committedEnd(role([1, 2, 3], [1, 2]), 5, ends), 5);
  assertEquals(committedEnd(role([1, 2, 3], [1]), 9, ends), 9);
  assertEquals(committedEnd(role([1, 4], [1, 4]), 9, ends), 0, "a follower that has not been heard of holds it back");
});
