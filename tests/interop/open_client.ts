/**
 * Opens clients: starts the agent of one that is installed and carries commands to it, line by line.
 *
 * @module
 */
import { CALL_TIMEOUT_MS, type CallOptions, type Client, Refusal } from "./client.ts";
import { installClient } from "./install.ts";
import { openKcat } from "./kcat.ts";
import { spawnTalker } from "./processes.ts";

/** Opens a client that is installed. */
export async function openClient(name: string, bootstrap: string): Promise<Client> {
  const agent = await installClient(name);
  if (name === "kcat") return openKcat(bootstrap);
  return openAgent(name, agent.command, [...agent.args, bootstrap]);
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  readonly options: CallOptions;
}

function openAgent(name: string, command: string, args: readonly string[]): Client {
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  const talker = spawnTalker(command, args, (line) => {
    const answer = JSON.parse(line);
    const asked = waiting.get(answer.id);
    if (asked === undefined) return;
    if ("progress" in answer) {
      const { progress } = answer;
      return typeof progress === "number" ? asked.options.onProgress?.(progress) : asked.options.onEvent?.(progress);
    }
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
      const limitMs = options.timeoutMs ?? CALL_TIMEOUT_MS;
      waiting.set(id, { ...answered, options });
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
