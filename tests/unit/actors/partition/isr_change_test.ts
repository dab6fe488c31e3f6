import { assertEquals } from "@std/assert";
import { JOINING_MS } from "../../../../actors/partition/settle.ts";
import { FakeStore } from "./fake_log.ts";
import { Harness, LEADS, storeWith } from "./harness.ts";

/** A leader of three whose ISR is itself and node 2; node 3 has yet to come. */
function pair(over: Record<string, unknown> = {}, store: FakeStore = new FakeStore()): Harness {
  const config = { minInsyncReplicas: 1, ...over };
  return new Harness({ config, role: { ...LEADS.role, isr: [1, 2] } }, store);
}

const nodes = (h: Harness) => h.proposal?.isr.map(({ brokerId }) => brokerId);
const maximal = (h: Harness) => h.describe().maximalIsr;

Deno.test("a smaller ISR and a smaller min.insync.replicas that come together never count one without the other", () => {
  for (const [isr, end] of [[[1], 0], [[1, 2], 1]] as const) {
    const h = new Harness({ role: LEADS.role, config: { minInsyncReplicas: 3 } });
    h.fill(1);
    h.pull(2);
    h.assume({ isr: [1, 2] }); // too few: nothing is committed, and node 3, which lacks the record, may still be elected
    const { role, config, highWatermark } = h.probe.state;
    assertEquals(highWatermark, 0);
    const news = { ...role, partitionEpoch: role.partitionEpoch + 1, isr };
    h.probe.tell("become", { role: news, config: { ...config, minInsyncReplicas: 2 } });
    assertEquals(h.probe.state.highWatermark, end);
  }
});

Deno.test("an answer that overtakes a greater min.insync.replicas lets nothing be committed by the smaller one", () => {
  const h = new Harness({ role: LEADS.role, config: { minInsyncReplicas: 2 } }).fill(1);
  h.probe.advance(14_000);
  h.pull(2);
  h.probe.advance(1_000);
  assertEquals(nodes(h), [1, 2]);
  h.decide("NONE"); // with 3 the ISR is too small for anything, and node 3, which lacks the record, may be elected
  const { role, config } = h.probe.state;
  assertEquals([role.isr, h.describe().highWatermark], [[1, 2, 3], 0]);
  const news = { ...role, partitionEpoch: role.partitionEpoch + 1, isr: [1, 2] };
  h.probe.tell("become", { role: news, config: { ...config, minInsyncReplicas: 3 } });
  assertEquals([h.probe.state.role.isr, h.describe().highWatermark, h.proposal], [[1, 2], 0, undefined]);
});

Deno.test("no look at the ISR asks again before the letter that comes after the answer, for the broker's word may still wait", () => {
  const h = new Harness({ role: LEADS.role, config: { minInsyncReplicas: 2 } }).fill(1);
  h.probe.advance(14_000);
  h.pull(2);
  h.probe.advance(1_000);
  const { proposal } = h;
  h.decide("NONE");
  h.probe.tell("checkIsr", undefined); // it has waited in the mailbox, and before the broker's word
  assertEquals([h.proposal, h.describe().isr, h.describe().highWatermark], [undefined, [1, 2, 3], 0]);
  h.probe.advance(100);
  assertEquals(h.proposal, proposal);
  h.probe.tell("askAgain", undefined); // asked, and not answered: one question is enough
  h.decide("NONE");
  assertEquals([h.proposal, h.describe().isr], [undefined, [1, 2]]);
});

Deno.test("when the broker's word of what was decided does not come, the answer to the same question counts", () => {
  const h = pair().fill(2);
  h.pull(2);
  h.pull(3);
  const { proposal } = h;
  for (const partitionEpoch of [1, 2]) { // what is heard for the first time may have overtaken something again
    h.decide("NONE", { partitionEpoch });
    assertEquals([h.describe().isr, maximal(h), h.proposal], [[1, 2], [1, 2, 3], undefined]);
    h.probe.advance(100);
    assertEquals(h.proposal, proposal);
  }
  h.decide("NONE", { partitionEpoch: 2 });
  assertEquals([h.describe().isr, maximal(h), h.describe().partitionEpoch], [[1, 2, 3], [1, 2, 3], 2]);
});

