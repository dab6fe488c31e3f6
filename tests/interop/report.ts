/**
 * What came of the cases: a line for each, and their number.
 *
 * @module
 */
import { stripVTControlCharacters } from "node:util";

/** Counts and prints. */
export class Report {
  passed = 0;
  failed = 0;
  skipped = 0;
  readonly #failures: string[] = [];

  /** Cases that have been tried so far. */
  get count(): number {
    return this.passed + this.failed;
  }

  /** Runs one case and prints its line. */
  async try(client: string, name: string, run: () => Promise<void>): Promise<void> {
    const started = performance.now();
    try {
      await run();
      this.ok(client, name, started);
    } catch (error) {
      this.fail(client, name, error, started);
    }
  }

  /** A case passed. */
  ok(client: string, name: string, started: number): void {
    this.passed++;
    console.log(`ok ${client} ${name} ${seconds(started)}`);
  }

  /** A case failed. */
  fail(client: string, name: string, error: unknown, started: number): void {
    this.failed++;
    const line = `FAILED ${client} ${name} ${seconds(started)}`;
    const why = stripVTControlCharacters(error instanceof Error ? error.message : String(error));
    this.#failures.push(line);
    console.log(`${line}\n    ${why.trim().replaceAll("\n", "\n    ")}`);
  }

  /** Something could not be tried. */
  skip(what: string, why: string): void {
    this.skipped++;
    console.log(`skipped ${what}: ${why.trim().split("\n")[0]}`);
  }

  /** The end of the run; returns the exit code. */
  close(): number {
    if (this.#failures.length > 0) console.log(`\n${this.#failures.join("\n")}`);
    console.log(`\n${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`);
    return this.failed === 0 ? 0 : 1;
  }
}

/** The time since then, for people. */
export function seconds(started: number): string {
  return `${((performance.now() - started) / 1000).toFixed(1)}s`;
}
