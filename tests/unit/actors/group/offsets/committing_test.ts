import { assert, assertEquals } from "@std/assert";
import { MemoryJournal } from "../../../../../actors/memory_journal.ts";
import { Offsets } from "../../../../../actors/group/offsets/offsets.ts";
import { decodeRecord, encodeRecord, type GroupRecord } from "../../../../../actors/group/records.ts";
import { errorName } from "../../../../../protocol/errors.ts";
import {
  commit,
  commitMessage,
  EPOCH_MS,
  errorsOf,
  fetched,
  membersOf,
  offsetRecord,
  stage,
  written,
} from "./stage.ts";

Deno.test("what was committed is fetched, and a null text comes back as an empty one", () => {
  const p = stage();
  assertEquals(errorsOf(commit(p, [["t", 0, 7, "note"], ["t", 1, 8, null], ["u", 0, 0]]).reply), [
    "NONE",
    "NONE",
    "NONE",
  ]);
  assertEquals(fetched(p, [["u", [0, 3]], ["t", [1, 0]], ["never", [0]]]), [
    "u-0:0:",
    "u-3:-1:",
    "t-1:8:",
    "t-0:7:note",
    "never-0:-1:",
  ]);
});

Deno.test("a partition that a fetch names several times is answered once, in the order in which they were named first", () => {
  const p = stage();
  commit(p, [["t", 0, 7, "note"], ["u", 0, 8]]);
  assertEquals(fetched(p, [["t", [1, 0, 1, 0]], ["u", [0]], ["t", [0, 2]], ["u", []]]), [
    "t-1:-1:",
    "t-0:7:note",
    "t-2:-1:",
    "u-0:8:",
  ]);
});

Deno.test("null topics mean all that there are, no topics none", () => {
  const p = stage();
  commit(p, [["u", 1, 1], ["t", 11, 2], ["t", 2, 3]]);
  assertEquals(fetched(p, null), ["t-2:3:", "t-11:2:", "u-1:1:"]);
  assertEquals(fetched(p, []), []);
});

Deno.test("a commit is answered when it is durable, and so is a fetch that has seen it", () => {
  const journal = new MemoryJournal();
  const p = stage({ journal });
  journal.hold();
  const committed = commit(p, [["t", 0, 7]]);
  assertEquals(committed.answer, undefined);
  assertEquals(fetched(p, null), "no answer");
  journal.release();
  p.advance(0);
  assertEquals(errorsOf(committed.reply), ["NONE"]);
  assertEquals(fetched(p, null), ["t-0:7:"]);
});

Deno.test("of two commits for one partition in a request the last counts; both are answered", () => {
  const p = stage();
  assertEquals(errorsOf(commit(p, [["t", 0, 7], ["t", 0, 5]]).reply), ["NONE", "NONE"]);
  assertEquals(written(p), ["t-0=5"]);
});

Deno.test("a text that is too long costs its partition, not the others", () => {
  const p = stage();
  const errors = errorsOf(commit(p, [["t", 0, 7, "12345678901"], ["t", 1, 8, "1234567890"]]).reply);
  assertEquals(errors, ["OFFSET_METADATA_TOO_LARGE", "NONE"]);
  assertEquals(written(p), ["t-1=8"]);
});

Deno.test("a commit that does not fit into one batch is refused before anything is written", () => {
  const p = stage({ config: { maxWriteBytes: 300 } });
  const many = Array.from({ length: 9 }, (_, partition) => ["t", partition, 1] as const);
  assertEquals(new Set(errorsOf(commit(p, many).reply)), new Set(["INVALID_COMMIT_OFFSET_SIZE"]));
  assertEquals(written(p), []);
  assertEquals(errorsOf(commit(p, many.slice(0, 2)).reply), ["NONE", "NONE"]);
});

