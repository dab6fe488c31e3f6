/**
 * The kinds of flag that a command line can be declared from: what one takes, and what it says when it is given wrongly.
 *
 * A flag is data: `options.ts` reads a table of them, parses by it and prints its help from it.
 *
 * @module
 */

import type { Voter } from "./voters.ts";

/** What came of reading one value: the value, or what would have been right, as in "must be …". */
export type Reading<T> = { readonly value: T } | { readonly must: string };

/** One flag of a command line, whose value is a `T`. */
export interface Flag<T> {
  /** What stands for the value in the help, for example `PORT`; empty for a switch, which takes none. */
  readonly placeholder: string;
  /** What it is for: a sentence without its full stop. */
  readonly help: string;
  /** Whether the command line is wrong without it. */
  readonly required: boolean;
  /** Whether it may be given more than once. */
  readonly repeated: boolean;
  /** The value when it is not given. */
  readonly absent: T;
  /** Reads one value; `before` is what earlier uses of the same flag came to, or `absent`. */
  read(text: string, before: T): Reading<T>;
}

/** What every flag with a value is declared with. */
export interface FlagSpec<T> {
  /** What it is for: a sentence without its full stop. */
  readonly help: string;
  /** What stands for the value in the help. Each kind of flag has a default for it. */
  readonly placeholder?: string;
  /** The value when the flag is not given. */
  readonly default?: T;
  /** Set when the command line is wrong without it. */
  readonly required?: true;
}

/** `T`, or `T | undefined` when the flag has neither a default nor to be there. */
export type Given<T, Spec> = Spec extends { readonly default: T } | { readonly required: true } ? T : T | undefined;

/** A whole number from `min` to `max`, both included. */
export function integer<const Spec extends FlagSpec<number> & { readonly min: number; readonly max: number }>(
  spec: Spec,
): Flag<Given<number, Spec>> {
  const must = `a whole number from ${spec.min} to ${spec.max}`;
  return single<number, Spec>(spec, spec.placeholder ?? "N", (text) => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : NaN;
    return value >= spec.min && value <= spec.max ? { value } : { must };
  });
}

/** A TCP port; `zero` says what 0 means, and without it 0 is refused. */
export function port<const Spec extends FlagSpec<number> & { readonly zero?: string }>(
  spec: Spec,
): Flag<Given<number, Spec>> {
  const must = spec.zero ? `a port from 1 to 65535, or 0 (${spec.zero})` : "a port from 1 to 65535";
  return single<number, Spec>(spec, spec.placeholder ?? "PORT", (text) => {
    const value = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
    return value >= (spec.zero ? 0 : 1) && value <= 65535 ? { value } : { must };
  });
}

/** Any text but the empty one. */
export function text<const Spec extends FlagSpec<string>>(spec: Spec): Flag<Given<string, Spec>> {
  return single<string, Spec>(spec, spec.placeholder ?? "TEXT", (value) => {
    return value.trim() === "" ? { must: "something other than an empty text" } : { value };
  });
}

/** The path of a file or folder; whether it is there is for the caller to find out. */
export function path<const Spec extends FlagSpec<string>>(spec: Spec): Flag<Given<string, Spec>> {
  return single<string, Spec>(spec, spec.placeholder ?? "PATH", (value) => {
    return value.trim() === "" || value.includes("\0") ? { must: "a path" } : { value };
  });
}

/** A host and a port, as others are to dial them. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`; an IPv6 address stands in brackets. */
export function hostPort<const Spec extends FlagSpec<HostPort>>(spec: Spec): Flag<Given<HostPort, Spec>> {
  return single<HostPort, Spec>(spec, spec.placeholder ?? "HOST:PORT", (value) => {
    const parsed = parseHostPort(value);
    if (parsed !== undefined) return { value: parsed };
    return { must: "HOST:PORT with a port from 1 to 65535, for example localhost:9092" };
  });
}

/** `ID@HOST:PORT[,ID@HOST:PORT…]`; an IPv6 address stands in brackets. */
export function voters<const Spec extends FlagSpec<readonly Voter[]>>(
  spec: Spec,
): Flag<Given<readonly Voter[], Spec>> {
  return single<readonly Voter[], Spec>(spec, spec.placeholder ?? "ID@HOST:PORT,…", (value) => {
    const list = value.split(",").map((part): Voter | undefined => {
      const [, digits, address] = /^(\d{1,10})@(.*)$/.exec(part) ?? [];
      const at = parseHostPort(address ?? "");
      return at === undefined || Number(digits) > ID_MAX ? undefined : { id: Number(digits), ...at };
    });
    return list.every((voter) => voter !== undefined) ? { value: list } : {
      must: "ID@HOST:PORT for each voter, with commas between them, for example 1@10.0.0.1:19092,2@10.0.0.2:19092",
    };
  });
}

/** The largest id that a node can have. */
const ID_MAX = 0x7fff_ffff;

function parseHostPort(value: string): HostPort | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([\da-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(value) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host !== undefined && port >= 1 && port <= 65535 ? { host, port } : undefined;
}

/** `NAME=VALUE`, any number of times, each name once. The value may be empty and may hold further `=`. */
export function pairs(spec: { readonly help: string }): Flag<ReadonlyMap<string, string>> {
  return {
    placeholder: "NAME=VALUE",
    help: spec.help,
    required: false,
    repeated: true,
    absent: new Map(),
    read(text, before) {
      const at = text.indexOf("=");
      const name = text.slice(0, at).trim();
      if (at < 0 || name === "") return { must: "NAME=VALUE" };
      if (before.has(name)) return { must: "a name that is not given yet" };
      return { value: new Map([...before, [name, text.slice(at + 1)]]) };
    },
  };
}

/** A flag without a value: there or not. */
export function toggle(spec: { readonly help: string }): Flag<boolean> {
  return {
    placeholder: "",
    help: spec.help,
    required: false,
    repeated: false,
    absent: false,
    read: () => ({ value: true }),
  };
}

function single<T, Spec extends FlagSpec<T>>(
  spec: Spec,
  placeholder: string,
  read: (text: string) => Reading<T>,
): Flag<Given<T, Spec>> {
  return {
    placeholder,
    help: spec.help,
    required: spec.required ?? false,
    repeated: false,
    absent: spec.default as Given<T, Spec>,
    read: (text) => read(text) as Reading<Given<T, Spec>>,
  };
}
