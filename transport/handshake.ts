/**
 * How two nodes begin: what the one that dials says first, and what it is answered.
 *
 * ```text
 *   dialing   89 "SAMSA" 0d 0a │ u16 version │ u16 size │ who I am, whom I expect, which lane
 *   answering 89 "SAMSA" 0d 0a │ u16 version │ u16 size │ accepted, and who I am; or refused, and why, in words
 * ```
 *
 * The preamble and a refusal stay as they are in every version, so that an old node can tell a new one why it is refused.
 *
 * @module
 */
import { readInt16, writeInt16 } from "../lib/big_endian.ts";
import { decodePlain, encodePlain } from "../lib/plain_codec.ts";
import { DecodeError } from "../lib/plain_tags.ts";

export const VERSION = 1;
/** Magic, version and size. */
export const PREAMBLE_BYTES = 12;
/** Nobody has more to say before it is known. */
const BODY_BYTES_MAX = 4 << 10;
const MAGIC = [0x89, 0x53, 0x41, 0x4d, 0x53, 0x41, 0x0d, 0x0a];

/** The two connections of a link: small messages must not wait for large ones. */
export type LaneName = "control" | "bulk";

/** What a node says of itself. */
export interface Identity {
  readonly nodeId: number;
  readonly incarnationId: string;
  /** "" when it does not know it yet. */
  readonly clusterId: string;
}

/** What the node that dials says. */
export interface Hello extends Identity {
  /** The node that it wants to speak to. */
  readonly expectedId: number;
  readonly lane: LaneName;
  /** The same for the two lanes of a link, and for nothing else of this incarnation. */
  readonly linkId: number;
}

/** What it is answered. */
export type HelloAnswer =
  | { readonly accepted: true; readonly identity: Identity }
  | { readonly accepted: false; readonly reason: string };

/** What came is not the beginning of a link between nodes. */
export class HandshakeError extends Error {
  override readonly name = "HandshakeError";
}

export function encodeHello({ nodeId, incarnationId, clusterId, expectedId, lane, linkId }: Hello): Uint8Array {
  return message({ nodeId, incarnationId, clusterId, expectedId, lane, linkId });
}

export function encodeAnswer(answer: HelloAnswer): Uint8Array {
  if (!answer.accepted) return message({ accepted: false, reason: answer.reason });
  const { nodeId, incarnationId, clusterId } = answer.identity;
  return message({ accepted: true, nodeId, incarnationId, clusterId });
}

/**
 * Reads the first twelve bytes: the other side's version, and how many bytes follow.
 *
 * @throws {HandshakeError} when it speaks something else
 */
export function readPreamble(bytes: Uint8Array): { readonly version: number; readonly size: number } {
  if (MAGIC.some((byte, at) => bytes[at] !== byte)) throw new HandshakeError("it does not speak the nodes' protocol");
  const size = readInt16(bytes, 10) & 0xffff;
  if (size > BODY_BYTES_MAX) throw new HandshakeError(`it begins with ${size} bytes, more than ${BODY_BYTES_MAX}`);
  return { version: readInt16(bytes, 8) & 0xffff, size };
}

/**
 * Reads what the node that dials says.
 *
 * @throws {HandshakeError}
 */
export function decodeHello(version: number, bytes: Uint8Array): Hello {
  if (version !== VERSION) {
    throw new HandshakeError(`it speaks version ${version} of the nodes' protocol, this node version ${VERSION}`);
  }
  const hello = fields(bytes);
  const { expectedId, lane, linkId } = hello;
  const whole = isWhole(expectedId) && isWhole(linkId) && (lane === "control" || lane === "bulk");
  if (!whole) throw new HandshakeError("what it says of itself is incomplete");
  return { ...identity(hello), expectedId, lane, linkId };
}

/**
 * Reads what the node that dialed is answered.
 *
 * @throws {HandshakeError}
 */
export function decodeAnswer(version: number, bytes: Uint8Array): HelloAnswer {
  const answer = fields(bytes);
  if (answer.accepted === false && typeof answer.reason === "string") return { accepted: false, reason: answer.reason };
  if (version !== VERSION) throw new HandshakeError(`it answers in version ${version} of the nodes' protocol`);
  if (answer.accepted !== true) throw new HandshakeError("its answer is neither yes nor no");
  return { accepted: true, identity: identity(answer) };
}

function message(body: Readonly<Record<string, unknown>>): Uint8Array {
  const fields = encodePlain(body);
  const bytes = new Uint8Array(PREAMBLE_BYTES + fields.length);
  bytes.set(MAGIC);
  writeInt16(bytes, 8, VERSION);
  writeInt16(bytes, 10, fields.length);
  bytes.set(fields, PREAMBLE_BYTES);
  return bytes;
}

function fields(bytes: Uint8Array): Record<string, unknown> {
  let body: unknown;
  try {
    body = decodePlain(bytes);
  } catch (error) {
    if (error instanceof DecodeError) throw new HandshakeError(`its first words cannot be read: ${error.message}`);
    throw error;
  }
  if (typeof body !== "object" || body === null) throw new HandshakeError("its first words have no fields");
  return body as Record<string, unknown>;
}

function identity({ nodeId, incarnationId, clusterId }: Record<string, unknown>): Identity {
  if (!isWhole(nodeId) || nodeId > 0x7fff_ffff || typeof incarnationId !== "string" || typeof clusterId !== "string") {
    throw new HandshakeError("it does not say who it is");
  }
  return { nodeId, incarnationId, clusterId };
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
