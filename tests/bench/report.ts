/**
 * The table, as Markdown: one line per figure, medians, Samsa divided by Kafka, and which goals that reaches.
 *
 * @module
 */
import { type ColumnName, type Figures, type Goal, type Line, median } from "./figures.ts";
import { type TargetName, TARGETS } from "./targets.ts";

/** What the table says of one line. */
export interface Summary extends Line {
  readonly medians: ReadonlyMap<ColumnName, number>;
  /** Samsa's median divided by the other's, for each other there are goals or values for. */
  readonly ratios: ReadonlyMap<TargetName, number>;
  readonly verdicts: readonly { readonly goal: Goal; readonly isReached: boolean }[];
}

const RIVALS: readonly TargetName[] = ["kafka", "kafka-flush"];

/** Works out medians, ratios and verdicts. */
export function summarize(figures: Figures): Summary[] {
  return figures.lines.map(({ line, runs }) => {
    const medians = new Map([...runs].map(([column, values]) => [column, median(values)]));
    const own = medians.get("samsa");
    const ratios = new Map<TargetName, number>();
    for (const rival of RIVALS) {
      const other = medians.get(rival);
      if (own !== undefined && other !== undefined) ratios.set(rival, own / other);
    }
    const verdicts = line.goals.flatMap((goal) => {
      const ratio = ratios.get(goal.against);
      if (ratio === undefined) return [];
      return [{ goal, isReached: ratio >= (goal.atLeast ?? 0) && ratio <= (goal.atMost ?? Infinity) }];
    });
    return { ...line, medians, ratios, verdicts };
  });
}

/** The table. Columns that nothing was measured for are left out. */
export function toMarkdown(summaries: readonly Summary[]): string {
  const columns = [...Object.keys(TARGETS) as TargetName[], "client" as const]
    .filter((column) => summaries.some(({ medians }) => medians.has(column)));
  const rivals = RIVALS.filter((rival) => summaries.some(({ ratios }) => ratios.has(rival)));
  const head = [
    "",
    ...columns.map((column) => column === "client" ? "Load client alone" : TARGETS[column].title),
    ...rivals.map((rival) => `Samsa ÷ ${TARGETS[rival].title}`),
    ...(rivals.length > 0 ? ["Goal"] : []),
  ];
  const rows = summaries.map((summary) => [
    summary.title,
    ...columns.map((column) => format(summary, summary.medians.get(column))),
    ...rivals.map((rival) => summary.ratios.has(rival) ? `${significant(summary.ratios.get(rival)!)}×` : ""),
    ...(rivals.length > 0 ? [summary.verdicts.map(verdict).join(", ")] : []),
  ]);
  return [head, head.map((_, i) => i === 0 ? "---" : "--:"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function verdict({ goal, isReached }: Summary["verdicts"][number]): string {
  const bound = goal.atLeast === undefined ? `≤ ${significant(goal.atMost!)}×` : `≥ ${significant(goal.atLeast)}×`;
  const rival = goal.against === "kafka" ? "" : " (flushing)";
  return `${bound}${rival} ${isReached ? "✓" : "✗"}`;
}

function format({ metric, recordBytes }: Line, value: number | undefined): string {
  if (value === undefined) return "";
  switch (metric) {
    case "throughput":
      return `${significant(value / 1e6)} MB/s, ${thousands(value / recordBytes!)} records/s`;
    case "rate":
      return `${thousands(value)}/s`;
    case "cpu":
      return `${significant(value)} s/GB`;
    case "latency":
      return `${significant(value)} ms`;
    case "start":
      return `${significant(value)} s`;
    case "memory":
      return `${significant(value / 1e6)} MB`;
  }
}

function thousands(value: number): string {
  return value >= 1e6
    ? `${significant(value / 1e6)} M`
    : value >= 1e3
    ? `${significant(value / 1e3)} k`
    : significant(value);
}

/** Three digits that mean something, and no exponent. */
function significant(value: number): string {
  return String(Number(value.toPrecision(value >= 1000 ? Math.ceil(Math.log10(value)) : 3)));
}
