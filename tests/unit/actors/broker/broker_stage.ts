/**
 * A broker under a probe, with a metadata log to tell it from and a controller that says what a test wants.
 *
 * @module
 */
import { type Broker, broker } from "../../../../actors/broker/broker.ts";
import type { BrokerArgs, BrokerProtocol } from "../../../../actors/broker/protocol.ts";
import type { ErrorName } from "../../../../protocol/errors.ts";
import type { Endpoint, MetadataRecord } from "../../../../actors/controller/protocol.ts";
import type { QuorumRef } from "../../../../actors/quorum/protocol.ts";
import { type Probe, probe, type Question, type Recorded } from "../../../../actors/probe.ts";
import { CLUSTER, newTopic, registered, topicsOf } from "./records.ts";

/** Where the controller is, unless a test elects another. */
export const CONTROLLER = "2/controller/controller";
/** The epoch of the broker, which is the offset of its registration. */
export const EPOCH = 1;
/** Its record: the second of the log. */
export const REGISTERED: MetadataRecord = registered(1, EPOCH);
export const UNFENCED: MetadataRecord = { type: "UnfenceBroker", brokerId: 1, brokerEpoch: EPOCH };

export const ARGS: BrokerArgs = {
  brokerId: 1,
  incarnationId: "i",
  advertised: { host: "here", port: 9092 },
  nodeEndpoint: { host: "node-1", port: 2 },
  directoryId: "d",
  cleanLife: { brokerEpoch: 77, unheardIncarnationIds: ["before"] },
  rack: "r",
  quorum: "1/quorum/quorum" as QuorumRef,
  voters: [1],
  properties: { "log.retention.ms": "1000", "broker.session.timeout.ms": "2000" },
  logDir: "/data/1",
};

/** The actor and all that is around it. */
export class BrokerStage {
  readonly probe: Probe<BrokerProtocol, Broker>;
  readonly log: MetadataRecord[] = [];
  readonly peers: Record<number, Endpoint>[] = [];
  readonly reports: string[] = [];

  constructor(args: Partial<BrokerArgs> = {}) {
    const actor = broker({
      peersChanged: (peers) => void this.peers.push(Object.fromEntries(peers)),
      report: (sentence) => void this.reports.push(sentence),
    });
    this.probe = probe(actor, { ...ARGS, ...args }, { name: "broker" });
  }

  /** One that has registered, knows of it and has been let in. */
  static ready(): BrokerStage {
    const stage = BrokerStage.acting();
    stage.tell([UNFENCED]);
    stage.probe.take();
    return stage;
  }

  /** One that has registered and knows of it, but is fenced. */
  static acting(): BrokerStage {
    const stage = new BrokerStage();
    stage.elect();
    stage.register();
    stage.describe(2);
    stage.tell([CLUSTER, REGISTERED]);
    stage.probe.take();
    return stage;
  }

  /** The quorum actor says who has the controller. */
  elect(controllerId = 2, epoch = controllerId): void {
    this.probe.tell("controllerChanged", { controllerId, epoch });
  }

  /** The controller answers the registration. */
  register(brokerEpoch = EPOCH, error: ErrorName = "NONE"): void {
    this.probe.answer("register", { error, message: error === "NONE" ? null : "no", brokerEpoch });
  }

  /** The quorum actor of the controller's node says how far the log is committed. */
  describe(highWatermark: number, role = "leader"): void {
    this.probe.answer("describe", { role, highWatermark });
  }

  /** The quorum actor hands on committed records. */
  tell(records: readonly MetadataRecord[]): void {
    const baseOffset = this.log.length;
    this.log.push(...records);
    this.probe.tell("metadata", { baseOffset, records });
  }

  /** Records that make topics of one partition each, led by this broker. */
  made(...names: readonly string[]): MetadataRecord[] {
    return topicsOf(this.probe.state.image, names.map((name) => newTopic(name)));
  }

  idOf(name: string): string {
    return this.probe.state.image.topics.get(name)!.topicId;
  }

  /** Answers all heartbeats that wait. */
  heartbeats(error: ErrorName = "NONE", shouldShutDown = false): void {
    for (const question of this.asked("heartbeat")) {
      this.probe.answer(question, { error, fenced: false, shouldShutDown });
    }
  }

  /** Questions that wait. */
  asked(verb: string): Question[] {
    return this.probe.asks.filter((question) => question.verb === verb);
  }

  /** What it did since the last look, in short. Timers and heartbeats are left out: they go on all the time. */
  did(): string[] {
    return this.probe.take().filter((effect) => !isRoutine(effect)).map(inShort);
  }
}

function isRoutine(effect: Recorded): boolean {
  return effect.type === "timer" || effect.type === "cancel" || (effect.type === "ask" && effect.verb === "heartbeat");
}

function inShort(effect: Recorded): string {
  switch (effect.type) {
    case "send":
    case "ask":
      return `${effect.type} ${effect.to.split("/").slice(1).join("/")} ${effect.verb}`;
    case "spawn":
      return `spawn ${effect.name}`;
    case "watch":
      return `watch ${effect.ref.split("/").slice(1).join("/")}`;
    case "reply":
      return `reply ${effect.to}`;
    default:
      return effect.type;
  }
}
