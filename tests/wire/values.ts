/**
 * Seeded values for any table: every column present, those that the version lacks at their defaults.
 *
 * @module
 */

import { formatUuid, ZERO_UUID } from "../../lib/uuid.ts";
import type { Random } from "../../lib/prng.ts";
import { TABLES } from "../../protocol/api.ts";
import { defaultOf, type Field, fieldsOf, type Message, type ScalarName, within } from "../../protocol/schema.ts";
import * as consumerProtocol from "../../protocol/tables/consumer_protocol.ts";

/** Every table, requests and responses alike, with each of its versions. */
export function everyVersion(): { message: Message; version: number }[] {
  const messages: Message[] = [...TABLES.values()].flatMap((api) => [api.request, api.response]);
  messages.push(...Object.values(consumerProtocol));
  return messages.flatMap((message) => {
    const { min, max } = message.versions;
    return Array.from({ length: max - min + 1 }, (_, i) => ({ message, version: min + i }));
  });
}

/** A value for one version of a message, drawn from `random`. */
export function randomValue(message: Message, version: number, random: Random): unknown {
  return randomRow(fieldsOf(message.columns), version, random);
}

function randomRow(fields: readonly Field[], version: number, random: Random): unknown {
  return Object.fromEntries(fields.map((field) => [field.name, randomColumn(field, version, random)]));
}

function randomColumn(field: Field, version: number, random: Random): unknown {
  if (!within(field.versions, version) || (field.tag !== undefined && random.chance(1, 3))) return defaultOf(field);
  if (within(field.nullable, version) && random.chance(1, 4)) return null;
  if (!field.list) return randomElement(field, version, random);
  return Array.from({ length: random.pick([0, 1, 1, 2, 3]) }, () => randomElement(field, version, random));
}

function randomElement(field: Field, version: number, random: Random): unknown {
  return typeof field.type === "string" ? randomScalar(field.type, random) : randomRow(field.type, version, random);
}

function randomScalar(type: ScalarName, random: Random): unknown {
  switch (type) {
    case "bool":
      return random.chance(1, 2);
    case "int8":
      return random.pick([0, 1, -1, 127, -128, random.below(256) - 128]);
    case "int16":
      return random.pick([0, -1, 32767, -32768, random.below(65536) - 32768]);
    case "int32":
      return random.pick([0, -1, 2147483647, -2147483648, random.uint32() | 0]);
    case "uint16":
      return random.pick([0, 65535, random.below(65536)]);
    case "uint32":
      return random.pick([0, 4294967295, random.uint32()]);
    case "int64":
      return random.pick([
        0n,
        -1n,
        2n ** 63n - 1n,
        -(2n ** 63n),
        BigInt.asIntN(64, BigInt(random.uint32()) * 0x1_0000_0001n),
      ]);
    case "float64":
      return random.pick([0, -0.5, 1e300, random.uint32() / 7]);
    case "uuid":
      return random.chance(1, 5) ? ZERO_UUID : formatUuid(random.bytes(16));
    case "string":
      return randomText(random);
    case "bytes":
    case "records":
      return random.bytes(random.chance(1, 200) ? 20_000 : random.pick([0, 1, random.below(40)]));
  }
}

const TEXTS = [
  "",
  "orders",
  "größe",
  "日本",
  "🦗",
  "\ufeffbom",
  "a\0b",
  "x".repeat(64),
  "y".repeat(130),
  "z".repeat(300),
];

function randomText(random: Random): string {
  if (random.chance(1, 2)) return random.pick(TEXTS);
  return Array.from({ length: random.below(20) }, () => String.fromCharCode(97 + random.below(26))).join("");
}
