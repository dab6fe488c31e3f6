import { assertEquals } from "@std/assert";
import { fromRows } from "../../../../../actors/group/modern/partitions.ts";

Deno.test("rows may name a topic, and a partition, again and again, and be as long as a request", () => {
  const many = Array.from({ length: 500_000 }, (_, partition) => partition);
  const rows = [[3, 1], [1], many.toReversed(), []].map((partitions) => ({ topicId: "t", partitions }));
  assertEquals(fromRows([...rows, { topicId: "none", partitions: [] }]), new Map([["t", many]]));
});
