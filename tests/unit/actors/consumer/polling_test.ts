import { assertEquals, assertThrows } from "@std/assert";
import { configProblem, CONSUMER_DEFAULTS } from "../../../../actors/consumer/config.ts";
import type { Outcome } from "../../../../actors/consumer/protocol.ts";
import { apiVersions } from "../../../../protocol/tables/metadata.ts";
import { fetch } from "../../../../protocol/tables/produce_fetch.ts";
import { batchOf, offsets, Stage, T0, T1 } from "./consumer_stage.ts";

Deno.test("a poll waits for records, as long as it wants to, and takes no more than it wants", () => {
  const stage = new Stage().assign([T0], 0);
  const poll = stage.poll(2, 500);
  stage.probe.advance(499);
  assertEquals(poll.reply, undefined);
  stage.probe.advance(1);
  assertEquals(offsets(poll), []);
  const next = stage.poll(2, 500);
  stage.fetched([{ records: batchOf(0, "a", "b", "c") }]);
  assertEquals([offsets(next), offsets(stage.poll(2)), stage.poll(2, 10).reply], [[0, 1], [2], undefined]);
});

Deno.test("a poll says so when no broker has ever answered, and every one was asked; polling again tries on", () => {
  const stage = new Stage({ saysVersions: false, config: { requestTimeoutMs: 300 } });
  stage.probe.ask("assign", [T0]);
  const early = stage.poll(1, 10);
  stage.probe.advance(10);
  assertEquals(early.reply?.error, "NONE"); // nobody has failed to answer yet
  const poll = stage.poll(1, 500);
  stage.settle(stage.one(apiVersions), "refused");
  stage.probe.advance(499);
  assertEquals(poll.reply, undefined); // somebody may yet
  stage.probe.advance(1);
  const { error, message } = poll.reply as unknown as Outcome;
  assertEquals([error, message], ["NETWORK_EXCEPTION", "No broker has answered so far. refused"]);
  stage.saysVersions = true;
  const next = stage.poll(1, 20_000);
  stage.settle(stage.one(apiVersions), "refused");
  stage.probe.advance(20_000);
  assertEquals(next.reply?.error, "NONE"); // it was asked again, and has nothing
});

Deno.test("brokers that are away later are waited for", () => {
  const stage = new Stage().assign([T0], 0);
  stage.settle(stage.one(fetch), "closed");
  stage.auto = false;
  const poll = stage.poll(1, 10);
  stage.probe.advance(10);
  assertEquals(poll.reply?.error, "NONE");
});

Deno.test("whoever polls next ends the poll before, with nothing", () => {
  const stage = new Stage().assign([T0], 0);
  const first = stage.poll();
  const second = stage.poll();
  assertEquals([offsets(first), second.reply], [[], undefined]);
  stage.fetched([{ records: batchOf(0, "a") }]);
  assertEquals(offsets(second), [0]);
});

Deno.test("partitions are handed out in turn", () => {
  const stage = new Stage().assign([T0, T1], 0);
  const many = Array.from({ length: 6 }, (_, at) => `${at}`);
  stage.fetched([{ partition: 0, records: batchOf(0, ...many) }]);
  const second = stage.all(fetch).find(({ to }) => to.port === 9002)!;
  stage.fetched([{ partition: 1, records: batchOf(0, ...many) }], 0, second);
  const partitions = (count: number) =>
    (stage.poll(count).reply!.records as unknown as { partition: number }[]).map(({ partition }) => partition).join("");
  assertEquals([partitions(4), partitions(4), partitions(4)], ["0000", "1111", "0011"]);
});

Deno.test("a record is what was written", () => {
  const stage = new Stage().assign([T0], 0);
  stage.fetched([{ records: batchOf(0, "a") }]);
  assertEquals(stage.poll().reply?.records as unknown, [{
    topic: "t",
    partition: 0,
    offset: 0,
    timestamp: -1,
    timestampType: "CreateTime",
    key: null,
    value: new Uint8Array([97]),
    headers: [],
    leaderEpoch: 5,
    setbacks: 1, // nothing was committed
  }]);
});

Deno.test("what is paused is not handed out, and is there when the pause is over", () => {
  const stage = new Stage().assign([T0], 0);
  stage.fetched([{ records: batchOf(0, "a") }]);
  assertEquals(stage.probe.ask("pause", [T0]).reply?.error, "NONE");
  const poll = stage.poll(1, 500);
  stage.probe.advance(100);
  assertEquals(poll.reply, undefined);
  stage.probe.ask("resume", [T0]);
  assertEquals(offsets(poll), [0]);
  assertEquals(stage.probe.ask("pause", [T1]).reply?.error, "UNKNOWN_TOPIC_OR_PARTITION");
});

