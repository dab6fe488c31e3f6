import { assertEquals } from "@std/assert";
import { OFFSETS_FACTOR, offsetsReplicas } from "../../../../actors/broker/offsets_topic.ts";

Deno.test("where nobody says how many, it is three, or a replica on each broker", () => {
  const replicas = [1, 2, 3, 9].map((brokers) => offsetsReplicas({ properties: {} }, brokers));
  assertEquals(replicas, [1, 2, 3, 3]);
});

Deno.test("what somebody has said is so, however many brokers there are: as a flag, or later", () => {
  for (const said of ["1", "3", "5"]) {
    const flag = { properties: { [OFFSETS_FACTOR]: said } };
    const later = { properties: {}, brokers: new Map([[OFFSETS_FACTOR, said]]) };
    for (const layers of [flag, later]) {
      assertEquals([1, 9].map((brokers) => offsetsReplicas(layers, brokers)), [Number(said), Number(said)]);
    }
  }
});
