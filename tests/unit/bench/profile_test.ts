import { assertEquals } from "@std/assert";
import { selfTimes } from "../../bench/profile.ts";

const frame = (functionName: string, url = "", lineNumber = -1) => ({ functionName, url, lineNumber });

Deno.test("self times add up per function, and idle time is no part of the shares", () => {
  const profile = {
    nodes: [
      { id: 1, callFrame: frame("(idle)") },
      { id: 2, callFrame: frame("append", "file:///house/storage/log.ts", 41) },
      { id: 3, callFrame: frame("append", "file:///house/storage/log.ts", 41) },
      { id: 4, callFrame: frame("", "ext:core/ops.js", 0) },
    ],
    samples: [1, 2, 3, 4],
    timeDeltas: [5_000_000, 1_000_000, 2_000_000, 1_000_000],
  };
  assertEquals(selfTimes(profile, new URL("file:///house/")), [
    { place: "(idle)", seconds: 5, share: 0 },
    { place: "append storage/log.ts:42", seconds: 3, share: 0.75 },
    { place: "(anonymous) ext:core/ops.js:1", seconds: 1, share: 0.25 },
  ]);
});
