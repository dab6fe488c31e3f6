/**
 * Kafka's ids of topics, directories and clusters: 16 bytes on the wire, 22 characters of url-safe base64 in text.
 *
 * @module
 */

import { assert } from "./assert.ts";

/** Stands for "no id". */
export const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

/** Kafka keeps this id for the topic of its metadata log. */
export const METADATA_TOPIC_UUID = "AAAAAAAAAAAAAAAAAAAAAQ";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) VALUES[ALPHABET.charCodeAt(i)] = i;

/**
 * The text of the 16 bytes at a place.
 *
 * @example
 * ```ts
 * import { formatUuid, ZERO_UUID } from "./uuid.ts";
 *
 * console.assert(formatUuid(new Uint8Array(16)) === ZERO_UUID);
 * ```
 */
export function formatUuid(bytes: Uint8Array, at = 0): string {
  assert(at + 16 <= bytes.length, "A uuid has 16 bytes.");
  let text = "";
  for (let i = at; i < at + 15; i += 3) {
    const three = (bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!;
    text += ALPHABET[three >> 18]! + ALPHABET[(three >> 12) & 63]! + ALPHABET[(three >> 6) & 63]! +
      ALPHABET[three & 63]!;
  }
  const last = bytes[at + 15]!;
  return text + ALPHABET[last >> 2]! + ALPHABET[(last & 3) << 4]!;
}

/** Whether a text is a uuid as {@linkcode formatUuid} writes it. */
export function isUuid(text: string): boolean {
  if (text.length !== 22) return false;
  for (let i = 0; i < 22; i++) if ((VALUES[text.charCodeAt(i)] ?? -1) < 0) return false;
  return (VALUES[text.charCodeAt(21)]! & 15) === 0;
}

/** Writes the 16 bytes of a uuid at a place. Throws an AssertionError for a text that is no uuid. */
export function writeUuid(text: string, bytes: Uint8Array, at = 0): void {
  assert(isUuid(text), `"${text}" is no uuid: it takes 22 characters of url-safe base64.`);
  for (let i = 0, to = at; i < 20; i += 4, to += 3) {
    const three = (sextet(text, i) << 18) | (sextet(text, i + 1) << 12) | (sextet(text, i + 2) << 6) |
      sextet(text, i + 3);
    bytes[to] = three >> 16;
    bytes[to + 1] = three >> 8;
    bytes[to + 2] = three;
  }
  bytes[at + 15] = (sextet(text, 20) << 2) | (sextet(text, 21) >> 4);
}

/** The 16 bytes of a uuid. Throws an AssertionError for a text that is no uuid. */
export function parseUuid(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  writeUuid(text, bytes);
  return bytes;
}

/**
 * A uuid of version 4 (RFC 9562) from 16 random bytes, which it changes. Never one of the ids that Kafka reserves.
 * Kafka also avoids texts that begin with a dash, which command lines take for an option; so the first byte is kept below 0xf8.
 */
export function randomUuid(random: Uint8Array): string {
  assert(random.length === 16, "A uuid takes 16 random bytes.");
  random[0] = random[0]! >= 0xf8 ? random[0]! - 0x80 : random[0]!;
  random[6] = (random[6]! & 0x0f) | 0x40;
  random[8] = (random[8]! & 0x3f) | 0x80;
  return formatUuid(random);
}

function sextet(text: string, at: number): number {
  return VALUES[text.charCodeAt(at)]!;
}
