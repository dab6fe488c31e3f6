/**
 * Writes `docs/configuration.md` from the tables of configs: `deno run -A scripts/configuration.ts`.
 *
 * @module
 */
import { BROKER_CONFIGS } from "../protocol/configs/broker.ts";
import type { ConfigDefinition } from "../protocol/configs/definition.ts";
import { TOPIC_CONFIGS } from "../protocol/configs/topic.ts";

const INTRODUCTION = `# Configuration

Names, defaults and meanings are Apache Kafka's; what is Samsa's own says so. Give a broker its configs with
\`--config name=value\` or in a properties file; change them while it runs with any Kafka admin tool (\`kafka-configs.sh\`
and the like) where the tables say so.

**Acted upon** is "yes" for what Samsa obeys. What says "no" is known, checked and shown to clients, so that tools work
as with Kafka, but nothing happens.

This page is written by \`scripts/configuration.ts\` from the tables in \`protocol/configs/\`.
`;

const TOPICS = `
## Topics

A topic that does not set a config has the broker's default: that of the broker config named beside it. Of several, the
first that has a value counts. Values travel in the topic's own unit (milliseconds).
`;

const BROKERS = `
## Brokers

**Changes** says how a config can change while brokers run: "no" at a restart only; "yes" for one broker or for all of
them (the empty broker name).
`;

/** The whole page, formatted as \`deno fmt\` would have it. */
export function configurationPage(): string {
  const topics = [...TOPIC_CONFIGS.values()].map((config) => [
    code(config.name),
    config.type,
    code(config.default),
    config.synonyms.map(code).join(", "),
    yesOrNo(config.honoured),
    meaning(config),
  ]);
  const brokers = [...BROKER_CONFIGS.values()].map((config) => [
    code(config.name),
    config.type,
    code(config.default),
    config.update === "read-only" ? "no" : config.update === "per-broker" ? "one broker" : "yes",
    yesOrNo(config.honoured),
    meaning(config),
  ]);
  return [
    INTRODUCTION,
    TOPICS,
    "\n",
    table(["Config", "Type", "Default", "Broker config", "Acted upon", "Meaning"], topics),
    BROKERS,
    "\n",
    table(["Config", "Type", "Default", "Changes", "Acted upon", "Meaning"], brokers),
  ].join("");
}

function meaning({ type, doc, note, min, max, values }: ConfigDefinition): string {
  const bounds = values !== undefined
    ? `${type === "LIST" ? "Elements" : "Values"}: ${values.map(code).join(", ")}.`
    : min !== undefined && max !== undefined
    ? `From ${min} to ${max}.`
    : min !== undefined
    ? `At least ${min}.`
    : "";
  return [doc, bounds, note ?? ""].filter((sentence) => sentence !== "").join(" ").replaceAll("|", "\\|").replaceAll(
    "*",
    "\\*",
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(" | ")} |\n`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("");
}

function code(value: string | null): string {
  if (value === null) return "none";
  return value === "" ? "empty" : `\`${value}\``;
}

function yesOrNo(value: boolean): string {
  return value ? "yes" : "no";
}

if (import.meta.main) Deno.writeTextFileSync(new URL("../docs/configuration.md", import.meta.url), configurationPage());
