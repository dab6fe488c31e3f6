import { assertEquals } from "@std/assert";
import { errorName } from "../../../../../protocol/errors.ts";
import { GROUP_ID, GroupHarness, idOf, two } from "./harness.ts";

function errorOf(reply: { readonly errorCode: number }): string {
  return errorName(reply.errorCode);
}

Deno.test("commits and fetches of offsets are for members of the epoch", () => {
  const h = two();
  const commit = (memberId: string, epoch: number, version = 9) => h.state.judgeCommit({ memberId, epoch, version });
  assertEquals(commit("a", 2), "NONE");
  assertEquals(commit("a", 1), "STALE_MEMBER_EPOCH");
  assertEquals(commit("a", 2, 8), "UNSUPPORTED_VERSION");
  assertEquals(commit("x", 2), "UNKNOWN_MEMBER_ID");
  assertEquals(commit("", -1), "UNKNOWN_MEMBER_ID", "the group has members");
  const fetch = (memberId: string | null, epoch: number) => h.state.judgeFetch({ memberId, epoch });
  assertEquals([fetch(null, -1), fetch("a", 2), fetch("a", 1), fetch("x", 2)], [
    "NONE",
    "NONE",
    "STALE_MEMBER_EPOCH",
    "UNKNOWN_MEMBER_ID",
  ]);
  h.beat("a", -1);
  h.beat("b", -1);
  assertEquals(commit("", -1), "NONE");
});

Deno.test("the group is described with what members have and are to have", () => {
  const h = new GroupHarness();
  h.join("a", { rackId: "r1", instanceId: "i" });
  h.join("b");
  const client = { id: "", host: "" };
  const described = h.p.ask("describeConsumer", { version: 1, client, body: undefined }).reply!;
  assertEquals(
    [described.errorCode, described.groupId, described.groupState, described.groupEpoch, described.assignmentEpoch],
    [0, GROUP_ID, "Reconciling", 2, 2],
  );
  assertEquals(described.assignorName, "uniform");
  const [a, b] = described.members;
  assertEquals([a!.memberId, a!.rackId, a!.instanceId, a!.memberEpoch, a!.memberType], ["a", "r1", "i", 1, 1]);
  assertEquals([a!.clientId, a!.clientHost], ["client", "/127.0.0.1"]);
  const rows = (partitions: number[]) => [{ topicId: idOf("t"), topicName: "t", partitions }];
  assertEquals(a!.assignment.topicPartitions, rows([0, 1, 2, 3]));
  assertEquals(a!.targetAssignment.topicPartitions, rows([0, 1]));
  assertEquals([b!.assignment.topicPartitions, b!.targetAssignment.topicPartitions], [[], rows([2, 3])]);
  const none = new GroupHarness().p.ask("describeConsumer", { version: 1, client, body: undefined }).reply!;
  assertEquals([errorOf(none), none.errorMessage], ["GROUP_ID_NOT_FOUND", "Group g not found."]);
});
