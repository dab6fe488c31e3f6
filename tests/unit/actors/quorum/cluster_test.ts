/** Several quorum actors on links of half a millisecond and disks that sync in 0.3 ms. */
import { assert, assertEquals } from "@std/assert";
import { Stage, type StageOptions } from "./stage.ts";

function stageOf(options: StageOptions): Stage {
  return new Stage({ syncMs: () => 0.3, ...options }).start();
}

Deno.test("a new cluster has a leader within 50 ms, and an append takes a round trip and the syncs", () => {
  for (const voters of [1, 2, 3, 5]) {
    const stage = stageOf({ voters, observers: 1 });
    const formedMs = stage.until(() => stage.leader !== undefined);
    assert(formedMs < (voters === 1 ? 1 : 50), `${voters} voters took ${formedMs} ms`);
    stage.advance(20);
    const commitMs = stage.commit("first");
    assert(commitMs < (voters === 1 ? 0.5 : 1.5), `with ${voters} voters a commit took ${commitMs} ms`);
    stage.until(() => stage.nodes.every(({ seen }) => seen!.image.configs.get("broker/")?.has("first") === true), 20);
    const [id, ...others] = new Set(stage.nodes.map(({ store }) => store!.meta.clusterId));
    assertEquals([id?.length, others], [22, []]);
  }
});

Deno.test("when the leader's process is gone, another leads and has a controller within 50 ms", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const stage = stageOf({ seed, voters: 3 });
    const old = stage.untilLeader();
    stage.advance(300);
    old.crash();
    const tookMs = stage.until(() => stage.leader !== undefined);
    assert(tookMs < 50, `seed ${seed}: ${tookMs} ms`);
    stage.commit("after");
    old.start();
    stage.until(() => old.state?.highWatermark === stage.leader!.state!.highWatermark, 1_000);
  }
});

Deno.test("a leader that falls silent is missed by all, and by none for ever", () => {
  for (let seed = 1; seed <= 5; seed++) {
    const stage = stageOf({ seed, voters: 3, observers: 1 });
    const old = stage.untilLeader();
    stage.advance(300);
    for (const { id } of stage.nodes) {
      stage.network.cut(id, old.id);
      stage.network.cut(old.id, id);
    }
    const tookMs = stage.until(() => stage.leader !== undefined && stage.leader !== old, 3_000);
    assert(tookMs > 900 && tookMs < 1_500, `seed ${seed}: ${tookMs} ms`);
    stage.until(() => old.state!.role.type !== "leader", 1_000);
    stage.network.heal();
    stage.until(() => old.state!.leaderId === stage.leader!.id, 2_000);
    stage.commit("after");
    const { highWatermark } = stage.leader!.state!;
    stage.until(() => stage.nodes.every(({ state }) => state!.highWatermark === highWatermark), 2_000);
    assertEquals(old.state!.image.configs, stage.leader!.state!.image.configs);
  }
});

Deno.test("a voter that was cut off disturbs nobody when it is back", () => {
  const stage = stageOf({ voters: 3 });
  const leader = stage.untilLeader();
  const { epoch } = leader.state!;
  const lonely = stage.nodes.find((node) => node !== leader)!;
  for (const { id } of stage.nodes) {
    stage.network.cut(id, lonely.id);
    stage.network.cut(lonely.id, id);
  }
  stage.advance(20_000);
  assertEquals([lonely.state!.leaderId, lonely.state!.epoch], [-1, epoch]);
  stage.commit("without it");
  stage.network.heal();
  stage.until(() => lonely.state!.leaderId === leader.id, 2_000);
  stage.advance(5_000);
  assertEquals([leader.state!.role.type, leader.state!.epoch], ["leader", epoch]);
});

Deno.test("a voter that its leader cannot hear keeps following, and does not disturb", () => {
  const stage = stageOf({ voters: 3 });
  const leader = stage.untilLeader();
  const { epoch } = leader.state!;
  const mute = stage.nodes.find((node) => node !== leader)!;
  stage.network.cut(mute.id, leader.id);
  stage.advance(10_000);
  stage.commit("meanwhile");
  assertEquals([leader.state!.role.type, leader.state!.epoch], ["leader", epoch]);
});

Deno.test("a clean stop hands leadership over; all at once they do not wait for each other", () => {
  const stage = stageOf({ voters: 3 });
  const old = stage.untilLeader();
  stage.advance(100);
  let stopped = 0;
  old.stop(() => stopped++);
  const tookMs = stage.until(() => stage.leader !== undefined && stage.leader !== old);
  assert(tookMs < 20, `${tookMs} ms`);
  stage.until(() => stopped === 1, 100);
  for (const node of stage.nodes) node.stop(() => stopped++);
  assert(stage.until(() => stopped === 4, 2_000) < 100);
  stage.start();
  stage.untilLeader();
  stage.commit("again");
});

Deno.test("a voter that has lost its disk learns everything, and votes again", () => {
  const stage = stageOf({ voters: 3 });
  stage.commit("before");
  stage.until(() => stage.nodes.every(({ state }) => state!.membership === "voting"), 1_000);
  const leader = stage.untilLeader();
  const [forgetful, other] = stage.nodes.filter((node) => node !== leader);
  forgetful!.loseDisk();
  forgetful!.start();
  stage.until(() => forgetful!.state?.membership === "voting", 1_000);
  leader.crash();
  stage.untilLeader(1_000);
  stage.commit("after");
  const names = () => [...forgetful!.state!.image.configs.get("broker/")!.keys()].join();
  stage.until(() => names() === "before,after", 100);
  assertEquals(other!.state!.image.clusterId, forgetful!.store!.meta.clusterId);
});

Deno.test("a voter with an empty disk does not make a leader of one that lacks what is committed", () => {
  const stage = stageOf({ voters: 3 });
  const leader = stage.untilLeader();
  const [behind, forgetful] = stage.nodes.filter((node) => node !== leader);
  stage.until(() => stage.nodes.every(({ state }) => state!.membership === "voting"), 1_000);
  behind!.crash();
  stage.commit("on two disks");
  forgetful!.loseDisk();
  leader.crash();
  behind!.start();
  forgetful!.start();
  stage.advance(30_000);
  assertEquals(stage.leader, undefined);
  leader.start();
  stage.untilLeader();
  stage.commit("later");
  stage.until(() => behind!.state!.image.configs.get("broker/")?.has("on two disks") === true, 1_000);
});

Deno.test("an actor that is killed comes back with what it had", () => {
  const stage = stageOf({ voters: 3, snapshotEveryRecords: 5 });
  for (let round = 0; round < 8; round++) {
    stage.commit(`note ${round}`);
    const leader = stage.untilLeader();
    leader.system!.kill(leader.ref);
    stage.advance(4_000);
  }
  const [first, ...others] = stage.nodes.map(({ state }) => state!.image);
  assertEquals(first!.configs.get("broker/")!.size, 8);
  for (const other of others) assertEquals(other, first);
  assert(stage.nodes.every(({ state }) => state!.snapshot !== undefined));
});
