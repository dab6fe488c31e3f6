import { assert, assertEquals } from "@std/assert";
import type { Actor, Ref } from "../../../../actors/actor.ts";
import { broker } from "../../../../actors/broker/broker.ts";
import {
  BROKER,
  type BrokerRef,
  type BrokerView,
  type ConnectionProtocol,
} from "../../../../actors/broker/protocol.ts";
import { controller } from "../../../../actors/controller/controller.ts";
import { CONTROLLER, type ControllerRef } from "../../../../actors/controller/protocol.ts";
import type { OpenJournal } from "../../../../actors/journal.ts";
import { memoryJournals } from "../../../../actors/memory_journal.ts";
import { REPLICA, type ReplicaArgs, type ReplicaProtocol } from "../../../../actors/partition/protocol.ts";
import { ActorSystem } from "../../../../actors/system.ts";
import { VirtualEnv } from "../../../../lib/virtual_clock.ts";
import { newTopic } from "./setting.ts";

const CONTROLLER_REF = "1/controller/controller" as ControllerRef;
const BROKER_REF = "1/broker/broker" as BrokerRef;

/** One node: a controller, a broker, and replicas that only write down in which epoch they were told to lead. */
class Node {
  readonly env = new VirtualEnv();
  /** Topic and leader epoch, as replicas were started or told. */
  readonly roles: string[] = [];
  readonly system: ActorSystem;

  constructor(openJournal: OpenJournal = memoryJournals(), incarnationId = "first") {
    this.system = new ActorSystem({ node: 1, env: this.env, openJournal });
    this.system.register(controller({ properties: {} })).register(broker).register(this.#replica());
    this.system.spawn(CONTROLLER, "controller", { clusterId: "c" });
    this.system.spawn(BROKER, "broker", {
      brokerId: 1,
      clusterId: "c",
      incarnationId,
      advertised: { host: "h", port: 1 },
      rack: null,
      controller: CONTROLLER_REF,
      properties: {},
      logDir: "memory",
    });
    this.env.advance(1_000);
  }

  /** Creates a topic and returns how it ended, once 2 s have passed. */
  create(name: string): string {
    let error = "nothing";
    const message = { topics: [newTopic(name)], validateOnly: false, timeoutMs: 1_000 };
    this.system.askThen(CONTROLLER_REF, "createTopics", message, (answer) => {
      error = answer.ok ? answer.value[0]!.error : answer.failure;
    });
    this.env.advance(2_000);
    return error;
  }

  view(): BrokerView {
    let view: BrokerView | undefined;
    const ref = "1/connection/1" as Ref<ConnectionProtocol>;
    this.system.askThen(BROKER_REF, "subscribe", { ref, newerThan: -1 }, (answer) => {
      view = answer.ok ? answer.value : undefined;
    });
    this.env.advance(0);
    assert(view !== undefined, "the broker is not ready");
    return view;
  }

  #replica(): Actor<ReplicaProtocol, string, ReplicaArgs> {
    const note = (topic: string, epoch: number) => void this.roles.push(`${topic} ${epoch}`);
    const replica = {
      kind: REPLICA.kind,
      start({ topic, role }: ReplicaArgs) {
        note(topic, role.leaderEpoch);
        return topic;
      },
      on: {
        assume: (topic: string, role: { leaderEpoch: number }) => note(topic, role.leaderEpoch),
        configure: () => {},
      },
    };
    return replica as unknown as Actor<ReplicaProtocol, string, ReplicaArgs>; // it needs to understand no more
  }
}

Deno.test("a broker registers, follows, and has what was created before the client is told", () => {
  const node = new Node();
  assertEquals(node.create("t"), "NONE");
  assertEquals(node.roles, ["t 0"]);
  assertEquals([...node.view().image.topics.keys()], ["t"]);
  assertEquals(node.create("t"), "TOPIC_ALREADY_EXISTS");
});

Deno.test("when the controller crashes, service goes on as soon as it is back", () => {
  const node = new Node();
  node.create("a");
  for (const round of [1, 2, 3]) {
    node.system.kill(CONTROLLER_REF);
    node.env.advance(5_000);
    assertEquals(node.create(`b${round}`), "NONE", `round ${round}`);
    assertEquals([...node.view().image.topics.keys()].length, 1 + round);
    node.env.advance(20_000); // past the period in which restarts are counted
  }
  assertEquals(node.roles, ["a 0", "b1 0", "b2 0", "b3 0"], "nobody was told anew");
});

Deno.test("when the broker crashes, it learns everything again from a snapshot", () => {
  const node = new Node();
  node.create("a");
  node.create("b");
  node.system.kill(BROKER_REF);
  node.env.advance(5_000);
  assertEquals([...node.view().image.topics.keys()], ["a", "b"]);
  assertEquals(node.create("c"), "NONE");
});

Deno.test("another process on the same log leads in new epochs only", () => {
  const journals = memoryJournals();
  const first = new Node(journals);
  first.create("t");
  first.system.halt();
  const second = new Node(journals, "second");
  assertEquals(second.roles, ["t 1"]);
  assertEquals(second.create("u"), "NONE");
  second.system.halt();
  assertEquals(new Node(journals, "third").roles, ["t 2", "u 1"]);
});
