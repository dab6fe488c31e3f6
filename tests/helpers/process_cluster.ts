/**
 * A cluster of broker processes, each of which is always started with the command line that it had.
 *
 * @module
 */
import { patiently } from "./patience.ts";
import { freePorts } from "./ports.ts";
import { ScriptProcess } from "./script_process.ts";

/** How many may vote or be added. */
const BROKERS_MAX = 5;

/** Broker processes by id, from 1. */
export class ProcessCluster implements AsyncDisposable {
  readonly #dir: string;
  readonly #voters: number;
  readonly #args: readonly string[];
  readonly #allPorts = freePorts(2 * BROKERS_MAX);
  readonly #ports = this.#allPorts.slice(0, BROKERS_MAX);
  readonly #nodePorts = this.#allPorts.slice(BROKERS_MAX);
  readonly #running = new Map<number, ScriptProcess>();

  /**
   * @param voters how many brokers vote: the first ones
   * @param args further flags of `scripts/broker.ts`
   */
  constructor(dir: string, voters: number, args: readonly string[] = []) {
    this.#dir = dir;
    this.#voters = voters;
    this.#args = args;
  }

  /** `host:port` of the brokers that run. */
  readonly bootstraps = (): string[] => [...this.#running.keys()].map((id) => `127.0.0.1:${this.#ports[id - 1]}`);

  /** Starts brokers together and resolves when all of them serve. */
  async start(...ids: readonly number[]): Promise<void> {
    const started = ids.map((id) => {
      const process = ScriptProcess.start("broker", this.#flags(id), [`${this.#dir}/${id}`]);
      this.#running.set(id, process);
      return patiently(process.line(/^ready /), `broker ${id} to be ready`);
    });
    await Promise.all(started);
  }

  /** Sends a signal. */
  signal(id: number, signal: Deno.Signal): void {
    this.#running.get(id)!.kill(signal);
  }

  /** Ends a broker and returns its exit code. */
  async end(id: number, signal: "SIGKILL" | "SIGTERM"): Promise<number> {
    const process = this.#running.get(id)!;
    this.#running.delete(id);
    process.kill(signal);
    return await patiently(process.ended, `broker ${id} to end after ${signal}`);
  }

  /** What a broker that runs has said on standard error. */
  said(id: number): string {
    return this.#running.get(id)?.errors ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.keys()].map((id) => this.end(id, "SIGKILL")));
  }

  #flags(id: number): string[] {
    const voters = this.#nodePorts.slice(0, this.#voters).map((port, index) => `${index + 1}@127.0.0.1:${port}`);
    return [
      ...["--id", String(id), "--port", String(this.#ports[id - 1]), "--node-port", String(this.#nodePorts[id - 1])],
      ...["--voters", voters.join(), "--dir", `${this.#dir}/${id}`, ...this.#args],
    ];
  }
}
