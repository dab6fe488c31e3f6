import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  batch,
  change,
  cluster,
  FakeCluster,
  FakeReplica,
  finds,
  partition,
  restart,
  TOPIC,
  TOPIC_ID,
  withRecords,
} from "./fake_cluster.ts";

Deno.test("a cluster that elects, commits, fails over and comes back breaks nothing", () => {
  const world = withRecords();
  world.commit(change({ leader: 2, isr: [2, 3] }));
  world.replica(2).lead(1, [2, 3]).write([batch(3, 1)]);
  world.replica(3).follow(1).write([batch(3, 1)]);
  world.look();
  world.replica(2).highWatermark = 4;
  assertEquals(world.look(), "");
  const old = world.replica(1).again().follow(1);
  restart(world, 1, old, 9);
  old.write([batch(3, 1)]);
  assertEquals(world.look(), "");
  world.replica(2).proposed = [1];
  world.look();
  world.commit(change({ isr: [2, 3, 1] }));
  for (const id of [1, 3]) world.replica(id).highWatermark = 4;
  for (const id of [1, 2, 3]) {
    Object.assign(world.replica(id), { isr: [2, 3, 1], partitionEpoch: 2, proposed: undefined });
  }
  assertEquals(world.look(), "");
  assertEquals(world.invariants.unrest(), []);
});

// The log

Deno.test("a replica has something else than what is committed, below its high watermark", () => {
  const world = withRecords();
  world.replica(1).write([batch(3, 0, "a")]);
  world.replica(2).write([batch(3, 0, "a")]);
  world.look();
  world.replica(1).lead(0, [1, 2]).highWatermark = 4;
  world.look();
  world.replica(3).follow(1).write([batch(3, 1, "b")]).highWatermark = 4;
  finds(world, "t-0 on node 3 knows the high watermark 4, but lacks what is committed from 3 on");
});

Deno.test("two replicas have different batches of one epoch at one offset", () => {
  const world = withRecords();
  world.replica(1).write([batch(3, 0, "a")]);
  world.replica(2).write([batch(3, 0, "b")]);
  finds(world, "t-0 on node 2 has 3–3 of epoch 0 (crc");
});

Deno.test("a replica cuts what is committed", () => {
  const world = withRecords();
  world.replica(3).batches.pop();
  world.replica(3).highWatermark = 2;
  finds(world, "t-0 on node 3 has cut its log from 3 to 2, and had what is committed up to 3");
});

Deno.test("a replica that was away may begin anew when a deletion has been forgotten that it has not heard of, and not else", () => {
  for (const tombstonesGoneTo of [4, 3]) {
    const world = withRecords();
    world.commit(change({ isr: [1, 2] }));
    for (const id of [1, 2]) world.replica(id).write([batch(3, 0)]);
    world.replica(1).lead(0, [1, 2], 1);
    world.look();
    world.replica(1).highWatermark = 4;
    assertEquals(world.look(), "");
    world.replica(2).tombstonesGoneTo = tombstonesGoneTo;
    world.look();
    world.replica(3).batches.length = world.replica(3).highWatermark = 0;
    if (tombstonesGoneTo === 4) assertEquals(world.look(), "");
    else finds(world, "t-0 on node 3 has cut its log from 3 to 0, and had what is committed up to 3");
  }
});

Deno.test("tombstones go that are not committed", () => {
  const world = withRecords();
  world.replica(2).tombstonesGoneTo = 4;
  finds(world, "t-0 on node 2 is without tombstones up to 4, and committed only up to 3");
});

Deno.test("a replica may cut what nobody has committed", () => {
  const world = withRecords();
  world.replica(3).write([batch(3, 0, "alone")]);
  world.look();
  world.replica(3).batches.pop();
  assertEquals(world.look(), "");
});

Deno.test("a process comes back without what was durable and committed", () => {
  const world = withRecords();
  const log = world.replica(3).again().follow(0);
  log.batches.pop();
  log.highWatermark = 2;
  restart(world, 3, log, 9);
  finds(world, "t-0 on node 3 had what is committed up to 3, durably up to 3, and came back with 2");
});

