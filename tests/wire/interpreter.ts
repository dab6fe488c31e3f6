/**
 * The oracle of the printed codec: walks a table column by column and does what the wire format says, slowly.
 *
 * It shares the parsed tables with the codec and nothing else: no Reader, no Writer, no printed code. While it encodes it
 * notes where lengths and counts lie, so that the fuzzer can make them lie.
 *
 * @module
 */

import { defaultOf, type Field, fieldsOf, type Message, type ScalarName, within } from "../../protocol/schema.ts";

/** A length, a count or a tag's size in encoded bytes. */
export interface Mark {
  readonly at: number;
  readonly kind: "int16" | "int32" | "uvarint";
}

type Values = Record<string, unknown>;

/** Encodes a value whose columns are all present. */
export function interpretEncode(message: Message, version: number, value: unknown): { bytes: number[]; marks: Mark[] } {
  const encoder = new Encoder(version, within(message.flexible, version));
  encoder.row(fieldsOf(message.columns), value as Values);
  return { bytes: encoder.bytes, marks: encoder.marks };
}

/** Decodes the message at the beginning of bytes. Throws some error when there is none. */
export function interpretDecode(
  message: Message,
  version: number,
  bytes: Uint8Array,
  offset = 0,
): { value: unknown; end: number } {
  const decoder = new Decoder(bytes, offset, version, within(message.flexible, version));
  const value = decoder.row(fieldsOf(message.columns));
  return { value, end: decoder.at };
}

class Encoder {
  readonly bytes: number[] = [];
  readonly marks: Mark[] = [];

  constructor(readonly version: number, readonly flexible: boolean) {}

  row(fields: readonly Field[], value: Values): void {
    const present = fields.filter((field) => within(field.versions, this.version));
    for (const field of present) if (field.tag === undefined) this.column(field, value[field.name]);
    if (!this.flexible) return;
    const tagged = present.filter((field) => field.tag !== undefined && !isDefault(field, value[field.name]));
    tagged.sort((a, b) => a.tag! - b.tag!);
    this.uvarint(tagged.length, true);
    for (const field of tagged) {
      this.uvarint(field.tag!, false);
      const inner = new Encoder(this.version, this.flexible);
      inner.column(field, value[field.name]);
      this.uvarint(inner.bytes.length, true);
      for (const mark of inner.marks) this.marks.push({ at: this.bytes.length + mark.at, kind: mark.kind });
      this.bytes.push(...inner.bytes);
    }
  }

  column(field: Field, value: unknown): void {
    if (field.list) {
      const list = value as unknown[] | null;
      this.length(list === null ? -1 : list.length, 4);
      for (const element of list ?? []) this.element(field, element);
      return;
    }
    if (typeof field.type !== "string" && within(field.nullable, this.version)) {
      this.integer(value === null ? -1n : 1n, 1);
      if (value === null) return;
    }
    this.element(field, value);
  }

  element(field: Field, value: unknown): void {
    if (typeof field.type === "string") this.scalar(field.type, value);
    else this.row(field.type, value as Values);
  }

  scalar(type: ScalarName, value: unknown): void {
    switch (type) {
      case "bool":
        return this.integer(value === true ? 1n : 0n, 1);
      case "float64": {
        const view = new DataView(new ArrayBuffer(8));
        view.setFloat64(0, value as number);
        return this.integer(view.getBigUint64(0), 8);
      }
      case "string": {
        const text = value === null ? null : new TextEncoder().encode(value as string);
        this.length(text === null ? -1 : text.length, 2);
        this.bytes.push(...text ?? []);
        return;
      }
      case "bytes":
      case "records": {
        const bytes = value as Uint8Array | null;
        this.length(bytes === null ? -1 : bytes.length, 4);
        for (const byte of bytes ?? []) this.bytes.push(byte);
        return;
      }
      case "uuid": {
        const base64 = (value as string).replaceAll("-", "+").replaceAll("_", "/");
        for (const character of atob(base64)) this.bytes.push(character.charCodeAt(0));
        return;
      }
      default:
        this.integer(BigInt(value as number | bigint), widthOf(type));
    }
  }

  length(length: number, width: 2 | 4): void {
    if (this.flexible) return this.uvarint(length + 1, true);
    this.marks.push({ at: this.bytes.length, kind: width === 2 ? "int16" : "int32" });
    this.integer(BigInt(length), width);
  }

  integer(value: bigint, width: number): void {
    for (let i = width - 1; i >= 0; i--) this.bytes.push(Number((value >> BigInt(8 * i)) & 255n));
  }

