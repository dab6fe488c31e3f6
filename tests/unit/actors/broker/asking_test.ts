import { assertEquals } from "@std/assert";
import { controllerFailure, patienceMs, replicaFailure } from "../../../../actors/broker/asking.ts";

Deno.test("who cannot know whether it has happened, does not say that it has not", () => {
  assertEquals(controllerFailure("unreachable").error, "NOT_CONTROLLER");
  assertEquals(controllerFailure("timeout").error, "REQUEST_TIMED_OUT");
  assertEquals(controllerFailure("crashed").error, "REQUEST_TIMED_OUT");
  assertEquals(replicaFailure("unreachable"), "NOT_LEADER_OR_FOLLOWER");
  assertEquals(replicaFailure("timeout"), "REQUEST_TIMED_OUT");
  assertEquals(replicaFailure("crashed"), "KAFKA_STORAGE_ERROR");
});

Deno.test("patience is a little longer than the request's, and has an end", () => {
  assertEquals(patienceMs(-1), 5_000);
  assertEquals(patienceMs(1_000), 6_000);
  assertEquals(patienceMs(2 ** 31 - 1), 605_000);
});
