import { assertEquals } from "@std/assert";
import { apiVersionsEntries, TABLES } from "../../../protocol/api.ts";

Deno.test("every API has its own key, and the tables come in the order of the keys", () => {
  const keys = [...TABLES.keys()];
  assertEquals(keys, [...new Set(keys)].sort((a, b) => a - b));
  for (const [key, api] of TABLES) assertEquals(key, api.key);
});

Deno.test("the tables hold every version of these APIs that brokers of today know, served or not", () => {
  const reach: [number, number, number][] = [
    [0, 3, 13],
    [1, 4, 18],
    [2, 1, 11],
    [3, 0, 13],
    [10, 0, 6],
    [18, 0, 5],
    [19, 2, 7],
    [20, 1, 6],
    [21, 0, 2],
    [22, 0, 5],
    [23, 2, 4],
    [32, 1, 4],
    [33, 0, 2],
    [35, 1, 5],
    [37, 0, 3],
    [44, 0, 1],
    [60, 0, 2],
    [61, 0, 0],
    [75, 0, 0],
  ];
  for (const [key, min, max] of reach) assertEquals(TABLES.get(key)?.versions, { min, max });
});

Deno.test("Produce claims to begin at version 0, everything else tells what is served", () => {
  const served = new Map([[18, { min: 0, max: 4 }], [0, { min: 3, max: 11 }], [1, { min: 4, max: 17 }]]);
  assertEquals(apiVersionsEntries(served), [
    { apiKey: 0, minVersion: 0, maxVersion: 11 },
    { apiKey: 1, minVersion: 4, maxVersion: 17 },
    { apiKey: 18, minVersion: 0, maxVersion: 4 },
  ]);
});
