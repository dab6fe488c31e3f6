/**
 * Reads plain data from bytes; the format is in [plain_codec.ts](./plain_codec.ts).
 *
 * Invariant: whatever the bytes are, reading ends with a value or a {@linkcode DecodeError}, and nothing is allocated that the
 * bytes themselves do not pay for: every item that a count announces takes at least one of the bytes that remain.
 *
 * @module
 */
import { readBigInt64, readUint32 } from "./big_endian.ts";
import * as tag from "./plain_tags.ts";
import { DecodeError } from "./plain_tags.ts";
import { type Cursor, readSafeVarlong, readUnsignedVarint, VarintError } from "./varint.ts";

/** How many short strings are remembered: names of fields, verbs and addresses come again and again. A power of two. */
const REMEMBERED = 1_024;
/** The largest bigint there can be: 2^30 bits. */
const BIGINT_BYTES_MAX = 1 << 27;
/** So much of a UTF-16 string is turned into text at a time. */
const UTF16_CHUNK_BYTES = 4_096;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const double = new DataView(new ArrayBuffer(8));

/** Turns bytes into values. One reader is used again and again. */
export class PlainReader {
  readonly #cursor: { bytes: Uint8Array; at: number; end: number } = { bytes: new Uint8Array(), at: 0, end: 0 };
  readonly #remembered: (string | undefined)[] = new Array(REMEMBERED).fill(undefined);
  #beside: readonly Uint8Array[] = [];
  #besideTaken = 0;

  /**
   * Starts to read.
   *
   * @param beside the byte arrays that travelled beside them, in order: they become part of the values
   */
  begin(bytes: Uint8Array, at: number, end: number, beside: readonly Uint8Array[]): void {
    const cursor = this.#cursor;
    cursor.bytes = bytes;
    cursor.at = at;
    cursor.end = end;
    this.#beside = beside;
    this.#besideTaken = 0;
  }

  /**
   * The next value.
   *
   * @throws {DecodeError}
   */
  value(): unknown {
    try {
      return this.#value(0);
    } catch (error) {
      throw error instanceof VarintError ? new DecodeError(error.message) : error;
    }
  }

  /**
   * The next value, which must be a string.
   *
   * @throws {DecodeError}
   */
  string(): string {
    const value = this.value();
    if (typeof value !== "string") throw new DecodeError(`A string is missing before byte ${this.#cursor.at}`);
    return value;
  }

  /**
   * The next value, which must be a whole number that is not negative.
   *
   * @throws {DecodeError}
   */
  count(): number {
    const value = this.value();
    if (!Number.isSafeInteger(value) || (value as number) < 0) {
      throw new DecodeError(`A count is missing before byte ${this.#cursor.at}`);
    }
    return value as number;
  }

  /**
   * Says that there is nothing more to come.
   *
   * @throws {DecodeError} when there is
   */
  end(): void {
    const { at, end } = this.#cursor;
    const left = this.#beside.length - this.#besideTaken;
    this.begin(new Uint8Array(), 0, 0, []); // hold no memory that belongs to values
    if (at !== end) throw new DecodeError(`${end - at} bytes are left over at byte ${at}`);
    if (left !== 0) throw new DecodeError(`${left} byte arrays are left over`);
  }

  #value(depth: number): unknown {
    const cursor = this.#cursor;
    if (cursor.at >= cursor.end) throw new DecodeError(`Cut off at byte ${cursor.end}`);
    const kind = cursor.bytes[cursor.at++]!;
    if (kind >= tag.SMALL_INTEGER) return kind - tag.SMALL_INTEGER;
    if (kind >= tag.SHORT_STRING) return this.#shortString(kind - tag.SHORT_STRING);
    switch (kind) {
      case tag.UNDEFINED:
        return undefined;
      case tag.NULL:
        return null;
      case tag.FALSE:
        return false;
      case tag.TRUE:
        return true;
      case tag.INTEGER:
        return readSafeVarlong(cursor);
      case tag.NUMBER:
        return this.#number();
      case tag.BIGINT_64:
        return readBigInt64(cursor.bytes, this.#take(8));
      case tag.BIGINT:
        return this.#bigint();
      case tag.STRING:
        return this.#utf8(this.#size());
      case tag.STRING_16:
        return this.#utf16(this.#size());
      case tag.BYTES: {
        const size = readUnsignedVarint(cursor);
        const at = this.#take(size);
        return cursor.bytes.slice(at, at + size);
      }
      case tag.BYTES_BESIDE:
        return this.#besides(readUnsignedVarint(cursor));
    }
    return this.#container(kind, depth);
  }