Deno.test("a follower that has all that is committed is proposed, with the broker epochs that are known", () => {
  const h = pair().fill(2);
  h.pull(2);
  assertEquals([h.describe().highWatermark, h.proposal], [2, undefined]);
  h.pull(3);
  assertEquals(h.proposal, {
    topicId: "AAAAAAAAAAAAAAAAAAAAAQ",
    partition: 0,
    leaderEpoch: 5,
    partitionEpoch: 0,
    isr: [{ brokerId: 1, brokerEpoch: 10 }, { brokerId: 2, brokerEpoch: 22 }, { brokerId: 3, brokerEpoch: 23 }],
  });
  assertEquals([h.describe().isr, maximal(h)], [[1, 2], [1, 2, 3]]);
  h.accept();
  assertEquals([h.describe().isr, maximal(h), h.describe().partitionEpoch], [[1, 2, 3], [1, 2, 3], 1]);
});

Deno.test("below the high watermark nobody joins", () => {
  const h = pair().fill(2);
  h.pull(2);
  h.pull(3, { offset: 1 });
  assertEquals(h.proposal, undefined);
  h.pull(3, { safeOffset: 1 });
  assertEquals(h.proposal, undefined, "it has the record, but not safe");
  h.safe(3, 2);
  assertEquals(nodes(h), [1, 2, 3]);
});

Deno.test("below the start of the leader's epoch nobody joins, though nothing there is known to be committed", () => {
  const h = pair({}, storeWith({ count: 1, epoch: 3 }, { count: 1, epoch: 4 }));
  assertEquals([h.describe().highWatermark, h.describe().endOffset], [0, 2]);
  h.pull(3, { offset: 1 });
  assertEquals(h.proposal, undefined);
  h.pull(3);
  assertEquals(nodes(h), [1, 2, 3]);
});

Deno.test("from the proposal on the high watermark waits for whom it names", () => {
  const h = pair();
  h.pull(2);
  h.pull(3);
  assertEquals(nodes(h), [1, 2, 3]);
  h.fill(2);
  h.pull(2);
  assertEquals(h.describe().highWatermark, 0);
  h.safe(3, 1);
  assertEquals(h.describe().highWatermark, 1);
});

Deno.test("who has gone silent is not proposed for what he once said", () => {
  const h = pair();
  h.pull(3);
  h.decide("INELIGIBLE_REPLICA");
  h.probe.advance(1_000); // its pull has been answered, and no other has come
  h.pull(2);
  h.probe.tell("checkIsr", undefined);
  assertEquals(h.proposal, undefined);
  h.pull(3);
  assertEquals(nodes(h), [1, 2, 3]);
});

Deno.test("who lagged comes back when it has caught up, not when it has what is committed", () => {
  const h = new Harness({ config: { minInsyncReplicas: 2 }, role: { replicas: [1, 2], isr: [1, 2] } });
  h.append();
  h.endFlush();
  h.probe.advance(15_000);
  h.accept();
  assertEquals([h.describe().isr, h.describe().highWatermark], [[1], 0], "with too few in sync nothing is committed");
  h.pull(2, { offset: 0 }); // all that is committed, but nothing of what has come since
  assertEquals(h.proposal, undefined);
  h.pull(2);
  assertEquals(nodes(h), [1, 2]);
});

Deno.test("one proposal at a time; who else has come is proposed after it", () => {
  const h = new Harness({ config: { minInsyncReplicas: 1 }, role: { ...LEADS.role, isr: [1] } });
  h.pull(2);
  h.pull(3);
  assertEquals([nodes(h), h.probe.asks.length], [[1, 2], 1]);
  h.accept();
  assertEquals([h.describe().isr, nodes(h)], [[1, 2], [1, 2, 3]]);
});

