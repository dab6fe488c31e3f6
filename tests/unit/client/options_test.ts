import { assertEquals, assertThrows } from "@std/assert";
import { CONSUMER_DEFAULTS } from "../../../actors/consumer/config.ts";
import { configOf } from "../../../client/options.ts";
import type { ConsumerOptions } from "../../../client/options.ts";

Deno.test("what is not said is as in Kafka, or as it is here", () => {
  const said = configOf({ groupId: "g", topics: ["t"], clientRack: "r", sessionTimeoutMs: undefined as never });
  assertEquals(said, { ...CONSUMER_DEFAULTS, groupId: "g", clientRack: "r" });
  assertEquals(configOf({}, { heartbeatIntervalMs: 50 }).heartbeatIntervalMs, 50);
});

/** With what is wrong, as a program without types may have it. */
const REFUSED: Readonly<Record<string, readonly [options: unknown, sentence: string]>> = {
  "a name that there is not": [{ autoOffestReset: "earliest" }, 'There is no option "autoOffestReset"'],
  "Kafka's own names": [{ "max.poll.interval.ms": 1 }, "it is called maxPollIntervalMs"],
  "no options": [null, "null are no options"],
  "topics without a group": [{ topics: ["t"] }, "takes a groupId"],
  "two ways of reading": [{ groupId: "g", topics: ["t"], pattern: "t" }, "Only one of topics"],
  "no topics": [{ groupId: "g", topics: [] }, "topics is empty"],
  "a topic for its list": [{ groupId: "g", topics: "t" }, 'topics is "t": it must be a list'],
  "a topic's name that cannot be": [{ groupId: "g", topics: ["a b"] }, '"a b" contains'],
  "a pattern that is none": [{ groupId: "g", pattern: "(" }, "is not closed"],
  "a RegExp": [{ groupId: "g", pattern: /t/ }, "pattern is /t/"],
  "a partition that cannot be": [{ partitions: [{ topic: "t", partition: -1 }] }, "Partition -1 of t"],
  "an empty group id": [{ groupId: "" }, 'groupId is "": it must be a text, not empty.'],
  "a group id that is a number": [{ groupId: 5 }, "groupId is 5"],
  "a group id that no record can hold": [{ groupId: "ä".repeat(20_000) }, "groupId is 40000 bytes long"],
  "an empty instance id": [{ groupId: "g", groupInstanceId: "" }, 'groupInstanceId is ""'],
  "an instance id that brokers refuse": [{ groupId: "g", groupInstanceId: "a/b" }, "groupInstanceId has to be as"],
  "NaN": [{ sessionTimeoutMs: NaN }, "sessionTimeoutMs is NaN: it must be a whole number from 1"],
  "what is negative": [{ maxPollIntervalMs: -1 }, "maxPollIntervalMs is -1"],
  "what does not end": [{ maxPollIntervalMs: Infinity }, "maxPollIntervalMs is Infinity"],
  "what no request can carry": [{ fetchMinBytes: 2 ** 40 }, "from 0 to 2147483647"],
  "a part of a millisecond": [{ sessionTimeoutMs: 10_000.5 }, "sessionTimeoutMs is 10000.5"],
  "a number as text": [{ sessionTimeoutMs: "45000" }, 'sessionTimeoutMs is "45000"'],
  "yes as text": [{ enableAutoCommit: "false" }, 'enableAutoCommit is "false": it must be true or false.'],
  "an assignor that there is not": [{ partitionAssignors: ["nope"] }, 'partitionAssignors is ["nope"]'],
  "no assignor": [{ partitionAssignors: [] }, "of one at least"],
  "a protocol that there is not": [{ groupProtocol: "modern" }, "one of classic, consumer"],
  "an empty name": [{ name: "" }, "name must be a text"],
  "a listener that cannot be called": [{ groupId: "g", lost: true }, "lost must be a function"],
};

for (const [what, [options, sentence]] of Object.entries(REFUSED)) {
  Deno.test(`${what}: refused before anything is started`, () => {
    assertThrows(() => configOf(options as ConsumerOptions), RangeError, sentence);
  });
}