Deno.test("what a commit takes grows with its topics and partitions, and not with their square", () => {
  const p = stage({ config: { maxWriteBytes: 10_000_000 } });
  const count = 2_000;
  const message = commitMessage(Array.from({ length: count }, (_, topic) => [`t${topic}`, 0, 1]), { topicId: "id" });
  let looks = 0;
  const topics = message.body.topics.map(({ name, ...topic }) => ({
    ...topic,
    get name() {
      return looks++, name;
    },
  }));
  const { reply } = p.ask("commit", { ...message, body: { ...message.body, topics } });
  assertEquals(new Set(errorsOf(reply)), new Set(["NONE"]));
  assert(looks <= 10 * count, `${looks} looks at ${count} names`);

  const offsets = new Offsets("g");
  const beganMs = performance.now();
  for (let partition = 0; partition < 20_000; partition++) offsets.spare({ topic: "t", partition }, "id");
  const tookMs = performance.now() - beganMs;
  assert(tookMs < 2_000, `20 000 partitions took ${tookMs} ms`);
});

Deno.test("nobody is a member of a group that has only offsets", () => {
  const p = stage({ records: [offsetRecord("t", 0, 1)] });
  assertEquals(errorsOf(commit(p, [["t", 0, 7]], { epoch: 0, memberId: "m" }).reply), ["UNKNOWN_MEMBER_ID"]);
  assertEquals(written(p), []);
  assertEquals(errorsOf(commit(p, [["t", 0, 7]], { epoch: -1 }).reply), ["NONE"]);
});

Deno.test("the members' error is every partition's, and nothing is written", () => {
  const p = stage();
  const asked: unknown[] = [];
  p.state.classic = membersOf({
    judgeCommit(commit) {
      asked.push({ ...commit, partitions: [...commit.partitions] });
      return "REBALANCE_IN_PROGRESS";
    },
  });
  const response = commit(p, [["t", 0, 7], ["t", 1, 7]], { epoch: 4, memberId: "m", version: 8 });
  assertEquals(errorsOf(response.reply), ["REBALANCE_IN_PROGRESS", "REBALANCE_IN_PROGRESS"]);
  const partitions = [0, 1].map((partition) => ({ topicId: "", partition }));
  assertEquals(asked, [{ memberId: "m", instanceId: null, epoch: 4, version: 8, partitions }]);
  assertEquals(written(p), []);
});

Deno.test("a commit is a sign of life, if it was let through, even while it is written", () => {
  const journal = new MemoryJournal();
  const p = stage({ journal });
  const heard: string[] = [];
  p.state.classic = membersOf({ heard: (memberId) => void heard.push(memberId) });
  journal.hold();
  commit(p, [["t", 0, 7]], { epoch: 1, memberId: "m" });
  assertEquals(heard, ["m"]);
  commit(p, [["t", 0, 7]]);
  assertEquals(heard, ["m"]);
  p.state.classic = membersOf({ judgeCommit: () => "ILLEGAL_GENERATION", heard: (id) => void heard.push(id) });
  commit(p, [["t", 0, 7]], { epoch: 0, memberId: "m" });
  assertEquals(heard, ["m"]);
});

Deno.test("a record holds the offset, its leader epoch, the text and the times; a retention of its own makes it an older version", () => {
  const p = stage();
  commit(p, [["t", 3, 7, "note"]]);
  commit(p, [["u", 1, 8]], { retentionMs: 5_000, version: 4 });
  const records = p.take().flatMap((each) => each.type === "append" ? [each.event as GroupRecord] : []);
  const stored = { leaderEpoch: 5, commitTimestamp: BigInt(EPOCH_MS) };
  assertEquals(records.map(({ value }) => value), [
    { ...stored, offset: 7n, metadata: "note", expireTimestamp: -1n },
    { ...stored, offset: 8n, metadata: "", expireTimestamp: BigInt(EPOCH_MS + 5_000) },
  ]);
  const [normal, expiring] = records.map((record) => encodeRecord(record));
  assertEquals([normal!.value![1], expiring!.value![1]], [3, 1]);
  assertEquals(decodeRecord(normal!.key, normal!.value), records[0]);
});

