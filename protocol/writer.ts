/**
 * Writes Kafka's scalar types into a buffer that grows, and leaves large bytes where they are.
 *
 * ```text
 *   buffer   [ size, header, … length ]            [ … ]           copied once, when finished
 *   chunks                             [ records ]       [ … ]     passed through from 16 KiB on
 * ```
 *
 * The buffer is used again for the next message, so nothing of it leaves: what is returned is a copy of its own.
 *
 * @module
 */

import { isUuid, writeUuid } from "../lib/uuid.ts";

/** Records of at least this length become a chunk of their own and are not copied: 16 KiB. */
export const CHUNK_BYTES = 16 * 1024;

const START_BYTES = 8 * 1024;
const KEEP_BYTES = 1024 * 1024;
const MAX_STRING_BYTES = 0x7fff;
const utf8 = new TextEncoder();

/** A value that the message and version cannot carry: a bug of the caller. */
export class EncodeError extends Error {
  override readonly name = "EncodeError";
  /** The message and version, e.g. `Metadata response v9`. */
  readonly of: string;
  /** The column, e.g. `topics[].name`. */
  readonly path: string;

  constructor(of: string, path: string, problem: string) {
    super(`${of}, ${path}: ${problem}`);
    this.of = of;
    this.path = path;
  }
}

/** A buffer that grows, and the verbs that write to its end. Every verb throws {@linkcode EncodeError}. */
export class Writer {
  #bytes = new Uint8Array(START_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  #of = "";
  // Large bytes and the place in the buffer before which they belong.
  #large: { at: number; bytes: Uint8Array }[] = [];
  #largeBytes = 0;
  #tagDepth = 0;

  /** Begins a message; what an earlier one left behind is dropped. */
  begin(of: string): this {
    this.#of = of;
    this.#at = 0;
    this.#large = [];
    this.#largeBytes = 0;
    this.#tagDepth = 0;
    return this;
  }

