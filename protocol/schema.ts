/**
 * Kafka messages as tables: a message is a row of columns, a column is one string, and the TypeScript type is read off it.
 *
 * ```text
 *   "type[?[N+]] [versions] [tagN] [ignorable] [=default]"
 *
 *   "int32"                a column of every version
 *   "string? 3+"           nullable, from version 3 on
 *   "string?12+"           of every version, nullable from version 12 on
 *   "int64 1-7 =-1"        versions 1 to 7, -1 when absent
 *   "int32[] 5+"           a list of numbers
 *   "uuid 17+ tag0"        a tagged field (KIP-482)
 *   [{ … }]                a list of rows
 *   ["? 4+", { … }]        a list of rows with the same modifiers, nullable
 *   { … }                  a row within the row
 *   struct("10+ tag0", …)  a row within the row, with modifiers; "?" makes it nullable (int8 -1 or 1 before it)
 * ```
 *
 * The invariant: a column that a version does not have reads as its default, so handlers see one shape for all versions.
 * `ignorable` says what writing does with a value that the version cannot carry: dropped when ignorable, refused when not.
 *
 * @module
 */

import { assert } from "../lib/assert.ts";
import { ZERO_UUID } from "../lib/uuid.ts";

/** What a scalar column is in TypeScript. int64 is `bigint`; a uuid is Kafka's own text of 22 characters (`lib/uuid.ts`). */
export interface ScalarTypes {
  bool: boolean;
  int8: number;
  int16: number;
  int32: number;
  int64: bigint;
  uint16: number;
  uint32: number;
  float64: number;
  string: string;
  uuid: string;
  /** Copied out of the frame, because it is usually kept. */
  bytes: Uint8Array;
  /** A view of the frame, because it usually passes through. */
  records: Uint8Array;
}

/** The name of a scalar type. */
export type ScalarName = keyof ScalarTypes;

/** One column of a row: see the picture above. */
export type Column = `${ScalarName}${string}` | Row | readonly [Row] | readonly [string, Row] | Struct<string, Row>;

/** Columns by name, in the order of the wire. */
export interface Row {
  readonly [name: string]: Column;
}

/** A row within a row that carries modifiers; made by {@linkcode struct}. */
export class Struct<const M extends string, const R extends Row> {
  /** As in a column string, without the type. */
  readonly modifiers: M;
  /** The columns. */
  readonly row: R;

  constructor(modifiers: M, row: R) {
    this.modifiers = modifiers;
    this.row = row;
  }
}

/** A row within a row, with modifiers such as `"10+ tag0"` or `"? =null"`. */
export function struct<const M extends string, const R extends Row>(modifiers: M, row: R): Struct<M, R> {
  return new Struct(modifiers, row);
}

/** Names a row that several messages share, keeping its literal types. */
export function row<const R extends Row>(columns: R): R {
  return columns;
}

type Head<S extends string> = S extends `${infer H} ${string}` ? H : S;
type Base<T extends string> = T extends `${infer E extends ScalarName}[]` ? readonly ScalarTypes[E][]
  : T extends ScalarName ? ScalarTypes[T]
  : never;
type ScalarValue<H extends string> = H extends `${infer T}?${string}` ? Base<T> | null : Base<H>;
type Null<M extends string> = M extends `?${string}` ? null : never;

/** The decoded value of a column: every property present. */
export type ColumnValue<C> = C extends string ? ScalarValue<Head<C>>
  : C extends Struct<infer M, infer R> ? RowValue<R> | Null<M>
  : C extends readonly [infer R extends Row] ? readonly RowValue<R>[]
  : C extends readonly [infer M extends string, infer R extends Row] ? readonly RowValue<R>[] | Null<M>
  : C extends Row ? RowValue<C>
  : never;

/** The decoded value of a row: every property present, absent columns as their defaults. */
export type RowValue<R> = { readonly [K in keyof R]: ColumnValue<R[K]> };

