import { assertEquals } from "@std/assert";
import { batch, Harness, LEADS, produced } from "./harness.ts";

const SILENCE_MS = 2_000;

/** A leader of three, all in sync, that has just heard both followers. */
function leader(over: { role?: Record<string, unknown>; config?: Record<string, unknown> } = {}): Harness {
  const h = new Harness({ role: { ...LEADS.role, ...over.role }, config: { ...LEADS.config, ...over.config } });
  for (const id of [2, 3]) h.pull(id);
  return h;
}

/** The broker says, again, that the controller does not answer. */
function isolate(h: Harness): void {
  h.probe.tell("isolation", { isolated: true, silenceMs: SILENCE_MS });
}

Deno.test("a leader that is isolated and does not hear a follower in sync turns away who waits, and who comes", () => {
  const h = leader();
  const waiting = h.append();
  h.endFlush();
  h.pull(2);
  h.pull(3, { offset: 0 });
  h.probe.advance(SILENCE_MS);
  h.pull(2);
  assertEquals([h.append().reply, waiting.reply], [undefined, undefined], "its broker is in touch");
  isolate(h);
  assertEquals([waiting.reply?.error, waiting.reply?.leader], ["NOT_LEADER_OR_FOLLOWER", 1]);
  const errors = ([-1, 1, 0] as const).map((acks) => h.append({ acks }).reply?.error);
  assertEquals(errors, Array(3).fill("NOT_LEADER_OR_FOLLOWER"));
  assertEquals(h.log.endOffset, 2, "nothing of that was written");
});

Deno.test("a leader confirms that it may speak for its epoch, and one that is cut off does not", () => {
  const h = leader();
  const confirm = (leaderEpoch: number) => h.probe.ask("confirm", { leaderEpoch }).reply;
  assertEquals([4, 5, 6].map(confirm), ["FENCED_LEADER_EPOCH", "NONE", "UNKNOWN_LEADER_EPOCH"]);
  h.probe.advance(SILENCE_MS);
  isolate(h);
  assertEquals(confirm(5), "NOT_LEADER_OR_FOLLOWER");
  for (const id of [2, 3]) h.pull(id);
  assertEquals(confirm(5), "NONE");
  h.assume({ leader: 2, leaderEpoch: 6 });
  assertEquals([confirm(5), confirm(6)], ["FENCED_LEADER_EPOCH", "NOT_LEADER_OR_FOLLOWER"]);
});

Deno.test("it counts from the last pull of each, and a new leader gives everybody as long", () => {
  const h = leader();
  isolate(h);
  h.probe.advance(1_000);
  h.pull(3);
  h.probe.advance(999);
  isolate(h);
  const waiting = h.append();
  assertEquals(waiting.reply, undefined);
  h.probe.advance(1);
  assertEquals([h.append().reply?.error, waiting.reply], ["NOT_LEADER_OR_FOLLOWER", undefined]);
  isolate(h);
  assertEquals(waiting.reply?.error, "NOT_LEADER_OR_FOLLOWER");

  h.assume({ leaderEpoch: 6 });
  h.probe.advance(SILENCE_MS - 1);
  assertEquals(h.append().reply, undefined);
  h.probe.advance(1);
  assertEquals(h.append().reply?.error, "NOT_LEADER_OR_FOLLOWER");
});

Deno.test("what is safe says nothing: who does not pull is not going on", () => {
  const h = leader();
  h.append();
  h.endFlush();
  h.pull(2, { safeOffset: 0 });
  h.pull(3);
  h.probe.advance(1_000);
  h.safe(2, 1);
  h.probe.advance(SILENCE_MS - 1_000);
  h.pull(3);
  isolate(h);
  assertEquals(h.append().reply?.error, "NOT_LEADER_OR_FOLLOWER");
});

Deno.test("a leader whose followers pull goes on, however long the controller is away", () => {
  const h = leader();
  for (let round = 0; round < 20; round++) {
    const asked = h.append();
    h.endFlush();
    isolate(h);
    for (const id of [2, 3]) h.pull(id);
    assertEquals(asked.reply?.error, "NONE");
    h.probe.advance(500);
  }
});

