/**
 * A strict command line: a table of flags in, typed values out, and for everything else one sentence that says what
 * would be right.
 *
 * Pure: it neither prints nor exits, so that a program and a test use it alike. Nothing is guessed: an unknown flag, a
 * word that belongs to no flag and a flag given twice are errors.
 *
 * @module
 */
import { nearest } from "../lib/nearest.ts";
import type { Flag } from "./flags.ts";

/** A command line: flags by their name in camelCase. `httpPort` is given as `--http-port`. */
// deno-lint-ignore no-explicit-any -- any flag will do: a table mixes flags of different types
export type OptionTable = Readonly<Record<string, Flag<any>>>;

/** The values that a table of flags reads. */
export type Options<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Flag<infer T> ? T : never;
};

/** What a command line came to. */
export type Parsed<Table extends OptionTable> =
  | { readonly kind: "options"; readonly options: Options<Table> }
  /** `--help` or `-h` was there; everything else on the line was ignored. */
  | { readonly kind: "help" }
  /** Something was wrong; `message` is one sentence that says what would be right. */
  | { readonly kind: "wrong"; readonly message: string };

/**
 * Reads `args` by `table`. Both `--flag value` and `--flag=value` are understood, and a leading `--`, which
 * `deno task name -- …` passes on, is skipped.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { pairs, port } from "./flags.ts";
 *
 * const table = { httpPort: port({ help: "Where", default: 8092 }), config: pairs({ help: "Settings" }) };
 * const parsed = parseOptions(table, ["--config", "a=1", "--http-port=80"]);
 * assertEquals(parsed, { kind: "options", options: { httpPort: 80, config: new Map([["a", "1"]]) } });
 * ```
 */
export function parseOptions<const Table extends OptionTable>(table: Table, args: readonly string[]): Parsed<Table> {
  const words = args[0] === "--" ? args.slice(1) : args;
  if (words.some((word) => word === "--help" || word === "-h")) return { kind: "help" };
  const names = new Map(Object.keys(table).map((name) => [flagName(name), name]));
  const values: Record<string, unknown> = {};
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    const [flag, inline] = split(word);
    const name = names.get(flag);
    if (name === undefined) return wrong(unknown(word, flag, [...names.keys()]));
    const known = table[name]!;
    if (name in values && !known.repeated) return wrong(`${flag} is given twice: give it once.`);
    const value = known.placeholder === "" ? "" : inline ?? following(words, at);
    if (known.placeholder === "" && inline !== undefined) {
      return wrong(`${flag} takes no value: write ${flag}, or leave it out.`);
    }
    if (value === undefined) return wrong(`${flag} needs a value: write ${flag} ${known.placeholder}.`);
    if (known.placeholder !== "" && inline === undefined) at++;
    const reading = known.read(value, values[name] ?? known.absent);
    if ("must" in reading) return wrong(`${flag} must be ${reading.must}, but got '${value}'.`);
    values[name] = reading.value;
  }
  for (const [flag, name] of names) {
    if (name in values) continue;
    if (table[name]!.required) return wrong(`${flag} is missing: write ${flag} ${table[name]!.placeholder}.`);
    values[name] = table[name]!.absent;
  }
  return { kind: "options", options: values as Options<Table> };
}

/**
 * What `--help` prints: how `program` is called, what it does, and each flag with its default.
 *
 * @param program for example `deno task broker`
 * @param summary one or more sentences
 */
export function helpText(program: string, summary: string, table: OptionTable): string {
  const rows = Object.entries(table).map(([name, flag]) => {
    const left = `${flagName(name)} ${flag.placeholder}`.trimEnd();
    return [left, `${flag.help}${remark(flag)}`] as const;
  });
  rows.push(["--help", "Print this"]);
  const width = Math.max(...rows.map(([left]) => left.length));
  const required = Object.entries(table).filter(([, flag]) => flag.required)
    .map(([name, flag]) => ` ${flagName(name)} ${flag.placeholder}`).join("");
  const lines = rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
  return [`Usage: ${program}${required} [flags]`, "", summary, "", "Flags:", ...lines, ""].join("\n");
}

function remark(flag: Flag<unknown>): string {
  if (flag.required) return " (required)";
  if (flag.repeated) return " (may be repeated)";
  return typeof flag.absent === "string" || typeof flag.absent === "number" ? ` (default ${flag.absent})` : "";
}

/** `httpPort` → `--http-port`. */
function flagName(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function split(word: string): [flag: string, inline: string | undefined] {
  const at = word.indexOf("=");
  return word.startsWith("--") && at >= 0 ? [word.slice(0, at), word.slice(at + 1)] : [word, undefined];
}

/** The word after the flag at `at`, unless it is a flag itself: a value that begins with `--` is given after `=`. */
function following(words: readonly string[], at: number): string | undefined {
  const next = words[at + 1];
  return next?.startsWith("--") ? undefined : next;
}

function wrong(message: string): { readonly kind: "wrong"; readonly message: string } {
  return { kind: "wrong", message };
}

function unknown(word: string, flag: string, flags: readonly string[]): string {
  if (!word.startsWith("-")) return `'${word}' belongs to no flag: everything is given as --flag value (see --help).`;
  const meant = nearest(flag.replace(/^-+/, "").toLowerCase(), flags.map((known) => known.slice(2)));
  const advice = meant === undefined ? "see --help for those that are." : `did you mean --${meant}?`;
  return `${flag} is not a known flag: ${advice}`;
}
