/**
 * One of our command-line programs as a real process, with no more permissions than the README gives it.
 *
 * @module
 */

/** A running program of `scripts/`. */
export class ScriptProcess {
  /** Its exit code; a process that a signal ended has 128 and the signal's number. */
  readonly ended: Promise<number>;
  #output = "";
  #errors = "";
  readonly #child: Deno.ChildProcess;
  #watchers: (() => void)[] = [];
  #over = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    const read = Promise.all([
      this.#follow(child.stdout, (text) => this.#output += text),
      this.#follow(child.stderr, (text) => this.#errors += text),
    ]);
    this.ended = Promise.all([read, child.status]).then(([, { code }]) => {
      this.#over = true;
      this.#wake();
      return code;
    });
  }

  /** Starts `scripts/<name>.ts` with read and write permission for `folders` only. */
  static start(
    name: "broker" | "cluster",
    args: readonly string[],
    folders: readonly string[],
    run = false,
  ): ScriptProcess {
    const root = new URL("../../", import.meta.url).pathname;
    const permissions = ["--no-prompt", "--allow-net=127.0.0.1"];
    if (folders.length > 0) permissions.push(`--allow-read=${folders.join()}`, `--allow-write=${folders.join()}`);
    if (run) permissions.push("--allow-run"); // a cluster starts brokers
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", ...permissions, `${root}scripts/${name}.ts`, ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1" },
    });
    return new ScriptProcess(command.spawn());
  }

  /** Everything printed so far. */
  get output(): string {
    return this.#output;
  }

  /** Everything said on standard error so far. */
  get errors(): string {
    return this.#errors;
  }

  /** The first line that matches; rejects when the program ends without one. */
  async line(pattern: RegExp): Promise<string> {
    while (true) {
      const found = this.#output.split("\n").slice(0, -1).find((line) => pattern.test(line));
      if (found !== undefined) return found;
      if (this.#over) throw new Error(`It ended without a line like ${pattern}.\n${this.#output}\n${this.#errors}`);
      await new Promise<void>((resolve) => this.#watchers.push(resolve));
    }
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async #follow(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      add(decoder.decode(chunk, { stream: true }));
      this.#wake();
    }
  }

  #wake(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
  }
}
