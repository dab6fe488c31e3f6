/**
 * Compares our tables with Kafka's own descriptions of its messages: every API, version, column, type, nullability, tag and
 * default.
 *
 * ```text
 *   deno run -R scripts/wire.ts FOLDER     FOLDER holds Kafka's clients/src/main/resources/common/message/*.json
 * ```
 *
 * Prints every difference; exit 1 if there is one. A nullable column for which Kafka states no default may default to null
 * with us: it changes nothing on the wire but what is sent when a handler leaves it out.
 *
 * @module
 */

import { TABLES } from "../protocol/api.ts";
import { type Field, fieldsOf, type Message, parseVersions, type Versions, within } from "../protocol/schema.ts";
import * as consumerProtocol from "../protocol/tables/consumer_protocol.ts";

/** A column as Kafka's JSON describes it. */
export interface KafkaField {
  name: string;
  type: string;
  versions: string;
  nullableVersions?: string;
  taggedVersions?: string;
  tag?: number;
  default?: string | number | boolean;
  ignorable?: boolean;
  fields?: KafkaField[];
}

/** A message as Kafka's JSON describes it. */
export interface KafkaMessage {
  name: string;
  apiKey?: number;
  validVersions: string;
  flexibleVersions: string;
  latestVersionUnstable?: boolean;
  fields: KafkaField[];
  commonStructs?: { name: string; fields: KafkaField[] }[];
}

/** How many columns were compared, in all their versions, and the differences, one sentence each. */
export interface Comparison {
  columns: number;
  readonly differences: string[];
}

/** Compares all our tables with the descriptions in a folder. */
function compareFolder(folder: string): Comparison {
  const comparison: Comparison = { columns: 0, differences: [] };
  for (const api of TABLES.values()) {
    const request = readKafka(folder, `${api.name}Request`);
    const unstable = request.latestVersionUnstable === true;
    if (request.apiKey !== api.key) comparison.differences.push(`${api.name}: the key is ${request.apiKey}.`);
    compareMessage(api.request, request, unstable, comparison);
    compareMessage(api.response, readKafka(folder, `${api.name}Response`), unstable, comparison);
  }
  for (const message of Object.values(consumerProtocol)) {
    compareMessage(message, readKafka(folder, message.name), false, comparison);
  }
  return comparison;
}

function readKafka(folder: string, name: string): KafkaMessage {
  return JSON.parse(withoutComments(Deno.readTextFileSync(`${folder}/${name}.json`)));
}

/** Compares one table with Kafka's description and adds to the comparison. `unstable`: the last version is not ready. */
export function compareMessage(
  message: Message,
  kafka: KafkaMessage,
  unstable: boolean,
  comparison: Comparison,
): void {
  const { name } = kafka;
  const { min, max } = parseVersions(kafka.validVersions);
  const stable = { min, max: unstable ? max - 1 : max };
  const flexible = parseVersions(kafka.flexibleVersions);
  const structs = new Map((kafka.commonStructs ?? []).map((common) => [common.name, common.fields]));
  if (stable.min !== message.versions.min || stable.max !== message.versions.max) {
    comparison.differences.push(`${name}: Kafka has versions ${show(stable)}, the table ${show(message.versions)}.`);
  }
  for (let version = stable.min; version <= stable.max; version++) {
    if (within(flexible, version) !== within(message.flexible, version)) {
      comparison.differences.push(`${name} v${version}: flexible is ${within(flexible, version)} with Kafka.`);
    }
    const theirs = flattenKafka(kafka.fields, structs, stable, version, "");
    const ours = flattenOurs(fieldsOf(message.columns), version, "");
    comparison.columns += theirs.length;
    for (let i = 0; i < Math.max(theirs.length, ours.length); i++) {
      if (same(theirs[i], ours[i])) continue;
      comparison.differences.push(
        `${name} v${version}: Kafka has ${showLine(theirs[i])}; the table has ${showLine(ours[i])}.`,
      );
    }
  }
}

/** One column in one version, as text that can be compared, and the defaults that it may have. */
interface Line {
  readonly text: string;
  readonly defaults: readonly string[];
}