  uvarint(value: number, mark: boolean): void {
    if (mark) this.marks.push({ at: this.bytes.length, kind: "uvarint" });
    for (; value > 127; value = Math.floor(value / 128)) this.bytes.push((value % 128) + 128);
    this.bytes.push(value);
  }
}

class Decoder {
  elements = 0;

  constructor(readonly bytes: Uint8Array, public at: number, readonly version: number, readonly flexible: boolean) {}

  row(fields: readonly Field[]): Values {
    const value: Values = {};
    for (const field of fields) {
      const inOrder = within(field.versions, this.version) && field.tag === undefined;
      value[field.name] = inOrder ? this.column(field) : defaultOf(field);
    }
    if (!this.flexible) return value;
    const count = this.uvarint();
    if (count > 10_000n) throw new Error("Too many tags.");
    let previous = -1n;
    for (let i = 0n; i < count; i++) {
      const tag = this.uvarint();
      if (tag <= previous) throw new Error("Tags do not ascend.");
      previous = tag;
      const body = this.take(this.uvarint());
      const field = fields.find((field) => field.tag === Number(tag) && within(field.versions, this.version));
      if (field === undefined) continue;
      const inner = new Decoder(body, 0, this.version, this.flexible);
      inner.elements = this.elements;
      value[field.name] = inner.column(field);
      this.elements = inner.elements;
      if (inner.at !== body.length) throw new Error("A tag's size lies.");
    }
    return value;
  }

  column(field: Field): unknown {
    const nullable = within(field.nullable, this.version);
    if (!field.list) {
      if (typeof field.type === "string") return this.scalar(field.type, nullable);
      if (nullable) {
        const mark = this.integer(1);
        if (mark === -1n) return null;
        if (mark !== 1n) throw new Error("A structure begins with -1 or 1.");
      }
      return this.row(field.type);
    }
    const count = this.length(4, nullable);
    if (count === null) return null;
    this.elements += Number(count);
    if (this.elements > 1_000_000) throw new Error("Too many elements.");
    const list: unknown[] = [];
    for (let i = 0n; i < count; i++) {
      list.push(typeof field.type === "string" ? this.scalar(field.type, false) : this.row(field.type));
    }
    return list;
  }

  scalar(type: ScalarName, nullable: boolean): unknown {
    switch (type) {
      case "bool":
        return this.integer(1) !== 0n;
      case "int64":
        return this.integer(8);
      case "uint16":
        return Number(BigInt.asUintN(16, this.integer(2)));
      case "uint32":
        return Number(BigInt.asUintN(32, this.integer(4)));
      case "float64": {
        const view = new DataView(new ArrayBuffer(8));
        view.setBigInt64(0, this.integer(8));
        return view.getFloat64(0);
      }
      case "string": {
        const length = this.length(2, nullable);
        if (length === null) return null;
        if (length > 32767n) throw new Error("A long string.");
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.take(length));
      }
      case "bytes":
      case "records": {
        const length = this.length(4, nullable);
        return length === null ? null : this.take(length);
      }
      case "uuid": {
        const base64 = btoa(String.fromCharCode(...this.take(16n)));
        return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
      }
      default:
        return Number(this.integer(widthOf(type)));
    }
  }

  length(width: 2 | 4, nullable: boolean): bigint | null {
    const length = this.flexible ? this.uvarint() - 1n : this.integer(width);
    if (length >= 0n) return length;
    if (length !== -1n || !nullable) throw new Error("A negative length.");
    return null;
  }

  integer(width: number): bigint {
    let value = 0n;
    for (const byte of this.take(BigInt(width))) value = (value << 8n) | BigInt(byte);
    return BigInt.asIntN(8 * width, value);
  }

  uvarint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 35n; shift += 7n) {
      const byte = BigInt(this.take(1n)[0]!);
      value |= (byte & 127n) << shift;
      if (byte < 128n && value < 1n << 32n) return value;
      if (byte < 128n) break;
    }
    throw new Error("A long varint.");
  }

  take(count: bigint): Uint8Array {
    if (count > BigInt(this.bytes.length - this.at)) throw new Error("Too few bytes.");
    const at = this.at;
    this.at += Number(count);
    return this.bytes.slice(at, this.at);
  }
}

function widthOf(type: ScalarName): number {
  return Number(/\d+$/.exec(type)![0]) / 8;
}

function isDefault(field: Field, value: unknown): boolean {
  const standard = defaultOf(field);
  if (Array.isArray(standard) || standard instanceof Uint8Array) {
    return value !== null && (value as ArrayLike<unknown>).length === 0;
  }
  if (typeof field.type === "string" || field.list || value === null || standard === null) return value === standard;
  return field.type.every((column) => isDefault(column, (value as Values)[column.name]));
}
