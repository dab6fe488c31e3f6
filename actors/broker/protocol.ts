/**
 * What can be said to a broker and to its connections.
 *
 * One broker actor per node follows the metadata log, keeps the replicas that the controller gave it, and tells every
 * connection of each new image. One connection actor per socket decodes requests, asks whoever can answer them, and replies in
 * the order in which they came.
 *
 * @module
 */
import type { ActorKind, Ref } from "../actor.ts";
import type {
  BrokerImage,
  ControllerRef,
  Endpoint,
  IsrChange,
  IsrChangeResult,
  MetadataFollower,
  MetadataImage,
} from "../controller/protocol.ts";
import type { QuorumRef } from "../quorum/protocol.ts";
import type { ErrorName } from "../../protocol/errors.ts";
import type { CleanLife } from "../../storage/log.ts";

/** What a broker is started with. */
export interface BrokerArgs {
  readonly brokerId: number;
  readonly incarnationId: string;
  /** Where clients are told to connect. */
  readonly advertised: Endpoint;
  /** Where other nodes are told to connect. */
  readonly nodeEndpoint: Endpoint;
  /** Names the data folder (KIP-858). */
  readonly directoryId: string;
  /** What the last clean stop wrote down; an epoch of -1 and no incarnation when it was not clean. */
  readonly cleanLife: CleanLife;
  readonly rack: string | null;
  /** The quorum actor of this node: it tells the broker what is committed, and who has the controller. */
  readonly quorum: QuorumRef;
  /** The nodes that elect the controller. Each is a broker, too. */
  readonly voters: readonly number[];
  /** Kafka's broker configs as given by flags or file; names not given have their defaults. */
  readonly properties: Readonly<Record<string, string>>;
  /** Where the data is, for DescribeLogDirs. */
  readonly logDir: string;
}

/** What every request handler may know of its broker. */
export interface BrokerView {
  readonly brokerId: number;
  readonly logDir: string;
  readonly properties: Readonly<Record<string, string>>;
  /** The active controller; undefined while nobody is known to have it. Ask it through {@linkcode Exchange.askController}. */
  readonly controller: ControllerRef | undefined;
  readonly quorum: QuorumRef;
  /** Brokers that belong to the cluster, though they may not have registered yet: those that elect the controller. */
  readonly voters: readonly number[];
  readonly image: MetadataImage;
  /** Nodes whose link was lost a moment ago: who asks for leaders had better wait ({@linkcode BrokerProtocol.whenSure}). */
  readonly suspects: ReadonlySet<number>;
  /** The active controller has been silent for a session's time: what is told of leaders may be over. */
  readonly isIsolated: boolean;
  /** Brokers that were fenced a while ago, as they were before: clients are told of them for some time more. */
  readonly departed: ReadonlyMap<number, BrokerImage>;
  /** Grows with every change of what is above, in the life of one broker actor. */
  readonly version: number;
}

/** What a replica tells its broker of itself. */
export interface ReplicaChange {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** It serves nothing. */
  readonly offline: boolean;
}

/** Everything a broker can be told. */
export interface BrokerProtocol extends MetadataFollower {
  /**
   * A connection (or a group coordinator) wants a view of a version above `newerThan`; the reply waits until there is one. Asking (and
   * not being told) keeps a slow one from holding up the broker. A later call of the same ref replaces this one. A broker that was
   * restarted counts anew: begin with -1 again.
   */
  subscribe(request: { readonly ref: Ref<unknown>; readonly newerThan: number }): BrokerView;
  /** The next producer id that nobody else has had. */
  nextProducerId(_: void): { readonly error: ErrorName; readonly producerId: bigint };
  /** What this broker knows now, ready or not. */
  look(_: void): BrokerView;
  /** Replies true once this broker has registered and serves what the controller gave it. */
  ready(_: void): boolean;
  /** A leader on this broker wants another ISR: passed on to the controller, together with those of other replicas. */
  alterPartition(change: IsrChange): IsrChangeResult | { readonly error: "REQUEST_TIMED_OUT" };
  /** A replica on this broker has gone offline, or serves again: the controller is told. */
  replicaChanged(change: ReplicaChange): void;
  /**
   * A clean stop begins: the controller moves leadership away. Replies with this broker's epoch when it has, or when `timeoutMs` has passed;
   * -1 when it never registered.
   */
  shutDown(request: { readonly timeoutMs: number }): number;
  /** From the node: the link to another one was lost, or stands again. */
  linkChanged(news: { readonly node: number; readonly isUp: boolean }): void;
  /** Replies as soon as it is known of each of these nodes whether it is there, or after a moment. */
  whenSure(request: { readonly nodes: readonly number[] }): boolean;
  /** From the broker to itself: a broker was fenced long enough ago. */
  forgetDeparted(id: number): void;
  /** From the broker to itself: the link was lost long enough ago. */
  suspectNoMore(node: number): void;
  /** From the broker to itself: register again. */
  register(_: void): void;
  /** From the broker to itself: the next heartbeat is due. */
  beat(_: void): void;
  /** From the broker to itself: a replica that was given up, by its name, has rested. */
  spawnAgain(replica: string): void;
  /** From the broker to itself: the coordinator of this partition of `__consumer_offsets`, which was given up, has rested. */
  coordinateAgain(partition: number): void;
  /**
   * From the broker to itself: time to follow again, to ask for ISR changes again, to take the controller's silence for isolation, or to
   * stop waiting for leave to go.
   */
  tick(what: "follow" | "alterPartitions" | "isolation" | "shutDown"): void;
}

export type BrokerRef = Ref<BrokerProtocol>;

/** For spawning a broker; its name is "broker". */
export const BROKER: ActorKind<BrokerProtocol, BrokerArgs> = { kind: "broker" };

/** The socket under a connection, as the connection may use it. Implemented by the listener. */
export interface ConnectionSocket {
  /** Sends chunks in order; they belong to the socket from now on. `sent` is called when the operating system has them all. */
  write(chunks: readonly Uint8Array[], sent: () => void): void;
  /** The request of `frameBytes` bytes has been answered: as much may be read again. */
  release(frameBytes: number): void;
  /**
   * Takes up to `bytes` of the memory that all connections share, for an answer that is being gathered, and says how many; none
   * may be left. They are this socket's until they are given back, or until it is closed.
   */
  reserve(bytes: number): number;
  /** Gives back what was reserved. */
  giveBack(bytes: number): void;
  /** Closes after what was written has gone out, if the peer takes it soon. */
  close(): void;
}

/** What a connection is started with. */
export interface ConnectionArgs {
  readonly broker: BrokerRef;
  readonly socketId: number;
  readonly remote: string;
}

/** Everything a connection can be told. */
export interface ConnectionProtocol {
  /** One request frame, without its size prefix; owned by this message. */
  frame(bytes: Uint8Array): void;
  /** The peer closed, or the socket failed. */
  disconnected(_: { readonly reason: string }): void;
  /** From the connection to itself: nothing has come or gone for `connections.max.idle.ms`. */
  idle(_: void): void;
  /** From the connection to itself: questions wait for a controller, or for one that may be gone. */
  lookForController(_: void): void;
}

export type ConnectionRef = Ref<ConnectionProtocol>;

/** For spawning a connection; its name is the number of its socket. */
export const CONNECTION: ActorKind<ConnectionProtocol, ConnectionArgs> = { kind: "connection" };
