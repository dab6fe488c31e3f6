/**
 * Writes plain data as bytes; the format is in [plain_codec.ts](./plain_codec.ts).
 *
 * One writer is used again and again: its buffer grows to the largest value of late and is never handed out.
 *
 * @module
 */
import { writeBigInt64, writeInt32 } from "./big_endian.ts";
import { copyPlain } from "./plain.ts";
import * as tag from "./plain_tags.ts";
import { writeSafeVarlong, writeUnsignedVarint } from "./varint.ts";

/** A buffer that grew above this is given back. */
const KEPT_BYTES_MAX = 1 << 20;
const FIRST_BYTES = 1 << 10;
/** More than any value takes beside what it contains. */
const SLACK_BYTES = 16;
/** UTF-8 never needs more for one UTF-16 code unit. */
const UTF8_BYTES_MAX = 3;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const encoder = new TextEncoder();
const double = new DataView(new ArrayBuffer(8));

/** Something in a value is not plain. The public door says where, by going through it once more. */
class NotPlainError extends TypeError {
  constructor() {
    super("A value must be plain data");
  }
}

/** Turns values into bytes, one after another, until it is cleared. */
export class PlainWriter {
  readonly #besideBytesMin: number;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_BYTES);
  #at = 0;
  #beside: Uint8Array[] = [];

  /** @param besideBytesMin byte arrays of this size or more are not copied but listed in {@linkcode PlainWriter.beside} */
  constructor(besideBytesMin: number) {
    this.#besideBytesMin = besideBytesMin;
  }

  /** How many bytes are written. */
  get length(): number {
    return this.#at;
  }

  /** The byte arrays that travel beside what is written, in order. */
  get beside(): readonly Uint8Array[] {
    return this.#beside;
  }

