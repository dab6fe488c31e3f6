/**
 * What a broker knows and has: the image, its registration, its replicas, and everybody who waits for it.
 *
 *     unregistered ──register──▶ registered ──image has come to `goal`──▶ acting ──unfenced──▶ ready
 *          ▲                         │                                      │
 *          └──── its epoch is stale ─┴──────────────────────────────────────┘
 *
 * Invariant: roles are acted upon only while acting. An image that does not hold this broker's own registration, or that has
 * not come as far as the cluster had when that was confirmed, is history: a broker that obeyed it would lead what others lead
 * by now.
 *
 * @module
 */
import type { Asker, Outbox } from "../actor.ts";
import { refOf } from "../address.ts";
import type {
  BrokerImage,
  ControllerRef,
  Endpoint,
  IsrChange,
  IsrChangeResult,
  MetadataImage,
} from "../controller/protocol.ts";
import { CONTROLLER, emptyImage } from "../controller/protocol.ts";
import type { ReplicaArgs } from "../partition/protocol.ts";
import { brokerInt } from "./broker_configs.ts";
import type { LocalCoordinator } from "./coordinators_here.ts";
import type { LocalReplica } from "./replicas_here.ts";
import type { Hesitation } from "./suspects.ts";
import type { BrokerArgs, BrokerProtocol, BrokerView } from "./protocol.ts";

/** The outbox of a broker. */
export type BrokerOutbox<R = unknown> = Outbox<BrokerProtocol, Broker, R>;

/** What a broker needs from outside. */
export interface BrokerDeps {
  /** Told where the other nodes are, whenever that has changed. */
  peersChanged?(peers: ReadonlyMap<number, Endpoint>): void;
  /** Told, in a sentence, what an operator has to know. */
  report?(sentence: string): void;
}

/** An ISR that a leader here wants, and who waits for the answer. */
export interface PendingIsrChange {
  readonly change: IsrChange;
  readonly asker: Asker<ReturnType<BrokerProtocol["alterPartition"]>>;
}

/** The state of a broker. */
export class Broker {
  image: MetadataImage = emptyImage();
  /** The node that has the active controller, and since which epoch; -1 while nobody is known to. */
  controllerId = -1;
  controllerEpoch = -1;
  /** Counts the changes of what a view shows. */
  version = 0;
  /** As the controller gave it, -1 before. */
  epoch = -1;
  /** How far the image must have come before roles of this epoch are acted upon; Infinity while that is not known. */
  goal = Infinity;
  /** The epoch with which the replicas have been told their roles. */
  actedFor = -1;
  /** Counts attempts to register: an answer to an earlier one is none. */
  attempt = 0;
  registering = false;
  /** Attempts that failed in a row. */
  failedAttempts = 0;
  /** It has been ready: connections are shown what it knows. */
  opened = false;
  /** The active controller has not answered for as long as it waits itself. */
  isIsolated = false;
  /** When that will be, if nothing more is heard; undefined before anything was. */
  inTouchUntilMs: number | undefined;
  /** A heartbeat that has something to tell is due within milliseconds. */
  beatsSoon = false;
  /** A clean stop has begun. */
  leaving = false;
  /** By topic and partition. */
  readonly replicas: Map<string, Map<number, LocalReplica>> = new Map();
  /** Coordinators of groups, by partition of `__consumer_offsets`. */
  readonly coordinators: Map<number, LocalCoordinator> = new Map();
  /** Where the other nodes are, as was told last. */
  peers: ReadonlyMap<number, Endpoint> = new Map();
  /** Brokers that were fenced a while ago, as they were before. */
  departed: ReadonlyMap<number, BrokerImage> = new Map();
  /** Nodes whose link was lost a moment ago. */
  suspects: ReadonlySet<number> = new Set();
  /** Who waits to name one of them. */
  readonly hesitations: Hesitation[] = [];
  readonly subscribers: Map<string, Asker<BrokerView>> = new Map();
  readonly readyAskers: Asker<boolean>[] = [];
  readonly leaveAskers: Asker<number>[] = [];
  readonly producerIdAskers: Asker<ReturnType<BrokerProtocol["nextProducerId"]>>[] = [];
  producerIds: { next: bigint; end: bigint } = { next: 0n, end: 0n };
  allocating = false;
  /** ISR changes that wait to be sent, by partition. */
  readonly isrChanges: Map<string, PendingIsrChange> = new Map();
  /** What the controller has decided, and the image does not have yet, by partition. */
  readonly isrDecided: Map<string, { readonly result: IsrChangeResult; readonly asker: PendingIsrChange["asker"] }> =
    new Map();
  /** Those that were sent and are not answered; an answer to any other batch comes too late. */
  isrBatch: readonly PendingIsrChange[] = [];
  #view: BrokerView | undefined;

  constructor(
    readonly args: BrokerArgs,
    readonly deps: BrokerDeps,
    /** What the replicas whose logs are here were spawned with, by name; it outlives this actor. */
    readonly remembered: Map<string, ReplicaArgs>,
  ) {}

  /** The active controller, if anybody is known to have it. */
  get controller(): ControllerRef | undefined {
    return this.controllerId < 0 ? undefined : refOf(this.controllerId, CONTROLLER.kind, "controller");
  }

  /** What connections are told. The same object until something changes. */
  view(): BrokerView {
    if (this.#view?.version === this.version) return this.#view;
    const { brokerId, logDir, properties, quorum, voters } = this.args;
    const { version, controller, image, suspects, isIsolated, departed } = this;
    return this.#view = {
      brokerId,
      logDir,
      properties,
      controller,
      quorum,
      voters,
      image,
      suspects,
      isIsolated,
      departed,
      version,
    };
  }

  /** A whole number among the broker configs, as it counts now. */
  config(name: string): number {
    return brokerInt(this.view(), name);
  }

  /** Whether the image may be acted upon. */
  get isActing(): boolean {
    return this.image.offset >= this.goal && this.#registration?.epoch === this.epoch;
  }

  /** Whether the controller has let it in, and it knows. */
  get isReady(): boolean {
    return this.isActing && this.#registration?.fenced === false;
  }

  /** Below this everything has been applied. */
  get appliedOffset(): number {
    return this.isActing ? this.image.offset : 0;
  }

  get #registration() {
    return this.image.brokers.get(this.args.brokerId);
  }
}
