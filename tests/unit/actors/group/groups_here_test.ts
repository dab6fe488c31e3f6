import { assertEquals } from "@std/assert";
import { groupPartition, OFFSETS_TOPIC } from "../../../../actors/group/protocol.ts";
import { viewOf } from "../broker/api/fake_exchange.ts";
import { newTopic } from "../broker/records.ts";
import { CoordinatorStage, offset } from "./coordinator_stage.ts";

Deno.test("a group that is wanted is made once, and only where it may be", () => {
  const stage = CoordinatorStage.active();
  assertEquals(stage.errorOf("new"), "GROUP_ID_NOT_FOUND");
  assertEquals(stage.find("new", true).reply, { error: "NONE", group: stage.probe.state.groups.get("new")!.ref });
  assertEquals(stage.errorOf("new"), "NONE");
  assertEquals(stage.errorOf("new", true), "NONE");
  assertEquals(stage.errorOf("", true), "NONE"); // a name like any other
  assertEquals(stage.newGroups(), { new: [], "": [] });
});

Deno.test("the records of a group are given away once", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 1)]);
  const { takeRecords } = stage.args("a");
  assertEquals([takeRecords()?.length, takeRecords()], [1, undefined]);
});

Deno.test("a group that retires goes, and who wants it waits for that", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 1)]);
  stage.newGroups();
  stage.probe.tell("retire", { groupId: "a", term: 99 }); // of another life
  stage.follow();
  assertEquals([stage.stopped, stage.errorOf("a")], [[], "NONE"]);
  stage.probe.tell("retire", { groupId: "a", term: 1 });
  stage.probe.tell("retire", { groupId: "a", term: 1 });
  stage.follow();
  assertEquals(stage.stopped, ["1/group/a"]);
  const asked = [stage.find("a"), stage.find("a", true), stage.find("a")];
  assertEquals(asked.map(({ reply }) => reply), [undefined, undefined, undefined]);
  assertEquals(stage.probe.ask("groups", undefined).reply, { error: "NONE", groups: [] });
  stage.end("a");
  assertEquals(asked.map(({ reply }) => reply?.error), ["GROUP_ID_NOT_FOUND", "NONE", "NONE"]);
  assertEquals(stage.newGroups(), { a: [] });
  assertEquals(stage.probe.state.groups.get("a")!.term, 2);
});

Deno.test("who waits for a group that goes is told to ask again when everything is read again", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 1), offset("b", "t", 1)]);
  stage.probe.tell("retire", { groupId: "a", term: 1 });
  const waiting = stage.find("a", true);
  stage.write("b", offset("b", "t", 2));
  stage.answer("NOT_LEADER_OR_FOLLOWER");
  assertEquals(waiting.reply?.error, "COORDINATOR_LOAD_IN_PROGRESS");
  stage.end("a").end("b").probe.advance(100);
  stage.read();
  assertEquals([stage.phase, stage.errorOf("a")], ["active", "NONE"]); // nothing took it back in the log
});

Deno.test("a group that dies is read again by itself, when what it wrote is settled", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 1), offset("b", "t", 1)]);
  stage.newGroups();
  const lost = stage.write("a", offset("a", "t", 2));
  const others = stage.write("b", offset("b", "t", 2));
  stage.end("a");
  assertEquals(stage.probe.asks.map(({ verb }) => verb), ["subscribe", "append", "append"]); // and not to read
  assertEquals([stage.errorOf("a"), stage.errorOf("a", true)], Array(2).fill("COORDINATOR_LOAD_IN_PROGRESS"));
  assertEquals([stage.errorOf("b"), stage.phase], ["NONE", "active"]);
  assertEquals(stage.probe.ask("groups", undefined).reply!.error, "COORDINATOR_LOAD_IN_PROGRESS");
  assertEquals(stage.writeIn(1, "a", offset("a", "t", 3)).reply, false); // it was on its way
  stage.take();
  assertEquals([lost.reply, others.reply], [true, undefined]);
  stage.store([offset("b", "t", 2)]); // b's write has come there, too
  stage.read();
  assertEquals([stage.newGroups(), stage.asked], [{}, "append"]); // it is not committed, and lies below the goal
  stage.commitAll();
  assertEquals(stage.newGroups(), { a: ["t@2"] });
  assertEquals([stage.errorOf("a"), stage.probe.state.groups.get("a")!.term], ["NONE", 3]);
  assertEquals(stage.probe.ask("groups", undefined).reply!.error, "NONE");
});

Deno.test("groups that die while another is read are read after it; of whom the log has nothing, is nothing", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 1), offset("b", "t", 1)]);
  stage.find("new", true);
  stage.newGroups();
  stage.end("a");
  stage.end("b");
  stage.end("new");
  stage.read();
  assertEquals(stage.newGroups(), { a: ["t@1"], b: ["t@1"] });
  assertEquals([stage.errorOf("new"), stage.readings], ["GROUP_ID_NOT_FOUND", 3]);
});