Deno.test("who lags for too long is to leave, and holds the high watermark until he has", () => {
  const h = pair().fill(2);
  h.probe.advance(10_000);
  assertEquals(h.proposal, undefined, "he had that long to be heard");
  h.probe.advance(5_000);
  assertEquals([nodes(h), maximal(h)], [[1], [1, 2]]);
  assertEquals(h.proposal?.isr, [{ brokerId: 1, brokerEpoch: 10 }]);
  assertEquals(h.describe().highWatermark, 0);
  h.accept();
  assertEquals([h.describe().isr, h.describe().highWatermark], [[1], 2]);
});

Deno.test("who pulls, but makes nothing safe, lags", () => {
  const h = pair().fill(2);
  for (let round = 0; round < 20; round++) {
    h.pull(2, { safeOffset: 1 });
    h.probe.advance(1_000);
  }
  assertEquals(nodes(h), [1]);
});

Deno.test("who waits at the end of the log does not lag, however long nothing comes, nor does he the moment something does", () => {
  const h = pair().fill(2);
  h.pull(2);
  h.pull(2, { waitMs: 100_000 });
  h.probe.advance(60_000);
  assertEquals(h.proposal, undefined);
  h.append();
  h.probe.tell("checkIsr", undefined);
  assertEquals(h.proposal, undefined);
  h.probe.advance(15_000);
  assertEquals(nodes(h), [1]);
});

Deno.test("a refusal ends the proposal: who it named is not waited for, and not proposed again at once", () => {
  const h = pair();
  h.pull(2);
  h.pull(3);
  h.fill(1);
  h.pull(2);
  assertEquals(h.describe().highWatermark, 0);
  h.decide("INELIGIBLE_REPLICA");
  assertEquals([maximal(h), h.describe().highWatermark, h.proposal], [[1, 2], 1, undefined]);
  h.pull(3);
  assertEquals(h.proposal, undefined);
  h.probe.advance(200);
  h.pull(3);
  assertEquals(nodes(h), [1, 2, 3]);
});

Deno.test("without a clear answer the same is asked again, and the high watermark goes on waiting", () => {
  const unclear = [
    () => h.probe.answer("alterPartition", { error: "REQUEST_TIMED_OUT" }),
    () => h.probe.fail("alterPartition", "timeout"),
    () => h.probe.fail("alterPartition", "crashed"),
    () => h.decide("INVALID_UPDATE_VERSION"),
    () => h.decide("FENCED_LEADER_EPOCH"),
    () => h.decide("NOT_CONTROLLER"),
    () => h.decide("UNKNOWN_TOPIC_ID"),
    () => h.decide("NEW_LEADER_ELECTED"),
  ];
  const h = pair();
  h.pull(2);
  h.pull(3);
  const { proposal } = h;
  h.fill(1);
  h.pull(2);
  for (const answer of unclear) {
    answer();
    assertEquals([h.proposal, maximal(h), h.describe().highWatermark], [undefined, [1, 2, 3], 0]);
    h.probe.advance(1_000);
    assertEquals(h.proposal, proposal, "the very same");
  }
});

Deno.test("a refusal is not believed while an earlier attempt may be under way, but not for ever", () => {
  const h = pair();
  h.pull(2);
  h.pull(3);
  h.fill(1);
  h.pull(2);
  h.probe.answer("alterPartition", { error: "REQUEST_TIMED_OUT" });
  for (let waitedMs = 0; waitedMs < 9_000; waitedMs += 1_000) {
    h.probe.advance(1_000);
    h.pull(2);
    h.decide("INELIGIBLE_REPLICA");
    assertEquals([maximal(h), h.describe().highWatermark], [[1, 2, 3], 0]);
  }
  h.probe.advance(1_000);
  h.decide("INELIGIBLE_REPLICA");
  assertEquals([maximal(h), h.describe().highWatermark], [[1, 2], 1]);
});

