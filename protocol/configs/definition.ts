/**
 * What a Kafka config is: its name, its type, its default and which values it takes.
 *
 * A table of configs is written as rows of {@linkcode config}: a name, a short text for type, default and bounds, a sentence.
 *
 * ```text
 *   "TYPE[ =default][ >=min][ <=max][ in a,b,c]"
 *
 *   "LONG =604800000 >=-1"            a default and a lower bound
 *   "LIST =delete in compact,delete"  elements out of a set
 *   "STRING"                          no default: null
 *   "STRING ="                        the empty text
 * ```
 *
 * The invariant: every default is a value that the row itself takes; a table that breaks it does not load.
 *
 * @module
 */
import { assert } from "../../lib/assert.ts";

/** Types of values, with the numbers that DescribeConfigs gives them (KIP-226, KIP-569). */
export const CONFIG_TYPES = {
  BOOLEAN: 1,
  STRING: 2,
  INT: 3,
  SHORT: 4,
  LONG: 5,
  DOUBLE: 6,
  LIST: 7,
  CLASS: 8,
  PASSWORD: 9,
} as const;

/** The type of a config's value. Values travel and rest as text. */
export type ConfigType = keyof typeof CONFIG_TYPES;

/** How a broker config may change while the broker runs: not at all, for one broker, or for one or all of them. */
export type ConfigUpdate = "read-only" | "per-broker" | "cluster-wide";

/** What is known of one config. */
export interface ConfigDefinition {
  readonly name: string;
  readonly type: ConfigType;
  /** Null when the config has no value unless somebody gives it one. */
  readonly default: string | null;
  /** Lowest value of a number. */
  readonly min?: number | bigint;
  /** Highest value of a number. */
  readonly max?: number | bigint;
  /** The only values, or the only elements of a list. */
  readonly values?: readonly string[];
  /** Set when the values may be written in capital letters, too. */
  readonly anyCase?: true;
  /** A further check: the sentence's end after "it must be", or null when the value is fine. */
  readonly check?: (value: string) => string | null;
  readonly update: ConfigUpdate;
  /** False for what Samsa knows but does not act upon yet. */
  readonly honoured: boolean;
  /** What a reader of the documentation should know besides. */
  readonly note?: string;
  /** One sentence about what it does. */
  readonly doc: string;
  /** Topic configs only: the broker configs that give the default, the first that has a value wins. */
  readonly synonyms: readonly string[];
}

/** What of a row is not as usual. */
export interface ConfigOptions {
  readonly anyCase?: true;
  readonly check?: (value: string) => string | null;
  /** Default "read-only". */
  readonly update?: ConfigUpdate;
  /** Default false. */
  readonly honoured?: boolean;
  readonly note?: string;
  readonly synonyms?: readonly string[];
}

/** One row of a table; see the picture above. */
export function config(name: string, shape: string, doc: string, options: ConfigOptions = {}): ConfigDefinition {
  const match = /^([A-Z]+)(?: =(\S*))?(?: >=(\S+))?(?: <=(\S+))?(?: in (\S+))?$/.exec(shape);
  assert(match !== null, `The shape "${shape}" of ${name} is malformed.`);
  const [, type, stated, min, max, values] = match;
  assert(type !== undefined && type in CONFIG_TYPES, `${name} has the unknown type "${type}".`);
  const definition: ConfigDefinition = {
    name,
    type: type as ConfigType,
    default: stated ?? null,
    ...(min === undefined ? {} : { min: boundOf(min) }),
    ...(max === undefined ? {} : { max: boundOf(max) }),
    ...(values === undefined ? {} : { values: values.split(",") }),
    update: "read-only",
    honoured: false,
    synonyms: [],
    ...options,
    doc,
  };
  const problem = definition.default === null ? null : problemOf(definition, definition.default);
  assert(problem === null, `The default of ${name} is not one of its values: ${problem}`);
  return definition;
}

/** A table of configs by name, in alphabetical order. */
export function configTable(...rows: readonly ConfigDefinition[]): ReadonlyMap<string, ConfigDefinition> {
  const sorted = [...rows].sort((a, b) => (a.name < b.name ? -1 : 1));
  const table = new Map(sorted.map((row) => [row.name, row]));
  assert(table.size === rows.length, "A config is defined twice.");
  return table;
}

/** Whether a value must never be shown. */
export function isSensitive(definition: ConfigDefinition): boolean {
  return definition.type === "PASSWORD";
}

/** The elements of a LIST value: separated by commas, trimmed, empty ones left out. */
export function listElements(value: string): string[] {
  return value.split(",").map((element) => element.trim()).filter((element) => element !== "");
}

/** What is wrong with a value of a config, as a sentence that says what would be right; null when nothing is. */
export function problemOf(definition: ConfigDefinition, value: string): string | null {
  const wanted = wantedInsteadOf(definition, value.trim());
  if (wanted === null) return null;
  const shown = isSensitive(definition) ? "The value" : `"${clip(value)}"`;
  return `${shown} is not valid for ${definition.name}: it must be ${wanted}.`;
}

function wantedInsteadOf(definition: ConfigDefinition, value: string): string | null {
  switch (definition.type) {
    case "BOOLEAN":
      return /^(true|false)$/i.test(value) ? null : "true or false";
    case "SHORT":
      return wantedInteger(definition, value, -(2n ** 15n), 2n ** 15n - 1n);
    case "INT":
      return wantedInteger(definition, value, -(2n ** 31n), 2n ** 31n - 1n);
    case "LONG":
      return wantedInteger(definition, value, -(2n ** 63n), 2n ** 63n - 1n);
    case "DOUBLE":
      return wantedDouble(definition, value);
    case "LIST":
      return wantedList(definition, value);
    default:
      return wantedText(definition, value);
  }
}

function wantedInteger(definition: ConfigDefinition, value: string, lowest: bigint, highest: bigint): string | null {
  const { min = lowest, max = highest } = definition;
  if (!/^[+-]?\d{1,19}$/.test(value)) return `a whole number, ${rangeText(definition, min, max)}`;
  const number = BigInt(value.replace("+", ""));
  if (number > max) return `from ${min} to ${max}`;
  if (number < min) return rangeText(definition, min, max);
  return definition.check?.(value) ?? null;
}

function wantedDouble(definition: ConfigDefinition, value: string): string | null {
  const { min = -Infinity, max = Infinity } = definition;
  const number = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(value) ? Number(value) : NaN;
  return number >= min && number <= max ? null : `a number, ${rangeText(definition, min, max)}`;
}

function wantedList(definition: ConfigDefinition, value: string): string | null {
  const { values } = definition;
  if (values !== undefined && !listElements(value).every((element) => values.includes(element))) {
    return `a list of ${values.join(", ")}`;
  }
  return definition.check?.(value) ?? null;
}

function wantedText(definition: ConfigDefinition, value: string): string | null {
  if (
    definition.values !== undefined && !definition.values.includes(definition.anyCase ? value.toLowerCase() : value)
  ) {
    return `one of ${definition.values.join(", ")}`;
  }
  return definition.check?.(value) ?? null;
}

function rangeText(definition: ConfigDefinition, min: number | bigint, max: number | bigint): string {
  if (definition.max === undefined && definition.min !== undefined) return `at least ${min}`;
  return `from ${min} to ${max}`;
}

function boundOf(text: string): number | bigint {
  return text.includes(".") ? Number(text) : BigInt(text);
}

function clip(value: string): string {
  return value.length > 100 ? `${value.slice(0, 100)}…` : value;
}