type Digit = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9";
/** A column may be left out when it states a default, is tagged, or belongs to some versions only. */
type Optional<C> = C extends string ? OptionalText<C>
  : C extends Struct<infer M, Row> ? OptionalText<` ${M}`>
  : C extends readonly [infer M extends string, Row] ? OptionalText<` ${M}`>
  : false;
type OptionalText<S extends string> = S extends
  `${string}=${string}` | `${string} ${Digit}${string}` | `${string} tag${string}` ? true
  : false;

/** What a column accepts for encoding. */
export type ColumnInput<C> = C extends string ? ScalarValue<Head<C>>
  : C extends Struct<infer M, infer R> ? RowInput<R> | Null<M>
  : C extends readonly [infer R extends Row] ? readonly RowInput<R>[]
  : C extends readonly [infer M extends string, infer R extends Row] ? readonly RowInput<R>[] | Null<M>
  : C extends Row ? RowInput<C>
  : never;

/** What a row accepts for encoding: like {@linkcode RowValue}, but what has a default may be left out or undefined. */
export type RowInput<R> =
  & { readonly [K in keyof R as Optional<R[K]> extends true ? never : K]: ColumnInput<R[K]> }
  & { readonly [K in keyof R as Optional<R[K]> extends true ? K : never]?: ColumnInput<R[K]> | undefined };

/** Versions from `min` to `max`, both included; `max` is Infinity for an open range, and `min > max` for none. */
export interface Versions {
  readonly min: number;
  readonly max: number;
}

/** One message that can be encoded and decoded in each of its versions. */
export interface Message<R extends Row = Row> {
  /** As in error messages, e.g. `Metadata request`. */
  readonly name: string;
  /** The versions that can be decoded and encoded. */
  readonly versions: Versions;
  /** The versions with compact lengths and tagged fields (KIP-482). */
  readonly flexible: Versions;
  readonly columns: R;
}

/** One Kafka API: a request and its response under one key. */
export interface Api<Q extends Row = Row, P extends Row = Row> {
  readonly key: number;
  readonly name: string;
  readonly versions: Versions;
  readonly flexible: Versions;
  readonly request: Message<Q>;
  readonly response: Message<P>;
}

/** The decoded request of an API, e.g. `Request<typeof fetch>`. */
export type Request<T> = T extends { readonly request: Message<infer Q> } ? RowValue<Q> : never;
/** The decoded response of an API. */
export type Response<T> = T extends { readonly response: Message<infer P> } ? RowValue<P> : never;
/** What the request of an API is encoded from. */
export type RequestInput<T> = T extends { readonly request: Message<infer Q> } ? RowInput<Q> : never;
/** What the response of an API is encoded from. */
export type ResponseInput<T> = T extends { readonly response: Message<infer P> } ? RowInput<P> : never;
/** The decoded value of a stand-alone message. */
export type Value<T> = T extends Message<infer R> ? RowValue<R> : never;

/**
 * The table of one API.
 *
 * @param versions stable versions, e.g. `"4-18"`
 * @param flexible versions with compact lengths and tagged fields, e.g. `"12+"` or `"none"`
 */
export function api<const Q extends Row, const P extends Row>(
  key: number,
  name: string,
  versions: string,
  flexible: string,
  request: Q,
  response: P,
): Api<Q, P> {
  return {
    key,
    name,
    versions: parseVersions(versions),
    flexible: parseVersions(flexible),
    request: message(`${name} request`, versions, flexible, request),
    response: message(`${name} response`, versions, flexible, response),
  };
}

/** The table of a structure that is not an API: what Kafka keeps in records, or embeds in bytes. */
export function message<const R extends Row>(
  name: string,
  versions: string,
  flexible: string,
  columns: R,
): Message<R> {
  return { name, versions: parseVersions(versions), flexible: parseVersions(flexible), columns };
}

/** A column, parsed. */
export interface Field {
  readonly name: string;
  /** The element's type: a scalar, or the columns of a row. */
  readonly type: ScalarName | readonly Field[];
  /** Whether the column is a list of `type`. */
  readonly list: boolean;
  readonly versions: Versions;
  /** The versions in which null is allowed. */
  readonly nullable: Versions;
  readonly tag: number | undefined;
  readonly ignorable: boolean;
  /** The text after `=`, if any. */
  readonly stated: string | undefined;
}

