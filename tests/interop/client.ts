/**
 * The one face that all clients show to the suite: a command goes in, its result comes out, or a {@linkcode Refusal} with
 * Kafka's error code. What is behind it is an agent process (see `clients/agent.ts`) or, for kcat, one process per command.
 *
 * @module
 */
import type { Start, WireRecord } from "./clients/agent.ts";
import { installClient } from "./install.ts";
import { openKcat } from "./kcat.ts";
import { spawnTalker } from "./processes.ts";

export type { Start, WireRecord };

/** A client, open against one broker. */
export interface Client extends AsyncDisposable {
  readonly name: string;
  /** Runs a command; rejects with {@linkcode Refusal} when the client reports an error. */
  call<T = Record<string, never>>(command: string, fields?: object, options?: CallOptions): Promise<T>;
  /** Ends the agent. */
  close(): Promise<void>;
}

/** How long a command may take and who hears of its progress. */
export interface CallOptions {
  /** Default 45,000. */
  readonly timeoutMs?: number;
  readonly onProgress?: (n: number) => void;
}

/** The client reported an error. */
export class Refusal extends Error {
  override readonly name = "Refusal";

  /** @param code Kafka's error code, or -1 when the client refused by itself. */
  constructor(readonly code: number, message: string) {
    super(`error ${code}: ${message}`);
  }
}

/** Opens a client that is installed. */
export async function openClient(name: string, bootstrap: string): Promise<Client> {
  const agent = await installClient(name);
  if (name === "kcat") return openKcat(bootstrap);
  return openAgent(name, agent.command, [...agent.args, bootstrap]);
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  readonly onProgress: ((n: number) => void) | undefined;
}

function openAgent(name: string, command: string, args: readonly string[]): Client {
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  const talker = spawnTalker(command, args, (line) => {
    const answer = JSON.parse(line);
    const asked = waiting.get(answer.id);
    if (asked === undefined) return;
    if ("progress" in answer) return asked.onProgress?.(answer.progress);
    waiting.delete(answer.id);
    if ("ok" in answer) asked.resolve(answer.ok);
    else asked.reject(new Refusal(answer.error.code, answer.error.message));
  });
  const over = () => new Error(`The agent has ended: ${talker.tail().trim().slice(-1_000)}`);
  talker.ended.then(() => {
    for (const asked of waiting.values()) asked.reject(over());
    waiting.clear();
  });
  const close = async () => {
    talker.signal("SIGKILL");
    await talker.ended;
  };
  return {
    name,
    async call<T>(what: string, fields: object = {}, options: CallOptions = {}): Promise<T> {
      if (talker.hasEnded()) throw over();
      const id = ++lastId;
      const answered = Promise.withResolvers<unknown>();
      const limitMs = options.timeoutMs ?? 45_000;
      waiting.set(id, { ...answered, onProgress: options.onProgress });
      const limit = setTimeout(() => {
        waiting.delete(id);
        answered.reject(new Error(`"${what}" was not answered in ${limitMs / 1000} s.`));
      }, limitMs);
      try {
        await talker.say(JSON.stringify({ id, do: what, ...fields }));
        return await answered.promise as T;
      } finally {
        clearTimeout(limit);
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
