import { assert, assertEquals } from "@std/assert";
import type { Actor } from "../../../../actors/actor.ts";
import { broker } from "../../../../actors/broker/broker.ts";
import { BROKER } from "../../../../actors/broker/protocol.ts";
import type { ControllerProtocol, MetadataRecord } from "../../../../actors/controller/protocol.ts";
import type { ReplicaArgs, ReplicaProtocol } from "../../../../actors/partition/protocol.ts";
import type { QuorumProtocol } from "../../../../actors/quorum/protocol.ts";
import { ActorSystem } from "../../../../actors/system.ts";
import { VirtualEnv } from "../../../../lib/virtual_clock.ts";
import { ARGS, EPOCH, REGISTERED, UNFENCED } from "./broker_stage.ts";
import { CLUSTER, topicIdOf, topicOf } from "./records.ts";

type Part<P, V extends keyof P> = Pick<P, V>;

/** A node on which everybody but the broker does only what the broker needs. */
class Node {
  readonly env = new VirtualEnv(0);
  readonly system = new ActorSystem({ node: 1, env: this.env });
  /** Roles that replicas were spawned with, and told since, as `leader epoch`/`partition epoch`. */
  readonly spawned: string[] = [];
  readonly assumed: string[] = [];
  /** What replicas were spawned with, each object once. */
  readonly args = new Set<ReplicaArgs>();
  /** Replicas that were told to remove their logs. */
  readonly removed: string[] = [];
  readonly broker;
  registrations = 0;
  /** What the quorum actor hands on at a time. */
  chunk = Infinity;

  constructor(public log: readonly MetadataRecord[]) {
    this.system.register(this.#quorum()).register(this.#controller()).register(this.#replica());
    this.system.register(broker());
    this.system.spawn({ kind: "quorum" }, "quorum", undefined);
    this.system.spawn({ kind: "controller" }, "controller", undefined);
    this.broker = this.system.spawn(BROKER, "broker", ARGS);
    this.env.advance(10);
  }

  replicas(): string[] {
    return this.system.actors().filter(({ kind, state }) => kind === "replica" && state !== "stopped").map(({ ref }) =>
      ref
    );
  }

  #quorum(): Actor<Part<QuorumProtocol, "follow" | "describe">, object, undefined> {
    return {
      kind: "quorum",
      start: () => ({}),
      on: {
        follow: (_, { follower, fromOffset }, out) => {
          for (let at = fromOffset; at < this.log.length; at += this.chunk) {
            out.send(follower, "metadata", { baseOffset: at, records: this.log.slice(at, at + this.chunk) });
          }
          out.send(follower, "controllerChanged", { controllerId: 1, epoch: 1 });
        },
        describe: () => {
          const described = { nodeId: 1, role: "leader", epoch: 1, leaderId: 1, startOffset: 0 } as const;
          const { length } = this.log;
          return { ...described, highWatermark: length, endOffset: length, voters: [], observers: [] };
        },
      },
    };
  }

  #controller(): Actor<Part<ControllerProtocol, "register" | "heartbeat" | "applied">, object, undefined> {
    return {
      kind: "controller",
      start: () => ({}),
      on: {
        register: () => {
          this.registrations++;
          return { error: "NONE", message: null, brokerEpoch: EPOCH };
        },
        heartbeat: () => ({ error: "NONE", fenced: false, shouldShutDown: false }),
        applied: () => {},
      },
    };
  }

  #replica(): Actor<
    Part<ReplicaProtocol, "assume" | "configure" | "become" | "remove">,
    { name: string },
    ReplicaArgs
  > {
    return {
      kind: "replica",
      start: (args) => {
        const { topic, partition, role } = args;
        const name = `${topic}-${partition}`;
        this.args.add(args);
        this.spawned.push(`${name} ${role.leaderEpoch}/${role.partitionEpoch}`);
        return { name };
      },
      on: {
        assume: ({ name }, { leaderEpoch, partitionEpoch }) => {
          this.assumed.push(`${name} ${leaderEpoch}/${partitionEpoch}`);
        },
        become: ({ name }, { role: { leaderEpoch, partitionEpoch } }) => {
          this.assumed.push(`${name} ${leaderEpoch}/${partitionEpoch}`);
        },
        configure: () => {},
        remove: ({ name }, _, out) => {
          this.removed.push(name);
          out.stop();
        },
      },
    };
  }
}

const A = topicIdOf(1);
const LOG = [CLUSTER, REGISTERED, UNFENCED, ...topicOf("a", A, [1], [1])];

Deno.test("a broker that is killed registers and spawns its replicas again, and is ready again", () => {
  const node = new Node(LOG);
  assertEquals(node.replicas(), ["1/replica/a-0", "1/replica/a-1"]);
  for (let life = 2; life <= 4; life++) {
    assert(node.system.kill(node.broker));
    assertEquals(node.replicas(), []);
    node.env.advance(100);
    assertEquals([node.registrations, node.replicas().length], [life, 2]);
  }
  let ready = false;
  node.system.askThen(node.broker, "ready", undefined, (answer) => ready = answer.ok && answer.value);
  node.env.advance(1);
  assert(ready);
});

Deno.test("after its restart it acts on the present, not on what it replays on the way there", () => {
  const changes = Array.from({ length: 5 }, (): MetadataRecord => (
    { type: "PartitionChange", topicId: A, partition: 0, leader: 1 }
  ));
  const node = new Node([...LOG, ...changes]);
  node.chunk = 1;
  assertEquals([node.spawned, node.assumed], [["a-0 5/5", "a-1 0/0"], []]);
  node.system.kill(node.broker);
  node.env.advance(100);
  assertEquals(node.assumed, ["a-0 5/5", "a-1 0/0"]);
});

Deno.test("its replicas are spawned with what they had: that is how they know what they have promised", () => {
  const node = new Node(LOG);
  node.system.kill(node.broker);
  node.env.advance(100);
  assertEquals([node.spawned.length, node.args.size], [4, 2]);
});

Deno.test("logs of partitions that went while the broker was dead are removed, before others take their names", () => {
  const node = new Node(LOG);
  node.system.pause(node.broker);
  const moved: MetadataRecord = {
    type: "PartitionChange",
    topicId: A,
    partition: 1,
    replicas: [2],
    isr: [2],
    leader: 2,
  };
  node.log = [...node.log, moved];
  node.system.kill(node.broker);
  node.env.advance(100);
  assertEquals([node.removed, node.replicas()], [["a-1"], ["1/replica/a-0"]]);
  node.system.pause(node.broker);
  node.log = [...node.log, { type: "RemoveTopic", topicId: A }, ...topicOf("a", topicIdOf(2), [1])];
  node.system.kill(node.broker);
  node.env.advance(100);
  assertEquals([node.removed, node.replicas()], [["a-1", "a-0"], ["1/replica/a-0"]]);
  assertEquals([...node.args].at(-1)!.topicId, topicIdOf(2));
  node.system.kill(node.broker);
  node.env.advance(100);
  assertEquals(node.removed, ["a-1", "a-0"], "what has been removed is forgotten");
});

Deno.test("a replica that is killed again and again is given up by its supervisor, and not by its broker", () => {
  const node = new Node(LOG);
  for (let ms = 0; node.replicas().includes("1/replica/a-0"); ms++) {
    node.system.kill("1/replica/a-0");
    node.env.advance(1);
    assert(ms < 10_000, "its supervisor never gave it up");
  }
  node.env.advance(600);
  assertEquals(node.replicas().sort(), ["1/replica/a-0", "1/replica/a-1"]);
});
