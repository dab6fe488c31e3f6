/** Commits of a reader that has gone back, or whose log was cut, or is another one. */
import { assertEquals } from "@std/assert";
import { errorCode } from "../../../../protocol/errors.ts";
import { offsetCommit } from "../../../../protocol/tables/groups.ts";
import { metadata } from "../../../../protocol/tables/metadata.ts";
import { fetch, listOffsets } from "../../../../protocol/tables/produce_fetch.ts";
import type { ConsumedRecord, ConsumerConfig, SeekTo } from "../../../../actors/consumer/protocol.ts";
import { batchOf, offsets, Stage, T0 } from "./consumer_stage.ts";
import { commits, committed, member } from "./committing_kit.ts";

Deno.test("never less than is committed, unless the application has gone back", () => {
  const stage = member();
  stage.poll(4);
  stage.probe.ask("commit", { offsets: [{ ...T0, offset: 5, leaderEpoch: -1, metadata: "" }] });
  committed(stage);
  stage.probe.advance(5_000);
  stage.poll(0, 0);
  assertEquals(commits(stage), []); // 4 has been handed out, and 5 is committed
  stage.probe.ask("seek", { partitions: [T0], to: { offset: 1 } });
  stage.probe.advance(5_000);
  stage.poll(1, 0);
  assertEquals(commits(stage), ["0@1"]);
});

/** A member that had read to 1000, which is not in the log any more: there is nothing before offset 0 and nothing behind 5. */
function shortened(config: Partial<ConsumerConfig> = {}): Stage {
  const stage = new Stage({ config: { groupId: "g", autoOffsetReset: "earliest", ...config } }).own([T0], [1000]);
  stage.fetched([{ error: "OFFSET_OUT_OF_RANGE" }]);
  return read(begins(stage));
}

/** Answers where the log begins. */
function begins(stage: Stage): Stage {
  const partitions = [{ partitionIndex: 0, errorCode: 0, timestamp: -1n, offset: 0n, leaderEpoch: 5 }];
  return stage.answer(listOffsets, { topics: [{ name: "t", partitions }] });
}

function read(stage: Stage): Stage {
  return stage.fetched([{ records: batchOf(0, "a", "b", "c", "d", "e") }]);
}

Deno.test("what is read of a log that has become shorter than what is committed is committed", () => {
  const byItself = shortened();
  assertEquals(offsets(byItself.poll(5)), [0, 1, 2, 3, 4]);
  committed(byItself); // where it begins
  byItself.probe.advance(5_000);
  byItself.poll(1, 0);
  assertEquals(commits(byItself), ["0@5"]);
  const byHand = shortened({ enableAutoCommit: false });
  byHand.poll(5);
  const commit = byHand.probe.ask("commit", {
    offsets: [{ ...T0, offset: 5, leaderEpoch: 5, metadata: "" }],
    onlyOwned: true,
  });
  assertEquals([commits(byHand), commit.reply], [["0@5"], undefined]);
  const before = shortened({ delivery: "at-most-once" });
  const poll = before.poll(5);
  assertEquals([commits(before), offsets(poll)], [["0@5"], undefined]);
});

Deno.test("what is read of a log that was cut behind what is committed is committed, and what was handed out before is not", () => {
  const stage = new Stage({ config: { groupId: "g", enableAutoCommit: false } }).own([T0], [4]);
  stage.fetched([{ records: batchOf(4, "e", "f") }]);
  stage.poll();
  stage.fetched([{ more: { divergingEpoch: { epoch: 4, endOffset: 1n } } }]);
  const commit = (offset: number) =>
    stage.probe.ask("commit", { offsets: [{ ...T0, offset, leaderEpoch: 5, metadata: "" }], onlyOwned: true });
  assertEquals([commit(6).reply?.error, commits(stage)], ["NONE", []]);
  const polled = stage.poll();
  stage.fetched([{ records: batchOf(1, "x") }]);
  assertEquals(offsets(polled), [1]);
  commit(2);
  assertEquals(commits(stage), ["0@2"]);
});

Deno.test("a commit of before reading went back, taken when reading has come past it, ends no right to commit less", () => {
  const back: Record<string, (stage: Stage) => void> = {
    cut: (stage) => void stage.fetched([{ more: { divergingEpoch: { epoch: 4, endOffset: 1n } } }]),
    sought(stage) {
      stage.probe.ask("seek", { partitions: [T0], to: { offset: 1 } });
      stage.fetched([{}]); // which is of before
    },
  };
  for (const [how, goBack] of Object.entries(back)) {
    const stage = new Stage({ config: { groupId: "g", enableAutoCommit: false } }).own([T0], [4]);
    const commit = (offset: number) =>
      stage.probe.ask("commit", { offsets: [{ ...T0, offset, leaderEpoch: 5, metadata: "" }], onlyOwned: true });
    const reread = () => stage.fetched([{ records: batchOf(1, "b", "c", "d", "e", "f", "g") }]).poll();
    stage.fetched([{ records: batchOf(4, "e", "f") }]).poll();
    if (how === "sought") { // before as well: the same place is not the same time
      goBack(stage);
      reread();
    }
    commit(6);
    assertEquals(commits(stage), ["0@6"]);
    goBack(stage);
    reread();
    committed(stage);
    commit(2);
    assertEquals([how, commits(stage)], [how, ["0@2"]]);
  }
});