Deno.test("an empty log may go back by the batch that contains its start, and no further", () => {
  const backTo = (start: number) => {
    const world = withRecords();
    world.commit(change({ isr: [1, 2] }));
    for (const id of [1, 2]) Object.assign(world.replica(id), { isr: [1, 2], partitionEpoch: 1 });
    for (const id of [1, 2]) world.replica(id).write([batch(3, 0, { last: 4 })]);
    world.look();
    for (const id of [1, 2]) world.replica(id).highWatermark = 5;
    world.node(3).disks++;
    const empty = (startOffset: number) =>
      Object.assign(new FakeReplica().follow(0), { startOffset, highWatermark: startOffset });
    restart(world, 3, empty(4), 9);
    assertEquals(world.look(), "");
    restart(world, 3, empty(start), 10);
    return world;
  };
  assertEquals(backTo(3).look(), "");
  finds(backTo(2), "t-0 on node 3 had what is committed up to 4, durably up to 4, and came back with 2");
});

Deno.test("a process that comes back to remove what it has may be a replica again later, without it", () => {
  const world = withRecords();
  const { replica } = world.node(3);
  world.node(3).replicaViews = [];
  world.look();
  world.commit(change({ isr: [1, 2], replicas: [1, 2] }));
  world.node(3).replicaViews = [replica.again().follow(0)];
  world.look();
  world.node(3).replicaViews = [];
  world.look();
  world.commit(change({ replicas: [1, 2, 3] }));
  world.node(3).replicaViews = [new FakeReplica().follow(0)];
  assertEquals(world.look(), "");
});

Deno.test("what was not durable may be gone after a crash, and everything with the disk", () => {
  const world = withRecords();
  world.commit(change({ isr: [1, 2] }));
  world.replica(3).flushed = 2;
  world.look();
  const log = world.replica(3).again().follow(0);
  log.batches.pop();
  Object.assign(log, { flushed: undefined, highWatermark: 2 });
  restart(world, 3, log, 9);
  assertEquals(world.look(), "");

  const other = withRecords();
  other.commit(change({ isr: [1, 2] }));
  other.node(3).disks++;
  restart(other, 3, new FakeReplica().follow(0), 9);
  assertEquals(other.look(), "");
});

Deno.test("a log has a gap, or epochs that fall", () => {
  const gap = withRecords();
  gap.replica(2).write([batch(4, 0)]);
  finds(gap, "t-0 on node 2 has a batch at 4, where the one before ends at 3");
  const fall = withRecords();
  for (const each of fall.nodes) each.replica.follow(5);
  fall.replica(2).write([batch(3, 5), batch(4, 4)]);
  finds(fall, "t-0 on node 2 has epoch 4 at 4, behind epoch 5 at 3");
});

Deno.test("a log begins above its high watermark, or ends below it", () => {
  const start = withRecords();
  Object.assign(start.replica(1), { startOffset: 2, highWatermark: 1 });
  finds(start, "t-0 on node 1 begins at 2, is committed up to 1 and ends at 3");
  const end = withRecords();
  end.replica(2).highWatermark = 4;
  finds(end, "t-0 on node 2 begins at 0, is committed up to 4 and ends at 3");
});

Deno.test("the last stable offset is above the high watermark", () => {
  const world = withRecords();
  world.replica(2).stable = 3;
  world.replica(2).highWatermark = 2;
  finds(world, "t-0 on node 2 has the last stable offset 3, above its high watermark 2");
});

