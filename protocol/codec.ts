/**
 * Prints straight-line code that decodes and encodes one version of one message, the first time it is asked for.
 *
 * ```text
 *   Message + version ──print──► source ──new Function──► { read(reader), write(writer, value) }   kept for the next call
 * ```
 *
 * Meta-programming lives in this file only. What is printed calls {@linkcode Reader} and {@linkcode Writer} for every
 * scalar, one statement per column; a closure interpreter in the tests says what it must do.
 *
 * @module
 */

import { assert } from "../lib/assert.ts";
import { concatenate } from "../lib/bytes.ts";
import { Reader } from "./reader.ts";
import {
  type Api,
  defaultOf,
  type Field,
  fieldsOf,
  type Message,
  type Row,
  type RowInput,
  type RowValue,
  type ScalarName,
  within,
} from "./schema.ts";
import { Writer } from "./writer.ts";

export { DecodeError, MAX_ELEMENTS, MAX_TAGGED_FIELDS } from "./reader.ts";
export { CHUNK_BYTES, EncodeError } from "./writer.ts";

/** The printed code of one version of one message. */
interface Codec {
  readonly of: string;
  readonly read: (reader: Reader) => unknown;
  readonly write: (writer: Writer, value: unknown) => void;
}

const codecs = new WeakMap<Message, (Codec | undefined)[]>();
const writer = new Writer();

/**
 * Decodes one message that fills the rest of `bytes`. `records` columns are views of `bytes`, which therefore must never
 * be written to again; all else is copied.
 *
 * @throws {DecodeError} when the bytes are not exactly one such message
 */
export function decodeMessage<R extends Row>(
  message: Message<R>,
  version: number,
  bytes: Uint8Array,
  offset = 0,
): RowValue<R> {
  const codec = codecOf(message, version);
  const reader = new Reader(bytes, offset, codec.of);
  const value = codec.read(reader);
  reader.finish("");
  return value as RowValue<R>;
}

/** Like {@linkcode decodeMessage}, but what follows the message is passed over: a newer version may have more to say. */
export function decodeLeading<R extends Row>(
  message: Message<R>,
  version: number,
  bytes: Uint8Array,
  offset = 0,
): RowValue<R> {
  const codec = codecOf(message, version);
  return codec.read(new Reader(bytes, offset, codec.of)) as RowValue<R>;
}

/**
 * Encodes one message by itself.
 *
 * @param prefix goes before it, in two bytes
 * @throws {EncodeError} when the value does not fit the version
 */
export function encodeMessage<R extends Row>(
  message: Message<R>,
  version: number,
  value: RowInput<R>,
  prefix?: number,
): Uint8Array {
  const codec = codecOf(message, version);
  writer.begin(codec.of);
  if (prefix !== undefined) writer.int16(prefix, "prefix");
  codec.write(writer, value);
  return concatenate(writer.finish(false));
}

/**
 * Decodes the body of a request, which begins at `offset` of its frame. `records` columns are views of the frame: see
 * {@linkcode decodeMessage}.
 *
 * Bytes after the body are passed over, as Kafka does: librdkafka's flexible Metadata request for all topics keeps four
 * bytes for a count that takes one, and so ends three bytes late.
 *
 * @throws {DecodeError} when the bytes do not begin with such a request
 */
export function decodeRequestBody<Q extends Row>(
  api: Api<Q>,
  version: number,
  frame: Uint8Array,
  offset: number,
): RowValue<Q> {
  const codec = codecOf(api.request, version);
  return codec.read(new Reader(frame, offset, codec.of)) as RowValue<Q>;
}

/**
 * Decodes a response frame (without its size): see {@linkcode decodeMessage}.
 *
 * @throws {DecodeError} when the bytes are not exactly one such response
 */
