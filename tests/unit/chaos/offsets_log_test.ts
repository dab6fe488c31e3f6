import { assertEquals } from "@std/assert";
import { encodeAssignment } from "../../../protocol/consumer_protocol.ts";
import type { GroupRecord } from "../../../actors/group/records.ts";
import { judgeGroupLog, type LoggedRecord, tellOf } from "../../chaos/offsets_log.ts";

/** One batch for each record. */
function logOf(...records: GroupRecord[]): LoggedRecord[][] {
  return records.map((record, offset) => [{ record, offset, atMs: 0 }]);
}

function commit(partition: number, offset: number): GroupRecord {
  const value = { offset: BigInt(offset), leaderEpoch: -1, metadata: "", commitTimestamp: 0n, expireTimestamp: -1n };
  return { type: "offset", group: "g", topic: "t", partition, value };
}

/** A generation of a classic group, with the partitions that each member has. */
function generation(generation: number, members: Record<string, number[]>): GroupRecord {
  const value = {
    protocolType: "consumer",
    generation,
    protocol: "range",
    leader: null,
    currentStateTimestamp: 0n,
    members: Object.entries(members).map(([memberId, partitions]) => ({
      memberId,
      groupInstanceId: null,
      clientId: "",
      clientHost: "",
      rebalanceTimeout: 0,
      sessionTimeout: 0,
      subscription: new Uint8Array(0),
      assignment: encodeAssignment(0, [{ topic: "t", partitions }]),
    })),
  };
  return { type: "classicGroup", group: "g", value };
}

/** What a member of a KIP-848 group has. */
function current(memberId: string, memberEpoch: number, partitions: number[]): GroupRecord {
  const assignedPartitions = [{ topicId: "AAAAAAAAAAAAAAAAAAAAAQ", partitions, assignmentEpochs: null }];
  const value = { memberEpoch, previousMemberEpoch: 0, state: 0, assignedPartitions, partitionsPendingRevocation: [] };
  return { type: "current", group: "g", memberId, value };
}

Deno.test("commits that rise, whoever makes them, are in order", () => {
  const verdict = judgeGroupLog("g", logOf(generation(1, { a: [0] }), commit(0, 5), commit(0, 9), commit(1, 2)));
  assertEquals([verdict.problems, verdict.falls, verdict.repeats], [[], [], []]);
  assertEquals([...verdict.commits], [[0, [5n, 9n]], [1, [2n]]]);
});

Deno.test("an owner may repeat what it committed in its generation; less than it began with is a fall", () => {
  const log = logOf(generation(1, { a: [0] }), commit(0, 5), commit(0, 9), commit(0, 5));
  const verdict = judgeGroupLog("g", log);
  assertEquals(verdict.falls, []);
  assertEquals(verdict.repeats.map(({ text }) => text), ["g: 0 was committed to 9, then to 5, by the record at 3"]);
  const late = judgeGroupLog("g", [...log.slice(0, 3), ...logOf(generation(2, { b: [0] }), commit(0, 5))]);
  assertEquals(late.falls.map(({ text }) => text), ["g: 0 was committed to 9, then to 5, by the record at 1"]);
});

Deno.test("in a KIP-848 group a generation begins with the member's epoch, or when the partition comes to it", () => {
  const begin = [current("a", 1, [0]), commit(0, 5), commit(0, 9)];
  const falls = (...records: GroupRecord[]) => judgeGroupLog("g", logOf(...begin, ...records)).falls.length;
  assertEquals(falls(current("a", 1, [0]), commit(0, 5)), 0);
  assertEquals(falls(current("a", 2, [0]), commit(0, 5)), 1);
  assertEquals(falls(current("a", 1, []), current("a", 1, [0]), commit(0, 5)), 1);
});

Deno.test("a partition that two members have in one generation is found", () => {
  const { problems } = judgeGroupLog("g", logOf(generation(1, { a: [0, 1], b: [1] })));
  assertEquals(problems, ["the group g gives t-1 to a and to b in generation 1."]);
});

Deno.test("what a record says of a partition", () => {
  const tell = (record: GroupRecord, partition: number) => tellOf({ record, offset: 7, atMs: 0 }, partition);
  assertEquals(tell(commit(0, 5), 0), "commit to 5 (at 7)");
  assertEquals(tell(commit(0, 5), 1), undefined);
  assertEquals(tell(generation(3, { a: [0] }), 0), "generation 3 gives it to a (at 7)");
  assertEquals(tell(current("a", 2, [1]), 0), "a has it not in epoch 2 (at 7)");
  assertEquals(tell(current("a", 2, [0]), 0), "a has it in epoch 2 (at 7)");
});