Deno.test("a producer's sequences have a gap, go back, or a new epoch does not begin with 0", () => {
  const produced = (...batches: [epoch: number, sequence: number][]) => {
    const world = cluster();
    world.replica(1).write(
      batches.map(([producerEpoch, baseSequence], base) =>
        batch(base, 0, { producerId: 7n, producerEpoch, baseSequence })
      ),
    );
    return world;
  };
  finds(produced([0, 5], [0, 7]), "has sequence 7 of producer 7 (epoch 0) at 1, where 6 must come");
  finds(produced([0, 5], [0, 5]), "has sequence 5 of producer 7 (epoch 0) at 1, where 6 must come");
  finds(produced([0, 5], [1, 6]), "has sequence 6 of producer 7 (epoch 1) at 1, where 0 must come");
  finds(produced([1, 0], [0, 1]), "has epoch 0 of producer 7 at 1, behind epoch 1 at 0");
  assertEquals(produced([0, 2 ** 31 - 1], [0, 0], [0, 1], [1, 0]).look(), "");
});

Deno.test("sequences of what was cut do not count", () => {
  const world = cluster();
  const of = (base: number, baseSequence: number) => batch(base, 0, { producerId: 7n, producerEpoch: 0, baseSequence });
  world.replica(2).write([of(0, 0), of(1, 1)]);
  world.look();
  world.replica(2).batches.pop();
  world.look();
  world.replica(2).write([of(1, 1)]);
  assertEquals(world.look(), "");
});

Deno.test("a log that cannot be read just now is judged when it can", () => {
  const world = withRecords();
  world.replica(1).write([batch(3, 0)]).isUnreadable = true;
  for (const id of [2, 3]) world.replica(id).write([batch(3, 0)]);
  world.look();
  for (const id of [1, 2, 3]) world.replica(id).highWatermark = 4;
  assertEquals(world.look(), "");
  world.replica(1).isUnreadable = false;
  world.replica(1).batches[3] = batch(3, 0, "other");
  finds(world, "t-0 on node 1 has 3–3 of epoch 0 (crc");
});

Deno.test("a log has something damaged, although its disk is sound", () => {
  for (const hasRotted of [false, true]) {
    const world = withRecords();
    if (hasRotted) world.invariants.forgive(2);
    world.replica(2).write([batch(3, 0)]).isDamaged = true;
    if (hasRotted) assertEquals(world.look(), "");
    else finds(world, "t-0 on node 2 has something damaged at 3 or behind it, and nothing has happened to its disk");
  }
});

Deno.test("a leader whose log has rotted commits more than can be seen, and a follower knows of it before the next leader does", () => {
  const world = withRecords();
  for (const id of [1, 2, 3]) world.replica(id).write([batch(3, 0), batch(4, 0)]);
  world.invariants.forgive(1);
  Object.assign(world.replica(1), { isDamaged: true, highWatermark: 5 });
  assertEquals(world.look(), "");
  world.replica(3).highWatermark = 5;
  world.node(1).replicaViews = [];
  assertEquals(world.look(), "");
  world.commit(change({ leader: 2, isr: [2, 3] }));
  Object.assign(world.replica(2).lead(1, [2, 3]), { highWatermark: 4 });
  world.replica(3).follow(1);
  assertEquals(world.look(), "");
  world.replica(2).highWatermark = 5;
  assertEquals(world.look(), "");
  world.replica(3).highWatermark = 6;
  finds(world, "t-0 on node 3 takes everything up to 6 for committed, but no leader has committed more than 5");
});

// Leaders

Deno.test("a leader lacks what is committed", () => {
  const world = withRecords();
  world.replica(1).write([batch(3, 0)]);
  world.replica(2).write([batch(3, 0)]);
  world.look();
  world.commit(change({ isr: [1, 2] }));
  Object.assign(world.replica(1), { isr: [1, 2], partitionEpoch: 1, highWatermark: 4 });
  assertEquals(world.look(), "");
  world.replica(3).lead(1);
  finds(world, "t-0 on node 3 leads epoch 1, but lacks what is committed from 3 on (up to 4): there is 3–3 of epoch 0");
});