Deno.test("a retention that never ends is what a record can hold", () => {
  const p = stage();
  commit(p, [["t", 0, 8]], { retentionMs: Number.MAX_SAFE_INTEGER, version: 4 });
  assertEquals(p.state.offsets.get("t", 0)!.expireTimestamp, BigInt(EPOCH_MS) + BigInt(Number.MAX_SAFE_INTEGER));
  const endless = commitMessage([["t", 1, 8]], { version: 4 });
  p.ask("commit", { ...endless, body: { ...endless.body, retentionTimeMs: 2n ** 63n - 1n } });
  const record = p.state.offsets.records()[1]!;
  assertEquals(record.type === "offset" && record.value!.expireTimestamp, 2n ** 63n - 1n);
  const { key, value } = encodeRecord(record);
  assertEquals(decodeRecord(key, value)?.value, { ...record.value, leaderEpoch: -1 } as typeof record.value);
});

Deno.test("loading gives what was written, in the order of topics and partitions", () => {
  const records = [offsetRecord("t", 10, 1), offsetRecord("t", 9, 2), offsetRecord("a", 0, 3)];
  const p = stage({ records });
  assertEquals(p.state.offsets.records(), [records[2]!, records[1]!, records[0]!]);
  p.state.offsets.apply({ ...records[0]!, value: null } as GroupRecord);
  p.state.offsets.apply({ ...records[2]!, value: null } as GroupRecord);
  assertEquals(p.state.offsets.records(), [records[1]!]);
  assertEquals(p.state.offsets.isEmpty, false);
  p.state.offsets.apply({ ...records[1]!, value: null } as GroupRecord);
  assertEquals(p.state.offsets.isEmpty, true);
});

Deno.test("a fetch that names a member is judged; one that does not is answered by every group", () => {
  const p = stage();
  assertEquals(fetched(p, null), []);
  assertEquals(
    fetched(p, [["t", [0]]], { memberId: "m", memberEpoch: 3 }),
    ["t-0:-1:"],
    "nobody can tell, as in Kafka",
  );
  p.state.modern = membersOf({
    judgeFetch: ({ memberId, epoch }) => memberId === "m" && epoch === 3 ? "STALE_MEMBER_EPOCH" : "NONE",
  });
  assertEquals(fetched(p, null, { memberId: "m", memberEpoch: 3 }), "STALE_MEMBER_EPOCH");
  assertEquals(fetched(p, null), []);
});

Deno.test("deleting offsets: what members read stays, what was never there is no error", () => {
  const p = stage({ records: [offsetRecord("t", 0, 1), offsetRecord("u", 0, 1), offsetRecord("u", 1, 1)] });
  const remove = (...partitions: (readonly [string, number])[]) => {
    const topics = partitions.map(([name, partitionIndex]) => ({ name, partitions: [{ partitionIndex }] }));
    return p.ask("deleteOffsets", { version: 0, client: { id: "", host: "" }, body: { groupId: "g", topics } }).reply!;
  };
  p.state.classic = membersOf({ isSubscribedTo: (topic) => topic === "t" });
  const mixed = remove(["t", 0], ["u", 0], ["u", 5]);
  assertEquals([errorsOf(mixed), mixed.isWritten], [["GROUP_SUBSCRIBED_TO_TOPIC", "NONE", "NONE"], true]);
  assertEquals(remove(["t", 0], ["u", 5]).isWritten, false);
  assertEquals(written(p), ["u-0=gone"]);
  p.state.classic = membersOf({ protocolType: "connect" });
  assertEquals(errorName(remove(["u", 1]).errorCode), "NON_EMPTY_GROUP");
  p.state.classic = membersOf({ protocolType: "connect", hasMembers: false });
  assertEquals(errorsOf(remove(["u", 1])), ["NONE"]);
  assertEquals(fetched(p, null), ["t-0:1:"]);
});

Deno.test("deleting offsets of nothing", () => {
  const p = stage();
  const body = { groupId: "g", topics: [] };
  const { reply } = p.ask("deleteOffsets", { version: 0, client: { id: "", host: "" }, body });
  assertEquals(errorName(reply!.errorCode), "GROUP_ID_NOT_FOUND");
});