const NONE: Versions = { min: 0, max: -1 };
const EVERY: Versions = { min: 0, max: Infinity };
const SCALARS: ReadonlySet<string> = new Set(
  ["bool", "int8", "int16", "int32", "int64", "uint16", "uint32", "float64", "string", "uuid", "bytes", "records"],
);
const parsed = new WeakMap<Row, readonly Field[]>();

/** Whether a version lies within a range. */
export function within(versions: Versions, version: number): boolean {
  return version >= versions.min && version <= versions.max;
}

/** Reads `"3"`, `"3+"`, `"1-7"` or `"none"`. */
export function parseVersions(text: string): Versions {
  if (text === "none") return NONE;
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text);
  assert(match !== null, `Versions "${text}" are malformed: write "3", "3+", "1-7" or "none".`);
  const min = Number(match[1]);
  if (match[2] !== undefined) return { min, max: Infinity };
  return { min, max: match[3] === undefined ? min : Number(match[3]) };
}

/** The columns of a row, parsed once. Throws an AssertionError that names a malformed column. */
export function fieldsOf(columns: Row): readonly Field[] {
  let fields = parsed.get(columns);
  if (fields === undefined) {
    fields = Object.entries(columns).map(([name, column]) => parseColumn(name, column));
    parsed.set(columns, fields);
  }
  return fields;
}

function parseColumn(name: string, column: Column): Field {
  if (typeof column === "string") {
    const end = column.search(/[? ]/);
    const head = end < 0 ? column : column.slice(0, end);
    const list = head.endsWith("[]");
    const type = list ? head.slice(0, -2) : head;
    assert(SCALARS.has(type), `Column ${name} has the unknown type "${type}".`);
    return parseModifiers(name, end < 0 ? "" : column.slice(end), type as ScalarName, list);
  }
  if (column instanceof Struct) return parseModifiers(name, column.modifiers, fieldsOf(column.row), false);
  if (Array.isArray(column)) {
    const [modifiers, element] = column.length === 2 ? column : ["", column[0]];
    return parseModifiers(name, modifiers, fieldsOf(element), true);
  }
  return parseModifiers(name, "", fieldsOf(column as Row), false);
}

function parseModifiers(name: string, text: string, type: Field["type"], list: boolean): Field {
  let nullable = NONE, versions = EVERY, tag: number | undefined, ignorable = false;
  const equals = text.indexOf("=");
  const stated = equals < 0 ? undefined : text.slice(equals + 1);
  for (const word of (equals < 0 ? text : text.slice(0, equals)).split(" ")) {
    if (word === "") continue;
    else if (word === "ignorable") ignorable = true;
    else if (word.startsWith("?")) nullable = word === "?" ? EVERY : parseVersions(word.slice(1));
    else if (word.startsWith("tag")) tag = Number(word.slice(3));
    else versions = parseVersions(word);
  }
  assert(tag === undefined || (Number.isInteger(tag) && tag >= 0), `Column ${name} has a malformed tag.`);
  return { name, type, list, versions, nullable, tag, ignorable, stated };
}

/** A column's default as a value: what is stated, else 0, false, "", [], the zero uuid, empty bytes, or a row of defaults. */
export function defaultOf(field: Field): unknown {
  const { stated, type } = field;
  if (stated === "null") return null;
  if (field.list) return [];
  if (typeof type !== "string") return Object.fromEntries(type.map((inner) => [inner.name, defaultOf(inner)]));
  switch (type) {
    case "bool":
      return stated === "true";
    case "int64":
      return BigInt(stated ?? 0);
    case "string":
      return stated ?? "";
    case "uuid":
      return ZERO_UUID;
    case "bytes":
    case "records":
      return NO_BYTES;
    default:
      return Number(stated ?? 0);
  }
}

const NO_BYTES = new Uint8Array(0);