export function decodeResponse<P extends Row>(
  api: Api<Row, P>,
  version: number,
  frame: Uint8Array,
): { readonly correlationId: number; readonly body: RowValue<P> } {
  const codec = codecOf(api.response, version);
  const reader = new Reader(frame, 0, codec.of);
  const correlationId = reader.int32("correlationId");
  if (hasTaggedResponseHeader(api, version)) reader.skipTags("header tags");
  const body = codec.read(reader);
  reader.finish("");
  return { correlationId, body: body as RowValue<P> };
}

/**
 * Encodes a request as the chunks to be sent, size and header included. Records from 16 KiB on are given away: they
 * become chunks as they are, and belong to whoever sends those.
 *
 * @throws {EncodeError} when the body does not fit the version
 */
export function encodeRequest<Q extends Row>(
  api: Api<Q>,
  version: number,
  correlationId: number,
  clientId: string | null,
  body: RowInput<Q>,
): Uint8Array[] {
  const codec = codecOf(api.request, version);
  writer.begin(codec.of);
  writer.int32(0, "size");
  writer.int16(api.key, "apiKey");
  writer.int16(version, "apiVersion");
  writer.int32(correlationId, "correlationId");
  // The client id kept its old length of two bytes when headers became flexible.
  writer.string(clientId, "clientId", false, true);
  if (within(api.flexible, version)) writer.uvarint(0);
  codec.write(writer, body);
  return writer.finish(true);
}

/**
 * Encodes a response as the chunks to be sent, size and header included. Records from 16 KiB on are given away: they
 * become chunks as they are, and belong to whoever sends those.
 *
 * @throws {EncodeError} when the body does not fit the version
 */
export function encodeResponse<P extends Row>(
  api: Api<Row, P>,
  version: number,
  correlationId: number,
  body: RowInput<P>,
): Uint8Array[] {
  const codec = codecOf(api.response, version);
  writer.begin(codec.of);
  writer.int32(0, "size");
  writer.int32(correlationId, "correlationId");
  if (hasTaggedResponseHeader(api, version)) writer.uvarint(0);
  codec.write(writer, body);
  return writer.finish(true);
}

const API_VERSIONS = 18;

/** A client that asks for the versions cannot know them yet, so that answer's header never has tags (KIP-511). */
function hasTaggedResponseHeader(api: Api, version: number): boolean {
  return within(api.flexible, version) && api.key !== API_VERSIONS;
}

function codecOf(message: Message, version: number): Codec {
  let versions = codecs.get(message);
  if (versions === undefined) codecs.set(message, versions = []);
  return versions[version] ??= compile(message, version);
}

function compile(message: Message, version: number): Codec {
  const { min, max } = message.versions;
  assert(within(message.versions, version), `${message.name} has versions ${min} to ${max}, not ${version}.`);
  const source = printCodec(message, version);
  const { read, write } = new Function("EMPTY", source)(new Uint8Array(0)) as Pick<Codec, "read" | "write">;
  return { of: `${message.name} v${version}`, read, write };
}

/** The source of the code that decodes and encodes one version of a message: for compiling, and for reading. */
function printCodec(message: Message, version: number): string {
  const printer = new Printer(version, within(message.flexible, version));
  const fields = fieldsOf(message.columns);
  const read = printer.readRow(fields, "");
  const write = printer.writeRow(fields, "");
  return `"use strict";\n${printer.functions.join("\n")}\nreturn { read: ${read}, write: ${write} };\n`;
}

/** Prints functions, one per row and direction. */
class Printer {
  readonly functions: string[] = [];
  readonly #version: number;
  readonly #flexible: boolean;

  constructor(version: number, flexible: boolean) {
    this.#version = version;
    this.#flexible = flexible;
  }

