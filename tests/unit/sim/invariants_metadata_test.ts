import { assertEquals } from "@std/assert";
import {
  batch,
  change,
  cluster,
  FakeCluster,
  FakeReplica,
  finds,
  partition,
  registration,
  TOPIC,
  withRecords,
} from "./fake_cluster.ts";

// Metadata

Deno.test("the ISR has a stranger, somebody twice, somebody fenced, or not the leader", () => {
  const decides = (more: Parameters<typeof change>[0], sentence: string) =>
    finds(cluster().commit(change(more)), sentence);
  decides({ isr: [1, 2, 4] }, "cannot be replayed");
  decides({ isr: [2, 3] }, "cannot be replayed");
  decides({ isr: [1], elr: [1] }, "cannot be replayed");
  decides({ isr: [1, 2, 2] }, "t-0 has somebody twice in its ISR (1,2,2) and ELR ()");
  decides({ isr: [1, 2], elr: [3] }, "t-0 has the ELR 3, although 2 are in sync and 2 are enough");
  assertEquals(cluster().commit(change({ isr: [1], elr: [2, 3] })).look(), "");
  finds(
    cluster().commit({ type: "FenceBroker", brokerId: 2, brokerEpoch: 2 }),
    "t-0 has broker 2 in its ISR (1,2,3), which is fenced",
  );
});

Deno.test("a broker that is about to stop is let into the ISR", () => {
  const world = cluster().commit(change({ isr: [1, 2] }), { type: "ControlledShutdown", brokerId: 3, brokerEpoch: 3 });
  assertEquals(world.look(), "");
  finds(world.commit(change({ isr: [1, 2, 3] })), "t-0 has taken broker 3 into its ISR, which is about to stop");
});

Deno.test("a partition's epochs go back, or its leader changes without a new one", () => {
  const leader = cluster().commit(change({ isr: [1, 2] })).commit(
    partition({ leader: 2, leaderEpoch: 0, partitionEpoch: 5 }),
  );
  finds(leader, "t-0 went from leader 1 in epoch 0 to leader 2 in epoch 0");
  const epoch = cluster().commit(change({ isr: [1, 2] })).commit(partition({ partitionEpoch: 1 }));
  finds(epoch, "t-0 was changed, but its partition epoch went from 1 to 1");
});

Deno.test("somebody is elected who was no candidate", () => {
  const world = () => cluster().commit(change({ isr: [1, 2] }));
  finds(
    world().commit(change({ leader: 3, isr: [3] })),
    "t-0 has elected 3, who was neither in its ISR (1,2) nor in its ELR ()",
  );
  assertEquals(
    world().commit(change({ isr: [1], elr: [2] })).commit(change({ leader: 2, isr: [2], elr: [] })).look(),
    "",
  );
});

Deno.test("who completes a move may join the ISR and lead at once, if the leader has proposed it", () => {
  for (const proposed of [[1, 2, 3], undefined]) {
    const world = withRecords().commit(change({ isr: [1, 2] }));
    Object.assign(world.replica(1), { isr: [1, 2], partitionEpoch: 1, proposed });
    world.look();
    world.commit(change({ leader: 3, isr: [3, 2], replicas: [3, 2] }));
    if (proposed !== undefined) assertEquals(world.look(), "");
    else finds(world, "t-0 has elected 3, who was neither in its ISR (1,2) nor in its ELR ()");
  }
});

Deno.test("where an unclean election leaves nothing, a log that begins later goes back to the start", () => {
  const world = cluster();
  for (const id of [1, 2, 3]) Object.assign(world.replica(id), { startOffset: 2, highWatermark: 2 });
  world.look();
  for (const id of [1, 2, 3]) world.replica(id).write([batch(2, 0)]);
  assertEquals(world.look(), "");
  const setting = { resourceType: "topic", resourceName: TOPIC, name: "unclean.leader.election.enable" } as const;
  world.commit({ type: "Config", ...setting, value: "true" }, change({ isr: [1, 2] }));
  world.commit(change({ leader: 3, isr: [3] }));
  Object.assign(world.replica(3).lead(1, [3], 2), { startOffset: 0, batches: [], highWatermark: 0 });
  world.look();
  Object.assign(world.replica(1).follow(1, 2), { startOffset: 0, batches: [], highWatermark: 0 });
  assertEquals(world.look(), "");
});