Deno.test("what was handed out of a log that is not there any more is not committed, however far reading has come since", () => {
  const far = () => batchOf(0, ..."abcdefghij");
  const setBack: Record<string, (stage: Stage) => void> = {
    cut: (stage) => void stage.fetched([{ more: { divergingEpoch: { epoch: 4, endOffset: 0n } } }]),
    shortened: (stage) => void begins(stage.fetched([{ error: "OFFSET_OUT_OF_RANGE" }])),
    "cut, and the program has to say where it goes on"(stage) {
      stage.fetched([{ error: "OFFSET_OUT_OF_RANGE" }]);
      stage.probe.ask("seek", { partitions: [T0], to: { offset: 0 } });
    },
  };
  for (const [how, goBack] of Object.entries(setBack)) {
    const autoOffsetReset = how.includes("program") ? "none" : "earliest";
    const stage = member({ autoOffsetReset });
    const last = stage.poll().reply!.records.at(-1)! as ConsumedRecord;
    goBack(stage);
    const [first] = stage.fetched([{ records: far() }]).poll().reply!.records as ConsumedRecord[];
    for (const exchange of stage.all(offsetCommit)) committed(stage, "NONE", exchange);
    stage.probe.advance(5_000);
    const offsetOf = ({ offset, setbacks }: ConsumedRecord) => (
      { ...T0, offset: offset + 1, leaderEpoch: 5, metadata: "", setbacks }
    );
    stage.probe.ask("alive", [offsetOf(last)]);
    const commit = stage.probe.ask("commit", { offsets: [offsetOf(last)], onlyOwned: true });
    assertEquals([how, commits(stage), commit.reply?.error], [how, [], "NONE"]);
    stage.probe.ask("commit", { offsets: [offsetOf(first!)], onlyOwned: true });
    assertEquals([how, commits(stage)], [how, ["0@1"]]);
  }
});

Deno.test("what was read of a topic is not committed while another one, or none, is there by that name, and whoever commits hears of it", () => {
  for (const [what, topicId] of [["another", "BQAAAAAAAAAAAAAAAAAAAA"], ["none", undefined]] as const) {
    const stage = member({ metadataMaxAgeMs: 1_000, allowAutoCreateTopics: false });
    stage.member.wakeInMs = 1_000;
    stage.poll(3);
    stage.auto = false;
    stage.probe.advance(1_500);
    const [known] = stage.metadata().topics;
    const unknown = { ...known!, errorCode: errorCode("UNKNOWN_TOPIC_OR_PARTITION"), partitions: [] };
    stage.answer(metadata, {
      ...stage.metadata(),
      topics: [topicId === undefined ? unknown : { ...known!, topicId }],
    });
    const commit = () =>
      stage.probe.ask("commit", { offsets: [{ ...T0, offset: 3, leaderEpoch: 5, metadata: "" }], onlyOwned: true });
    stage.probe.ask("alive", [{ ...T0, offset: 3, leaderEpoch: 5, metadata: "" }]);
    assertEquals([what, commit().reply?.error], [what, "UNKNOWN_TOPIC_OR_PARTITION"]);
    stage.probe.advance(200);
    stage.answer(metadata, stage.metadata()); // a broker that was behind has said so
    commit();
    assertEquals([what, commits(stage)], [what, ["0@3"]]);
  }
});

Deno.test("what is revoked because the topic is another one is not committed as if of that", () => {
  for (const [isOther, said] of [[false, ["0@3"]], [true, []]] as const) {
    const stage = member({ groupProtocol: "consumer", metadataMaxAgeMs: 1_000 });
    stage.member.wakeInMs = 1_000;
    stage.poll(3);
    if (isOther) stage.topicId = "BQAAAAAAAAAAAAAAAAAAAA";
    stage.probe.advance(1_500);
    stage.poll(0, 0);
    stage.member.wakeInMs = 1;
    stage.probe.advance(1_000);
    stage.want({ type: "revoke", partitions: [T0] });
    assertEquals([isOther, commits(stage)], [isOther, said]);
  }
});

Deno.test("while it is to be found out where reading goes on nothing is committed of what was handed out before", () => {
  for (const autoOffsetReset of ["earliest", "none"] as const) {
    const stage = member({ enableAutoCommit: false, autoOffsetReset });
    stage.poll(5);
    stage.fetched([{ error: "OFFSET_OUT_OF_RANGE" }]);
    stage.probe.ask("commit", { offsets: [{ ...T0, offset: 5, leaderEpoch: 5, metadata: "" }], onlyOwned: true });
    assertEquals([autoOffsetReset, commits(stage)], [autoOffsetReset, []]);
  }
});