Deno.test("reading a group again is tried until it works, and does not keep the others from working", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 1), offset("b", "t", 1)]);
  stage.newGroups();
  stage.error = "KAFKA_STORAGE_ERROR";
  stage.end("a").read();
  assertEquals([stage.errorOf("a"), stage.errorOf("b"), stage.asked], [
    "COORDINATOR_LOAD_IN_PROGRESS",
    "NONE",
    undefined,
  ]);
  stage.error = "NONE";
  stage.probe.advance(100);
  stage.read();
  assertEquals(stage.newGroups(), { a: ["t@1"] });
});

Deno.test("a group that dies whenever it is started rests, longer each time, and keeps nobody from being read", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 1), offset("b", "t", 1)]);
  stage.newGroups();
  const next = (afterMs: number) => {
    stage.probe.advance(afterMs);
    return stage.read().newGroups();
  };
  stage.end("a");
  assertEquals(next(0), { a: ["t@1"] });
  for (const restMs of [100, 200, 400]) {
    stage.end("a");
    assertEquals([next(0), next(restMs - 1), stage.errorOf("a", true)], [{}, {}, "COORDINATOR_LOAD_IN_PROGRESS"]);
    if (restMs === 200) {
      stage.end("b");
      assertEquals(next(0), { b: ["t@1"] });
    }
    assertEquals(next(1), { a: ["t@1"] });
  }
  next(10_000);
  for (const restMs of [0, 100]) { // it has lived long: that counts anew
    stage.end("a");
    if (restMs > 0) assertEquals(next(restMs - 1), {});
    assertEquals(next(1), { a: ["t@1"] });
  }
});

Deno.test("a doubt while a group is read again ends that too: it is read with all others", () => {
  for (const step of ["confirm", "describe", "fetch"]) {
    const stage = CoordinatorStage.active([offset("a", "t", 1), offset("b", "t", 1)]);
    stage.newGroups();
    stage.write("b", offset("b", "t", 2));
    stage.end("a");
    stage.readTo(step);
    stage.answer("NOT_ENOUGH_REPLICAS");
    stage.end("b").probe.advance(100);
    stage.read(); // answers the old question too
    assertEquals([stage.phase, stage.newGroups(), stage.readings], [
      "active",
      { a: ["t@1"], b: ["t@1"] },
      step === "fetch" ? 3 : 2,
    ]);
  }
});

Deno.test("groups hear of news when they ask: at once of what they have missed, else when there is some", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 1), offset("b", "t", 1)]);
  const { news } = stage.args("a");
  assertEquals([news.version, stage.news("a", 0).reply], [1, news]);
  const waiting = stage.news("a", 1);
  stage.show(viewOf({ properties: {} })); // nothing new in it
  assertEquals(waiting.reply, undefined);
  stage.show(viewOf({ topics: ["orders"] }));
  assertEquals([waiting.reply?.version, [...waiting.reply!.topology.topics.keys()]], [2, ["orders"]]);
  assertEquals(waiting.reply!.config, news.config);
  const { topology } = waiting.reply!;
  stage.show(viewOf({ topics: ["orders"], properties: { "group.max.size": "7" } }));
  const newest = stage.news("b", 1).reply!;
  assertEquals([newest.version, newest.config.maxSize, newest.topology === topology], [3, 7, true]);
});

Deno.test("who has ended is owed no news", () => {
  const stage = CoordinatorStage.active([offset("a", "t", 1)]);
  const waiting = stage.news("a", 1);
  stage.probe.tell("retire", { groupId: "a", term: 1 });
  stage.end("a");
  assertEquals([waiting.reply?.version, stage.probe.state.newsAskers.size], [1, 0]);
});

Deno.test("when groups are spread over more partitions, those that belong elsewhere are elsewhere", () => {
  const groupIds = ["a", "b", "c", "d", "e", "f", "g", "h"];
  const mine = (partitions: number) => groupIds.filter((groupId) => groupPartition(groupId, partitions) === 3);
  const topic = (partitions: number) => viewOf({ topics: [newTopic(OFFSETS_TOPIC, { partitions })] });
  const stage = new CoordinatorStage();
  stage.store(groupIds.map((groupId) => offset(groupId, "t", 1)));
  stage.commitAll().show(topic(4)).follow();
  assertEquals(Object.keys(stage.newGroups()), mine(4));
  const other = groupIds.find((groupId) => !mine(4).includes(groupId))!;
  assertEquals([stage.errorOf(other, true), stage.errorOf(mine(4)[0]!)], ["NOT_COORDINATOR", "NONE"]);
  stage.show(topic(5)).follow();
  assertEquals(stage.stopped, mine(4).map((groupId) => `1/group/${groupId}`));
  for (const groupId of mine(4)) stage.end(groupId);
  stage.probe.advance(100);
  stage.read();
  assertEquals([stage.phase, Object.keys(stage.newGroups())], ["active", mine(5)]);
  assertEquals(mine(5).every((groupId) => mine(4).includes(groupId)), false);
});