Deno.test("who was sent away and called back comes back with nothing", () => {
  const away = (call: Parameters<typeof change>[0]) => {
    const world = withRecords().commit(change({ isr: [1, 2], ...call })).commit(change({ replicas: [1, 2, 3] }));
    world.node(3).replicaViews = [];
    world.look();
    world.node(3).replicaViews = [new FakeReplica().follow(0, 2)];
    return world;
  };
  assertEquals(away({ replicas: [1, 2] }).look(), "");
  finds(away({}), "t-0 on node 3 had what is committed up to 3, durably up to 3, and came back with 0");
});

Deno.test("where unclean elections are on, what is lost by one is not missed", () => {
  const world = withRecords();
  const setting = {
    resourceType: "topic",
    resourceName: TOPIC,
    name: "unclean.leader.election.enable",
    value: "true",
  } as const;
  world.commit({ type: "Config", ...setting }, change({ isr: [1, 2] }));
  for (const id of [1, 2]) world.replica(id).write([batch(3, 0)]);
  Object.assign(world.replica(1), { isr: [1, 2], partitionEpoch: 1 });
  world.look();
  world.replica(1).highWatermark = 4;
  world.commit(change({ leader: 3, isr: [3] }));
  world.replica(3).lead(1, [3], 2).write([batch(3, 1)]);
  assertEquals(world.look(), "", "what it takes for committed by now was so before");
  world.replica(3).proposed = [3, 2];
  world.replica(2).follow(1, 2).batches.pop();
  world.look();
  world.replica(2).write([batch(3, 1)]);
  world.look();
  world.commit(change({ isr: [3, 2] }));
  Object.assign(world.replica(3), { isr: [3, 2], partitionEpoch: 3, highWatermark: 4 });
  world.look();
  world.replica(1).follow(1, 3).batches.pop();
  world.replica(1).highWatermark = 3;
  assertEquals(world.look(), "");
  world.replica(1).write([batch(3, 1)]);
  world.look();
  world.replica(1).batches.pop();
  finds(world, "t-0 on node 1 has cut its log from 4 to 3, and had what is committed up to 4");
});

Deno.test("what somebody commits who hears late of an unclean election is not committed", () => {
  const world = withRecords();
  const setting = { resourceType: "topic", resourceName: TOPIC, name: "unclean.leader.election.enable" } as const;
  world.commit({ type: "Config", ...setting, value: "true" }, change({ isr: [1, 2] }));
  Object.assign(world.replica(1), { isr: [1, 2], partitionEpoch: 1 });
  world.replica(1).write([batch(3, 0), batch(4, 0)]);
  world.look();
  world.commit(change({ leader: 3, isr: [3] }));
  world.replica(3).lead(1, [3], 2);
  world.look();
  world.replica(1).highWatermark = 5;
  assertEquals(world.look(), "");
  world.replica(1).follow(1, 2);
  assertEquals(world.look(), "");
});

Deno.test("who loses committed records by an unclean election may begin anew", () => {
  const world = withRecords();
  const setting = { resourceType: "topic", resourceName: TOPIC, name: "unclean.leader.election.enable" } as const;
  world.commit({ type: "Config", ...setting, value: "true" }, change({ isr: [1, 2] }));
  world.commit(change({ leader: 3, isr: [3] }));
  world.replica(3).lead(1, [3], 2).write([batch(3, 1)]);
  world.replica(2).follow(1, 2).write([batch(3, 1)]);
  world.replica(3).proposed = [3, 2];
  world.look();
  world.commit(change({ isr: [3, 2] }));
  Object.assign(world.replica(3), { isr: [3, 2], partitionEpoch: 3, highWatermark: 4 });
  assertEquals(world.look(), "");
  const anew = world.replica(1).follow(1, 3);
  anew.batches.length = anew.highWatermark = 0;
  assertEquals(world.look(), "");
});

Deno.test("a broker has applied what is not committed, half of a batch, or something else", () => {
  const world = cluster();
  const { image } = world;
  world.node(2).brokerView!.image = { ...image, offset: image.offset + 1 };
  finds(
    world,
    `the broker of node 2 has applied ${image.offset + 1} metadata records, but only ${image.offset} are committed`,
  );
  const half = cluster();
  half.node(2).brokerView = { image: { ...half.image, offset: half.image.offset - 1 } };
  finds(half, "metadata records, but no batch ends there");
  const other = cluster();
  other.node(2).brokerView!.image = { ...other.image, nextProducerId: 1n };
  finds(other, "metadata records and made something else of them: committed is [cluster");
});

Deno.test("a broker goes back in the metadata; one that was restarted may", () => {
  const world = cluster();
  const before = world.image;
  world.commit(change({ isr: [1, 2] }));
  world.node(2).brokerView!.image = before;
  finds(world, `the broker of node 2 has gone back from metadata offset ${before.offset + 1} to ${before.offset}`);
  const restarted = cluster();
  const old = restarted.image;
  restarted.commit(change({ isr: [1, 2] }));
  restarted.node(2).brokerView = { image: old };
  assertEquals(restarted.look(), "");
});

