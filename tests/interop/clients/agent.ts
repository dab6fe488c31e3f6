/**
 * The script side of an agent: a client program that takes one JSON command per line and answers with one JSON line.
 *
 * ```
 * {"id":7,"do":"produce",…}  ──▶  agent  ──▶  {"id":7,"ok":{…}}  or  {"id":7,"error":{"code":10,"message":"…"}}
 *                                       ╰──▶  {"id":7,"progress":3}   any number of times before the answer: a number, or an event
 * ```
 * Commands run side by side. The code is Kafka's error code, or -1 when the client refused by itself.
 *
 * @module
 */

/** A record on its way through an agent: bytes as base64, `p` partition, `o` offset, `t` timestamp in milliseconds. */
export interface WireRecord {
  readonly p?: number;
  readonly o?: number;
  readonly t?: number;
  readonly k: string | null;
  readonly v: string | null;
  readonly h: readonly (readonly [string, string | null])[];
}

/** Where reading begins. */
export type Start =
  | { readonly kind: "beginning" }
  | { readonly kind: "end" }
  | { readonly kind: "offset"; readonly value: number }
  | { readonly kind: "time"; readonly value: number };

/** Everything that any command may hold; each command reads its own part. */
export interface Command {
  readonly id: number;
  readonly do: string;
  readonly topic: string;
  readonly partition: number;
  readonly partitions: number;
  readonly configs: Record<string, string>;
  readonly set: Record<string, string>;
  readonly codec: "none" | "gzip" | "snappy" | "lz4" | "zstd";
  readonly acks: number;
  readonly idempotent: boolean;
  /** False: the client must not ask for the topic to be created. */
  readonly auto: boolean;
  readonly records: readonly WireRecord[];
  readonly from: Start;
  readonly count: number;
  readonly waitMs: number;
  readonly gapMs: number;
  readonly before: number;
  readonly at: "earliest" | "latest" | number;
  readonly group: string;
  /** Names the member of a group, within this agent, for `leave`. */
  readonly member: string;
  readonly protocol: "classic" | "consumer";
  /** The group instance id of a static member. */
  readonly instance?: string;
  /** Of the classic protocol; in the new one the broker decides. */
  readonly sessionMs: number;
  /** How the classic protocol shares partitions out: `range`, `roundrobin`, `cooperative-sticky`; what is left out is the client's own. */
  readonly strategy?: string;
  readonly transactionalId: string;
  readonly commit: boolean;
}

/** What a member of a group tells while it lives. */
export type MemberEvent =
  /** All that it has now. */
  | { readonly assigned: readonly number[] }
  /** It was handed a record: partition, offset. Afterwards it commits. */
  | { readonly read: readonly [number, number] }
  /** It has committed: partition, the next offset. */
  | { readonly committed: readonly [number, number] };

/** What runs one kind of command; `progress` tells the suite how far it is. */
export type Handler = (command: Command, progress: (n: number | MemberEvent) => void) => Promise<unknown>;

/** The members that live in this agent: how each is told to leave. */
const leaving = new Map<string, () => void>();

/** Resolves when the member is to leave. */
export function untilLeaving({ member }: Command): Promise<void> {
  return new Promise((resolve) => leaving.set(member, resolve));
}

/** Handles `leave`; the member's own command ends when it has left. */
export function leave({ member }: Command): Promise<void> {
  leaving.get(member)?.();
  leaving.delete(member);
  return Promise.resolve();
}

/** How an agent turns what its client throws into Kafka's error code; -1 for what is none. */
export type CodeOf = (error: unknown) => number;

/** Base64 to bytes; null stays null. */
export function toBuffer(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, "base64");
}

/** Bytes to base64; null stays null. */
export function toText(bytes: Uint8Array | null | undefined): string | null {
  return bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString("base64");
}

/** Reads commands from standard input until it ends. */
export async function serve(handlers: Record<string, Handler>, codeOf: CodeOf): Promise<void> {
  const say = (line: unknown) => {
    const bytes = new TextEncoder().encode(JSON.stringify(line) + "\n");
    for (let written = 0; written < bytes.length;) written += Deno.stdout.writeSync(bytes.subarray(written));
  };
  const act = async (command: Command) => {
    try {
      const handler = handlers[command.do];
      if (handler === undefined) throw new Error(`This client has no command "${command.do}".`);
      const ok = await handler(command, (n) => say({ id: command.id, progress: n }));
      say({ id: command.id, ok: ok ?? {} });
    } catch (error) {
      const message = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
      say({ id: command.id, error: { code: codeOf(error), message: message.slice(0, 2_000) } });
    }
  };
  // Some clients throw out of a timer after a connection broke; that is theirs to retry, not the end of the agent.
  globalThis.addEventListener("unhandledrejection", (event) => event.preventDefault());
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of Deno.stdin.readable) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) void act(JSON.parse(line));
  }
  Deno.exit(0);
}
