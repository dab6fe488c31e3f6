import { assertEquals } from "@std/assert";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "../../../protocol/consumer_protocol.ts";
import { SeededRandom } from "../../../lib/prng.ts";

const SUBSCRIPTION = {
  topics: ["t"],
  userData: new Uint8Array([7]),
  ownedPartitions: [{ topic: "t", partitions: [2, 3] }],
  generationId: 5,
  rackId: "r",
};

Deno.test("a subscription comes back as what its version carries", () => {
  const nothing = { ownedPartitions: [], generationId: -1, rackId: null };
  for (
    const [version, rest] of [
      [0, nothing],
      [1, { ...nothing, ownedPartitions: SUBSCRIPTION.ownedPartitions }],
      [2, { ...SUBSCRIPTION, rackId: null }],
      [3, SUBSCRIPTION],
    ] as const
  ) {
    const decoded = decodeSubscription(encodeSubscription(version, SUBSCRIPTION));
    assertEquals(decoded, { ...SUBSCRIPTION, ...rest, version });
  }
});

Deno.test("a version that is newer than we know is read as far as we know it, and never written", () => {
  const bytes = new Uint8Array([...encodeSubscription(9, SUBSCRIPTION), 1, 2, 3]);
  assertEquals(bytes[1], 3);
  bytes[1] = 9;
  assertEquals(decodeSubscription(bytes), { ...SUBSCRIPTION, version: 3 });
});

Deno.test("fields that a client left out of its version are read as none", () => {
  const bytes = encodeSubscription(0, SUBSCRIPTION);
  bytes[1] = 1; // as Sarama did: it says 1, and ends after the user data
  assertEquals(decodeSubscription(bytes), {
    ...SUBSCRIPTION,
    version: 1,
    ownedPartitions: [],
    generationId: -1,
    rackId: null,
  });
});

Deno.test("an assignment comes back; no bytes are one of nothing", () => {
  const assignedPartitions = [{ topic: "t", partitions: [0, 4] }];
  for (const version of [0, 1, 2, 3]) {
    assertEquals(decodeAssignment(encodeAssignment(version, assignedPartitions)), {
      version,
      assignedPartitions,
      userData: null,
    });
  }
  assertEquals(decodeAssignment(new Uint8Array())?.assignedPartitions, []);
});

Deno.test("an assignment has the bytes that Kafka's consumers expect", () => {
  // deno-fmt-ignore
  assertEquals([...encodeAssignment(1, [{ topic: "ab", partitions: [1] }], new Uint8Array([9]))], [
    0, 1,
    0, 0, 0, 1, 0, 2, 97, 98, 0, 0, 0, 1, 0, 0, 0, 1,
    0, 0, 0, 1, 9,
  ]);
});

Deno.test("what makes no sense is undefined, and nothing throws", () => {
  assertEquals(decodeSubscription(new Uint8Array()), undefined);
  assertEquals(decodeSubscription(new Uint8Array([0])), undefined);
  assertEquals(decodeSubscription(new Uint8Array([255, 255, 0, 0, 0, 0])), undefined);
  assertEquals(decodeAssignment(new Uint8Array([0, 0, 127, 255, 255, 255])), undefined);
  const random = new SeededRandom("consumer protocol");
  for (let round = 0; round < 2_000; round++) {
    const bytes = random.bytes(random.below(40));
    if (bytes.length > 1) bytes.set([0, random.below(5)]);
    decodeSubscription(bytes);
    decodeAssignment(bytes);
  }
});
