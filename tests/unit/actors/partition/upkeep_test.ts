import { assertEquals } from "@std/assert";
import { diskError } from "./fake_log.ts";
import { batch, Harness, NOW_MS, produced } from "./harness.ts";

Deno.test("retention runs each interval, up to the high watermark", () => {
  const h = new Harness({ config: { retentionMs: 1_000, retentionBytes: 2_000, retentionCheckIntervalMs: 60_000 } });
  h.fill(2);
  h.append();
  h.probe.advance(59_999);
  assertEquals(h.log.retained, []);
  h.probe.advance(1);
  assertEquals([h.log.retained, h.log.rolls], [[[1_000, 2_000, 2, NOW_MS + 60_000]], 1]);
  h.probe.advance(60_000);
  assertEquals(h.log.retained.length, 2);
});

Deno.test("a topic that is only compacted keeps its segments, but rolls them", () => {
  const h = new Harness({ config: { delete: false, compact: true } });
  h.probe.tell("tidy", undefined);
  assertEquals([h.log.retained, h.log.rolls], [[], 1]);
});

Deno.test("producers that are silent for producer.id.expiration.ms are forgotten", () => {
  const h = new Harness({ config: { producerIdExpirationMs: 10_000, retentionCheckIntervalMs: 5_000 } });
  h.append({ records: produced(4, 0, 0, 1) });
  const known = () => h.probe.ask("describeProducers", undefined).reply!.producers.map(({ producerId }) => producerId);
  h.probe.advance(9_999);
  assertEquals(known(), [4n]);
  h.probe.advance(1);
  assertEquals(known(), []);
});

Deno.test("a disk error while tidying takes the replica offline", () => {
  const h = new Harness();
  h.log.broken.set("retain", diskError());
  h.probe.tell("tidy", undefined);
  assertEquals(h.describe().error, "KAFKA_STORAGE_ERROR");
});

Deno.test("a changed configuration reaches the log, and retention runs at once", () => {
  const h = new Harness().fill(1);
  const { config } = h.probe.state;
  h.probe.tell("configure", {
    ...config,
    maxMessageBytes: 5,
    retentionMs: 7,
    log: { ...config.log, segmentBytes: 777 },
  });
  assertEquals(h.log.config.segmentBytes, 777);
  assertEquals(h.log.retained.map(([retentionMs]) => retentionMs), [7]);
  assertEquals(h.append().reply?.error, "MESSAGE_TOO_LARGE");
});

Deno.test("a changed interval moves the next round", () => {
  const h = new Harness();
  h.probe.tell("configure", { ...h.probe.state.config, retentionCheckIntervalMs: 1_000 });
  h.probe.advance(3_000);
  assertEquals(h.log.retained.length, 4);
});

Deno.test("fewer in-sync replicas needed: what was held back becomes readable", () => {
  const h = new Harness({ config: { minInsyncReplicas: 2 }, role: { replicas: [1, 2], isr: [1] } });
  h.append({ acks: 1 });
  h.endFlush();
  const waiting = h.await(0);
  assertEquals(h.describe().highWatermark, 0);
  h.probe.tell("configure", { ...h.probe.state.config, minInsyncReplicas: 1 });
  assertEquals([h.describe().highWatermark, waiting.reply], [1, true]);
});

Deno.test("flush.ms can be made shorter, and longer", () => {
  const h = new Harness({ config: { flushBeforeAck: false, flushMs: 10_000 } });
  h.append();
  h.probe.tell("configure", { ...h.probe.state.config, flushMs: 100 });
  h.probe.advance(100);
  assertEquals(h.log.flushCount, 1);
  h.endFlush();
  h.append();
  h.probe.tell("configure", { ...h.probe.state.config, flushMs: Number.MAX_SAFE_INTEGER });
  h.probe.advance(1_000_000);
  assertEquals(h.log.flushCount, 1);
});

Deno.test("removal answers who waits, deletes the log, and stops", () => {
  const h = new Harness().fill(1);
  const appending = [h.append(), h.append({ acks: 1 })];
  const fetching = h.await(1);
  const { log } = h;
  h.probe.tell("remove", undefined);
  assertEquals(appending.map(({ reply }) => reply?.error), [
    "UNKNOWN_TOPIC_OR_PARTITION",
    "UNKNOWN_TOPIC_OR_PARTITION",
  ]);
  assertEquals(fetching.reply, true);
  assertEquals([log.closed, h.store.deleted, h.probe.stopped], [false, ["t-0"], true]);
});

Deno.test("a replica that is being removed refuses what is still in its mailbox", () => {
  const h = new Harness();
  const { state } = h.probe;
  state.removed = true;
  assertEquals(h.append({ records: batch(1) }).reply?.error, "UNKNOWN_TOPIC_OR_PARTITION");
  assertEquals(h.fetch(0).error, "UNKNOWN_TOPIC_OR_PARTITION");
  assertEquals(h.describe().error, "UNKNOWN_TOPIC_OR_PARTITION");
});

Deno.test("while its log is being deleted a replica serves nothing, and a flush that ends is nobody's business", () => {
  const h = new Harness();
  h.append();
  const { log } = h;
  const seen: unknown[] = [];
  h.store.onDelete = () => {
    seen.push(h.probe.state.refusal(-1), h.probe.state.hasLog);
    log.endFlush();
  };
  h.probe.tell("remove", undefined);
  assertEquals([seen, h.probe.crash, h.probe.stopped], [["UNKNOWN_TOPIC_OR_PARTITION", false], undefined, true]);
});

Deno.test("a flush that ends after the removal is nobody's business", () => {
  const h = new Harness();
  h.append();
  const { log } = h;
  h.probe.tell("remove", undefined);
  log.endFlush(diskError());
  h.probe.advance(10_000);
  assertEquals([h.probe.crash, h.probe.stopped], [undefined, true]);
});

Deno.test("an offline replica can be removed, also when its log was never open", () => {
  const h = new Harness();
  h.append();
  h.endFlush(diskError());
  h.probe.tell("remove", undefined);
  assertEquals([h.store.deleted, h.probe.stopped], [["t-0"], true]);
});
