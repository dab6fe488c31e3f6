import { assertEquals } from "@std/assert";
import type { Ref } from "../../../../actors/actor.ts";
import { imageOf, type MetadataFollower } from "../../../../actors/controller/protocol.ts";
import { batchesOf, begin, fetchReplyOf, follow, type Node } from "./harness.ts";

const BROKER = "1/broker/broker" as Ref<MetadataFollower>;

/** What the broker was told since it was last looked; it takes everything. */
function told({ p }: Node): [string, unknown][] {
  const heard: [string, unknown][] = [];
  for (;;) {
    const question = p.asks.find(({ to }) => to === BROKER);
    if (question === undefined) return heard;
    heard.push([question.verb, question.message]);
    p.answer(question, undefined);
  }
}

function offsets(heard: [string, unknown][]): [number, number][] {
  return heard.filter(([verb]) => verb === "metadata").map(([, message]) => {
    const { baseOffset, records } = message as { baseOffset: number; records: unknown[] };
    return [baseOffset, records.length];
  });
}

Deno.test("who follows hears who leads, what is committed, and what is committed later", () => {
  const node = begin();
  follow(node);
  node.p.answer("fetch", fetchReplyOf({ records: batchesOf([1, 1, 1]), highWatermark: 2 }));
  node.p.tell("follow", { follower: BROKER, fromOffset: 0 });
  const heard = told(node);
  assertEquals(heard[0], ["controllerChanged", { controllerId: 2, epoch: 1 }]);
  assertEquals(offsets(heard), [[0, 2]], "what is not committed is not told");
  node.p.answer("fetch", fetchReplyOf({ highWatermark: 3 }));
  assertEquals(offsets(told(node)), [[2, 1]]);
  node.p.terminate("2/quorum/quorum");
  assertEquals(told(node), [["controllerChanged", { controllerId: -1, epoch: 1 }]]);
  follow(node, 2);
  assertEquals(told(node), [["controllerChanged", { controllerId: 2, epoch: 2 }]]);
});

Deno.test("a reader is given the next message when it has taken the last, and everything at once then", () => {
  const node = begin();
  follow(node);
  node.p.tell("follow", { follower: BROKER, fromOffset: 0 });
  const waiting = () => node.p.asks.filter(({ to }) => to === BROKER);
  for (const offset of [0, 1, 2]) {
    node.p.answer("fetch", fetchReplyOf({ records: batchesOf([1], offset), highWatermark: offset + 1 }));
  }
  assertEquals(waiting().map(({ verb }) => verb), ["controllerChanged"]);
  assertEquals(offsets(told(node)), [[0, 3]]);
});

Deno.test("a reader that has something already is sent what comes after; asking again begins anew", () => {
  const node = begin();
  follow(node);
  node.p.answer("fetch", fetchReplyOf({ records: batchesOf([1, 1, 1]), highWatermark: 3 }));
  node.p.tell("follow", { follower: BROKER, fromOffset: 2 });
  assertEquals(offsets(told(node)), [[2, 1]]);
  node.p.tell("follow", { follower: BROKER, fromOffset: 9 });
  assertEquals(offsets(told(node)), [], "it knows more than this life of the quorum");
  node.p.tell("follow", { follower: BROKER, fromOffset: 1 });
  assertEquals(offsets(told(node)), [[1, 2]]);
});

Deno.test("a reader that is behind the log's start is sent the image", () => {
  const node = begin({ deps: { snapshotEveryRecords: 3 } });
  follow(node);
  node.p.answer("fetch", fetchReplyOf({ records: batchesOf([1, 1, 1, 1]), highWatermark: 4 }));
  assertEquals(node.p.state.log.startOffset, 4);
  node.p.tell("follow", { follower: BROKER, fromOffset: 1 });
  const [, [verb, message]] = told(node) as [unknown, [string, Parameters<MetadataFollower["metadata"]>[0]]];
  assertEquals([verb, message.baseOffset, message.snapshot], ["metadata", 4, true]);
  assertEquals(imageOf(4, message.records), node.p.state.image);
});

Deno.test("one that crashes or ends is sent nothing more until it follows again", () => {
  const node = begin();
  follow(node);
  node.p.tell("follow", { follower: BROKER, fromOffset: 0 });
  node.p.fail(node.p.asks.find(({ to }) => to === BROKER)!, "crashed");
  node.p.answer("fetch", fetchReplyOf({ records: batchesOf([1]), highWatermark: 1 }));
  assertEquals(told(node), []);
  node.p.tell("follow", { follower: BROKER, fromOffset: 0 });
  assertEquals(offsets(told(node)), [[0, 1]]);
  node.p.terminate(BROKER);
  node.p.answer("fetch", fetchReplyOf({ records: batchesOf([1], 1), highWatermark: 2 }));
  assertEquals(told(node), []);
});

Deno.test("one that never says that it has taken something is served on, but slowly", () => {
  const node = begin();
  follow(node);
  node.p.answer("fetch", fetchReplyOf({ records: batchesOf([1]), highWatermark: 1 }));
  node.p.tell("follow", { follower: BROKER, fromOffset: 0 });
  node.p.advance(9_999).take();
  assertEquals(node.p.asks.filter(({ to }) => to === BROKER).map(({ verb }) => verb), ["controllerChanged"]);
  node.p.advance(1);
  assertEquals(node.p.asks.filter(({ to }) => to === BROKER).length, 1);
});
