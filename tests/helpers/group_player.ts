/**
 * Plays requests about groups and writes down the answers in a form that two brokers can be compared by.
 *
 * What a broker may choose is taken out: member ids are numbered as they come, epochs of the new protocol are told from one another only as
 * none, negative and positive, rows of several groups are sorted, texts of errors are left out.
 *
 * @module
 */
import { errorName } from "../../protocol/errors.ts";
import type { Api, RequestInput, Response } from "../../protocol/schema.ts";
import type { RawClient } from "./raw_client.ts";

const PATIENCE_MS = 15_000;
/** A coordinator that has just come to be asks for patience. */
const NOT_YET = /COORDINATOR_LOAD_IN_PROGRESS|COORDINATOR_NOT_AVAILABLE|"NOT_COORDINATOR"/;
const EPOCHS = new Set(["memberEpoch", "groupEpoch", "assignmentEpoch"]);
const DROPPED = new Set(["throttleTimeMs", "topicId", "heartbeatIntervalMs"]);
/** Lists whose order means nothing, by what they are sorted by. */
const SORTED = ["groupId", "name", "partitionIndex", "memberId"];

/** One conversation over one connection. */
export class GroupPlayer {
  /** A line for each answer: what it was, its version, and the answer. */
  readonly lines: string[] = [];
  readonly #names = new Map<string, string>();

  constructor(readonly client: RawClient) {}

  /** Asks, until there is a coordinator; the answer is given back, and written down where the question was put. */
  async call<T extends Api>(
    label: string,
    api: T,
    version: number,
    body: RequestInput<T>,
    client: RawClient = this.client,
  ): Promise<Response<T>> {
    const at = this.lines.push("") - 1;
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const answer = await client.call(api, version, body);
      const text = JSON.stringify(this.#plain(answer, ""));
      if (NOT_YET.test(text) && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      }
      this.lines[at] = `${label} v${version}: ${text}`;
      return answer;
    }
  }

  #plain(value: unknown, key: string): unknown {
    if (typeof value === "bigint") return Number(value);
    if (typeof value === "number") return this.#number(value, key);
    if (typeof value === "string") return this.#text(value, key);
    if (value instanceof Uint8Array) return `<${value.toHex()}>`;
    if (Array.isArray(value)) return sorted(value.map((each) => this.#plain(each, key)));
    if (value === null || typeof value !== "object") return value;
    const kept = Object.entries(value).filter(([name]) => !DROPPED.has(name));
    return Object.fromEntries(kept.map(([name, inner]) => [name, this.#plain(inner, name)]));
  }

  #number(value: number, key: string): unknown {
    if (key === "errorCode") return errorName(value);
    return EPOCHS.has(key) && value > 0 ? "<epoch>" : value;
  }

  #text(value: string, key: string): string {
    if (key === "errorMessage") return "…";
    if (!/[0-9a-f]{8}-[0-9a-f]{4}/.test(value)) return key === "memberId" && value.length === 22 ? "<member>" : value;
    if (!this.#names.has(value)) this.#names.set(value, `<member ${this.#names.size + 1}>`);
    return this.#names.get(value)!;
  }
}

function sorted(list: unknown[]): unknown[] {
  const first = list[0];
  if (first === null || typeof first !== "object") return list;
  const by = SORTED.find((name) => name in first);
  if (by === undefined) return list;
  const keyOf = (each: unknown) => String((each as Record<string, unknown>)[by]);
  return list.toSorted((a, b) => keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0);
}
