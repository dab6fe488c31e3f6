/**
 * A broker in a process of its own, started with the least permissions that it needs.
 *
 * The process is Deno itself, not a wrapper around it, so that a signal sent to it arrives, and a kill kills the broker.
 *
 * @module
 */

import { fileURLToPath as fromFileUrl } from "node:url";
import type { Voter } from "./voters.ts";

/** How to start a broker process. */
export interface BrokerProcessOptions {
  readonly id: number;
  /** Kafka port; 0 takes any free one. */
  readonly port: number;
  /** Console port; 0 is off. */
  readonly httpPort: number;
  /** Data folder; without it the data is in memory. */
  readonly dir?: string;
  readonly rack?: string;
  /** Who votes; without them the broker is alone. */
  readonly voters?: readonly Voter[];
  /** Port for the other brokers, where it is not what the voters say. */
  readonly nodePort?: number;
  readonly config: ReadonlyMap<string, string>;
  /** Told of every line that the process prints or says, but its ready line. Default: they go where this process's own go. */
  readonly print?: (line: string) => void;
}

/** One `name=value` of a ready line; a value ends where the next field begins. */
const FIELD = / (\w+)=(.*?)(?= \w+=|$)/g;

/** A broker process. */
export class BrokerProcess {
  /** The fields of its ready line (`bootstrap`, `data`, `http` …), once it serves. Never settles if it ends before. */
  readonly ready: Promise<ReadonlyMap<string, string>>;
  /** Its exit code. */
  readonly ended: Promise<number>;
  readonly #child: Deno.ChildProcess;

  private constructor(readonly id: number, child: Deno.ChildProcess, print: BrokerProcessOptions["print"]) {
    this.#child = child;
    const ready = Promise.withResolvers<ReadonlyMap<string, string>>();
    this.ready = ready.promise;
    const printed = passOn(child.stdout, (line) => {
      if (!line.startsWith("ready ")) return (print ?? console.log)(line);
      ready.resolve(new Map([...line.matchAll(FIELD)].map(([, name, value]) => [name!, value!])));
    });
    const said = print === undefined ? Promise.resolve() : passOn(child.stderr, print);
    this.ended = Promise.all([printed, said]).then(() => child.status).then(({ code }) => code);
  }

  /** Starts it. */
  static start(options: BrokerProcessOptions): BrokerProcess {
    const [program, ...args] = brokerCommand(options);
    const stderr = options.print === undefined ? "inherit" : "piped";
    const command = new Deno.Command(program!, { args, stdin: "null", stdout: "piped", stderr });
    return new BrokerProcess(options.id, command.spawn(), options.print);
  }

  /** Asks it to stop cleanly, if it still runs, and waits until it has. */
  async stop(): Promise<number> {
    try {
      this.#child.kill("SIGTERM");
    } catch { /* it has ended */ }
    return await this.ended;
  }
}

/** The command line that starts a broker process, word by word. */
export function brokerCommand(options: BrokerProcessOptions): readonly string[] {
  const script = new URL("../scripts/broker.ts", import.meta.url);
  const name = script.protocol === "file:" ? fromFileUrl(script) : script.href;
  return [Deno.execPath(), "run", ...permissions(options, script), name, ...flags(options)];
}

/** A command line as one can paste it into a shell. */
export function quoted(words: readonly string[]): string {
  return words.map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`).join(" ");
}

function permissions({ dir }: BrokerProcessOptions, script: URL): string[] {
  const list = ["--no-prompt", "--allow-net=127.0.0.1"];
  // Deno 2.9 reads a comma as the end of a path, doubled or not: such a folder cannot be named, so all of them are allowed.
  const only = dir?.includes(",") ? "" : `=${dir}`;
  if (dir !== undefined) list.push(`--allow-read${only}`, `--allow-write${only}`);
  if (script.protocol !== "file:") list.push(`--allow-import=${script.host}`);
  return list;
}

function flags({ id, port, httpPort, nodePort, voters, dir, rack, config }: BrokerProcessOptions): string[] {
  return [
    ...["--id", String(id), "--port", String(port), "--http-port", String(httpPort)],
    ...(nodePort === undefined ? [] : ["--node-port", String(nodePort)]),
    ...(voters === undefined ? [] : ["--voters", voters.map(({ id, host, port }) => `${id}@${host}:${port}`).join()]),
    ...(dir === undefined ? ["--ephemeral"] : [`--dir=${dir}`]),
    ...(rack === undefined ? [] : [`--rack=${rack}`]),
    ...[...config].map(([name, value]) => `--config=${name}=${value}`),
  ];
}

/** Calls `take` for each line of a stream, until it ends. */
async function passOn(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop()!;
    lines.forEach(take);
  }
  if (rest !== "") take(rest);
}
