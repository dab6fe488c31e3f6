import { assert, assertEquals } from "@std/assert";
import type { Answer } from "../../../../actors/actor.ts";
import type { AppendReply } from "../../../../actors/partition/protocol.ts";
import type { Random } from "../../../../lib/prng.ts";
import { ReplicaCluster, type ReplicaNode } from "./cluster.ts";
import { produced } from "./harness.ts";

const IN_FLIGHT = 5;

/** An idempotent client: sends in order, at most five at a time, and everything again from the first that failed. */
class Client {
  /** Offset by sequence. */
  readonly acked: number[] = [];
  #flying: { answer?: Answer<AppendReply> }[] = [];

  step(cluster: ReplicaCluster, random: Random): void {
    for (let answer = this.#flying[0]?.answer; answer !== undefined; answer = this.#flying[0]?.answer) {
      this.#flying.shift();
      if (answer.ok && answer.value.error === "NONE") this.acked.push(answer.value.baseOffset);
      else this.#flying = [];
    }
    if (this.#flying.length === IN_FLIGHT) return;
    // Now and then a client asks a node that it takes for the leader.
    const node = random.chance(1, 20) ? random.pick(cluster.nodes) : cluster.leader;
    const records = produced(1, 0, this.acked.length + this.#flying.length, 1);
    if (node !== undefined) this.#flying.push(node.append(records));
  }
}

/** What goes wrong next. */
function harm(cluster: ReplicaCluster, random: Random): void {
  const { controller, network } = cluster;
  const node = random.pick(cluster.nodes);
  const other = random.pick(cluster.nodes);
  switch (random.below(12)) {
    case 0:
      node.die(random.chance(1, 2));
      return controller.fence(node.id);
    case 1:
      node.system?.kill(node.ref);
      return;
    case 2:
      if (node !== other) network.cut(node.id, other.id);
      return;
    case 3:
      if (node !== other) network.clog(node.id, other.id);
      return;
    case 4:
      return controller.fence(node.id); // it lives, but was silent
    case 5:
      if (controller.state.isr.includes(node.id) && !controller.isFenced(node.id)) controller.elect(node.id);
      return;
    case 6:
      network.faults = { delayMeanMicros: random.pick([100, 400, 5_000, 30_000]) };
      return;
    case 7:
      network.faults = {
        lossPerMillion: random.pick([0, 0, 20_000, 200_000]),
        duplicationPerMillion: random.pick([0, 100_000]),
      };
      return;
    default:
      return heal(cluster, node);
  }
}

function heal(cluster: ReplicaCluster, node: ReplicaNode): void {
  for (const other of cluster.nodes) {
    cluster.network.heal(node.id, other.id);
    cluster.network.heal(other.id, node.id);
  }
  if (node.system === undefined) node.start();
  else if (cluster.controller.isFenced(node.id)) cluster.controller.unfence(node.id);
}

function checkAcked(cluster: ReplicaCluster, client: Client, where: string): void {
  const leader = cluster.leader?.replica;
  if (leader?.leadership === undefined || leader.leadership === null) return;
  if (leader.role.leaderEpoch !== cluster.controller.state.leaderEpoch) return;
  const log = cluster.leader!.read();
  assertEquals(log.map(({ sequence }) => sequence), log.map((_, at) => at), `${where}: each once, in order`);
  client.acked.forEach((offset, sequence) => {
    assertEquals(log[offset]?.sequence, sequence, `${where}: ${sequence} was acknowledged at ${offset}`);
  });
}

/** One run; returns how many records were acknowledged while things went wrong. */
export function run(seed: number): number {
  const cluster = new ReplicaCluster({
    seed,
    config: {
      replicaLagTimeMaxMs: 400,
      replicaFetchWaitMaxMs: 100,
      replicaFetchBackoffMs: 100,
      minInsyncReplicas: seed % 4 === 0 ? 1 : 2,
      log: {
        segmentBytes: 800,
        segmentMs: 1e9,
        segmentJitterMs: 0,
        segmentIndexBytes: 1 << 20,
        indexIntervalBytes: 200,
        fileDeleteDelayMs: 0,
      },
    },
    controllerFaultsPerMille: 200,
    syncMaxMs: 5,
  });
  const random = cluster.random.split("harm");
  const client = new Client();
  for (let step = 0; step < 400; step++) {
    client.step(cluster, random);
    cluster.advance(random.below(12));
    if (random.chance(1, 12)) harm(cluster, random);
    cluster.check(`seed ${seed}, step ${step}`);
    if (step % 10 === 0) checkAcked(cluster, client, `seed ${seed}, step ${step}`);
  }
  const ackedInStorm = client.acked.length;
  cluster.network.faults = { lossPerMillion: 0, duplicationPerMillion: 0, delayMeanMicros: 400 };
  for (let round = 0; round < 2; round++) for (const node of cluster.nodes) heal(cluster, node);
  for (let step = 0; step < 100; step++) {
    client.step(cluster, random);
    cluster.advance(30);
  }
  const where = `seed ${seed}, healed`;
  assert(client.acked.length > ackedInStorm, `${where}: goes on`);
  assertEquals(cluster.controller.state.isr.toSorted(), [1, 2, 3], `${where}: all in sync`);
  cluster.check(where);
  checkAcked(cluster, client, where);
  cluster.stop();
  return ackedInStorm;
}

Deno.test("whatever nodes, network and controller do, what was acknowledged stays, once and in order", () => {
  let acked = 0;
  for (let seed = 0; seed < 40; seed++) acked += run(seed);
  assert(acked > 2_000, `only ${acked} records were acknowledged: the test tests little`);
});
