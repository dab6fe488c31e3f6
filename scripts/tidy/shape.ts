/**
 * The shape of the tree: cycles, files that nobody uses, lengths, and which modules have a test of their own.
 *
 * @module
 */
import type { Module } from "./modules.ts";

/** The most lines that a file may have. */
const FILE_LINES_MAX = 700;

/** One sentence for every ring of files that import each other's values. Types may go in rings: nothing is left of them. */
export function findCycles(modules: readonly Module[]): string[] {
  const edges = new Map(
    modules.map((
      { path, imports },
    ) => [path, imports.filter((edge) => !edge.typesOnly && edge.path).map((e) => e.path!)]),
  );
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) found.push(`${path}: imports itself in a ring: ${[...trail.slice(at), path].join(" → ")}`);
    if (at >= 0 || done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return found;
}

/**
 * One sentence for every module that nothing uses. Its own unit test does not count as a use. What is run rather than
 * imported is left alone: the door, the programs, the linter's plugin, tests and what they spawn.
 */
export function findDead(modules: readonly Module[]): string[] {
  const used = new Set<string>();
  for (const { path, imports } of modules) {
    for (const edge of imports) if (edge.path && path !== mirrorOf(edge.path)) used.add(edge.path);
  }
  const isRun = /^(mod\.ts|scripts\/\w+\.ts|scripts\/lint\/plugin\.ts|deps\/.*|tests\/(?!helpers\/).*)$/;
  return modules.filter(({ path }) => !isRun.test(path) && !used.has(path))
    .map(({ path }) => `${path}: nothing imports it but its own test, if that: use it or delete it`);
}

/** Lines of the files of one kind. */
export interface Lengths {
  readonly files: number;
  readonly lines: number;
  readonly median: number;
  readonly p90: number;
  readonly max: number;
  /** The longest file. */
  readonly longest: string;
}

/** Measures `modules`; `undefined` when there are none. */
export function measure(modules: readonly Module[]): Lengths | undefined {
  const sorted = modules.map(({ path, text }) => ({ path, lines: linesOf(text) })).sort((a, b) => a.lines - b.lines);
  const last = sorted.at(-1);
  if (!last) return undefined;
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.lines;
  const lines = sorted.reduce((sum, file) => sum + file.lines, 0);
  return { files: sorted.length, lines, median: at(0.5), p90: at(0.9), max: last.lines, longest: last.path };
}

/** One sentence for every file that is too long. */
export function findLong(modules: readonly Module[]): string[] {
  return modules.filter(({ text }) => linesOf(text) > FILE_LINES_MAX)
    .map(({ path, text }) =>
      `${path}: has ${linesOf(text)} lines: ${FILE_LINES_MAX} is the most, cut a part out of it`
    );
}

/** The modules of the rooms that have no unit test of their own; what holds types alone needs none. */
export function findUntested(modules: readonly Module[]): string[] {
  const paths = new Set(modules.map(({ path }) => path));
  const exportsValues = /^export (?:default |async |abstract )*(?:function|class|const|let|enum)\b/m;
  return modules.filter(({ path, text }) => !/^(tests|scripts|deps)\/|^mod\.ts$/.test(path) && exportsValues.test(text))
    .map(({ path }) => path)
    .filter((path) => !paths.has(mirrorOf(path)));
}

/** `lib/heap.ts` → `tests/unit/lib/heap_test.ts`. */
function mirrorOf(path: string): string {
  return `tests/unit/${path.replace(/\.tsx?$/, "_test.ts")}`;
}

function linesOf(text: string): number {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}
