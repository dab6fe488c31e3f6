import { assert, assertEquals } from "@std/assert";
import {
  classicRecord,
  classicTombstone,
  fromModern,
  snapshotOf,
  toModern,
} from "../../../../../actors/group/classic/convert.ts";
import type { Actor } from "../../../../../actors/actor.ts";
import type { Group, GroupOutbox } from "../../../../../actors/group/state.ts";
import { probe } from "../../../../../actors/probe.ts";
import { Stage, text } from "./stage.ts";

/** Runs `turn` as a turn of some actor, and says what it has let out. */
function inTurn(turn: (out: GroupOutbox) => void) {
  const actor: Actor<{ go(_: void): void }, object, void> = {
    kind: "any",
    start: () => ({}),
    on: { go: (_, __, out) => turn(out as unknown as GroupOutbox) },
  };
  return probe(actor, undefined, { node: 2 }).tell("go", undefined).take();
}

Deno.test("a snapshot has the generation, the members in their order, and what each has", () => {
  const stage = new Stage();
  const ids = stage.form(2);
  const snapshot = snapshotOf(stage.probe.state)!;
  assertEquals([snapshot.generation, snapshot.protocol, snapshot.leader], [1, "range", ids[0]]);
  assertEquals(snapshot.members.map(({ memberId, assignment }) => [memberId, text(assignment)]), [[ids[0], "of 0"], [
    ids[1],
    "of 1",
  ]]);
  assertEquals(snapshotOf(new Stage().probe.state), undefined);
});

Deno.test("a group has a tombstone only when it has a record", () => {
  const stage = new Stage();
  stage.enter();
  assertEquals(classicTombstone(stage.probe.state), undefined);
  stage.advance(1_000);
  stage.sync(stage.describe().members[0]!.memberId, 1);
  assertEquals(classicTombstone(stage.probe.state), { type: "classicGroup", group: "g", value: null });
});

Deno.test("an upgrade tells all who wait to join again, and leaves no timer", () => {
  const stage = new Stage();
  const [a, b] = stage.form(2);
  stage.join(a!);
  stage.join("").body!;
  const effects = inTurn((out) => toModern(stage.probe.state, out));
  const replies = effects.filter(({ type }) => type === "reply");
  assertEquals(replies.length, 1);
  assert(replies[0]?.type === "reply");
  assertEquals((replies[0].value as { errorCode: number }).errorCode, 27);
  const cancelled = effects.flatMap((effect) => effect.type === "cancel" ? effect.key : []);
  assertEquals(cancelled.includes("classic/join") && cancelled.includes(`classic/member/${b}`), true);
  assertEquals(effects.some(({ type }) => type === "timer"), false);
  assertEquals(stage.probe.state.classic, undefined);
});

Deno.test("a downgrade has the members join again, in the generation after the group's epoch", () => {
  const before = new Stage();
  const ids = before.form(2);
  const snapshot = { ...snapshotOf(before.probe.state)!, generation: 7 };
  const loaded = new Stage({ records: [classicRecord(snapshot, 5)] });
  assertEquals([loaded.state, loaded.heartbeat(ids[1]!, 7)], ["Stable", "NONE"]);
  const { probe: other } = new Stage();
  const effects = inTurn((out) => fromModern(other.state as Group, snapshot, out));
  assertEquals(other.state.classic!.state, "PreparingRebalance");
  assertEquals(effects.flatMap((effect) => effect.type === "timer" ? [[effect.key, effect.delayMs]] : []), [
    [`classic/member/${ids[0]}`, 10_000],
    [`classic/member/${ids[1]}`, 10_000],
    ["classic/join", 60_000],
  ]);
  assertEquals(snapshotOf(other.state)!.generation, 7);
});
