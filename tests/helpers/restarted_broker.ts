/**
 * A broker process that ends and starts again on the same folder and port, and a door that its clients wait at meanwhile.
 *
 * @module
 */
import { patiently } from "./patience.ts";
import { freePort } from "./ports.ts";
import { RawClient } from "./raw_client.ts";
import { ScriptProcess } from "./script_process.ts";

/** A broker that is ended and started again. */
export class RestartedBroker {
  readonly #dir: string;
  readonly #port = freePort();
  readonly #args: readonly string[];
  #process: ScriptProcess | undefined;
  #door = Promise.withResolvers<void>();

  /** @param args further flags of `scripts/broker.ts` */
  constructor(dir: string, args: readonly string[] = []) {
    this.#dir = dir;
    this.#args = args;
  }

  /** What the process that runs, or ran last, has said on standard error. */
  get said(): string {
    return this.#process?.errors ?? "";
  }

  /** Starts it and waits until it serves; {@linkcode connect} goes on waiting until {@linkcode open}. */
  async start(): Promise<void> {
    const process = this.#process = this.#spawn();
    await patiently(process.line(/^ready /), "the broker to be ready");
    process.ended.then((code) => {
      if (this.#process !== process) return; // it was told to end
      this.#door = Promise.withResolvers();
      this.#door.promise.catch(() => {});
      this.#door.reject(new Error(`The broker ended by itself, with exit code ${code}: ${process.errors}`));
    });
  }

  /** From now on clients may connect. */
  open(): void {
    this.#door.resolve();
  }

  /** Ends it and returns the exit code. Nothing happens when it does not run. */
  async kill(signal: "SIGKILL" | "SIGTERM"): Promise<number> {
    const process = this.#process;
    if (process === undefined) return 0;
    this.#process = undefined;
    this.#door = Promise.withResolvers<void>();
    process.kill(signal);
    return await patiently(process.ended, `the broker to end after ${signal}`);
  }

  /** Starts it and kills it after a while, ready or not. */
  async killWhileStarting(afterMs: number): Promise<void> {
    const process = this.#spawn();
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    process.kill("SIGKILL");
    await patiently(process.ended, "the broker to end while it started");
  }

  /** A connection, once the door is open and somebody answers. */
  async connect(): Promise<RawClient> {
    while (true) {
      await this.#door.promise; // rejects when the broker has ended by itself
      try {
        return await this.dial();
      } catch { /* it was ended in the meantime: wait for the next life */ }
    }
  }

  /** A connection now, whether the door is open or not. */
  dial(): Promise<RawClient> {
    return RawClient.connect(`127.0.0.1:${this.#port}`);
  }

  #spawn(): ScriptProcess {
    const args = ["--id", "1", "--port", String(this.#port), "--http-port", "0", "--dir", this.#dir, ...this.#args];
    return ScriptProcess.start("broker", args, [this.#dir]);
  }
}
