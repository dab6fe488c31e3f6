/**
 * What the command-line programs have in common: flags in, one sentence and exit code 1 for what is wrong, signals.
 *
 * @module
 */
import { helpText, type Options, type OptionTable, parseOptions } from "./options.ts";

/** Prints one sentence to standard error and exits with 1. */
export function fail(message: string): never {
  console.error(message);
  Deno.exit(1);
}

/** The options of a command line; prints the help or what is wrong, and exits, where there are none. */
export function readOptions<const Table extends OptionTable>(
  program: string,
  summary: string,
  table: Table,
  args: readonly string[],
): Options<Table> {
  const parsed = parseOptions(table, args);
  if (parsed.kind === "options") return parsed.options;
  if (parsed.kind === "wrong") fail(parsed.message);
  console.log(helpText(program, summary, table).trimEnd());
  Deno.exit(0);
}

/** Resolves at the first SIGINT or SIGTERM; later ones are swallowed, since a terminal sends Ctrl-C to everyone at once. */
export function untilSignal(): Promise<Deno.Signal> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      if (Deno.build.os === "windows" && signal === "SIGTERM") continue;
      Deno.addSignalListener(signal, () => resolve(signal));
    }
  });
}
