/**
 * Reads Kafka's scalar types from one frame, and trusts none of its lengths.
 *
 * The invariant: nothing is allocated for a count or a length before the frame is known to hold that many bytes, and one
 * message never becomes more than {@linkcode MAX_ELEMENTS} list elements, however its lists nest.
 *
 * @module
 */

import { formatUuid, ZERO_UUID } from "../lib/uuid.ts";

/** The most elements that one message may hold, in all its lists together. */
export const MAX_ELEMENTS = 1_000_000;
/** The most tagged fields that one row may hold. */
export const MAX_TAGGED_FIELDS = 10_000;

/** Bytes that are no message of the kind and version they claim to be. Input, not a bug: close the connection. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  /** The message and version, e.g. `Metadata request v9`. */
  readonly of: string;
  /** The column, e.g. `topics[].name`; empty for the message as a whole. */
  readonly path: string;

  constructor(of: string, path: string, problem: string) {
    super(path === "" ? `${of}: ${problem}` : `${of}, ${path}: ${problem}`);
    this.of = of;
    this.path = path;
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const NO_BYTES = new Uint8Array(0);

// Topic names, member ids and client ids come again and again: short ASCII texts are looked up before they are made.
const INTERNED_SLOTS = 1024;
const INTERNED_LENGTH = 64;
const interned: (string | undefined)[] = new Array(INTERNED_SLOTS).fill(undefined);

/** A place in a frame, and the verbs that read from there. Every verb throws {@linkcode DecodeError}. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #of: string;
  #at: number;
  #end: number;
  #elementsLeft = MAX_ELEMENTS;

  /** @param of what the bytes should be, for error messages, e.g. `Metadata request v9` */
  constructor(frame: Uint8Array, offset: number, of: string) {
    this.#bytes = frame;
    this.#view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    this.#at = offset;
    this.#end = frame.length;
    this.#of = of;
  }

  /** Where the next byte is read. */
  get at(): number {
    return this.#at;
  }

  bool(path: string): boolean {
    return this.#bytes[this.#take(1, path)] !== 0;
  }

  int8(path: string): number {
    return this.#view.getInt8(this.#take(1, path));
  }

  int16(path: string): number {
    return this.#view.getInt16(this.#take(2, path));
  }

  uint16(path: string): number {
    return this.#view.getUint16(this.#take(2, path));
  }

  int32(path: string): number {
    return this.#view.getInt32(this.#take(4, path));
  }

  uint32(path: string): number {
    return this.#view.getUint32(this.#take(4, path));
  }

  int64(path: string): bigint {
    return this.#view.getBigInt64(this.#take(8, path));
  }

  float64(path: string): number {
    return this.#view.getFloat64(this.#take(8, path));
  }

  uuid(path: string): string {
    const at = this.#take(16, path);
    const view = this.#view;
    if (
      view.getInt32(at) === 0 && view.getInt32(at + 4) === 0 && view.getInt32(at + 8) === 0 &&
      view.getInt32(at + 12) === 0
    ) {
      return ZERO_UUID;
    }
    return formatUuid(this.#bytes, at);
  }

  /** LEB128 of at most 32 bits. */
  uvarint(path: string): number {
    let value = this.#bytes[this.#take(1, path)]!;
    if (value < 0x80) return value;
    value &= 0x7f;
    for (let shift = 7; shift <= 28; shift += 7) {
      const byte = this.#bytes[this.#take(1, path)]!;
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw this.error(path, "a varint exceeds 32 bits.");
  }

  string(path: string, compact: boolean, nullable: boolean): string | null {
    const length = compact ? this.uvarint(path) - 1 : this.int16(path);
    if (length < 0) return this.#null(length, path, nullable);
    if (length > 0x7fff) throw this.error(path, `a string of ${length} bytes exceeds the limit of 32767.`);
    return this.#text(length, path);
  }

  /** Bytes of their own. */
  bytes(path: string, compact: boolean, nullable: boolean): Uint8Array | null {
    const view = this.records(path, compact, nullable);
    return view === null || view.length === 0 ? view : view.slice();
  }

  /** A view of the frame. */
  records(path: string, compact: boolean, nullable: boolean): Uint8Array | null {
    const length = compact ? this.uvarint(path) - 1 : this.int32(path);
    if (length < 0) return this.#null(length, path, nullable);
    const at = this.#take(length, path);
    return length === 0 ? NO_BYTES : this.#bytes.subarray(at, at + length);
  }

  /** The number of elements that follow, -1 for null. `minBytes` is the least that one element takes on the wire. */
  count(path: string, compact: boolean, nullable: boolean, minBytes: number): number {
    const count = compact ? this.uvarint(path) - 1 : this.int32(path);
    if (count < 0) {
      this.#null(count, path, nullable);
      return -1;
    }
    if (count > (this.#end - this.#at) / minBytes) {
      throw this.error(path, `${count} elements do not fit into the ${this.#end - this.#at} bytes left.`);
    }
    if (count > this.#elementsLeft) {
      throw this.error(path, `the message holds more than ${MAX_ELEMENTS} list elements.`);
    }
    this.#elementsLeft -= count;
    return count;
  }

  /** Whether a nullable row follows. */
  present(path: string): boolean {
    const mark = this.int8(path);
    if (mark !== 1 && mark !== -1) {
      throw this.error(path, `a nullable structure begins with -1 or 1, not with ${mark}.`);
    }
    return mark === 1;
  }

  /** The number of tagged fields that follow. */
  tagCount(path: string): number {
    const count = this.uvarint(path);
    if (count > MAX_TAGGED_FIELDS) {
      throw this.error(path, `${count} tagged fields exceed the limit of ${MAX_TAGGED_FIELDS}.`);
    }
    return count;
  }

  /** The next tag, which must be greater than the one before (-1 for none). */
  tag(previous: number, path: string): number {
    const tag = this.uvarint(path);
    if (tag <= previous) throw this.error(path, `tag ${tag} does not come after tag ${previous}: tags ascend.`);
    return tag;
  }

  /** Narrows the reader to one tagged field; the result is for {@linkcode Reader.close}. */
  open(path: string): number {
    const size = this.uvarint(path);
    const outer = this.#end;
    if (size > outer - this.#at) {
      throw this.error(path, `a tagged field of ${size} bytes exceeds the ${outer - this.#at} bytes left.`);
    }
    this.#end = this.#at + size;
    return outer;
  }

  /** Passes over what is left of the tagged field. */
  skip(): void {
    this.#at = this.#end;
  }

  /** Leaves the tagged field, which must have been read to its end. */
  close(outer: number, path: string): void {
    this.finish(path);
    this.#end = outer;
  }

  /** Passes over a block of tagged fields of which none is known. */
  skipTags(path: string): void {
    let tag = -1;
    for (let left = this.tagCount(path); left > 0; left--) {
      tag = this.tag(tag, path);
      const outer = this.open(path);
      this.skip();
      this.close(outer, path);
    }
  }

  /** Demands that everything has been read. */
  finish(path: string): void {
    if (this.#at !== this.#end) {
      throw this.error(path, `${this.#end - this.#at} bytes follow where it should have ended.`);
    }
  }

  /** An error that names the message. */
  error(path: string, problem: string): DecodeError {
    return new DecodeError(this.#of, path, problem);
  }

  #take(count: number, path: string): number {
    const at = this.#at;
    if (count > this.#end - at) throw this.error(path, `${count} bytes are needed, ${this.#end - at} are left.`);
    this.#at = at + count;
    return at;
  }

  #null(length: number, path: string, nullable: boolean): null {
    if (length !== -1) throw this.error(path, `the length ${length} is negative.`);
    if (!nullable) throw this.error(path, "null where a value is required.");
    return null;
  }

  #text(length: number, path: string): string {
    const at = this.#take(length, path);
    if (length > INTERNED_LENGTH) return this.#utf8(at, length, path);
    const bytes = this.#bytes;
    let hash = length;
    for (let i = at; i < at + length; i++) {
      const byte = bytes[i]!;
      if (byte > 0x7f) return this.#utf8(at, length, path);
      hash = Math.imul(hash ^ byte, 0x0100_0193);
    }
    const slot = (hash ^ (hash >>> 15)) & (INTERNED_SLOTS - 1);
    const known = interned[slot];
    if (known !== undefined && sameText(known, bytes, at, length)) return known;
    return interned[slot] = this.#utf8(at, length, path);
  }

  #utf8(at: number, length: number, path: string): string {
    try {
      return decoder.decode(this.#bytes.subarray(at, at + length));
    } catch {
      throw this.error(path, "the text is not valid UTF-8.");
    }
  }
}

function sameText(text: string, bytes: Uint8Array, at: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[at + i]) return false;
  return true;
}
