/**
 * One node put together without sockets: quorum, broker, replicas and connections as actors over a disk, a transport and a clock
 * that it is given. Production and the simulator start the same thing.
 *
 *     store and transport ──▶ quorum actor ──elected──▶ its controller
 *                                 └──committed──▶ broker actor ──registered, caught up, unfenced──▶ ready
 *
 *     ready ──drain──▶ leads nothing ──shut down──▶ resigned, actors stopped, folder closed in good order
 *       └──halt──▶ gone: nothing runs any more, and the folder is as it happens to be
 *
 * Invariant: what was put to disk and not what is in memory decides what the next life of the node knows; a folder is called clean only
 * after the actors that write to it have stopped.
 *
 * @module
 */
import { broker } from "../actors/broker/broker.ts";
import { connection } from "../actors/broker/connection.ts";
import { servedApis } from "../actors/broker/api/served.ts";
import type { BrokerArgs, BrokerRef } from "../actors/broker/protocol.ts";
import { BROKER } from "../actors/broker/protocol.ts";
import { refOf } from "../actors/address.ts";
import { controller } from "../actors/controller/controller.ts";
import { CONTROLLER, type ControllerArgs } from "../actors/controller/protocol.ts";
import { coordinator } from "../actors/group/coordinator.ts";
import { group } from "../actors/group/group.ts";
import { LOST_WRITE, openGroupJournal } from "../actors/group/journal.ts";
import { GROUP, type GroupArgs } from "../actors/group/protocol.ts";
import type { Journal } from "../actors/journal.ts";
import { replica } from "../actors/partition/replica.ts";
import { QuorumJournal } from "../actors/quorum/journal.ts";
import { QUORUM, type QuorumRef } from "../actors/quorum/protocol.ts";
import { quorum } from "../actors/quorum/quorum.ts";
import { ActorSystem } from "../actors/system.ts";
import type { Settle } from "../lib/env.ts";
import type { CleanLife } from "../storage/log.ts";
import { QuorumStore } from "../storage/quorum_store.ts";
import { keepCheckpoints } from "./checkpoints.ts";
import { checkFolderVoters, fixFolderVoters } from "./folder_voters.ts";
import { Gate } from "./gate.ts";
import { Leaving } from "./leaving.ts";
import type { NodeOptions } from "./node_options.ts";
import { setAsideStrays } from "./strays.ts";
import type { Transport } from "../transport/transport.ts";

export type { NodeOptions } from "./node_options.ts";

/** How long one question for the broker's readiness lasts before it is put again: a cluster may form slowly. */
const READY_ASK_MS = 60_000;
/** How soon it is put again when the broker was between two lives. */
const READY_RETRY_MS = 20;
/** Leadership of the quorum is handed over within this; if not, others have at least been told to stand. */
const RESIGN_MAX_MS = 250;
/** The same when there is hardly anybody left who could take it. */
const RESIGN_LAST_MS = 25;

/** A node that runs. */
export class Node {
  readonly system: ActorSystem;
  readonly broker: BrokerRef;
  readonly quorum: QuorumRef;
  readonly #options: NodeOptions;
  readonly #gate: Gate;
  readonly #leaving: Leaving;
  readonly #failures: ((sentence: string) => void)[] = [];
  #failure: string | undefined;
  #readers: (() => void)[] = [];
  #isReady = false;
  #state: "running" | "draining" | "drained" | "ended" = "running";
  #drained: (() => void)[] = [];
  /** What a clean stop writes down. */
  #life: CleanLife;
  readonly #stopCheckpoints: () => void;

  /** Use {@linkcode startNode}. */
  constructor(options: NodeOptions) {
    this.#options = options;
    this.#gate = new Gate(options.env);
    const { lastLife } = options.store;
    this.#life = { ...lastLife, unheardIncarnationIds: [...lastLife.unheardIncarnationIds, options.incarnationId] };
    this.broker = refOf(options.nodeId, BROKER.kind, "broker");
    this.quorum = refOf(options.nodeId, QUORUM.kind, "quorum");
    this.system = this.#makeSystem();
    const { nodeId, incarnationId, properties, store, report } = options;
    const { clock } = this.#gate.env;
    this.#leaving = new Leaving({ nodeId, incarnationId, system: this.system, broker: this.broker, clock });
    this.#register();
    this.#spawn();
    this.#stopCheckpoints = keepCheckpoints(store, { brokerId: nodeId, properties }, clock, report);
    this.#awaitReady();
  }

