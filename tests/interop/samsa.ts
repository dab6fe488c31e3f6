/**
 * One Samsa broker process, started from the checkout with the permissions that the README gives it.
 *
 * ```
 * start ──ready line──▶ serving ──SIGTERM │ SIGKILL──▶ ended ──start──▶ …      the same folder, port and command line
 *                          └──SIGSTOP──▶ paused ──SIGCONT──▶ serving
 * ```
 * @module
 */
import { cpuSeconds, residentBytes, type RunningProcess, startProcess } from "./processes.ts";

const CHECKOUT = new URL("../../", import.meta.url).pathname;
const PERMISSIONS = ["--allow-net", "--allow-read", "--allow-write"];

/** How to start it. */
export interface SamsaOptions {
  readonly id: number;
  readonly port: number;
  readonly dir: string;
  /** Node ports of the voters; empty for a broker that is alone. */
  readonly voters: readonly { readonly id: number; readonly port: number }[];
  /** Where this node listens for others; default its port among the voters. */
  readonly nodePort?: number;
  /** What clients are told to connect to; default the port. */
  readonly advertised?: string;
  readonly rack?: string;
  readonly config?: Readonly<Record<string, string>>;
}

/** A broker process that can be started again and again. */
export class SamsaProcess {
  readonly id: number;
  readonly bootstrap: string;
  readonly #args: readonly string[];
  #process: RunningProcess | undefined;

  constructor({ id, port, dir, voters, nodePort, advertised, rack, config = {} }: SamsaOptions) {
    this.id = id;
    this.bootstrap = `127.0.0.1:${port}`;
    const ownNodePort = nodePort ?? voters.find((voter) => voter.id === id)?.port;
    this.#args = [
      ...["--id", String(id), "--port", String(port), `--dir=${dir}`, "--http-port", "0"],
      ...(voters.length === 0 ? [] : ["--voters", voters.map((voter) => `${voter.id}@127.0.0.1:${voter.port}`).join()]),
      ...(ownNodePort === undefined ? [] : ["--node-port", String(ownNodePort)]),
      ...(advertised === undefined ? [] : ["--advertise", advertised]),
      ...(rack === undefined ? [] : ["--rack", rack]),
      ...Object.entries(config).flatMap(([name, value]) => ["--config", `${name}=${value}`]),
    ];
  }

  /** The process id of the present or last process. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#process?.hasEnded() === false;
  }

  /** Starts it and resolves when it serves. */
  async start(): Promise<void> {
    const ready = Promise.withResolvers<void>();
    const onLine = (line: string) => {
      if (!line.startsWith("ready")) return;
      if (/\bbootstrap=(\S+)/.test(line)) ready.resolve();
      else ready.reject(new Error(`This is no ready line: ${line}`));
    };
    const args = ["run", ...PERMISSIONS, `${CHECKOUT}scripts/broker.ts`, ...this.#args];
    const process = this.#process = startProcess(Deno.execPath(), args, { onLine });
    const early = process.ended.then(() => {
      throw new Error(`Samsa ${this.id} ended before it was ready: ${process.tail().trim().slice(-2_000)}`);
    });
    early.catch(() => {});
    await Promise.race([ready.promise, early]);
  }

  /** SIGTERM, and wait for the end, which must be a clean one. */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    this.#process!.signal("SIGTERM");
    const { code } = await this.#process!.ended;
    if (code === 0) return;
    throw new Error(`SIGTERM ended Samsa ${this.id} with exit code ${code}: ${this.tail().trim().slice(-1_000)}`);
  }

  /** SIGKILL, and wait for the end. */
  async kill(): Promise<void> {
    this.#process?.signal("SIGKILL");
    await this.#process?.ended;
  }

  /** SIGSTOP, SIGCONT. */
  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.#process?.signal(name);
  }

  /** The end of what it printed. */
  tail(): string {
    return this.#process?.tail() ?? "";
  }

  /** Resident memory in bytes. */
  residentBytes(): Promise<number> {
    return residentBytes(this.pid);
  }

  /** Seconds of processor time. */
  cpuSeconds(): Promise<number> {
    return cpuSeconds(this.pid);
  }
}