Deno.test("somebody commits what the leader of a newer epoch does not have", () => {
  const world = withRecords();
  world.commit(change({ leader: 3, isr: [3, 2] }));
  world.replica(3).lead(1, [3, 2]);
  assertEquals(world.look(), "");
  world.replica(1).write([batch(3, 0)], 4);
  finds(world, "t-0 on node 3 leads epoch 1, when node 1 commits in epoch 0, but lacks what is committed from 3 on");
});

Deno.test("an epoch has two leaders, on two nodes or in two processes of one", () => {
  const nodes = withRecords();
  nodes.replica(2).lead(0);
  finds(nodes, "t-0 on node 2 (process 1) leads epoch 0, which node 1 (process 1) has led");
  const processes = withRecords();
  restart(processes, 1, processes.replica(1).again().lead(0), 9);
  finds(processes, "t-0 on node 1 (process 2) leads epoch 0, which node 1 (process 1) has led");
  const sameProcess = withRecords();
  sameProcess.node(1).replicaViews = [sameProcess.replica(1).again()];
  assertEquals(sameProcess.look(), "");
});

Deno.test("a replica's epochs go back, also with its process", () => {
  const live = withRecords();
  live.replica(2).follow(3, 8);
  live.look();
  live.replica(2).follow(3, 7);
  finds(live, "t-0 on node 2 is in leader epoch 3 (partition epoch 7), and was in 3 (8) before");
  const restarted = withRecords();
  restarted.replica(2).follow(3, 8);
  restarted.look();
  restart(restarted, 2, restarted.replica(2).again().follow(2, 9), 9);
  finds(restarted, "t-0 on node 2 is in leader epoch 2 (partition epoch 9), and was in 3 (8) before");
});

Deno.test("a replica has a batch of an epoch that it does not know", () => {
  const world = withRecords();
  world.replica(2).write([batch(3, 4)]);
  finds(world, "t-0 on node 2 is in leader epoch 0 and has a batch of epoch 4 at 3");
});

Deno.test("a leader takes its high watermark back", () => {
  const world = withRecords();
  world.replica(1).highWatermark = 2;
  finds(world, "t-0 on node 1 leads epoch 0 and has taken its high watermark back from 3 to 2");
});

Deno.test("a new leader may begin with a lower high watermark than is known", () => {
  const world = withRecords();
  world.replica(2).highWatermark = 1;
  world.look();
  world.replica(2).lead(1);
  assertEquals(world.look(), "");
});

Deno.test("a leader still pulls from another", () => {
  const world = withRecords();
  Object.assign(world.replica(2).lead(1), { isPulling: true });
  finds(world, "t-0 on node 2 leads epoch 1 and still pulls from another");
});

// Who is in sync

Deno.test("a leader commits what an in-sync replica that runs does not have", () => {
  const world = withRecords();
  world.replica(1).write([batch(3, 0)], 4);
  finds(
    world,
    "t-0 on node 2 is a candidate, when node 1 commits in epoch 0 (ISR 1,2,3, ELR ), but lacks what is committed",
  );
});

Deno.test("a leader commits what an in-sync replica does not have durably", () => {
  const world = withRecords();
  for (const id of [1, 2, 3]) world.replica(id).write([batch(3, 0)]);
  world.replica(3).flushed = 3;
  world.look();
  world.replica(1).highWatermark = 4;
  finds(world, "and has only 3 durable of 4 that are committed");
  const lax = withRecords();
  for (const id of [1, 2, 3]) Object.assign(lax.replica(id).write([batch(3, 0)]), { flushBeforeAck: false });
  lax.replica(3).flushed = 3;
  lax.look();
  lax.replica(1).highWatermark = 4;
  assertEquals(lax.look(), "");
});

Deno.test("somebody is let into the ISR without what is committed", () => {
  const world = withRecords();
  world.commit(change({ isr: [1, 2] }));
  Object.assign(world.replica(1), { isr: [1, 2], partitionEpoch: 1 });
  for (const id of [1, 2]) world.replica(id).write([batch(3, 0)]);
  world.look();
  world.replica(1).highWatermark = 4;
  assertEquals(world.look(), "");
  world.replica(1).proposed = [3];
  world.look();
  world.commit(change({ isr: [1, 2, 3] }));
  finds(world, "t-0 on node 3 is a candidate (ISR 1,2,3, ELR ), but lacks what is committed from 3 on");
});

