import { assertEquals, assertThrows } from "@std/assert";
import {
  checkOptions,
  checkTime,
  offsetsOf,
  oneOrMore,
  partitionOf,
  partitionsOf,
  placeOf,
  subscriptionOf,
} from "../../../client/arguments.ts";

const T0 = { topic: "t", partition: 0 };
/** As a program without types may say it. */
const any = (what: unknown) => what as never;

Deno.test("what is right is passed on as the actor has it, and nothing else of it", () => {
  assertEquals(partitionsOf([{ ...T0, more: 1 } as never]), [T0]);
  assertEquals([oneOrMore(T0), oneOrMore([T0])], [[T0], [T0]]);
  assertEquals(placeOf(3n), { offset: 3 });
  assertEquals(placeOf({ timestamp: -5 }), { timestamp: -5 });
  assertEquals(placeOf("end"), "end");
  assertEquals(offsetsOf([{ ...T0, offset: 7n }]), [{ ...T0, offset: 7, leaderEpoch: -1, metadata: "" }]);
  assertEquals(subscriptionOf(["t"], "classic"), { topics: ["t"] });
  assertEquals(subscriptionOf({ pattern: "t.*" }, "classic"), { pattern: "t.*" });
  assertEquals(subscriptionOf({ pattern: "(" }, "consumer"), { pattern: "(" }); // the coordinator knows what it understands
});

Deno.test("what can never be right is refused by name", () => {
  const refusals: readonly (readonly [() => unknown, string])[] = [
    [() => partitionOf(any(undefined)), "undefined is no partition"],
    [() => partitionOf(any("t-0")), '"t-0" is no partition'],
    [() => partitionOf({ topic: "", partition: 0 }), "must not be empty"],
    [() => partitionOf(any({ partition: 0 })), "undefined is no name of a topic"],
    [() => partitionOf({ topic: "t", partition: -1 }), "Partition -1 of t cannot be"],
    [() => partitionOf({ topic: "t", partition: NaN }), "Partition NaN of t cannot be"],
    [() => partitionsOf(any(T0)), "it must be a list"],
    [() => placeOf(any(3)), "There is no place 3"],
    [() => placeOf(any("start")), 'There is no place "start"'],
    [() => placeOf(any(undefined)), "There is no place undefined"],
    [() => placeOf(any(null)), "There is no place null"],
    [() => placeOf({ timestamp: NaN }), "There is no place"],
    [() => placeOf(any(new Date(0))), 'There is no place "1970'],
    [() => placeOf(-1n), "The offset is -1n"],
    [() => placeOf(2n ** 62n), "it must be a bigint from 0n on"],
    [() => offsetsOf(any({ ...T0, offset: 1n })), "it must be a list"],
    [() => offsetsOf([any({ ...T0, offset: 1 })]), "t-0: the offset is 1: it must be a bigint"],
    [() => offsetsOf([{ ...T0, offset: 1n, leaderEpoch: 0.5 }]), "0.5 is no leader epoch"],
    [() => offsetsOf([{ ...T0, offset: 1n, metadata: any(5) }]), "metadata is 5"],
    [() => subscriptionOf(any("t"), "classic"), 'topics is "t": it must be a list'],
    [() => subscriptionOf(["a b"], "classic"), '"a b" contains a character'],
    [() => subscriptionOf({ pattern: "" }, "consumer"), 'pattern is ""'],
    [() => subscriptionOf({ pattern: any(/t/) }, "consumer"), "pattern is /t/"],
    [() => subscriptionOf({ pattern: "(" }, "classic"), "is not closed"],
    [() => checkTime("timeoutMs", any("5")), 'timeoutMs is "5"'],
    [() => checkOptions(any(undefined), ["a"]), "undefined are no options"],
    [() => checkOptions({ groupdId: 1 }, ["groupId", "topics"]), "these there are: groupId, topics"],
    [() => checkOptions({ "group.id": 1 }, ["groupId"]), '"group.id": it is called groupId'],
  ];
  for (const [ask, sentence] of refusals) assertThrows(ask, RangeError, sentence);
});

Deno.test("a value that says itself in no few words is cut short", () => {
  const circle: Record<string, unknown> = {};
  circle.itself = circle;
  assertThrows(() => placeOf(any(circle)), RangeError, "There is no place object");
  assertThrows(() => placeOf(any({ text: "x".repeat(1_000) })), RangeError, "…: it must be");
});
