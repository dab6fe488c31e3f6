/**
 * Carries envelopes between nodes. It knows neither Kafka nor the actors.
 *
 * The contract is weak on purpose: an envelope may be lost, come twice, come late or out of order; it is never changed and
 * never shared (what arrives owns its memory). Whoever needs more builds it above: asks with deadlines, epochs, retries.
 *
 * @module
 */

/** What travels: from and to are actor paths; `body` is plain data (no functions, no class instances, no cycles). */
export interface Envelope {
  readonly to: string;
  readonly from: string;
  /** Matches an answer to its ask; 0 when no answer is wanted. */
  readonly call: number;
  /** Name of the message, or one of the runtime's own verbs (which begin with `$`). */
  readonly verb: string;
  readonly body: unknown;
}

/** Something heard about a peer. */
export type PeerEvent =
  /** A link to it stands, for the first time or again: what was sent since the last time may be lost. */
  | { readonly type: "up"; readonly node: number }
  /** The link closed; `refused` when a reconnect was refused, which means that the process is gone. */
  | { readonly type: "down"; readonly node: number; readonly refused: boolean };

/** Where a node listens for other nodes. */
export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

/** One node's end of the wire. */
export interface Transport {
  /** This node's id. */
  readonly node: number;
  /** Tries to carry an envelope; returns false when it is known at once that it cannot be (no route, queue full). */
  send(node: number, envelope: Envelope): boolean;
  /** Registers the receiver; there is one. */
  onReceive(receive: (envelope: Envelope) => void): void;
  /** Registers who hears of peers; there is one. */
  onPeer(hear: (event: PeerEvent) => void): void;
  /** Where the other nodes are, as far as that is known now; those that are not named keep their address. Transports that need none ignore it. */
  setPeers(addresses: ReadonlyMap<number, PeerAddress>): void;
  /** Ends all links. */
  close(): void;
}
