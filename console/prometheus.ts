/**
 * Metrics as text, in the exposition format of Prometheus (version 0.0.4).
 *
 * @module
 */
import type { Metric } from "./source.ts";

/** Content type of {@linkcode exposition}. */
export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Writes metrics, one family after the other, a line per sample. */
export function exposition(metrics: readonly Metric[]): string {
  return metrics.map(({ name, help, type, samples }) => {
    const head = `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
    return head +
      samples.map(({ labels, value, suffix }) => `${name}${suffix ?? ""}${braces(labels)} ${number(value)}\n`).join("");
  }).join("");
}

function braces(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

function number(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? "+Inf" : "-Inf";
}
