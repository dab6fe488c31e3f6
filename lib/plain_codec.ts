/**
 * Plain data as bytes: how values leave one process and mean the same in another.
 *
 * ```text
 *   00 undefined   01 null   02 false   03 true
 *   04 integer     zigzag varint, within ±(2^53-1)
 *   05 number      8 bytes: every other number, -0 and NaN among them
 *   06 bigint      8 bytes                          07 bigint   sign, u32 size, magnitude
 *   08 string      u32 size, UTF-8                  09 string   u32 size, UTF-16: what is not well-formed
 *   0a bytes       varint size, bytes               0b bytes    varint size; they travel beside the rest
 *   0c array       varint count, values             0d map      varint count, keys and values
 *   0e set         varint count, values             0f object   varint count, names (strings) and values
 *   40–7f          string of 0 to 63 bytes          80–ff       0 to 127
 * ```
 *
 * Large byte arrays are not copied: the writer lists them beside its bytes, and the reader puts those that it is given in their place.
 *
 * Invariant: what was read is equal to what was written, and shares no memory with what was read from, the given byte arrays excepted.
 *
 * @module
 */
import { PlainReader } from "./plain_reader.ts";
import { PlainWriter } from "./plain_writer.ts";

/**
 * A plain value as bytes, byte arrays and all.
 *
 * @throws {TypeError} when something in it is not plain, naming where
 *
 * @example
 * ```ts
 * import { decodePlain, encodePlain } from "./plain_codec.ts";
 *
 * const bytes = encodePlain({ list: [1n, "a"], map: new Map([[null, -0]]) });
 * console.assert((decodePlain(bytes) as { list: unknown[] }).list[1] === "a");
 * ```
 */
export function encodePlain(value: unknown, where = "value"): Uint8Array<ArrayBuffer> {
  const writer = new PlainWriter(Infinity);
  writer.value(value, where);
  return writer.written().slice();
}

/**
 * The value that the bytes hold, all of them.
 *
 * @throws {DecodeError} when they are anything but one value
 */
export function decodePlain(bytes: Uint8Array): unknown {
  const reader = new PlainReader();
  reader.begin(bytes, 0, bytes.length, []);
  const value = reader.value();
  reader.end();
  return value;
}
