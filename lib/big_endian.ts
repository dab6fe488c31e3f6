/**
 * Fixed-width integers in network byte order, read from and written into a `Uint8Array` at a place.
 *
 * No bounds are checked here: whoever calls has checked that the bytes are there. Int64 comes as a safe integer where it
 * can (offsets, timestamps) and as a bigint where it must (producer ids).
 *
 * @module
 */

/** The int16 at a place. */
export function readInt16(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) >> 16) | bytes[at + 1]!;
}

/** The int32 at a place. */
export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** The uint32 at a place. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) >>> 0;
}

/**
 * The int64 at a place as a number. Exact between ±(2^53-1); what lies outside comes back as a number for which
 * `Number.isSafeInteger` is false.
 */
export function readInt64(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) * 0x1_0000_0000 + readUint32(bytes, at + 4);
}

/** The int64 at a place, exact. */
export function readBigInt64(bytes: Uint8Array, at: number): bigint {
  return (BigInt(readInt32(bytes, at)) << 32n) | BigInt(readUint32(bytes, at + 4));
}

/** Writes an int16 (or uint16). */
export function writeInt16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Writes an int32 (or uint32). */
export function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes a safe integer as int64. */
export function writeInt64(bytes: Uint8Array, at: number, value: number): void {
  writeInt32(bytes, at, Math.floor(value / 0x1_0000_0000));
  writeInt32(bytes, at + 4, value);
}

/** Writes an int64. */
export function writeBigInt64(bytes: Uint8Array, at: number, value: bigint): void {
  writeInt32(bytes, at, Number(BigInt.asIntN(32, value >> 32n)));
  writeInt32(bytes, at + 4, Number(BigInt.asIntN(32, value)));
}