Deno.test("the controller's newer word ends the proposal, and what is answered later counts no more", () => {
  const h = pair();
  h.pull(2);
  h.pull(3);
  h.assume({ isr: [1, 2], partitionEpoch: 4 });
  assertEquals(h.describe().isr, [1, 2]);
  const [old] = h.probe.asks;
  h.probe.answer(old!, { ...h.probe.state.role, error: "NONE", isr: [1], partitionEpoch: 9 });
  assertEquals([h.describe().isr, h.describe().partitionEpoch], [[1, 2], 4]);
});

Deno.test("an answer that speaks of another leader epoch, or of an older partition epoch, changes nothing", () => {
  for (const over of [{ leaderEpoch: 6 }, { partitionEpoch: -1 }, { leader: 3 }]) {
    const h = pair();
    h.pull(3);
    for (let attempt = 0; attempt < 3; attempt++) {
      h.decide("NONE", over);
      assertEquals([h.describe().isr, maximal(h), h.describe().partitionEpoch], [[1, 2], [1, 2, 3], 0]);
      h.probe.advance(1_000);
      h.pull(3);
    }
  }
});

Deno.test("a leader that crashes goes on with its proposal, for the controller may have accepted it", () => {
  const h = pair().fill(1);
  h.pull(2);
  h.pull(3);
  const { proposal } = h;
  assertEquals(nodes(h), [1, 2, 3]);
  h.probe.kill().advance(1_000);
  assertEquals([h.proposal, maximal(h)], [proposal, [1, 2, 3]], "with the epochs that were known then");
  h.fill(1);
  h.pull(2);
  assertEquals(h.describe().highWatermark, 1);
  h.decide("INELIGIBLE_REPLICA");
  assertEquals(maximal(h), [1, 2, 3], "the first attempt may still arrive");
});

Deno.test("a proposal of an earlier leader epoch or partition epoch is forgotten", () => {
  const h = pair();
  h.pull(3);
  h.assume({ leaderEpoch: 6 });
  assertEquals([h.describe().isr, maximal(h)], [[1, 2], [1, 2]]);
  h.probe.kill().advance(1_000);
  assertEquals([maximal(h), h.proposal], [[1, 2], undefined]);
});

Deno.test("under load a follower that keeps up is waited for until it has joined, else it never would", () => {
  const h = new Harness({ config: { minInsyncReplicas: 1 }, role: { replicas: [1, 2], isr: [1] } }).fill(1);
  let end = 1;
  for (let round = 0; round < 50 && h.proposal === undefined; round++) {
    h.pull(2, { offset: end, safeOffset: Math.max(0, end - 1) }); // always one behind
    h.append({ acks: 1 });
    h.endFlush();
    end = h.log.endOffset;
    h.probe.advance(10);
  }
  assertEquals(nodes(h), [1, 2]);
});

Deno.test("a follower that was about to join and fell silent is not waited for long", () => {
  const h = new Harness({ config: { minInsyncReplicas: 1 }, role: { replicas: [1, 2], isr: [1] } }).fill(3);
  h.pull(2, { offset: 1 }); // 3 is what it has to reach to have caught up now
  h.fill(1);
  h.pull(2, { safeOffset: 3 });
  assertEquals([h.describe().highWatermark, h.proposal], [4, undefined], "it is below the high watermark");
  const late = h.append();
  h.endFlush();
  h.probe.advance(JOINING_MS);
  assertEquals([late.reply, h.describe().highWatermark], [undefined, 4]);
  h.probe.advance(1);
  assertEquals([late.reply?.error, h.describe().highWatermark], ["NONE", 5]);
});

Deno.test("a partition of one replica has no followers to look after", () => {
  const h = new Harness();
  assertEquals(h.probe.take().filter((each) => each.type === "timer" && each.verb === "checkIsr"), []);
});