  /** Whether the broker has come up. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Calls back once the broker serves: at once if it does already, never if it ends before. */
  whenReady(then: () => void): void {
    if (this.#isReady) then();
    else this.#readers.push(then);
  }

  /** Calls back, with a sentence, when something without which nothing works was given up: halt the node then. */
  failed(then: (sentence: string) => void): void {
    if (this.#failure !== undefined) then(this.#failure);
    else this.#failures.push(then);
  }

  /**
   * The first half of a clean stop: the controller moves leadership away while this node goes on serving. Calls back when that is
   * done, and no other node that is about to go needs this one's vote, or after `timeoutMs`.
   */
  drain(timeoutMs: number, done: () => void): void {
    if (this.#state === "drained" || this.#state === "ended") return done();
    this.#drained.push(done);
    if (this.#state === "draining") return;
    this.#state = "draining";
    this.#leaving.drain(timeoutMs, (brokerEpoch) => {
      if (brokerEpoch >= 0) this.#life = { brokerEpoch, unheardIncarnationIds: [] };
      this.#state = "drained";
      for (const drained of this.#drained.splice(0)) drained();
    });
  }

  /**
   * Stops cleanly, each of its two steps within about `timeoutMs`: drains, hands the quorum over, stops the actors and closes the folder.
   * `done` gets whether the folder is in good order, or what the disk said.
   */
  shutDown(timeoutMs: number, done: Settle<boolean>): void {
    this.drain(timeoutMs, () => {
      if (this.#state === "ended") return done({ ok: true, value: false });
      const { nodeId, voters } = this.#options;
      this.#leaving.whoIsThere((others) => {
        const staying = others.filter(({ id, inControlledShutdown }) => voters.includes(id) && !inControlledShutdown);
        const isLast = voters.includes(nodeId) && staying.length <= voters.length / 2;
        const resignMs = Math.min(timeoutMs, isLast ? RESIGN_LAST_MS : RESIGN_MAX_MS);
        const stop = () => this.system.shutdownThen(() => this.#close(done));
        this.system.askThen(this.quorum, "resign", { timeoutMs: resignMs }, stop, resignMs + RESIGN_LAST_MS);
      });
    });
  }

  /** Ends it as if the process were gone: nothing of it runs any more. What it wrote is left as it is. */
  halt(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#stopCheckpoints();
    this.#leaving.callOff();
    this.#gate.wallUp();
    this.system.halt();
    this.#options.store.close(false);
  }

  /** Holds the whole node up, as SIGSTOP does: it hears what comes, and handles nothing. */
  pause(): void {
    this.#gate.pause();
  }

  /** Ends a pause. */
  resume(): void {
    this.#gate.resume();
  }

  #makeSystem(): ActorSystem {
    const { nodeId, transport, report, trace, order } = this.#options;
    return new ActorSystem({
      node: nodeId,
      env: this.#gate.env,
      transport: overheard(transport, (news) => {
        // Before there is anybody to tell, there is nothing to tell either.
        if (this.#state === "running") this.system.tell(this.broker, "linkChanged", news);
      }),
      openJournal: (kind, name, args) => this.#openJournal(kind, name, args),
      crashed: (ref, reason) => {
        if (!reason.includes(LOST_WRITE)) report(`${ref} crashed: ${reason}`); // its coordinator says why
      },
      ...(trace === undefined ? {} : { trace }),
      ...(order === undefined ? {} : { order }),
    });
  }

  /** The controller's events go through the quorum, a group's through its coordinator: durable there means committed. */
  #openJournal(kind: string, name: string, args: unknown): Journal {
    if (kind === GROUP.kind) {
      const { coordinator } = args as GroupArgs;
      return openGroupJournal(args as GroupArgs, (request, settle) => {
        this.system.askThen(coordinator, "write", request, settle, Infinity); // it answers, or it ends
      });
    }
    if (kind !== CONTROLLER.kind) throw new Error(`No journal is kept for ${kind} ${name}.`);
    const { epoch, image } = args as ControllerArgs;
    return new QuorumJournal({
      epoch,
      baseOffset: image.offset,
      append: (request, settle) => this.system.askThen(this.quorum, "append", request, settle),
    });
  }

  #register(): void {
    const { nodeId, store, properties, transport, report, socket, observe, refused } = this.#options;
    const { snapshotEveryRecords } = this.#options;
    this.system.register(quorum({
      store: new QuorumStore(store),
      properties,
      formed: (clusterId) => this.#formed(clusterId),
      report,
      ...(snapshotEveryRecords === undefined ? {} : { snapshotEveryRecords }),
    }));
    this.system.register(controller({ properties }));
    this.system.register(broker({ peersChanged: (peers) => transport.setPeers(peers), report }));
    this.system.register(replica({ logs: store, brokerId: nodeId, report }));
    this.system.register(coordinator({ report }));
    this.system.register(group({ report }));
    this.system.register(connection({
      handlers: servedApis(),
      socket,
      ...(observe === undefined ? {} : { observe }),
      ...(refused === undefined ? {} : { refused }),
    }));
  }

  #spawn(): void {
    const { nodeId, voters, store, incarnationId, advertised, nodeEndpoint, rack, properties } = this.#options;
    this.system.spawn(QUORUM, "quorum", { nodeId, voters });
    const args: BrokerArgs = {
      brokerId: nodeId,
      incarnationId,
      advertised,
      nodeEndpoint,
      directoryId: store.meta.directoryId,
      cleanLife: store.lastLife,
      rack,
      quorum: this.quorum,
      voters,
      properties,
      logDir: store.root,
    };
    this.system.spawn(BROKER, "broker", args);
    for (const ref of [this.quorum, this.broker]) this.system.watch(ref, () => this.#givenUp(ref));
  }

  #givenUp(ref: string): void {
    if (this.#state !== "running") return;
    const { lastError = null } = this.system.actors().find((actor) => actor.ref === ref) ?? {};
    const reason = `${ref} was given up after too many failures. ${lastError ?? ""}`.trim();
    this.#fail(`Broker ${this.#options.nodeId} cannot go on: ${reason}`);
  }

  #fail(sentence: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = sentence;
    for (const then of this.#failures.splice(0)) then(sentence);
  }

  /** The first record of the log is committed: the folder is this cluster's from now on. */
  #formed(clusterId: string): void {
    try {
      const { store, voters } = this.#options;
      store.claim(clusterId);
      fixFolderVoters(store.disk, voters);
    } catch (error) {
      this.#fail(reasonOf(error));
    }
  }