Deno.test("a leader commits in the turn in which its replica fails", () => {
  for (const hasCommitted of [true, false]) {
    const world = withRecords();
    for (const id of [1, 2, 3]) world.replica(id).write([batch(3, 0)]);
    world.look();
    if (hasCommitted) world.replica(1).highWatermark = 4;
    world.node(1).replicaViews = [];
    world.replica(2).highWatermark = 4;
    if (hasCommitted) assertEquals(world.look(), "");
    else finds(world, "t-0 on node 2 takes everything up to 4 for committed, but no leader has committed more than 3");
  }
});

Deno.test("a leader commits with fewer in sync than there must be", () => {
  const world = withRecords();
  world.commit(change({ isr: [1], elr: [2] }));
  Object.assign(world.replica(1).write([batch(3, 0)], 4), { isr: [1], partitionEpoch: 1 });
  finds(world, "t-0 on node 1 has committed up to 4 with 1 in sync (1), of 2 that must be");
});

Deno.test("a leader does not wait for somebody whom the controller may elect", () => {
  const world = withRecords();
  Object.assign(world.replica(1), { isr: [1, 2], partitionEpoch: 1 });
  finds(world, "t-0 on node 1 leads epoch 0 and waits for 1,2, but not for 3, who may be elected (ISR 1,2,3, ELR )");
});

Deno.test("a candidate comes back without what is committed", () => {
  const world = withRecords();
  world.replica(3).flushed = 2; // so that it is not known to have lost anything durable
  for (const { replica } of world.nodes) replica.flushBeforeAck = false;
  world.look();
  const log = world.replica(3).again().follow(0);
  log.batches.pop();
  Object.assign(log, { flushed: undefined, highWatermark: 2 });
  restart(world, 3, log, 9);
  finds(
    world,
    "t-0 on node 3 has come back and is a candidate (ISR 1,2,3, ELR ), but lacks what is committed from 2 on",
  );
});

// At the end

Deno.test("a cluster is not at rest: somebody is down, fenced, behind, without a leader, or not in sync", () => {
  const rest = (bad: (world: FakeCluster) => unknown) => {
    const world = withRecords();
    bad(world);
    world.look();
    return world.invariants.unrest().join("\n");
  };
  assertEquals(rest(() => {}), "");
  assertStringIncludes(rest((world) => world.node(3).isAlive = false), "node 3 is down");
  const behind = (world: FakeCluster) => world.node(3).brokerView = { image: { ...world.image, offset: 2 } };
  assertStringIncludes(rest(behind), "the broker of node 3 has metadata up to 2, of 8");
  const fence = { type: "FenceBroker", brokerId: 3, brokerEpoch: 3 } as const;
  assertStringIncludes(rest((world) => world.commit(fence, change({ isr: [1, 2] }))), "broker 3 is fenced");
  const shrunk = rest((world) => world.commit(change({ isr: [1, 2] })));
  assertStringIncludes(shrunk, "t-0 does not have 3 in its ISR (1,2)");
  assertStringIncludes(
    rest((world) => world.commit(change({ leader: -1, isr: [1] }))),
    "t-0 has no leader (ISR 1, ELR )",
  );
  assertStringIncludes(
    rest((world) => world.replica(3).highWatermark = 2),
    "t-0 on node 3 ends at 3 with the high watermark 2",
  );
  assertStringIncludes(rest((world) => world.node(3).replicaViews = []), "t-0 does not run on node 3");
});

Deno.test("a log is not what it was when it was written", () => {
  const world = withRecords();
  world.replica(2).batches[1] = batch(1, 0, "rotten");
  world.look();
  assertStringIncludes(world.invariants.unrest().join("\n"), "t-0 on node 2 has 1–1 of epoch 0 (crc");
});

