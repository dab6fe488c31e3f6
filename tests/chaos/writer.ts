/**
 * A writer process under chaos: what it was told is kept, with the time at which each acknowledgement came, so that silence can
 * be measured and the log judged.
 *
 * @module
 */
import { installClient } from "../interop/install.ts";
import { spawnTalker, type Talker } from "../interop/processes.ts";

/** Where a writer writes. */
export interface WriterPlace {
  readonly topic: string;
  readonly partition: number;
}

/** How a writer is started; bootstrap, topic, partition and gap follow. */
export interface WriterCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly gapMs: number;
  readonly more?: readonly string[];
}

/** How the librdkafka writer is started. */
export async function confluentWriter(): Promise<{ readonly command: string; readonly args: readonly string[] }> {
  const { command } = await installClient("confluent");
  return { command, args: ["-B", "-u", new URL("confluent_writer.py", import.meta.url).pathname] };
}

/** One writer. */
export class ChaosWriter {
  readonly name: string;
  readonly place: WriterPlace;
  /** Offsets by n, as acknowledged. */
  readonly acknowledged: Map<number, number> = new Map();
  /** What was given up: it may be there or not. */
  readonly failed: Map<number, string> = new Map();
  /** How many were sent in all; known at the end. */
  sent = 0;
  /** When the last acknowledgement came. */
  lastAckMs: number = performance.now();
  #longestMs = 0;
  #ended: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #talker: Talker;

  constructor(spec: WriterCommand, bootstrap: string, place: WriterPlace) {
    this.name = spec.name;
    this.place = place;
    const args = [
      ...spec.args,
      bootstrap,
      place.topic,
      String(place.partition),
      String(spec.gapMs),
      ...spec.more ?? [],
    ];
    this.#talker = spawnTalker(spec.command, args, (line) => this.#hear(line));
    this.#talker.ended.then(() =>
      this.#ended.reject(new Error(`${this.name} ended: ${this.#talker.tail().slice(-500)}`))
    );
    this.#ended.promise.catch(() => {});
  }

  /** The longest time without an acknowledgement since this was last asked, the present silence included. */
  takeSilence(): number {
    const longest = Math.max(this.#longestMs, performance.now() - this.lastAckMs);
    this.#longestMs = 0;
    return longest;
  }

  /** The longest silence so far; it goes on being counted. */
  get silenceMs(): number {
    return Math.max(this.#longestMs, performance.now() - this.lastAckMs);
  }

  /** What it said last, beside what was delivered. */
  tail(): string {
    return this.#talker.tail().slice(-2_000);
  }

  /** Lets it send the last and wait for every answer. */
  async stop(): Promise<void> {
    await this.#talker.close();
    await this.#ended.promise;
  }

  #hear(line: string): void {
    const [what, n, rest = ""] = line.split(" ", 3) as [string, string, string?];
    if (what === "END") {
      this.sent = Number(n);
      return this.#ended.resolve();
    }
    if (what === "E") return void this.failed.set(Number(n), line);
    if (what !== "D") return;
    this.acknowledged.set(Number(n), Number(rest));
    const nowMs = performance.now();
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.lastAckMs);
    this.lastAckMs = nowMs;
  }
}

/**
 * Everything wrong with a partition, given what its one writer was told: lost, doubled, reordered, or at another offset than
 * was acknowledged.
 */
export function judgePartition(
  writer: Pick<ChaosWriter, "name" | "acknowledged" | "sent">,
  log: readonly { readonly offset: number; readonly value: string | null }[],
): string[] {
  const problems: string[] = [];
  const seen = new Map<number, number>();
  let last = -1;
  for (const { offset, value } of log) {
    const n = Number(value?.split(":")[1] ?? NaN);
    if (Number.isNaN(n)) problems.push(`offset ${offset} holds ${value}, which nobody wrote`);
    else if (seen.has(n)) problems.push(`DUPLICATED: ${n} is at ${seen.get(n)} and at ${offset}`);
    else if (n < last) problems.push(`REORDERED: ${n} at ${offset} comes after ${last}`);
    seen.set(n, offset);
    last = Math.max(last, n);
  }
  for (const [n, offset] of writer.acknowledged) {
    const found = seen.get(n);
    if (found === undefined) problems.push(`LOST: ${n} was acknowledged at ${offset} and is not there`);
    else if (offset >= 0 && found !== offset) problems.push(`${n} was acknowledged at ${offset} and is at ${found}`);
  }
  return problems.map((problem) => `${writer.name}: ${problem}`);
}