  /** What is written: a view that the next call makes meaningless. */
  written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Forgets what was written. */
  clear(): void {
    this.#at = 0;
    if (this.#beside.length > 0) this.#beside = [];
    if (this.#bytes.length > KEPT_BYTES_MAX) this.#bytes = new Uint8Array(FIRST_BYTES);
  }

  /** Appends a byte of somebody else's. */
  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#at++] = value;
  }

  /** Appends four bytes of somebody else's. */
  uint32(value: number): void {
    this.#room(4);
    writeInt32(this.#bytes, this.#at, value);
    this.#at += 4;
  }

  /** Writes over four bytes that are there. */
  patchUint32(at: number, value: number): void {
    writeInt32(this.#bytes, at, value);
  }

  /**
   * Appends a value.
   *
   * @param where what it is, for the error
   * @throws {TypeError} when something in it is not plain, naming where
   */
  value(value: unknown, where: string): void {
    try {
      this.#value(value, 0);
    } catch (error) {
      if (error instanceof NotPlainError) copyPlain(value, where);
      throw error;
    }
  }

  #value(value: unknown, depth: number): void {
    if (this.#bytes.length - this.#at < SLACK_BYTES) this.#grow(SLACK_BYTES);
    switch (typeof value) {
      case "number":
        return this.#number(value);
      case "string":
        return this.#string(value);
      case "boolean":
        return this.#tag(value ? tag.TRUE : tag.FALSE);
      case "undefined":
        return this.#tag(tag.UNDEFINED);
      case "bigint":
        return this.#bigint(value);
      case "object":
        return value === null ? this.#tag(tag.NULL) : this.#object(value, depth);
    }
    throw new NotPlainError();
  }

  #tag(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  #number(value: number): void {
    if (value === (value & tag.SMALL_INTEGER_MAX) && !Object.is(value, -0)) {
      this.#tag(tag.SMALL_INTEGER + value);
    } else if (Number.isSafeInteger(value) && value !== 0) {
      this.#tag(tag.INTEGER);
      this.#at = writeSafeVarlong(this.#bytes, this.#at, value);
    } else {
      this.#tag(tag.NUMBER);
      double.setFloat64(0, value);
      for (let at = 0; at < 8; at++) this.#tag(double.getUint8(at));
    }
  }

  #string(value: string): void {
    const { length } = value;
    this.#room(SLACK_BYTES + length * UTF8_BYTES_MAX);
    if (length <= tag.SHORT_STRING_BYTES_MAX && this.#ascii(value)) return;
    if (!value.isWellFormed()) return this.#utf16(value);
    const start = length * UTF8_BYTES_MAX <= tag.SHORT_STRING_BYTES_MAX ? this.#at + 1 : this.#at + 5;
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(start));
    if (start === this.#at + 1) this.#bytes[this.#at] = tag.SHORT_STRING + written;
    else {
      this.#bytes[this.#at] = tag.STRING;
      writeInt32(this.#bytes, this.#at + 1, written);
    }
    this.#at = start + written;
  }

  /** Writes a short string if all of it is ASCII. */
  #ascii(value: string): boolean {
    const bytes = this.#bytes;
    const start = this.#at + 1;
    const { length } = value;
    for (let at = 0; at < length; at++) {
      const code = value.charCodeAt(at);
      if (code >= 0x80) return false;
      bytes[start + at] = code;
    }
    bytes[this.#at] = tag.SHORT_STRING + length;
    this.#at = start + length;
    return true;
  }

  #utf16(value: string): void {
    this.#tag(tag.STRING_16);
    this.uint32(value.length * 2);
    for (let at = 0; at < value.length; at++) {
      const code = value.charCodeAt(at);
      this.#tag(code >>> 8);
      this.#tag(code);
    }
  }

  #bigint(value: bigint): void {
    if (value >= INT64_MIN && value <= INT64_MAX) {
      this.#tag(tag.BIGINT_64);
      writeBigInt64(this.#bytes, this.#at, value);
      this.#at += 8;
      return;
    }
    const hex = (value < 0n ? -value : value).toString(16);
    const magnitude = Uint8Array.fromHex(hex.length % 2 === 0 ? hex : `0${hex}`);
    this.#room(SLACK_BYTES + magnitude.length);
    this.#tag(tag.BIGINT);
    this.#tag(value < 0n ? 1 : 0);
    this.uint32(magnitude.length);
    this.#bytes.set(magnitude, this.#at);
    this.#at += magnitude.length;
  }

  #object(value: object, depth: number): void {
    if (depth >= tag.DEPTH_MAX) throw new NotPlainError();
    const prototype = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) {
      const names = Object.keys(value);
      this.#begin(tag.OBJECT, names.length);
      for (const name of names) {
        this.#string(name);
        this.#value((value as Record<string, unknown>)[name], depth + 1);
      }
    } else if (value instanceof Uint8Array) {
      this.#byteArray(value);
    } else if (Array.isArray(value)) {
      this.#begin(tag.ARRAY, value.length);
      for (const item of value) this.#value(item, depth + 1); // what is not there becomes undefined
    } else if (value instanceof Map) {
      this.#begin(tag.MAP, value.size);
      for (const [key, item] of value) {
        this.#value(key, depth + 1);
        this.#value(item, depth + 1);
      }
    } else if (value instanceof Set) {
      this.#begin(tag.SET, value.size);
      for (const item of value) this.#value(item, depth + 1);
    } else throw new NotPlainError();
  }

  #byteArray(value: Uint8Array): void {
    const { length } = value;
    if (length >= this.#besideBytesMin) {
      this.#begin(tag.BYTES_BESIDE, length);
      this.#beside.push(value);
      return;
    }
    this.#begin(tag.BYTES, length);
    this.#room(length);
    this.#bytes.set(value, this.#at);
    this.#at += length;
  }

  #begin(kind: number, count: number): void {
    this.#tag(kind);
    this.#at = writeUnsignedVarint(this.#bytes, this.#at, count);
  }

  #room(count: number): void {
    if (this.#bytes.length - this.#at < count) this.#grow(count);
  }

  #grow(count: number): void {
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + count));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}