Deno.test("a replica's producers, or its epochs, are not those of its log", () => {
  const world = cluster();
  const produced = [0, 1].map((base) => batch(base, base, { producerId: 7n, producerEpoch: 0, baseSequence: base }));
  for (const { replica } of world.nodes) {
    replica.write(produced).follow(1);
    replica.known = [{ producerId: 7n, producerEpoch: 0, lastSequence: 1 }];
  }
  world.commit(change({ leader: 2 }));
  world.replica(2).lead(1);
  world.look();
  world.replica(2).highWatermark = 2;
  world.look();
  for (const { replica } of world.nodes) replica.highWatermark = 2;
  assertEquals(world.look(), "");
  assertEquals(world.invariants.unrest(), []);
  world.replica(3).known = [{ producerId: 7n, producerEpoch: 0, lastSequence: 0 }];
  assertEquals(world.invariants.unrest(), ["t-0 on node 3 has producer 7 at 0/0, its log at 0/1."]);
  world.replica(3).known = [];
  assertEquals(world.invariants.unrest(), ["t-0 on node 3 does not know producer 7 of its log."]);
  world.replica(3).known = [...world.replica(2).known, { producerId: 8n, producerEpoch: 0, lastSequence: 0 }];
  assertEquals(world.invariants.unrest(), ["t-0 on node 3 knows producer 8, who is not in its log."]);
  world.replica(3).known = world.replica(2).known;
  world.replica(3).ends.set(0, 2);
  assertEquals(world.invariants.unrest(), ["t-0 on node 3 says that epoch 0 ends at 2 (0), but 1 begins at 1."]);
});

Deno.test("what has changed in a turn is seen before the next one, and what has changed between turns when they are over", () => {
  const world = withRecords();
  const turn = (ref: string) =>
    world.invariants.hear({ atMs: 0, type: "message", ref, verb: "pull", from: "", detail: "" });
  const { problems } = world.invariants;
  turn("1/replica/t-0");
  Object.assign(world.replica(1), { highWatermark: 2 });
  turn("3/replica/t-0");
  assertStringIncludes(problems.at(-1)!, "t-0 on node 1 leads epoch 0 and has taken its high watermark back");
  Object.assign(world.replica(3), { highWatermark: 9 });
  world.invariants.settle();
  assertStringIncludes(problems.at(-1)!, "t-0 on node 3 takes everything up to 9 for committed");
  turn("2/replica/t-0");
  Object.assign(world.replica(2), { isCurrent: false });
  Object.assign(world.node(2), { replicaViews: [new FakeReplica().follow(0)] });
  world.invariants.settle();
  assertStringIncludes(problems.at(-1)!, "t-0 on node 2 has come back and is a candidate (ISR 1,2,3, ELR ), but lacks");
});

Deno.test("looking where nothing has changed costs little", () => {
  const world = withRecords();
  world.look();
  const beganMs = performance.now();
  for (let i = 0; i < 100_000; i++) world.invariants.look(1 + i % 3);
  const tookMs = performance.now() - beganMs;
  assertEquals(tookMs < 2_000, true, `100 000 looks took ${tookMs} ms`);
});

Deno.test("a topic that was made again under its name is another one", () => {
  const world = withRecords();
  world.commit({ type: "RemoveTopic", topicId: TOPIC_ID });
  for (const node of world.nodes) node.replicaViews = [];
  world.look();
  world.commit({ type: "Topic", name: TOPIC, topicId: "another" }, partition({ topicId: "another" }));
  for (const node of world.nodes) {
    node.replicaViews = [Object.assign(new FakeReplica().follow(0), { topicId: "another" })];
  }
  world.replica(1).lead(0);
  for (const { replica } of world.nodes) replica.write([batch(0, 0, "new")]);
  world.look();
  for (const { replica } of world.nodes) replica.highWatermark = 1;
  assertEquals(world.look(), "");
});
