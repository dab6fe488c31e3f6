import { assert, assertEquals } from "@std/assert";
import { cutOffset, findDivergence } from "../../../../actors/partition/divergence.ts";
import { FakeLog } from "./fake_log.ts";
import { CONFIG, stored } from "./harness.ts";

/** A log whose records have these epochs, one batch each. */
function logOf(...epochs: number[]): FakeLog {
  const observer = { load: () => true, recovered: () => {}, snapshot: () => new Uint8Array(0) };
  const log = new FakeLog("t-0", "id", CONFIG.log, observer);
  epochs.forEach((epoch, offset) => log.append(stored(offset, 1, epoch), 0));
  return log;
}

Deno.test("a log that is the beginning of the leader's does not part from it", () => {
  const leader = logOf(1, 1, 2, 2, 4);
  assertEquals(findDivergence(leader, 0, -1), null);
  for (const [offset, epoch] of [[1, 1], [2, 1], [3, 2], [4, 2], [5, 4]]) {
    assertEquals(findDivergence(leader, offset!, epoch!), null);
  }
});

Deno.test("a log that has more of an epoch, or an epoch that the leader has not, parts from it", () => {
  const leader = logOf(1, 1, 2, 2, 4);
  assertEquals(findDivergence(leader, 3, 1), { epoch: 1, endOffset: 2 });
  assertEquals(findDivergence(leader, 5, 3), { epoch: 2, endOffset: 4 });
  assertEquals(findDivergence(leader, 4, 3), { epoch: 2, endOffset: 4 }, "it is as long, but of another epoch");
  assertEquals(findDivergence(leader, 6, 4), { epoch: 4, endOffset: 5 });
  assertEquals(findDivergence(leader, 6, 0), { epoch: 0, endOffset: 0 });
});

Deno.test("what lies below the start, or in an epoch to come, cannot be compared", () => {
  const leader = logOf(1, 1, 2);
  leader.startOffset = 2;
  assertEquals(findDivergence(leader, 1, 1), "out of range");
  assertEquals(findDivergence(leader, 3, 3), "out of range");
});

Deno.test("a follower cuts to the end of that epoch in the log where it ends first", () => {
  assertEquals(cutOffset(logOf(1, 1, 1, 2), { epoch: 1, endOffset: 2 }), 2);
  assertEquals(cutOffset(logOf(1, 2, 2, 3), { epoch: 1, endOffset: 3 }), 1);
  assertEquals(cutOffset(logOf(1, 1, 3, 3), { epoch: 2, endOffset: 3 }), 2, "an epoch that it does not know");
  assertEquals(cutOffset(logOf(3, 3), { epoch: 1, endOffset: 1 }), 0, "nothing of it is right");
});

Deno.test("two logs of one partition find where they part, and one is then the other's beginning", () => {
  // An epoch begins at one place only, with the log of its leader before it.
  const histories = [[1, 1, 1, 2, 2, 2, 3, 3], [1, 1, 1, 2, 2, 2, 2, 2], [1, 1, 1, 1, 1], [1, 1, 4, 5, 5], [
    1,
    1,
    4,
    4,
    6,
  ], []];
  histories.push([1, 1, 1, 2, 8], [7, 7, 7], [1, 1, 1, 2, 2, 2, 3, 9, 9]);
  for (const ours of histories) {
    for (const theirs of histories) {
      const leader = logOf(...ours);
      leader.assignEpoch(11, leader.endOffset);
      const follower = logOf(...theirs);
      let same = 0;
      while (same < Math.min(ours.length, theirs.length) && ours[same] === theirs[same]) same++;
      for (let round = 0;; round++) {
        const { endOffset } = follower;
        const found = findDivergence(leader, endOffset, endOffset === 0 ? -1 : follower.epochAt(endOffset - 1));
        if (found === null) break;
        assert(found !== "out of range");
        assert(round < 5, `${theirs} after ${ours}: it ends`);
        follower.truncateTo(cutOffset(follower, found));
      }
      assertEquals(follower.endOffset, same, `${theirs} after ${ours}: what is the same stays, and nothing else`);
    }
  }
});
