import { assert, assertEquals, assertFalse } from "@std/assert";
import { Followers, type Heard } from "../../../../actors/partition/followers.ts";

const heard = (offset: number, over: Partial<Heard> = {}): Heard => ({
  brokerId: 2,
  brokerEpoch: 20,
  startOffset: 0,
  offset,
  safeOffset: offset,
  leaderMs: -1,
  ...over,
});

Deno.test("a follower is where it says, and no more of it is safe than it has", () => {
  const followers = new Followers([], 0);
  assertEquals(followers.get(2), undefined);
  followers.pulled(heard(7, { safeOffset: 5, startOffset: 3 }), 9, 0);
  assertEquals([followers.get(2)?.start, followers.get(2)?.end, followers.get(2)?.safe], [3, 7, 5]);
  followers.pulled(heard(8, { safeOffset: 11 }), 9, 0);
  assertEquals(followers.get(2)?.safe, 8);
});

Deno.test("what is safe may be told by messages that overtake each other", () => {
  const followers = new Followers([], 0);
  followers.pulled(heard(5, { safeOffset: 0 }), 9, 0);
  assert(followers.isSafe(2, 20, 9, 9, 0), "the pull that brought it to 9 is still on its way");
  assertEquals([followers.get(2)?.end, followers.get(2)?.safe], [9, 9]);
  followers.pulled(heard(9, { safeOffset: 5 }), 9, 0);
  assertEquals(followers.get(2)?.safe, 9);
  assertFalse(followers.isSafe(2, 20, 7, 9, 0));
  assertEquals(followers.get(2)?.safe, 9);
  followers.pulled(heard(3), 9, 0);
  assertEquals([followers.get(2)?.end, followers.get(2)?.safe], [3, 3], "its log has become shorter");
});

Deno.test("only the incarnation that has pulled can say what is safe, and no more than the leader has", () => {
  const followers = new Followers([], 0);
  assertFalse(followers.isSafe(2, 20, 5, 9, 0), "never heard");
  followers.pulled(heard(5, { safeOffset: 0 }), 9, 0);
  assertFalse(followers.isSafe(2, 19, 5, 9, 0));
  assertFalse(followers.isSafe(2, 21, 5, 9, 0));
  assertFalse(followers.isSafe(2, 20, 10, 9, 0));
  assertEquals(followers.get(2)?.safe, 0);
  assert(followers.isSafe(2, 20, 5, 9, 0));
});

Deno.test("a new incarnation begins with what it says, but not with new time", () => {
  const followers = new Followers([], 0);
  followers.pulled(heard(9), 9, 1_000);
  followers.pulled(heard(5, { brokerEpoch: 21, safeOffset: 2 }), 9, 1_500);
  assertEquals([followers.get(2)?.safe, followers.caughtUpMs(2)], [2, 1_000]);
});

Deno.test("a follower was heard when it last pulled, in whatever incarnation, or else when the epoch began", () => {
  const followers = new Followers([2], 1_000);
  assertEquals([followers.heardMs(2), followers.heardMs(3)], [1_000, 1_000]);
  followers.pulled(heard(5, { safeOffset: 2 }), 9, 1_500);
  followers.pulled(heard(5, { brokerEpoch: 21, safeOffset: 2 }), 9, 1_700);
  followers.isSafe(2, 21, 5, 9, 1_800);
  followers.waited(2, 9, 1_900);
  assertEquals([followers.heardMs(2), followers.heardMs(3)], [1_700, 1_000]);
});

Deno.test("who is in sync at the start has the time of a laggard to be heard, others none", () => {
  const followers = new Followers([2], 1_000);
  assert(followers.isCaughtUp(2, 9, 1_100, 100));
  assertFalse(followers.isCaughtUp(2, 9, 1_101, 100));
  assertFalse(followers.isCaughtUp(3, 9, 1_000, 100));
});

Deno.test("a follower that has everything has caught up, however long it has been silent", () => {
  const followers = new Followers([], 0);
  followers.pulled(heard(9), 9, 0);
  assert(followers.isCaughtUp(2, 9, 100_000, 100));
  assertFalse(followers.isCaughtUp(2, 10, 101, 100));
  assert(followers.isCaughtUp(2, 10, 100, 100));
});

Deno.test("under load a follower has caught up when it reaches what was the end a while ago", () => {
  const followers = new Followers([], 0);
  followers.pulled(heard(0), 10, 1_000); // 10 was the end at 1 000
  followers.pulled(heard(9), 20, 1_010);
  assertFalse(followers.isCaughtUp(2, 20, 1_010, 100));
  followers.pulled(heard(12), 30, 1_020); // now 30 is to be reached
  assertEquals(followers.caughtUpMs(2), 1_000);
  assert(followers.isSafe(2, 20, 30, 40, 1_040));
  assertEquals(followers.caughtUpMs(2), 1_020);
});

Deno.test("who has waited at the end had caught up until now", () => {
  const followers = new Followers([], 0);
  followers.pulled(heard(9), 9, 1_000);
  followers.waited(2, 9, 1_400);
  assertEquals(followers.caughtUpMs(2), 1_400);
  followers.pulled(heard(9, { brokerId: 3, safeOffset: 4 }), 9, 1_000);
  followers.waited(3, 9, 1_400);
  assertEquals(followers.caughtUpMs(3), -Infinity, "it had the records, but not safe");
  followers.waited(4, 9, 1_400);
  assertEquals(followers.get(4), undefined);
});

Deno.test("who is no replica any more is forgotten", () => {
  const followers = new Followers([], 0);
  followers.pulled(heard(9), 9, 0);
  followers.keep([1, 2]);
  assertEquals(followers.get(2)?.end, 9);
  followers.keep([1, 3]);
  assertEquals(followers.get(2), undefined);
});