  /** Prints the function that reads a row, and returns its name. */
  readRow(fields: readonly Field[], path: string): string {
    const lines = fields.filter((field) => !this.#inOrder(field)).map((field) => {
      return `let $${field.name} = ${literal(field)};`;
    });
    for (const field of fields.filter((field) => this.#inOrder(field))) {
      lines.push(`let ${field.list ? `$${field.name}; ` : ""}${this.#read(field, join(path, field.name))}`);
    }
    if (this.#flexible) lines.push(this.#readTags(this.#tagged(fields), path));
    lines.push(`return { ${fields.map((field) => `${field.name}: $${field.name}`).join(", ")} };`);
    return this.#function("read", "r", path, lines);
  }

  /** Prints the function that writes a row, and returns its name. */
  writeRow(fields: readonly Field[], path: string): string {
    const lines: string[] = [];
    for (const field of fields) {
      const at = join(path, field.name);
      if (this.#inOrder(field)) lines.push(`{ ${valueOf(field)} ${this.#write(field, at)} }`);
      else if (!within(field.versions, this.#version) && !field.ignorable) lines.push(this.#refuse(field, at));
    }
    if (this.#flexible) lines.push(this.#writeTags(this.#tagged(fields), path));
    return this.#function("write", "w, o", path, lines);
  }

  #function(verb: string, parameters: string, path: string, lines: string[]): string {
    const name = `${verb}_${path.replaceAll(/\W+/g, "_")}`;
    this.functions.push(`function ${name}(${parameters}) {\n  ${lines.join("\n  ")}\n}`);
    return name;
  }

  #inOrder(field: Field): boolean {
    return within(field.versions, this.#version) && field.tag === undefined;
  }

  #tagged(fields: readonly Field[]): Field[] {
    return fields.filter((field) => field.tag !== undefined && within(field.versions, this.#version))
      .sort((a, b) => a.tag! - b.tag!);
  }

  #read(field: Field, path: string): string {
    const target = `$${field.name}`;
    const { type, list } = field;
    const nullable = within(field.nullable, this.#version);
    if (!list) {
      if (typeof type === "string") return `${target} = ${this.#readScalar(type, path, nullable)};`;
      const read = `${this.readRow(type, path)}(r)`;
      return `${target} = ${nullable ? `r.present(${quote(path)}) ? ${read} : null` : read};`;
    }
    const element = typeof type === "string"
      ? this.#readScalar(type, `${path}[]`, false)
      : `${this.readRow(type, `${path}[]`)}(r)`;
    const least = this.#elementBytes(type);
    return `{ const n = r.count(${quote(path)}, ${this.#flexible}, ${nullable}, ${least}); ` +
      `${target} = n < 0 ? null : new Array(n); for (let i = 0; i < n; i++) ${target}[i] = ${element}; }`;
  }

  #readScalar(type: ScalarName, path: string, nullable: boolean): string {
    return hasLength(type) ? `r.${type}(${quote(path)}, ${this.#flexible}, ${nullable})` : `r.${type}(${quote(path)})`;
  }

  #readTags(fields: readonly Field[], path: string): string {
    const at = quote(join(path, "tags"));
    if (fields.length === 0) return `r.skipTags(${at});`;
    const cases = fields.map((field) => `case ${field.tag}: ${this.#read(field, join(path, field.name))} break;`);
    return `for (let left = r.tagCount(${at}), tag = -1; left > 0; left--) { tag = r.tag(tag, ${at}); ` +
      `const outer = r.open(${at}); switch (tag) { ${cases.join(" ")} default: r.skip(); } r.close(outer, ${at}); }`;
  }

  /** Prints what writes the value `x`. */
  #write(field: Field, path: string): string {
    const { type, list } = field;
    const nullable = within(field.nullable, this.#version);
    const at = quote(path);
    if (!list) {
      if (typeof type === "string") return this.#writeScalar(type, "x", path, nullable);
      const write = `${this.writeRow(type, path)}(w, x);`;
      if (nullable) return `if (x === null) w.int8(-1, ${at}); else { w.int8(1, ${at}); ${write} }`;
      return `if (x === null) throw w.error(${at}, "null where a value is required."); ${write}`;
    }
    const element = typeof type === "string"
      ? this.#writeScalar(type, "x[i]", `${path}[]`, false)
      : `${this.writeRow(type, `${path}[]`)}(w, x[i]);`;
    return `w.count(x === null ? null : x.length, ${at}, ${this.#flexible}, ${nullable}); ` +
      `if (x !== null) for (let i = 0; i < x.length; i++) ${element}`;
  }

  #writeScalar(type: ScalarName, value: string, path: string, nullable: boolean): string {
    return hasLength(type)
      ? `w.${type}(${value}, ${quote(path)}, ${this.#flexible}, ${nullable});`
      : `w.${type}(${value}, ${quote(path)});`;
  }

  #writeTags(fields: readonly Field[], path: string): string {
    if (fields.length === 0) return "w.uvarint(0);";
    const set = fields.map((field) => {
      const x = `o.${field.name}`;
      return `const has${field.tag} = ${x} !== undefined && !${isDefault(field, x)};`;
    });
    const writes = fields.map((field) => {
      const write = this.#write(field, join(path, field.name));
      return `if (has${field.tag}) { const x = o.${field.name}, start = w.open(${field.tag}); ${write} w.close(start); }`;
    });
    const count = fields.map((field) => `(has${field.tag} ? 1 : 0)`).join(" + ");
    return [...set, `w.uvarint(${count});`, ...writes].join("\n  ");
  }

  #refuse(field: Field, path: string): string {
    const x = `o.${field.name}`;
    const problem = `the value cannot be carried by version ${this.#version}: leave it at its default.`;
    return `if (${x} !== undefined && !${isDefault(field, x)}) throw w.error(${quote(path)}, ${quote(problem)});`;
  }