Deno.test("a broker is forgotten that is in sync, or comes back with an epoch that it has had", () => {
  const world = cluster().commit({ type: "UnregisterBroker", brokerId: 2, brokerEpoch: 2 });
  finds(world, "t-0 has broker 2 in its ISR (1,2,3), which is not registered");
  finds(world.commit(registration(2, 2, "again")), "broker 2 was registered with epoch 2, and now with 2");
});

Deno.test("metadata is committed that cannot be replayed", () => {
  const world = cluster();
  const node = world.quorum(1);
  const base = node.endOffset;
  node.contents.set(base, [{ type: "RemoveTopic", topicId: "nobody's" }]);
  for (const id of [1, 2, 3]) world.quorum(id).batches.push(batch(base, 1));
  world.look();
  node.highWatermark = base + 1;
  finds(world, `the committed metadata at ${base} cannot be replayed`);
});

Deno.test("a replica runs on a node that has not seen its own registration", () => {
  const world = withRecords();
  const node = world.node(2);
  const log = world.replica(2).again();
  Object.assign(node, { isAlive: false, replicaViews: [] });
  world.look();
  Object.assign(node, { isAlive: true, life: 2, quorumView: world.quorum(2).again(), replicaViews: [log] });
  node.brokerView = { image: world.image };
  finds(world, "node 2 has the replica t-0, and has not seen its own registration");
});

// The quorum

Deno.test("an epoch of the quorum has two leaders", () => {
  const world = cluster();
  world.elect(3, 1, [3, 2]);
  finds(world, "node 3 (process 1) leads epoch 1 of the quorum, which node 1 (process 1) has led");
  finds(world, "node 2 has voted for 1 and for 3 in epoch 1 of the quorum");
});

Deno.test("somebody leads the quorum without most votes, or without being a voter", () => {
  finds(
    new FakeCluster().elect(1, 1, [1]),
    "node 1 leads epoch 1 of the quorum with the votes of 1, which are not most of 1,2,3",
  );
  finds(
    new FakeCluster({ voters: [2, 3, 4] }).elect(1, 1, [1, 2, 3]),
    "node 1 leads epoch 1 of the quorum and is no voter",
  );
});

Deno.test("a voter changes its vote, or its epoch falls, also with its process", () => {
  const vote = cluster();
  Object.assign(vote.quorum(2), { epoch: 5, votedFor: 1 });
  vote.look();
  vote.quorum(2).votedFor = 3;
  finds(vote, "node 2 has voted for 1 in epoch 5 of the quorum, and now for 3");
  const fall = cluster();
  fall.quorum(2).epoch = 5;
  fall.look();
  fall.quorum(2).epoch = 4;
  finds(fall, "node 2 has gone back from epoch 5 of the quorum to 4");
  for (const forgets of [{ epoch: 4 }, { votedFor: -1 }]) {
    const reborn = cluster();
    Object.assign(reborn.quorum(2), { epoch: 5, votedFor: 1 });
    reborn.look();
    reborn.node(2).isAlive = false;
    reborn.look();
    const quorumView = Object.assign(reborn.quorum(2).again(), forgets);
    Object.assign(reborn.node(2), { isAlive: true, life: 2, quorumView, replicaViews: [] });
    finds(
      reborn,
      "epoch" in forgets
        ? "gone back from epoch 5 of the quorum to 4"
        : "voted for 1 in epoch 5 of the quorum, and now for -1",
    );
  }
});

Deno.test("a voter that has lost its disk may have forgotten its vote, and one that was none had none", () => {
  const reborn = (isVoting: boolean, disks: number) => {
    const world = cluster();
    Object.assign(world.quorum(2), { epoch: 5, votedFor: 1, isVoting });
    world.look();
    world.node(2).isAlive = false;
    world.look();
    const quorumView = Object.assign(world.quorum(2).again(), { epoch: 0, votedFor: -1 });
    Object.assign(world.node(2), { isAlive: true, life: 2, disks, quorumView, replicaViews: [] });
    return world.look();
  };
  assertEquals(reborn(true, 2), "");
  assertEquals(reborn(false, 1), "");
});

