/**
 * Variable-length integers as Kafka writes them: seven bits to a byte, lowest first, the top bit set on all but the last.
 *
 * - *unsigned varint* (plain LEB128, uint32): lengths and tags of flexible messages (KIP-482);
 * - *varint* and *varlong* (zigzag int32 and int64): everything inside a record (KIP-98).
 *
 * A read never passes the end of its cursor and never takes more than 5 (32 bit) or 10 (64 bit) bytes.
 *
 * @module
 */

/** A place in some bytes; reads move `at` forward and never reach `end`. */
export interface Cursor {
  readonly bytes: Uint8Array;
  /** Where the next read starts. */
  at: number;
  /** The first byte that must not be read; at most `bytes.length`. */
  readonly end: number;
}

/** A variable-length integer was cut off, too long, or outside its range. */
export class VarintError extends RangeError {
  override readonly name = "VarintError";
}

/**
 * Reads an unsigned varint (0 to 2^32-1).
 *
 * @throws {VarintError} cut off by the cursor's end, or wider than 32 bits
 */
export function readUnsignedVarint(cursor: Cursor): number {
  const { bytes, at, end } = cursor;
  if (at + 1 < end) { // nearly all take one byte or two
    const first = bytes[at]!;
    if (first < 0x80) {
      cursor.at = at + 1;
      return first;
    }
    const second = bytes[at + 1]!;
    if (second < 0x80) {
      cursor.at = at + 2;
      return (first & 0x7f) | (second << 7);
    }
  }
  return readLongVarint(cursor);
}

function readLongVarint(cursor: Cursor): number {
  const { bytes, end } = cursor;
  let at = cursor.at;
  let value = 0;
  for (let shift = 0; shift < 35 && at < end; shift += 7) {
    const byte = bytes[at++]!;
    if (shift === 28 && byte > 0x0f) throw new VarintError(`Varint at byte ${cursor.at} is wider than 32 bits`);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      cursor.at = at;
      return value >>> 0;
    }
  }
  throw new VarintError(`Varint at byte ${cursor.at} is cut off at byte ${end}`);
}

/**
 * Reads a zigzag varint (int32).
 *
 * @throws {VarintError} cut off by the cursor's end, or wider than 32 bits
 */
export function readVarint(cursor: Cursor): number {
  const value = readUnsignedVarint(cursor);
  return (value >>> 1) ^ -(value & 1);
}

/**
 * Reads a zigzag varlong (int64).
 *
 * @throws {VarintError} cut off by the cursor's end, or wider than 64 bits
 */
export function readVarlong(cursor: Cursor): bigint {
  const { bytes, end } = cursor;
  let at = cursor.at;
  let value = 0n;
  for (let shift = 0n; shift < 70n && at < end; shift += 7n) {
    const byte = bytes[at++]!;
    if (shift === 63n && byte > 1) throw new VarintError(`Varlong at byte ${cursor.at} is wider than 64 bits`);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) {
      cursor.at = at;
      return (value >> 1n) ^ -(value & 1n);
    }
  }
  throw new VarintError(`Varlong at byte ${cursor.at} is cut off at byte ${end}`);
}

/**
 * Reads a zigzag varlong that must be a safe integer, without making a bigint.
 *
 * @throws {VarintError} cut off by the cursor's end, wider than 64 bits, or outside ±(2^53-1)
 */
export function readSafeVarlong(cursor: Cursor): number {
  const { bytes, end } = cursor;
  const start = cursor.at;
  let at = start;
  // The lowest bit is the sign, so the magnitude is gathered from bit 1 on: 27 bits by shifts, the rest by doubles.
  let low = 0;
  for (let shift = 0; shift < 28 && at < end; shift += 7) {
    const byte = bytes[at++]!;
    low |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      cursor.at = at;
      return (low >>> 1) ^ -(low & 1);
    }
  }
  let magnitude = low >>> 1;
  for (let scale = 2 ** 27; scale < 2 ** 69 && at < end; scale *= 128) {
    const byte = bytes[at++]!;
    magnitude += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      const value = (low & 1) === 0 ? magnitude : -magnitude - 1;
      if (!Number.isSafeInteger(value)) {
        throw new VarintError(`Varlong at byte ${start} is outside the safe integers, ±(2^53-1)`);
      }
      cursor.at = at;
      return value;
    }
  }
  throw new VarintError(`Varlong at byte ${start} is cut off at byte ${end} or wider than 64 bits`);
}

/** Writes an unsigned varint (0 to 2^32-1); answers where the next byte goes. */
export function writeUnsignedVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value >>> 0;
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

/** Writes a zigzag varint (int32); answers where the next byte goes. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  return writeUnsignedVarint(bytes, at, (value << 1) ^ (value >> 31));
}

/** Writes a zigzag varlong (int64); answers where the next byte goes. */
export function writeVarlong(bytes: Uint8Array, at: number, value: bigint): number {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  while (rest > 0x7fn) {
    bytes[at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  bytes[at++] = Number(rest);
  return at;
}

/** Writes a safe integer as a zigzag varlong; answers where the next byte goes. */
export function writeSafeVarlong(bytes: Uint8Array, at: number, value: number): number {
  if (value === (value | 0)) return writeVarint(bytes, at, value);
  const sign = value < 0 ? 1 : 0;
  const magnitude = value < 0 ? -(value + 1) : value;
  bytes[at++] = ((magnitude % 64) << 1) | sign | 0x80; // beyond int32, so more bytes follow
  let rest = Math.floor(magnitude / 64);
  while (rest > 0x7f) {
    bytes[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  return at;
}

/** How many bytes {@linkcode writeUnsignedVarint} takes: 1 to 5. */
export function sizeOfUnsignedVarint(value: number): number {
  return Math.ceil((32 - Math.clz32(value | 1)) / 7);
}

/** How many bytes {@linkcode writeVarint} takes: 1 to 5. */
export function sizeOfVarint(value: number): number {
  return sizeOfUnsignedVarint((value << 1) ^ (value >> 31));
}

/** How many bytes {@linkcode writeVarlong} takes: 1 to 10. */
export function sizeOfVarlong(value: bigint): number {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  let size = 1;
  while (rest > 0x7fn) {
    rest >>= 7n;
    size++;
  }
  return size;
}

/** How many bytes {@linkcode writeSafeVarlong} takes: 1 to 8. */
export function sizeOfSafeVarlong(value: number): number {
  if (value === (value | 0)) return sizeOfVarint(value);
  let rest = (value < 0 ? -(value + 1) : value) / 64;
  let size = 1;
  while (rest >= 1) {
    rest /= 128;
    size++;
  }
  return size;
}