Deno.test("so does one that waits for nobody: alone in its partition, or in its ISR", () => {
  for (const role of [{ replicas: [1], isr: [1] }, { isr: [1] }]) {
    const h = new Harness({ role: { ...LEADS.role, ...role } });
    h.probe.advance(60_000);
    isolate(h);
    const asked = h.append();
    h.endFlush();
    assertEquals(asked.reply?.error, "NONE");
  }
});

Deno.test("who was proposed for the ISR is waited for, and so counts", () => {
  const h = new Harness({ role: { ...LEADS.role, isr: [1] } });
  h.probe.advance(SILENCE_MS);
  isolate(h);
  assertEquals(h.append().reply, undefined);
  h.endFlush();
  h.pull(2);
  assertEquals(h.describe().maximalIsr, [1, 2]);
  const waiting = h.append();
  h.endFlush();
  h.probe.advance(SILENCE_MS);
  isolate(h);
  assertEquals(waiting.reply?.error, "NOT_LEADER_OR_FOLLOWER");
});

Deno.test("a follower that may wait at the leader for longer is not silent while it does", () => {
  const h = leader({ config: { replicaFetchWaitMaxMs: 3_000 } });
  h.probe.advance(5_999);
  isolate(h);
  assertEquals(h.append().reply, undefined);
  h.probe.advance(1);
  assertEquals(h.append().reply?.error, "NOT_LEADER_OR_FOLLOWER");
});

Deno.test("produces with acks=1 that wait for the disk are answered by the disk", () => {
  const h = leader();
  const waiting = h.append({ acks: 1 });
  h.probe.advance(SILENCE_MS);
  isolate(h);
  assertEquals(waiting.reply, undefined);
  h.endFlush();
  assertEquals(waiting.reply?.error, "NONE");
});

Deno.test("what is committed can be read, and what is read may be waited for", () => {
  const h = leader();
  h.append();
  h.endFlush();
  for (const id of [2, 3]) h.pull(id);
  h.probe.advance(SILENCE_MS);
  isolate(h);
  assertEquals([h.fetch(0).error, h.fetch(0).highWatermark], ["NONE", 1]);
  assertEquals(h.await(1).reply, undefined);
});

Deno.test("deletions of records wait for the followers too, and are turned away", () => {
  const h = leader();
  h.append();
  h.endFlush();
  for (const id of [2, 3]) h.pull(id);
  const asked = h.probe.ask("deleteRecords", { beforeOffset: 1 });
  h.probe.advance(SILENCE_MS);
  assertEquals(asked.reply, undefined);
  isolate(h);
  assertEquals(asked.reply, { error: "NOT_LEADER_OR_FOLLOWER", lowWatermark: -1 });
});

Deno.test("when the controller answers again, or the follower pulls, it serves; what was turned away is known when it comes again", () => {
  for (const end of ["controller", "follower"] as const) {
    const h = leader();
    const first = h.append({ records: produced(7, 0, 0, 1) });
    h.endFlush();
    h.probe.advance(SILENCE_MS);
    isolate(h);
    assertEquals(first.reply?.error, "NOT_LEADER_OR_FOLLOWER");
    if (end === "controller") h.probe.tell("isolation", { isolated: false, silenceMs: SILENCE_MS });
    else for (const id of [2, 3]) h.pull(id, { offset: 0 });
    const again = h.append({ records: produced(7, 0, 0, 1) });
    for (const id of [2, 3]) h.pull(id);
    assertEquals([again.reply?.error, again.reply?.baseOffset, h.log.endOffset], ["NONE", 0, 1]);
  }
});

Deno.test("a follower has nobody to turn away, and one that becomes the leader knows that it is isolated", () => {
  const h = new Harness({ role: { ...LEADS.role, leader: 2 }, config: LEADS.config });
  isolate(h);
  h.probe.advance(SILENCE_MS);
  assertEquals(h.append({ records: batch(1) }).reply?.error, "NOT_LEADER_OR_FOLLOWER");
  h.assume({ leader: 1, leaderEpoch: 6 });
  assertEquals(h.append().reply, undefined);
  h.probe.advance(SILENCE_MS);
  assertEquals(h.append().reply?.error, "NOT_LEADER_OR_FOLLOWER");
});