  /** The message as chunks, in order. With `sized`, its first four bytes become its size. */
  finish(sized: boolean): Uint8Array[] {
    if (sized) this.#view.setInt32(0, this.#at - 4 + this.#largeBytes);
    const chunks: Uint8Array[] = [];
    let from = 0;
    for (const { at, bytes } of this.#large) {
      if (at > from) chunks.push(this.#bytes.slice(from, at));
      chunks.push(bytes);
      from = at;
    }
    if (this.#at > from || chunks.length === 0) chunks.push(this.#bytes.slice(from, this.#at));
    this.#large = [];
    if (this.#bytes.length > KEEP_BYTES) this.#allocate(START_BYTES);
    return chunks;
  }

  bool(value: boolean, path: string): void {
    if (typeof value !== "boolean") throw this.#wrong(value, "a boolean", path);
    const at = this.#reserve(1);
    this.#bytes[at] = value ? 1 : 0;
  }

  int8(value: number, path: string): void {
    if ((value << 24) >> 24 !== value) throw this.#wrong(value, "an int8", path);
    const at = this.#reserve(1);
    this.#view.setInt8(at, value);
  }

  int16(value: number, path: string): void {
    if ((value << 16) >> 16 !== value) throw this.#wrong(value, "an int16", path);
    const at = this.#reserve(2);
    this.#view.setInt16(at, value);
  }

  uint16(value: number, path: string): void {
    if ((value & 0xffff) !== value) throw this.#wrong(value, "an uint16", path);
    const at = this.#reserve(2);
    this.#view.setUint16(at, value);
  }

  int32(value: number, path: string): void {
    if ((value | 0) !== value) throw this.#wrong(value, "an int32", path);
    const at = this.#reserve(4);
    this.#view.setInt32(at, value);
  }

  uint32(value: number, path: string): void {
    if (value >>> 0 !== value) throw this.#wrong(value, "an uint32", path);
    const at = this.#reserve(4);
    this.#view.setUint32(at, value);
  }

  int64(value: bigint, path: string): void {
    if (typeof value !== "bigint" || BigInt.asIntN(64, value) !== value) throw this.#wrong(value, "an int64", path);
    const at = this.#reserve(8);
    this.#view.setBigInt64(at, value);
  }

  float64(value: number, path: string): void {
    if (typeof value !== "number") throw this.#wrong(value, "a number", path);
    const at = this.#reserve(8);
    this.#view.setFloat64(at, value);
  }

  uuid(value: string, path: string): void {
    if (typeof value !== "string" || !isUuid(value)) throw this.#wrong(value, "a uuid", path);
    const at = this.#reserve(16);
    writeUuid(value, this.#bytes, at);
  }

  /** LEB128 of an unsigned 32-bit number. */
  uvarint(value: number): void {
    let at = this.#reserve(5);
    while (value > 0x7f) {
      this.#bytes[at++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    this.#bytes[at++] = value;
    this.#at = at;
  }

  string(value: string | null, path: string, compact: boolean, nullable: boolean): void {
    if (value === null) return this.#length(null, 2, path, compact, nullable);
    if (typeof value !== "string") throw this.#wrong(value, "a string", path);
    const length = value.length;
    if (length > 128 || !this.#ascii(value, length, compact)) {
      const bytes = utf8.encode(value);
      if (bytes.length > MAX_STRING_BYTES) {
        throw this.error(path, `a string of ${bytes.length} bytes exceeds the limit of ${MAX_STRING_BYTES}.`);
      }
      this.#length(bytes.length, 2, path, compact, nullable);
      this.#copy(bytes);
    }
  }

  /** Copied: whoever gave them may keep and change them. */
  bytes(value: Uint8Array | null, path: string, compact: boolean, nullable: boolean): void {
    if (this.#begin(value, path, compact, nullable)) this.#copy(value);
  }

  /** Given away: what is large becomes a chunk as it is. */
  records(value: Uint8Array | null, path: string, compact: boolean, nullable: boolean): void {
    if (!this.#begin(value, path, compact, nullable)) return;
    if (value.length >= CHUNK_BYTES && this.#tagDepth === 0) {
      this.#large.push({ at: this.#at, bytes: value });
      this.#largeBytes += value.length;
    } else {
      this.#copy(value);
    }
  }

  /** Writes the length of some bytes; false when they are null. */
  #begin(value: Uint8Array | null, path: string, compact: boolean, nullable: boolean): value is Uint8Array {
    if (value !== null && !(value instanceof Uint8Array)) throw this.#wrong(value, "bytes", path);
    this.#length(value === null ? null : value.length, 4, path, compact, nullable);
    return value !== null;
  }

  /** The number of elements that follow; null for a null list. */
  count(value: number | null, path: string, compact: boolean, nullable: boolean): void {
    this.#length(value, 4, path, compact, nullable);
  }

  /** Begins a tagged field; the result is for {@linkcode Writer.close}. */
  open(tag: number): number {
    this.uvarint(tag);
    this.#tagDepth++;
    return this.#reserve(1);
  }

  /** Ends a tagged field: writes its size before it, and makes room when that takes more than one byte. */
  close(start: number): void {
    this.#tagDepth--;
    const from = start + 1;
    const size = this.#at - from;
    let extra = 0;
    for (let rest = size >>> 7; rest > 0; rest >>>= 7) extra++;
    this.#reserve(extra);
    if (extra > 0) this.#bytes.copyWithin(from + extra, from, from + size);
    const end = this.#at;
    this.#at = start;
    this.uvarint(size);
    this.#at = end;
  }

  /** An error that names the message. */
  error(path: string, problem: string): EncodeError {
    return new EncodeError(this.#of, path, problem);
  }

  #wrong(value: unknown, expected: string, path: string): EncodeError {
    const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
    return this.error(path, `${shown} is not ${expected}.`);
  }

  #length(length: number | null, width: 2 | 4, path: string, compact: boolean, nullable: boolean): void {
    if (length === null && !nullable) throw this.error(path, "null where a value is required.");
    if (compact) return this.uvarint(length === null ? 0 : length + 1);
    const at = this.#reserve(width);
    if (width === 2) this.#view.setInt16(at, length ?? -1);
    else this.#view.setInt32(at, length ?? -1);
  }

  #copy(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Writes a short text if it is ASCII; otherwise leaves everything as it was and returns false. */
  #ascii(value: string, length: number, compact: boolean): boolean {
    const start = this.#at;
    this.#length(length, 2, "", compact, false);
    const at = this.#reserve(length);
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) {
        this.#at = start;
        return false;
      }
      bytes[at + i] = code;
    }
    return true;
  }

  /** Makes room, and only then may `#bytes` and `#view` be looked at: they are new when the buffer has grown. */
  #reserve(count: number): number {
    const at = this.#at;
    const end = at + count;
    if (end > this.#bytes.length) this.#grow(end);
    this.#at = end;
    return at;
  }

  #grow(least: number): void {
    const old = this.#bytes;
    this.#allocate(Math.max(least, old.length * 2));
    this.#bytes.set(old);
  }

  #allocate(length: number): void {
    this.#bytes = new Uint8Array(length);
    this.#view = new DataView(this.#bytes.buffer);
  }
}
