import { assert, assertEquals } from "@std/assert";
import type { Answer } from "../../../../actors/actor.ts";
import type { AppendReply } from "../../../../actors/partition/protocol.ts";
import { type Random, SeededRandom } from "../../../../lib/prng.ts";
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

/** What may go wrong, and how often: each run has a mix of its own. */
type Harm = (cluster: ReplicaCluster, random: Random) => void;

const HARMS: readonly Harm[] = [
  function crash(cluster, random) {
    const node = random.pick(cluster.nodes);
    node.die(cluster.config.flushBeforeAck && random.chance(1, 2));
    cluster.controller.fence(node.id);
  },
  function crashLeader(cluster, random) {
    const { leader } = cluster;
    leader?.die(cluster.config.flushBeforeAck && random.chance(1, 2));
    if (leader !== undefined) cluster.controller.fence(leader.id);
  },
  function loseDisk({ nodes, controller }, random) {
    const node = random.pick(nodes);
    if (controller.state.isr.length === 1 && controller.state.isr.includes(node.id)) return; // nobody else has everything
    node.loseDisk();
    controller.fence(node.id);
  },
  function deleteRecords({ leader }, random) {
    const end = leader?.replica?.highWatermark ?? 0;
    if (end > 0) leader!.system!.tell(leader!.ref, "deleteRecords", { beforeOffset: random.below(end + 1) });
  },
  function restartReplica(cluster, random) { // as after a crash, but its supervisor does not count it
    const node = random.pick(cluster.nodes);
    node.system?.restart(node.ref);
  },
  function cut(cluster, random) {
    const [from, to] = two(cluster, random);
    cluster.network.cut(from, to);
  },
  function cutOffFollower(cluster, random) {
    const from = cluster.controller.state.leader;
    const to = random.pick([1, 2, 3].filter((id) => id !== from));
    if (from > 0) cluster.network.cut(from, to);
  },
  function clog(cluster, random) {
    const [from, to] = two(cluster, random);
    cluster.network.clog(from, to);
  },
  function fence(cluster, random) { // it lives, but was silent
    cluster.controller.fence(random.pick(cluster.nodes).id);
  },
  function elect({ controller }, random) {
    const eligible = controller.state.isr.filter((id) => !controller.isFenced(id));
    if (eligible.length > 0) controller.elect(random.pick(eligible));
  },
  function slow(cluster, random) {
    cluster.network.faults = { delayMeanMicros: random.pick([100, 400, 5_000, 30_000]) };
  },
  function lose(cluster, random) {
    const lossPerMillion = random.pick([0, 0, 20_000, 200_000]);
    cluster.network.faults = { lossPerMillion, duplicationPerMillion: random.pick([0, 100_000]) };
  },
];

function two(cluster: ReplicaCluster, random: Random): [number, number] {
  const from = random.pick(cluster.nodes).id;
  return [from, random.pick(cluster.nodes.filter(({ id }) => id !== from)).id];
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
  const { startOffset } = leader.log;
  assertEquals(log.map(({ sequence }) => sequence), log.map(({ offset }) => offset), `${where}: each once, in order`);
  client.acked.forEach((offset, sequence) => {
    if (offset < startOffset) return;
    assertEquals(log[offset - startOffset]?.sequence, sequence, `${where}: ${sequence} was acknowledged at ${offset}`);
  });
}

const LOG = {
  segmentBytes: 800,
  segmentMs: 1e9,
  segmentJitterMs: 0,
  segmentIndexBytes: 1 << 20,
  indexIntervalBytes: 200,
  fileDeleteDelayMs: 0,
};

/** One run; returns how many records were acknowledged while things went wrong. */
function run(seed: number): number {
  const dice = new SeededRandom(`dice ${seed}`);
  const cluster = new ReplicaCluster({
    seed,
    config: {
      replicaLagTimeMaxMs: dice.pick([100, 400]),
      replicaFetchWaitMaxMs: dice.pick([50, 200]),
      replicaFetchBackoffMs: 100,
      minInsyncReplicas: dice.pick([1, 2, 2]),
      flushBeforeAck: dice.chance(3, 4),
      log: LOG,
    },
    controllerFaultsPerMille: dice.pick([0, 200, 600]),
    syncMaxMs: dice.pick([0, 5, 40]),
    newsMaxMs: dice.pick([5, 50, 200]),
  });
  const harms = HARMS.filter(() => dice.chance(1, 2));
  const calm = dice.pick([6, 12, 30]);
  const pace = dice.pick([10, 40]);
  const random = cluster.random.split("harm");
  const client = new Client();
  for (let step = 0; step < 300; step++) {
    client.step(cluster, random);
    cluster.advance(random.below(pace));
    if (random.chance(1, calm)) {
      if (harms.length > 0 && random.chance(1, 2)) random.pick(harms)(cluster, random);
      else heal(cluster, random.pick(cluster.nodes));
    }
    cluster.check(`seed ${seed}, step ${step}`, step % 25 === 0);
    if (step % 25 === 0) checkAcked(cluster, client, `seed ${seed}, step ${step}`);
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
  for (let seed = 0; seed < 30; seed++) acked += run(seed);
  assert(acked > 1_000, `only ${acked} records were acknowledged: the test tests little`);
});
