import { assertEquals, assertThrows } from "@std/assert";
import { type ClusterPlan, freePorts, planBrokers } from "../../../../scripts/cluster/plan.ts";

const PLAN: ClusterPlan = {
  brokers: 3,
  port: 9092,
  httpPort: 8092,
  dir: undefined,
  rack: undefined,
  config: new Map([["num.partitions", "3"]]),
};

const nobody = () => {
  throw new Error("no free ports were needed");
};

Deno.test("brokers have ports in a row, those for nodes 10 000 above, and all know who votes", () => {
  const plan = planBrokers({ ...PLAN, brokers: 4, rack: "r" }, nobody);
  assertEquals(plan.map(({ id, port, nodePort, httpPort }) => [id, port, nodePort, httpPort]), [
    [1, 9092, 19092, 8092],
    [2, 9093, 19093, 8093],
    [3, 9094, 19094, 8094],
    [4, 9095, 19095, 8095],
  ]);
  const voters = [1, 2, 3].map((id) => ({ id, host: "127.0.0.1", port: 19091 + id }));
  for (const broker of plan) assertEquals([broker.voters, broker.rack, broker.dir], [voters, "r", undefined]);
});

Deno.test("with any free ports, every one is chosen before anything is started", () => {
  const plan = planBrokers(
    { ...PLAN, port: 0, httpPort: 0 },
    (count) => Array.from({ length: count }, (_, i) => 100 + i),
  );
  assertEquals(plan.map(({ port, nodePort, httpPort }) => [port, nodePort, httpPort]), [
    [100, 103, 0],
    [101, 104, 0],
    [102, 105, 0],
  ]);
  assertEquals(plan[0]!.voters!.map(({ port }) => port), [103, 104, 105]);
});

Deno.test("one broker has nobody to elect with, and no port for others", () => {
  for (const port of [0, 60_000]) {
    const [broker, ...rest] = planBrokers({ ...PLAN, brokers: 1, port }, nobody);
    assertEquals([broker!.port, broker!.voters, broker!.nodePort, rest], [port, undefined, undefined, []]);
  }
});

Deno.test("brokers have folders of their own, and the one that was there first goes on voting alone", async () => {
  const dir = await Deno.makeTempDir({ prefix: "samsa_plan_" });
  try {
    assertEquals(planBrokers({ ...PLAN, brokers: 1, dir }, nobody).map((broker) => broker.dir), [`${dir}/1`]);
    const plan = planBrokers({ ...PLAN, dir }, nobody);
    assertEquals(plan.map((broker) => broker.dir), [`${dir}/1`, `${dir}/2`, `${dir}/3`]);
    for (const { voters } of plan) assertEquals(voters, [{ id: 1, host: "127.0.0.1", port: 19092 }]);
    const configs = [["offsets.topic.replication.factor", "3"], ["num.partitions", "3"]];
    for (const { config } of plan) assertEquals([...config!], configs);
    const said = new Map([["offsets.topic.replication.factor", "1"]]); // by somebody who knows
    assertEquals(planBrokers({ ...PLAN, dir, config: said }, nobody)[0]!.config, said);
    assertEquals(planBrokers({ ...PLAN, brokers: 1, dir }, nobody)[0]!.voters, undefined);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("ports that there are not are said before anything is started", () => {
  assertThrows(() => planBrokers({ ...PLAN, port: 65_534 }, nobody), Error, "--port 65534 leaves no ports");
  assertThrows(() => planBrokers({ ...PLAN, httpPort: 65_534 }, nobody), Error, "--http-port 65534 leaves no ports");
  assertThrows(() => planBrokers({ ...PLAN, port: 55_534 }, nobody), Error, "no port 10000 above the Kafka port 55536");
});

Deno.test("free ports are free, and no two the same", () => {
  const ports = freePorts(6);
  assertEquals(new Set(ports).size, 6);
  for (const port of ports) Deno.listen({ hostname: "127.0.0.1", port }).close();
});