  #awaitReady(): void {
    this.system.askThen(this.broker, "ready", undefined, (answer) => {
      if (this.#state !== "running" || this.#failure !== undefined) return;
      if (answer.ok) this.#look();
      else this.#gate.env.clock.after(READY_RETRY_MS, () => this.#state === "running" && this.#awaitReady());
    }, READY_ASK_MS);
  }

  #look(): void {
    const { store, report } = this.#options;
    this.system.askThen(this.broker, "look", undefined, (looked) => {
      if (this.#state !== "running") return;
      if (looked.ok) {
        try {
          const strays = setAsideStrays(store, looked.value);
          if (strays !== undefined) report(strays);
        } catch (error) {
          report(`Logs of topics that are gone could not be set aside: ${reasonOf(error)}`);
        }
      }
      this.#isReady = true;
      for (const then of this.#readers.splice(0)) then();
    });
  }

  #close(done: Settle<boolean>): void {
    if (this.#state === "ended") return done({ ok: true, value: false });
    this.#state = "ended";
    this.#stopCheckpoints();
    this.#gate.wallUp();
    try {
      done({ ok: true, value: this.#options.store.close(true, this.#life) });
    } catch (error) {
      done({ ok: false, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
}

/**
 * Puts a node together and starts it.
 *
 * @throws {Error} with a sentence when the folder belongs to a cluster with other voters
 */
export function startNode(options: NodeOptions): Node {
  checkFolderVoters(options.store.disk, options.voters);
  return new Node(options);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A transport whose news of links somebody else hears too, after the actors. */
function overheard(
  transport: Transport,
  hear: (news: { readonly node: number; readonly isUp: boolean }) => void,
): Transport {
  return {
    node: transport.node,
    send: (node, envelope) => transport.send(node, envelope),
    onReceive: (receive) => transport.onReceive(receive),
    onPeer: (listen) =>
      transport.onPeer((event) => {
        listen(event);
        hear({ node: event.node, isUp: event.type === "up" });
      }),
    setPeers: (addresses) => transport.setPeers(addresses),
    close: () => transport.close(),
  };
}