Deno.test("lag is what could be read and was not handed out yet", () => {
  const stage = new Stage().assign([T0, T1], 0);
  stage.fetched([{ records: batchOf(0, "a", "b"), end: 7 }]);
  stage.poll(1);
  assertEquals(stage.probe.ask("lag", undefined).reply, [{ ...T0, records: 6 }, { ...T1, records: -1 }]);
});

Deno.test("subscribing and assigning exclude each other, until it unsubscribes", () => {
  const stage = new Stage({ config: { groupId: "g" } });
  assertEquals(stage.probe.ask("subscribe", { topics: ["t"] }).reply?.error, "NONE");
  assertEquals(stage.probe.ask("assign", [T0]).reply?.error, "INVALID_REQUEST");
  stage.probe.ask("unsubscribe", undefined);
  stage.want({ type: "left" });
  assertEquals(stage.probe.ask("assign", [T0]).reply?.error, "NONE");
  assertEquals(stage.probe.ask("subscribe", { topics: ["t"] }).reply?.error, "INVALID_REQUEST");
  assertEquals(stage.probe.ask("assignment", undefined).reply, [T0]);
  const alone = new Stage();
  assertEquals(alone.probe.ask("subscribe", { topics: ["t"] }).reply?.error, "INVALID_GROUP_ID");
  assertEquals(alone.probe.ask("commit", { offsets: null }).reply?.error, "INVALID_GROUP_ID");
  assertEquals(alone.probe.ask("committed", [T0]).reply?.error, "INVALID_GROUP_ID");
});

Deno.test("its state is told in one word", () => {
  const stage = new Stage({ config: { groupId: "g" } });
  const state = () => stage.probe.ask("describe", undefined).reply?.state;
  assertEquals(state(), "unsubscribed");
  stage.member.epoch = -1;
  stage.probe.ask("subscribe", { topics: ["t"] });
  assertEquals(state(), "joining");
  stage.member.epoch = 3;
  assertEquals(state(), "stable");
  stage.probe.ask("nextRebalance", { after: 0 });
  stage.want({ type: "assign", partitions: [T0] });
  assertEquals(state(), "reconciling");
  stage.want({ type: "fail", error: "FENCED_INSTANCE_ID", message: "gone" });
  assertEquals(state(), "failed");
  assertEquals(new Stage().assign([T0]).probe.ask("describe", undefined).reply?.state, "assigned");
});

Deno.test("configs that make no sense are refused with a sentence", () => {
  assertEquals(configProblem(CONSUMER_DEFAULTS), undefined);
  assertEquals(configProblem({ ...CONSUMER_DEFAULTS, retryBackoffMs: NaN })?.startsWith("retryBackoffMs is NaN"), true);
  assertEquals(configProblem({ ...CONSUMER_DEFAULTS, fetchMaxWaitMs: -1 })?.startsWith("fetchMaxWaitMs is -1"), true);
  assertEquals(configProblem({ ...CONSUMER_DEFAULTS, groupInstanceId: "i" })?.includes("needs a groupId"), true);
  assertEquals(configProblem({ ...CONSUMER_DEFAULTS, delivery: "at-most-once" })?.includes("needs a groupId"), true);
  const long = configProblem({ ...CONSUMER_DEFAULTS, clientId: "ä".repeat(16_384) });
  assertEquals(long, "clientId is 32768 bytes long: it must not be longer than 32767.");
  const odd = configProblem({ ...CONSUMER_DEFAULTS, autoOffsetReset: "Earliest" as "earliest" });
  assertEquals(odd, "autoOffsetReset is Earliest: it must be one of latest, earliest, none.");
  const member = { ...CONSUMER_DEFAULTS, groupId: "g", sessionTimeoutMs: 3_000 };
  assertEquals(configProblem(member)?.startsWith("heartbeatIntervalMs is 3000"), true);
  assertEquals(configProblem({ ...member, groupProtocol: "consumer" }), undefined); // the coordinator says how often
  assertThrows(() =>
    new Stage({ config: { bufferBytes: 0 } }).probe.ask("poll", { maxRecords: 1, timeoutMs: 0 }).reply!.error
  );
});