  #container(kind: number, depth: number): unknown {
    if (depth >= tag.DEPTH_MAX) throw new DecodeError(`Nested too deep at byte ${this.#cursor.at}`);
    switch (kind) {
      case tag.ARRAY:
        return this.#array(this.#countOf(1), depth + 1);
      case tag.MAP:
        return this.#map(this.#countOf(2), depth + 1);
      case tag.SET: {
        const count = this.#countOf(1);
        const set = new Set();
        for (let at = 0; at < count; at++) set.add(this.#value(depth + 1));
        if (set.size !== count) throw new DecodeError(`A set has an item twice before byte ${this.#cursor.at}`);
        return set;
      }
      case tag.OBJECT:
        return this.#object(this.#countOf(2), depth + 1);
    }
    throw new DecodeError(`No value begins with ${kind}, at byte ${this.#cursor.at - 1}`);
  }

  #array(count: number, depth: number): unknown[] {
    const list: unknown[] = [];
    for (let at = 0; at < count; at++) list.push(this.#value(depth));
    return list;
  }

  #map(count: number, depth: number): Map<unknown, unknown> {
    const map = new Map();
    for (let at = 0; at < count; at++) {
      const key = this.#value(depth);
      map.set(key, this.#value(depth));
    }
    if (map.size !== count) throw new DecodeError(`A map has a key twice before byte ${this.#cursor.at}`);
    return map;
  }

  #object(count: number, depth: number): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    for (let at = 0; at < count; at++) {
      const name = this.#value(depth);
      if (typeof name !== "string") throw new DecodeError(`A name is missing before byte ${this.#cursor.at}`);
      const value = this.#value(depth);
      if (name !== "__proto__") object[name] = value;
      else { // assigned, it would not become a key
        Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
      }
    }
    return object;
  }

  /** How many items follow; each takes at least so many bytes. */
  #countOf(itemBytesMin: number): number {
    const cursor = this.#cursor;
    const count = readUnsignedVarint(cursor);
    if (count * itemBytesMin > cursor.end - cursor.at) {
      throw new DecodeError(`${count} items cannot be in the ${cursor.end - cursor.at} bytes after byte ${cursor.at}`);
    }
    return count;
  }

  #size(): number {
    return readUint32(this.#cursor.bytes, this.#take(4));
  }

  /** Moves over so many bytes, and says where they begin. */
  #take(count: number): number {
    const cursor: Cursor = this.#cursor;
    const { at, end } = cursor;
    if (count > end - at) throw new DecodeError(`${count} bytes are announced, but ${end - at} follow byte ${at}`);
    cursor.at = at + count;
    return at;
  }

  #number(): number {
    const at = this.#take(8);
    for (let index = 0; index < 8; index++) double.setUint8(index, this.#cursor.bytes[at + index]!);
    return double.getFloat64(0);
  }

  #bigint(): bigint {
    const negative = this.#cursor.bytes[this.#take(1)] === 1;
    const size = this.#size();
    const at = this.#take(size);
    if (size === 0) return 0n;
    if (size > BIGINT_BYTES_MAX) throw new DecodeError(`The bigint at byte ${at} has ${size} bytes`);
    const magnitude = BigInt(`0x${this.#cursor.bytes.subarray(at, at + size).toHex()}`);
    return negative ? -magnitude : magnitude;
  }

  #shortString(size: number): string {
    const { bytes } = this.#cursor;
    const at = this.#take(size);
    let hash = size;
    for (let index = at; index < at + size; index++) {
      const byte = bytes[index]!;
      if (byte >= 0x80) return this.#decoded(at, size);
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    const slot = (hash ^ (hash >>> 10)) & (REMEMBERED - 1);
    const known = this.#remembered[slot];
    if (known !== undefined && isAscii(known, bytes, at, size)) return known;
    return this.#remembered[slot] = String.fromCharCode(...bytes.subarray(at, at + size));
  }

  #utf8(size: number): string {
    return this.#decoded(this.#take(size), size);
  }

  #decoded(at: number, size: number): string {
    try {
      return utf8.decode(this.#cursor.bytes.subarray(at, at + size));
    } catch {
      throw new DecodeError(`The string at byte ${at} is not UTF-8`);
    }
  }

  #utf16(size: number): string {
    if (size % 2 !== 0) throw new DecodeError(`A UTF-16 string of ${size} bytes before byte ${this.#cursor.at}`);
    const { bytes } = this.#cursor;
    const at = this.#take(size);
    let text = "";
    for (let index = at; index < at + size; index += UTF16_CHUNK_BYTES) {
      const units: number[] = [];
      const end = Math.min(index + UTF16_CHUNK_BYTES, at + size);
      for (let unit = index; unit < end; unit += 2) units.push((bytes[unit]! << 8) | bytes[unit + 1]!);
      text += String.fromCharCode(...units);
    }
    return text;
  }

  /** The next of the byte arrays beside, which must have that size. */
  #besides(size: number): Uint8Array {
    const bytes = this.#beside[this.#besideTaken++];
    if (bytes?.length !== size) throw new DecodeError(`A byte array of ${size} bytes is missing beside`);
    return bytes;
  }
}

/** Whether the text is what those bytes spell. */
function isAscii(text: string, bytes: Uint8Array, at: number, size: number): boolean {
  if (text.length !== size) return false;
  for (let index = 0; index < size; index++) if (text.charCodeAt(index) !== bytes[at + index]) return false;
  return true;
}