Deno.test("when nothing is committed any more what was does not count", () => {
  const stage = new Stage({ config: { groupId: "g", autoOffsetReset: "earliest" } }).own([T0], [1000]);
  const [old] = stage.all(fetch);
  stage.probe.ask("seek", { partitions: [T0], to: "committed" });
  stage.committed([T0], [-1]);
  begins(stage);
  stage.fetched([{}], 0, old);
  read(stage).poll(5);
  committed(stage);
  stage.probe.advance(5_000);
  stage.poll(1, 0);
  assertEquals(commits(stage), ["0@5"]);
});

Deno.test("who seeks and is then revoked commits where it has gone, if it has gone back, and no less", () => {
  const sought = (to: SeekTo, byHand: number) => {
    const stage = member();
    stage.poll(4);
    if (byHand > 0) {
      stage.probe.ask("commit", { offsets: [{ ...T0, offset: byHand, leaderEpoch: -1, metadata: "" }] });
      committed(stage);
    } else {
      stage.poll(0, 0);
    }
    stage.probe.ask("seek", { partitions: [T0], to });
    stage.want({ type: "revoke", partitions: [T0] });
    return commits(stage);
  };
  assertEquals(sought({ offset: 1 }, 0), ["0@1"]);
  assertEquals(sought("beginning", 0), []); // nobody knows yet where that is
  assertEquals(sought({ offset: 9 }, 0), ["0@4"]); // what lies between was not handed out
  assertEquals(sought({ offset: 4 }, 3), []); // it has not gone back, and 3 is committed
});

/** The log was cut at this offset, behind what was read. */
function cutAt(stage: Stage, endOffset: bigint): Stage {
  return stage.fetched([{ more: { divergingEpoch: { epoch: 4, endOffset } } }]);
}

Deno.test("what was handed out before a cut, and stands in the log, is committed, and gone back to", () => {
  for (const [cut, standing] of [[3n, 3], [1n, 1]] as const) {
    const stage = member({ enableAutoCommit: false });
    const records = stage.poll(5).reply!.records as ConsumedRecord[];
    const [{ setbacks }] = records as [ConsumedRecord];
    cutAt(stage, 3n);
    if (cut !== 3n) cutAt(stage.fetched([{ records: batchOf(3, "x") }]), cut);
    const offer = (offset: number) => {
      const offsets = [{ ...T0, offset, leaderEpoch: 5, metadata: "", setbacks }];
      return stage.probe.ask("commit", { offsets, onlyOwned: true });
    };
    assertEquals([offer(standing + 1).reply?.error, commits(stage)], ["NONE", []]);
    stage.probe.ask("seek", { partitions: [T0], to: { offset: 4, setbacks } });
    assertEquals(stage.probe.state.partitions.get("t-0")!.position?.offset, standing);
    stage.probe.ask("seek", { partitions: [T0], to: { offset: 0, setbacks } });
    assertEquals(stage.probe.state.partitions.get("t-0")!.position?.offset, 0);
    stage.probe.ask("seek", { partitions: [T0], to: { offset: standing } });
    assertEquals([offer(standing).reply, commits(stage)], [undefined, [`0@${standing}`]]);
  }
});

Deno.test("what was dealt with before the program has to say where to go on is not committed: what is there now is not that", () => {
  for (const how of ["another log", "cut"]) {
    const stage = member({ autoOffsetReset: "none" });
    stage.poll(5);
    const polled = stage.poll(5);
    if (how === "cut") cutAt(stage, 1n);
    else stage.fetched([{ error: "OFFSET_OUT_OF_RANGE" }]);
    assertEquals(polled.reply?.error, "OFFSET_OUT_OF_RANGE");
    stage.want({ type: "revoke", partitions: [T0] });
    assertEquals([how, commits(stage)], [how, []]);
  }
});

Deno.test("a commit that was asked for before a seek, and sent after it, ends no right to commit less", () => {
  const stage = new Stage({ config: { groupId: "g", enableAutoCommit: false } }).own([T0], [4]);
  const commit = (offset: number) =>
    stage.probe.ask("commit", { offsets: [{ ...T0, offset, leaderEpoch: 5, metadata: "" }], onlyOwned: true });
  stage.fetched([{ records: batchOf(4, "e", "f") }]).poll();
  commit(5);
  commit(6); // waits for the first
  stage.probe.ask("seek", { partitions: [T0], to: { offset: 1 } });
  stage.fetched([{}]).fetched([{ records: batchOf(1, "b", "c", "d", "e", "f", "g") }]).poll();
  committed(stage);
  assertEquals(commits(stage), ["0@6"]);
  committed(stage);
  commit(2);
  assertEquals(commits(stage), ["0@2"]);
});
