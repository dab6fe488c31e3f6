/**
 * The one face that all clients show to the suite: a command goes in, its result comes out, or a {@linkcode Refusal} with
 * Kafka's error code. What is behind it is an agent process (see `clients/agent.ts`) or, for kcat, one process per command.
 *
 * @module
 */
import type { MemberEvent, Start, WireRecord } from "./clients/agent.ts";

export type { MemberEvent, Start, WireRecord };

/** A client, open against one broker. */
export interface Client extends AsyncDisposable {
  readonly name: string;
  /** Runs a command; rejects with {@linkcode Refusal} when the client reports an error. */
  call<T = Record<string, never>>(command: string, fields?: object, options?: CallOptions): Promise<T>;
  /** Ends the agent. */
  close(): Promise<void>;
}

/** As long as a command may take that nobody has set a limit for; longer than what commands themselves wait for. */
export const CALL_TIMEOUT_MS = 120_000;

/** How long a command may take and who hears of its progress. */
export interface CallOptions {
  /** Default {@linkcode CALL_TIMEOUT_MS}. */
  readonly timeoutMs?: number;
  readonly onProgress?: (n: number) => void;
  readonly onEvent?: (event: MemberEvent) => void;
}

/** The client reported an error. */
export class Refusal extends Error {
  override readonly name = "Refusal";

  /** @param code Kafka's error code, or -1 when the client refused by itself. */
  constructor(readonly code: number, message: string) {
    super(`error ${code}: ${message}`);
  }
}
