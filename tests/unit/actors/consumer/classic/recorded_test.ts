import { assertEquals } from "@std/assert";
import { CLASSIC_ASSIGNORS } from "../../../../../actors/consumer/assignors/assignors.ts";
import { assignmentsFor, partitionsIn, protocolsOf } from "../../../../../actors/consumer/classic/leader.ts";
import { decodeSubscription, encodeAssignment } from "../../../../../protocol/consumer_protocol.ts";
import { named, partitionsOf } from "../assignors/fixtures.ts";

/** Metadata of members that joined again, with t0 t1 t2 and u0 of generation 1, as they were sent. */
const JAVA = {
  range: "000300000002000174000175ffffffff000000000000000100057261636b31",
  sticky: "0003000000020001740001750000002600000002000174000000030000000000000001000000020001750000000100000000" +
    "000000010000000000000001ffff",
  "cooperative-sticky": "00030000000200017400017500000004000000010000000200017400000003000000000000000100000002" +
    "000175000000010000000000000001ffff",
};

/** librdkafka's, after it unsubscribed from u: it sends what sticky would, and an empty rack for none. */
const LIBRDKAFKA =
  "00030000000100017400000026000000020001740000000300000000000000010000000200017500000001000000000000" +
  "0001000000010001740000000300000000000000010000000200000001" + "0000";

/** Java's leader to itself. */
const JAVA_ASSIGNMENT = "000300000002000174000000030000000000000001000000020001750000000100000000ffffffff";

const LAST = { partitions: partitionsOf("t2 t1 t0 u0"), generation: 1 };

for (const [name, hex] of Object.entries(JAVA)) {
  Deno.test(`${name}: what we say when we join has the bytes of Java's consumer`, () => {
    const assignor = CLASSIC_ASSIGNORS.get(name)!;
    const [protocol] = protocolsOf([assignor], {
      topics: ["u", "t"],
      owned: assignor.isCooperative ? LAST.partitions : [],
      generation: 1,
      rackId: name === "range" ? "rack1" : null,
      last: LAST,
    });
    assertEquals(protocol!.metadata.toHex(), hex);
  });
}

Deno.test("an assignment has the bytes of Java's", () => {
  const assigned = [{ topic: "t", partitions: [0, 1, 2] }, { topic: "u", partitions: [0] }];
  assertEquals(encodeAssignment(3, assigned).toHex(), JAVA_ASSIGNMENT);
  assertEquals(partitionsIn(Uint8Array.fromHex(JAVA_ASSIGNMENT))!.map(named), ["t0", "t1", "t2", "u0"]);
});

Deno.test("what Java's and librdkafka's members had, they keep", () => {
  const newcomer = { memberId: "a", groupInstanceId: null };
  for (
    const [name, hex] of [
      ["sticky", JAVA.sticky],
      ["cooperative-sticky", JAVA["cooperative-sticky"]],
      ["cooperative-sticky", LIBRDKAFKA],
    ] as const
  ) {
    const [mine] = protocolsOf([CLASSIC_ASSIGNORS.get(name)!], {
      topics: ["t"],
      owned: [],
      generation: -1,
      rackId: null,
      last: { partitions: [], generation: -1 },
    });
    const members = [
      { ...newcomer, metadata: mine!.metadata },
      { memberId: "b", groupInstanceId: null, metadata: Uint8Array.fromHex(hex) },
    ];
    const assigned = assignmentsFor(CLASSIC_ASSIGNORS.get(name)!, members, new Map([["t", 3], ["u", 1]]));
    const theirs = partitionsIn(assigned[1]!.assignment)!.map(named);
    assertEquals(theirs, hex === LIBRDKAFKA ? ["t0", "t1"] : ["t0", "u0"], name);
  }
});

Deno.test("what librdkafka says is read whole", () => {
  const { userData: _, ...said } = decodeSubscription(Uint8Array.fromHex(LIBRDKAFKA))!;
  assertEquals(said, {
    version: 3,
    topics: ["t"],
    ownedPartitions: [{ topic: "t", partitions: [0, 1, 2] }],
    generationId: 1,
    rackId: "",
  });
});