Deno.test("a voter whose disk was lost may vote again where it stood, and not where it voted for another", () => {
  const revote = (candidate: number) => {
    const world = cluster();
    Object.assign(world.quorum(candidate), { epoch: 5, votedFor: candidate, votes: new Set([candidate, 2]) });
    Object.assign(world.quorum(2), { epoch: 5, votedFor: candidate });
    world.look();
    world.node(2).isAlive = false;
    world.look();
    const quorumView = Object.assign(world.quorum(2).again(), { epoch: 0, votedFor: -1 });
    Object.assign(world.node(2), { isAlive: true, life: 2, disks: 2, quorumView, replicaViews: [] });
    world.look();
    return world.elect(1, 5, [1, 2]);
  };
  assertEquals(revote(2).look(), "");
  finds(revote(3), "node 2 has voted for 3 and for 1 in epoch 5 of the quorum");
});

Deno.test("a quorum leader lacks what is committed", () => {
  const world = cluster();
  const { quorumView } = world.node(3);
  quorumView!.batches.pop();
  quorumView!.highWatermark = 0;
  finds(world, "the metadata log on node 3 has cut its log from 8 to 6");
  world.elect(3, 2, [3, 2]);
  finds(world, "the metadata log on node 3 leads epoch 2, but lacks what is committed from 6 on");
});

Deno.test("who hears late of its votes leads an epoch that is over, and need not have what was committed since", () => {
  for (const isLate of [true, false]) {
    const world = cluster();
    const base = world.quorum(1).endOffset;
    world.elect(1, 4, [1, 2]);
    for (const id of [1, 2]) world.quorum(id).batches.push(batch(base, 4));
    world.look();
    world.quorum(1).highWatermark = base + 1;
    assertEquals(world.look(), "");
    world.elect(3, isLate ? 3 : 5, [3, 2]);
    if (isLate) assertEquals(world.look(), "");
    else finds(world, `node 3 leads epoch 5, but lacks what is committed from ${base} on`);
  }
});

Deno.test("a quorum leader commits what most voters do not have, durably", () => {
  const world = cluster();
  const base = world.quorum(1).endOffset;
  for (const id of [1, 2]) world.quorum(id).batches.push(batch(base, 1));
  world.quorum(2).flushed = base;
  world.look();
  world.quorum(1).highWatermark = base + 1;
  finds(world, `node 1 has committed metadata up to ${base + 1}, which only 1 of 1,2,3 has durably`);
});

Deno.test("what a voter has durably counts while it is down, and what it has said before its disk was lost", () => {
  for (const disks of [1, 2]) {
    const world = cluster();
    const base = world.quorum(1).endOffset;
    for (const id of [1, 2]) world.quorum(id).batches.push(batch(base, 1));
    world.look();
    Object.assign(world.node(2), { isAlive: false, replicaViews: [], disks });
    world.look();
    world.quorum(1).highWatermark = base + 1;
    assertEquals(world.look(), "");
  }
});

Deno.test("a quorum leader commits in the turn in which it crashes", () => {
  for (const hasCommitted of [true, false]) {
    const world = cluster();
    const base = world.quorum(1).endOffset;
    for (const id of [1, 2]) world.quorum(id).batches.push(batch(base, 1));
    world.look();
    if (hasCommitted) world.quorum(1).highWatermark = base + 1;
    world.node(1).quorumView = world.quorum(1).again();
    world.quorum(2).highWatermark = base + 1;
    if (hasCommitted) assertEquals(world.look(), "");
    else finds(world, `but no leader has committed more than ${base}`);
  }
});

Deno.test("a quorum leader commits by a record of an earlier epoch", () => {
  const world = cluster();
  const base = world.quorum(1).endOffset;
  for (const id of [1, 2]) world.quorum(id).batches.push(batch(base, 1));
  world.elect(2, 2, [2, 3]);
  world.quorum(2).highWatermark = base + 1;
  finds(world, "node 2 leads epoch 2 of the quorum and commits by a record of epoch 1");
});

Deno.test("a node takes metadata for committed that no leader has committed", () => {
  const world = cluster();
  const base = world.quorum(1).endOffset;
  for (const id of [1, 2, 3]) world.quorum(id).batches.push(batch(base, 1));
  world.quorum(3).highWatermark = base + 1;
  finds(world, `the metadata log on node 3 takes everything up to ${base + 1} for committed, but no leader has`);
});

Deno.test("a metadata log that begins with a snapshot is compared from there", () => {
  const world = cluster();
  const late = world.quorum(3).again();
  Object.assign(late, { startOffset: 8, batches: [] });
  world.node(3).isAlive = false;
  world.look();
  Object.assign(world.node(3), { isAlive: true, life: 2, quorumView: late, replicaViews: [] });
  world.commit(change({ isr: [1, 2] }));
  assertEquals(world.look(), "");
});