  /** The least number of bytes that one element of a list takes. */
  #elementBytes(type: Field["type"]): number {
    return Math.max(1, this.#leastBytes(type));
  }

  #leastBytes(type: Field["type"]): number {
    if (typeof type === "string") return leastScalarBytes(type, this.#flexible);
    let sum = this.#flexible ? 1 : 0;
    for (const field of type) {
      if (!this.#inOrder(field)) continue;
      if (field.list) sum += this.#flexible ? 1 : 4;
      else if (typeof field.type === "string") sum += leastScalarBytes(field.type, this.#flexible);
      else sum += within(field.nullable, this.#version) ? 1 : this.#leastBytes(field.type);
    }
    return sum;
  }
}

function hasLength(type: ScalarName): boolean {
  return type === "string" || type === "bytes" || type === "records";
}

function leastScalarBytes(type: ScalarName, flexible: boolean): number {
  switch (type) {
    case "bool":
    case "int8":
      return 1;
    case "int16":
    case "uint16":
      return 2;
    case "int32":
    case "uint32":
      return 4;
    case "int64":
    case "float64":
      return 8;
    case "uuid":
      return 16;
    case "string":
      return flexible ? 1 : 2;
    case "bytes":
    case "records":
      return flexible ? 1 : 4;
  }
}

/** Prints the local `x`: the value given, or its default. */
function valueOf(field: Field): string {
  return `let x = o.${field.name}; if (x === undefined) x = ${literal(field)};`;
}

/** Prints a column's default. */
function literal(field: Field): string {
  return print(defaultOf(field));
}

function print(value: unknown): string {
  if (value instanceof Uint8Array) return "EMPTY";
  if (Array.isArray(value)) return "[]";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value).map(([name, inner]) => `${name}: ${print(inner)}`).join(", ")} }`;
}

/** Prints whether an expression equals its column's default. */
function isDefault(field: Field, expression: string): string {
  if (field.stated === "null") return `(${expression} === null)`;
  if (field.list || field.type === "bytes" || field.type === "records") {
    return `(${expression} !== null && ${expression}.length === 0)`;
  }
  if (typeof field.type === "string") return `(${expression} === ${literal(field)})`;
  const inner = field.type.map((column) => {
    const x = `${expression}.${column.name}`;
    return `(${x} === undefined || ${isDefault(column, x)})`;
  });
  return `(${[`${expression} !== null`, ...inner].join(" && ")})`;
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