function same(their: Line | undefined, our: Line | undefined): boolean {
  return their !== undefined && our !== undefined && their.text === our.text &&
    their.defaults.includes(our.defaults[0]!);
}

function flattenKafka(
  fields: KafkaField[],
  structs: Map<string, KafkaField[]>,
  stable: Versions,
  version: number,
  path: string,
): Line[] {
  return fields.flatMap((field) => {
    const at = path + field.name[0]!.toLowerCase() + field.name.slice(1);
    const versions = parseVersions(field.versions);
    if (!within(versions, version)) {
      return field.ignorable === true || versions.min > stable.max ? [] : [absent(at)];
    }
    const list = field.type.startsWith("[]");
    const type = list ? field.type.slice(2) : field.type;
    const inner = field.fields ?? structs.get(type);
    const nullable = field.nullableVersions !== undefined && within(parseVersions(field.nullableVersions), version);
    const tagged = field.taggedVersions !== undefined && within(parseVersions(field.taggedVersions), version);
    const scalar = inner === undefined ? type : "row";
    const stated = field.default === undefined ? undefined : String(field.default);
    const defaults = [standard(scalar, list, stated)];
    if (stated === undefined && field.nullableVersions !== undefined) defaults.push("null");
    const line = { text: describe(at, scalar, list, nullable, tagged ? field.tag : undefined), defaults };
    return inner === undefined ? [line] : [line, ...flattenKafka(inner, structs, stable, version, `${at}.`)];
  });
}

function flattenOurs(fields: readonly Field[], version: number, path: string): Line[] {
  return fields.flatMap((field) => {
    const at = path + field.name;
    if (!within(field.versions, version)) return field.ignorable ? [] : [absent(at)];
    const inner = typeof field.type === "string" ? undefined : field.type;
    const scalar = typeof field.type === "string" ? field.type : "row";
    const line = {
      text: describe(at, scalar, field.list, within(field.nullable, version), field.tag),
      defaults: [standard(scalar, field.list, field.stated)],
    };
    return inner === undefined ? [line] : [line, ...flattenOurs(inner, version, `${at}.`)];
  });
}

function showLine(line: Line | undefined): string {
  return line === undefined ? "no further column" : `${line.text} =${line.defaults.join(" or ")}`;
}

function absent(path: string): Line {
  return { text: `${path}, which may not be set`, defaults: ["none"] };
}

function describe(path: string, type: string, list: boolean, nullable: boolean, tag: number | undefined): string {
  return `${path}: ${type}${list ? "[]" : ""}${nullable ? "?" : ""}${tag === undefined ? "" : ` tag${tag}`}`;
}

/** A default in one form, whether it was stated or follows from the type. */
function standard(type: string, list: boolean, stated: string | undefined): string {
  if (stated === "null") return "null";
  if (list) return "empty";
  switch (type) {
    case "string":
      return JSON.stringify(stated ?? "");
    case "bool":
      return String(stated?.toLowerCase() === "true");
    case "uuid":
    case "bytes":
    case "records":
    case "row":
      return "empty";
    default:
      return String(BigInt(stated ?? 0));
  }
}

function show(versions: Versions): string {
  return `${versions.min}-${versions.max}`;
}

/** Kafka's JSON has comments of whole lines and at the ends of lines; no string in it contains two slashes but URLs. */
function withoutComments(text: string): string {
  return text.replaceAll(/"(?:[^"\\]|\\.)*"|\/\/[^\n]*/g, (match) => match.startsWith("/") ? "" : match);
}

if (import.meta.main) {
  const folder = Deno.args[0];
  if (folder === undefined) {
    console.error("Give the folder that holds Kafka's message descriptions (*.json).");
    Deno.exit(2);
  }
  const { columns, differences } = compareFolder(folder);
  for (const difference of differences) console.log(difference);
  console.log(`${TABLES.size} APIs, ${columns} columns of all versions compared, ${differences.length} differences.`);
  if (differences.length > 0) Deno.exit(1);
}
