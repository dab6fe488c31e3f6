import { assertEquals } from "@std/assert";
import type { Setting } from "../../../../actors/controller/decision.ts";
import { deleteTopics } from "../../../../actors/controller/delete_topics.ts";
import { replay } from "../../../../actors/controller/image.ts";
import { ZERO_UUID } from "../../../../lib/uuid.ts";
import { settingOf } from "./setting.ts";

function errors({ results }: { readonly results: readonly { readonly error: string }[] }): string[] {
  return results.map(({ error }) => error);
}

Deno.test("topics are deleted by name or by id, each of them once", () => {
  const setting = settingOf(1, "a", "b", "c");
  const id = (name: string) => setting.image.topics.get(name)!.topicId;
  const decision = deleteTopics(setting, [
    { name: "a", topicId: ZERO_UUID },
    { name: null, topicId: id("b") },
    { name: "nope", topicId: ZERO_UUID },
    { name: null, topicId: "AAAAAAAAAAAAAAAAAAAAAg" },
    { name: null, topicId: ZERO_UUID },
    { name: "c", topicId: id("c") },
  ]);
  assertEquals(errors(decision), [
    "NONE",
    "NONE",
    "UNKNOWN_TOPIC_OR_PARTITION",
    "UNKNOWN_TOPIC_ID",
    "INVALID_REQUEST",
    "INVALID_REQUEST",
  ]);
  assertEquals(decision.results.slice(0, 2).map(({ name, topicId }) => [name, topicId]), [["a", id("a")], [
    "b",
    id("b"),
  ]]);
  assertEquals([...replay(setting.image, decision.records).topics.keys()], ["c"]);
});

Deno.test("a topic named twice, by name and by id, is not deleted", () => {
  const setting = settingOf(1, "a");
  const { topicId } = setting.image.topics.get("a")!;
  const decision = deleteTopics(setting, [{ name: "a", topicId: ZERO_UUID }, { name: null, topicId }]);
  assertEquals([errors(decision), decision.records], [["INVALID_REQUEST", "INVALID_REQUEST"], []]);
});

Deno.test("delete.topic.enable=false", () => {
  const setting: Setting = { ...settingOf(1, "a"), properties: { "delete.topic.enable": "false" } };
  assertEquals(errors(deleteTopics(setting, [{ name: "a", topicId: ZERO_UUID }])), ["TOPIC_DELETION_DISABLED"]);
});
