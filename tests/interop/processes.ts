/**
 * Child processes that never outlive this one: started here, watched here, killed when this process ends.
 *
 * Every child is kept in one set until it has ended. When the runtime unloads, or on SIGINT, SIGTERM and SIGHUP, whatever is
 * left in the set is killed with SIGKILL, so that an interrupted run leaves no broker behind.
 *
 * @module
 */

const living = new Set<Deno.ChildProcess>();
const folders = new Set<string>();
let guarded = false;

/** How many characters of a child's output are kept for error messages. */
const TAIL_CHARACTERS = 32_768;

/** What to start and how. */
export interface StartOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Called with each full line of standard output. */
  readonly onLine?: (line: string) => void;
  /** False: lines of standard output are not kept for `tail`. */
  readonly keepsLines?: boolean;
}

/** A child process whose output is drained, so that it never blocks on a full pipe. */
export interface RunningProcess {
  readonly pid: number;
  /** The end of what it printed, standard output and standard error together. */
  tail(): string;
  /** The exit status, once it has ended and its output was read to the end. */
  readonly ended: Promise<Deno.CommandStatus>;
  /** True once the process has ended. */
  hasEnded(): boolean;
  /** Sends a signal; a process that has ended already is left in peace. */
  signal(name: Deno.Signal): void;
}

/** What a command that ran to its end has left. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** True when it was killed because it took longer than its limit. */
  readonly timedOut: boolean;
}

/** How to run a command to its end. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Text or bytes for standard input; without it standard input is empty. */
  readonly input?: string | Uint8Array;
  /** After so many milliseconds it is killed; default 120,000. */
  readonly timeoutMs?: number;
  /** Read standard output as Latin-1, one character per byte. */
  readonly latin1?: boolean;
}

/** Kills every child that is still alive, at once, and removes the temporary folders that are left. */
function killAllChildren(): void {
  for (const child of living) {
    try {
      child.kill("SIGKILL");
    } catch {
      // It ended between the look and the signal.
    }
  }
  living.clear();
  for (const folder of folders) {
    try {
      Deno.removeSync(folder, { recursive: true });
      folders.delete(folder);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) folders.delete(folder);
      // Else a dying process has just written into it: the next call tries again.
    }
  }
}

/** A new folder in the system's temporary folder, removed when this process ends, if not before. */
export async function temporaryFolder(prefix: string): Promise<string> {
  guard();
  const folder = await Deno.makeTempDir({ prefix });
  folders.add(folder);
  return folder;
}

function guard(): void {
  if (guarded) return;
  guarded = true;
  // An uncaught error ends this process without "unload".
  for (const end of ["unload", "error", "unhandledrejection"]) globalThis.addEventListener(end, killAllChildren);
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(name, () => {
      const ends = [...living].map((child) => child.status);
      killAllChildren();
      // Folders can be removed for good only when nobody writes into them any more.
      Promise.all(ends).then(() => Deno.exit(130));
    });
  }
}

function spawn(command: string, args: readonly string[], options: Deno.CommandOptions): Deno.ChildProcess {
  guard();
  const child = new Deno.Command(command, { ...options, args: [...args] }).spawn();
  living.add(child);
  return child;
}

/** Starts a process that goes on in the background, a broker for instance. */
export function startProcess(command: string, args: readonly string[], options: StartOptions = {}): RunningProcess {
  return watch(
    spawn(command, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }),
    options,
  );
}

/** A background process that is spoken to in lines. */
export interface Talker extends RunningProcess {
  /** Writes one line to its standard input. */
  say(line: string): Promise<void>;
  /** Ends its standard input. */
  close(): Promise<void>;
}

/** Starts a background process that is spoken to line by line. */
export function spawnTalker(command: string, args: readonly string[], onLine: (line: string) => void): Talker {
  const child = spawn(command, args, { stdin: "piped", stdout: "piped", stderr: "piped" });
  const writer = child.stdin.getWriter();
  const encoder = new TextEncoder();
  return {
    ...watch(child, { onLine, keepsLines: false }),
    say: (line) => writer.write(encoder.encode(line + "\n")),
    close: () => writer.close().catch(() => {}), // it may have ended
  };
}

function watch(child: Deno.ChildProcess, options: StartOptions): RunningProcess {
  let tail = "";
  let over = false;
  const drain = async (stream: ReadableStream<Uint8Array>, onLine?: (line: string) => void) => {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      const text = decoder.decode(bytes, { stream: true });
      if (onLine === undefined || options.keepsLines !== false) tail = (tail + text).slice(-TAIL_CHARACTERS);
      if (onLine === undefined) continue;
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach(onLine);
    }
    if (rest !== "") onLine?.(rest);
  };
  const drained = Promise.all([drain(child.stdout, options.onLine), drain(child.stderr)]);
  const ended = child.status.then(async (status) => {
    over = true;
    living.delete(child);
    await drained;
    return status;
  });
  return {
    pid: child.pid,
    tail: () => tail,
    ended,
    hasEnded: () => over,
    signal: (name) => {
      if (!over) child.kill(name);
    },
  };
}

/** Runs a command to its end and returns what it printed; it throws only when the command cannot be started. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = spawn(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    stdin: options.input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  });
  let timedOut = false;
  const limit = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
  }, options.timeoutMs ?? 120_000);
  try {
    const [output] = await Promise.all([child.output(), feed(child, options.input)]);
    const decoder = new TextDecoder();
    return {
      code: output.code,
      stdout: options.latin1 ? latin1(output.stdout) : decoder.decode(output.stdout),
      stderr: decoder.decode(output.stderr),
      timedOut,
    };
  } finally {
    clearTimeout(limit);
    living.delete(child);
  }
}

/** One character per byte; TextDecoder's "latin1" is windows-1252 and would change some. */
function latin1(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 8_192) parts.push(String.fromCharCode(...bytes.subarray(at, at + 8_192)));
  return parts.join("");
}

async function feed(child: Deno.ChildProcess, input: string | Uint8Array | undefined): Promise<void> {
  if (input === undefined) return;
  const writer = child.stdin.getWriter();
  try {
    await writer.write(typeof input === "string" ? new TextEncoder().encode(input) : input);
    await writer.close();
  } catch {
    // It stopped reading; its exit code tells why.
  }
}

/** Runs a command that must succeed and returns its standard output; the error quotes what it printed. */
export async function mustRun(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const outcome = await run(command, args, options);
  if (outcome.code === 0) return outcome.stdout;
  const why = outcome.timedOut ? "took too long" : `ended with code ${outcome.code}`;
  const said = (outcome.stderr + "\n" + outcome.stdout).trim().slice(-2_000);
  throw new Error(`\`${[command, ...args].join(" ").slice(0, 200)}\` ${why}: ${said}`);
}

/** True when the command is found on the PATH. */
export async function isOnPath(command: string): Promise<boolean> {
  return (await run("sh", ["-c", `command -v ${command}`])).code === 0;
}

/** Free loopback ports below 32768, where the system does not hand them out to outgoing connections. */
export function freePorts(count: number): number[] {
  const found: number[] = [];
  for (let tries = 0; found.length < count; tries++) {
    if (tries > 10_000) throw new Error("No free port was found between 20000 and 32000; stop what listens there.");
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (found.includes(port)) continue;
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      found.push(port);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  return found;
}

/** One free loopback port below 32768. */
export function freePort(): number {
  return freePorts(1)[0]!;
}

/** Resident memory of a process in bytes; 0 when it has ended. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

/** User and system time that a process has used, in seconds; 0 when it has ended. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
  // The second field is the name in brackets and may hold blanks: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticksPerSecond = 100;
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond;
}
