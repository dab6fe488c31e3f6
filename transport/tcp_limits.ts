/**
 * How much a tcp transport holds, and how long it waits.
 *
 * @module
 */
import type { QueueLimits } from "./send_queue.ts";

/** Every bound of a tcp transport; the defaults are in {@linkcode TCP_LIMITS}. */
export interface TcpLimits {
  /** The largest frame, in both directions. */
  readonly frameBytesMax: number;
  /** What may wait for one peer's small envelopes. */
  readonly control: QueueLimits;
  /** What may wait for its large ones. */
  readonly bulk: QueueLimits;
  /** What may wait for a peer that has never been reached, and for how long. */
  readonly waitingBytesMax: number;
  readonly waitingMs: number;
  /** How long a dial may take. */
  readonly connectMs: number;
  /** How long the node that was dialed may take to answer. */
  readonly answerMs: number;
  /** How long whoever dialed in may take to say who it is. */
  readonly handshakeMs: number;
  /** How many may be about to say who they are. */
  readonly strangersMax: number;
  /** An idle connection gives a sign of life this often. */
  readonly pingMs: number;
  /** After so many intervals without a sign of life a link is closed. */
  readonly silentPingsMax: number;
  /** The wait before a dial is repeated, doubled each time. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** A link that stood at least so long is dialed again at once. */
  readonly steadyMs: number;
  /** How many other nodes there may be. */
  readonly peersMax: number;
}

export const TCP_LIMITS: TcpLimits = {
  frameBytesMax: 64 << 20,
  control: { bytesMax: 8 << 20, framesMax: 10_000 },
  bulk: { bytesMax: 32 << 20, framesMax: 10_000 },
  waitingBytesMax: 1 << 20,
  waitingMs: 1_000,
  connectMs: 1_000,
  answerMs: 2_000,
  handshakeMs: 5_000,
  strangersMax: 256,
  pingMs: 500,
  silentPingsMax: 6,
  backoffMinMs: 20,
  backoffMaxMs: 1_000,
  steadyMs: 100,
  peersMax: 1_000,
};
