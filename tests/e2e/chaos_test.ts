/** Every kind of actor is killed, paused and restarted under load, through the public door: nothing acknowledged is lost. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type ActorInfo, type Cluster, startCluster } from "../../mod.ts";
import { createTopic, fetchFrom, produceTexts } from "../helpers/kafka_calls.ts";
import { Load } from "../helpers/load.ts";
import { eventually, patiently } from "../helpers/patience.ts";
import { RawClient } from "../helpers/raw_client.ts";
import { METADATA_REQUEST } from "../helpers/requests.ts";

const PARTITIONS = 2;
/** A supervisor gives up an actor that crashes more than five times in ten seconds. */
const KILLS_EACH = 4;
const RESTARTS_EACH = 8;

Deno.test("no acknowledged record is lost when actors are killed, restarted and paused under load, and service resumes", async () => {
  const dir = await Deno.makeTempDir({ prefix: "samsa_chaos_" });
  try {
    await using cluster = await startCluster({ dir });
    await using load = await Load.start({
      bootstraps: () => [cluster.bootstrap],
      topic: "chaos",
      partitions: PARTITIONS,
      configs: { "segment.bytes": "65536" },
    });
    await wreak(cluster, load);
    await load.finish();
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

async function wreak(cluster: Cluster, load: Load): Promise<void> {
  const kinds = new Set(cluster.actors().map(({ kind }) => kind));
  assertEquals(kinds, new Set(["quorum", "controller", "broker", "replica", "connection"]));
  const refs = cluster.actors().filter(({ kind }) => kind !== "connection").map(({ ref }) => ref);
  assertEquals(refs.length, 3 + PARTITIONS);
  for (let round = 0; round < KILLS_EACH; round++) {
    for (const ref of refs) await killOnce(cluster, load, ref);
  }
  for (let round = 0; round < RESTARTS_EACH; round++) {
    for (const ref of refs) {
      await untilRunning(cluster, ref);
      cluster.restart(ref);
      await load.progress(`after a restart of ${ref}`);
    }
  }
  for (const ref of refs) await pauseOnce(cluster, load, ref);
  for (let round = 0; round < 20; round++) {
    const connections = cluster.actors().filter(({ kind }) => kind === "connection");
    cluster.kill(connections[round % connections.length]!.ref);
    await load.progress("after the death of a connection");
  }
}

async function killOnce(cluster: Cluster, load: Load, ref: string): Promise<void> {
  const before = await untilRunning(cluster, ref);
  cluster.kill(ref);
  const killed = actor(cluster, ref)!;
  assertEquals(killed.lastError, "Error: killed");
  const after = await untilRunning(cluster, ref);
  // A controller is not started again but replaced: the quorum's actor spawns one with what is committed by then.
  if (before.kind === "controller") assertEquals([killed.state, after.restarts], ["stopped", 0]);
  else assertEquals([killed.state, after.restarts], ["restarting", before.restarts + 1]);
  await load.progress(`after the death of ${ref}`);
}

/** Its parent may have died a moment ago. */
async function untilRunning(cluster: Cluster, ref: string): Promise<ActorInfo> {
  await eventually(() => actor(cluster, ref)?.state === "running", `${ref} to run`);
  return actor(cluster, ref)!;
}

async function pauseOnce(cluster: Cluster, load: Load, ref: string): Promise<void> {
  await untilRunning(cluster, ref);
  cluster.pause(ref);
  assertEquals(actor(cluster, ref)!.state, "paused");
  const { processed } = actor(cluster, ref)!;
  for (let turns = 0; turns < 100; turns++) await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(actor(cluster, ref)!.processed, processed);
  cluster.resume(ref);
  assertEquals(actor(cluster, ref)!.state, "running");
  await load.progress(`after a pause of ${ref}`);
}

function actor(cluster: Cluster, ref: string): ActorInfo | undefined {
  return cluster.actors().find((each) => each.ref === ref);
}

Deno.test("a killed connection closes its own socket and no other", async () => {
  await using cluster = await startCluster();
  const refs = () => new Set(cluster.actors().filter(({ kind }) => kind === "connection").map(({ ref }) => ref));
  await using witness = await RawClient.connect(cluster.bootstrap);
  await createTopic(witness, "quiet");
  const before = refs();
  const longPoll = fetchFrom(witness, "quiet", 0, { maxWaitMs: 30_000 });
  await using victim = await RawClient.connect(cluster.bootstrap);
  await victim.exchange(METADATA_REQUEST);
  const [ref] = [...refs()].filter((each) => !before.has(each));
  cluster.kill(ref!);
  await patiently(victim.closed, "the socket of the killed connection to close");
  assert(!cluster.actors().some((each) => each.ref === ref && each.state === "running"));
  await using other = await RawClient.connect(cluster.bootstrap);
  await produceTexts(other, "quiet", ["hello"]);
  assertEquals((await longPoll).records, [{ offset: 0, value: "hello" }]);
});

Deno.test("a paused replica holds up who writes to it and nobody else, and answers when it is resumed", async () => {
  await using cluster = await startCluster();
  await using client = await RawClient.connect(cluster.bootstrap);
  await createTopic(client, "paused");
  await createTopic(client, "other");
  cluster.pause("1/replica/paused-0");
  let answered = false;
  const held = produceTexts(client, "paused", ["later"]).finally(() => answered = true);
  await using free = await RawClient.connect(cluster.bootstrap);
  for (let count = 0; count < 50; count++) assertEquals((await produceTexts(free, "other", ["x"])).baseOffset, count);
  assert(!answered);
  cluster.resume("1/replica/paused-0");
  assertEquals((await held).baseOffset, 0);
});

Deno.test("whoever is not there cannot be killed, paused, resumed or restarted", async () => {
  await using cluster = await startCluster();
  for (const action of ["kill", "pause", "resume", "restart"] as const) {
    assertThrows(() => cluster[action]("1/replica/nobody-0"), RangeError, "1/replica/nobody-0");
    assertThrows(() => cluster[action]("7/broker/broker"), RangeError, "7/broker/broker");
  }
});
