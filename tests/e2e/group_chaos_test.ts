/** Every kind of actor that groups need is killed while they read: nothing that was acknowledged is missed, and nobody shares a partition. */
import { assertEquals } from "@std/assert";
import { embeddedChaos, type EmbeddedFault } from "../chaos/embedded.ts";

const FAULTS: readonly EmbeddedFault[] = [
  "kill-group",
  "kill-coordinator",
  "kill-offsets-leader",
  "kill-partition-leader",
  "kill-controller",
  "kill-broker-actor",
  "kill-consumer",
  "leave-consumer",
];

Deno.test("groups read on while groups, coordinators, leaders, controllers, brokers and consumers are killed", async () => {
  const said: string[] = [];
  const options = { faults: FAULTS.length, seed: "1", mix: FAULTS, say: (line: string) => said.push(line) };
  assertEquals(await embeddedChaos(options), [], said.join("\n"));
});
