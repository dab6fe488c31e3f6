/**
 * kcat behind the face of an agent: one process per command, because kcat does one thing and ends.
 *
 * @module
 */
import type { Start, WireRecord } from "./clients/agent.ts";
import { CALL_TIMEOUT_MS, type CallOptions, type Client, Refusal } from "./client.ts";
import { type Outcome, run } from "./processes.ts";

const BETWEEN_RECORDS = "\x1e";
const BETWEEN_KEY_AND_VALUE = "\x1f";

/** What librdkafka prints for the errors that the cases look for, and Kafka's code of it. */
const CODES: readonly (readonly [RegExp, number])[] = [
  [/Message size too large/, 10],
  [/Unknown topic or partition/, 3],
  [/Offset out of range/, 1],
];

interface ProduceFields {
  readonly topic: string;
  readonly codec: string;
  readonly acks: number;
  readonly idempotent: boolean;
  readonly records: readonly WireRecord[];
}

interface ConsumeFields {
  readonly topic: string;
  readonly partition: number;
  readonly from: Start;
  readonly count: number;
  readonly waitMs: number;
}

/** Opens kcat. */
export function openKcat(bootstrap: string): Client {
  const base = ["-b", bootstrap, "-X", "client.id=kcat", "-X", "reconnect.backoff.max.ms=500"];
  const handlers: Record<string, (fields: never, limitMs: number) => Promise<unknown>> = {
    produce: (fields: ProduceFields) => produce(base, fields),
    consume: (fields: ConsumeFields) => consume(base, fields),
    group: (fields: ConsumeFields & { group: string }) => consumeAsGroup(base, fields),
    listTopics: () => listTopics(base),
    describeTopic: (fields: { topic: string }) => describeTopic(base, fields.topic),
    describeCluster: () => describeCluster(base),
    listOffsets: (fields: { topic: string; partition: number; at: string | number }) => listOffsets(base, fields),
  };
  const close = () => Promise.resolve();
  return {
    name: "kcat",
    call<T>(what: string, fields: object = {}, options: CallOptions = {}): Promise<T> {
      const handler = handlers[what];
      if (handler === undefined) return Promise.reject(new Error(`kcat has no command "${what}".`));
      return handler(fields as never, options.timeoutMs ?? CALL_TIMEOUT_MS) as Promise<T>;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function check(outcome: Outcome): string {
  if (outcome.code === 0 && !/Delivery failed/.test(outcome.stderr)) return outcome.stdout;
  const code = CODES.find(([pattern]) => pattern.test(outcome.stderr))?.[1] ?? -1;
  throw new Refusal(code, outcome.timedOut ? "kcat took too long" : outcome.stderr.trim().slice(-1_000));
}

/** Consecutive records that one kcat process can send: same partition, same headers, same kind of value. */
function batches(records: readonly WireRecord[]): WireRecord[][] {
  const kind = (record: WireRecord) => JSON.stringify([record.p, record.h, record.v === null, isForFile(record)]);
  const found: WireRecord[][] = [];
  for (const record of records) {
    const last = found.at(-1);
    if (last !== undefined && kind(last[0]!) === kind(record) && !isForFile(record)) last.push(record);
    else found.push([record]);
  }
  return found;
}

async function produce(base: readonly string[], fields: ProduceFields): Promise<unknown> {
  for (const batch of batches(fields.records)) {
    const [first] = batch;
    const settings = [`acks=${fields.acks}`, `enable.idempotence=${fields.idempotent}`, "message.max.bytes=10000000"];
    // librdkafka hashes keys with CRC-32 unless it is told to do as the Java client does.
    settings.push("topic.partitioner=murmur2_random", "message.timeout.ms=30000");
    const args = ["-P", ...base, "-t", fields.topic, "-z", fields.codec, ...settings.flatMap((each) => ["-X", each])];
    if (first!.p !== undefined) args.push("-p", String(first!.p));
    for (const [name, value] of first!.h) args.push("-H", value === null ? name : `${name}=${decode(value)}`);
    const delimiters = ["-D", BETWEEN_RECORDS, "-K", BETWEEN_KEY_AND_VALUE, ...(first!.v === null ? ["-Z"] : [])];
    if (isForFile(first!)) await produceFile(args, first!);
    else {
      const lines = batch.map((record) => {
        const value = decode(record.v ?? "");
        return record.k === null ? value : decode(record.k) + BETWEEN_KEY_AND_VALUE + value;
      });
      check(await run("kcat", [...args, ...delimiters], { input: lines.join(BETWEEN_RECORDS) + BETWEEN_RECORDS }));
    }
  }
  return { offsets: [] };
}

/** True when a value is too large for a line, or holds bytes that a line cannot. */
function isForFile(record: WireRecord): boolean {
  // deno-lint-ignore no-control-regex -- control characters are what delimits the lines
  return record.v !== null && (record.v.length > 4_096 || /[\x1e\x1f\ufffd]/.test(decode(record.v)));
}

async function produceFile(args: readonly string[], record: WireRecord): Promise<void> {
  const file = await Deno.makeTempFile({ prefix: "samsa-kcat-" });
  try {
    await Deno.writeFile(file, Uint8Array.fromBase64(record.v!));
    check(await run("kcat", [...args, ...(record.k === null ? [] : ["-k", decode(record.k)]), file]));
  } finally {
    await Deno.remove(file);
  }
}

function decode(base64: string): string {
  return new TextDecoder().decode(Uint8Array.fromBase64(base64));
}

/** One line of text per record with the lengths in front, then the bytes, so that any bytes can be told apart. */
const FORMAT = "%p %o %T %K %S\n%k%s%h\n";

async function consume(base: readonly string[], fields: ConsumeFields): Promise<unknown> {
  const { from } = fields;
  const at = from.kind === "offset" ? String(from.value) : from.kind === "time" ? `s@${from.value}` : from.kind;
  const wait = ["-X", "fetch.wait.max.ms=100", "-X", "allow.auto.create.topics=false", "-u", "-q"];
  const where = ["-t", fields.topic, "-p", String(fields.partition), "-o", at, "-c", String(fields.count)];
  const args = ["-C", ...base, ...wait, ...where, "-f", FORMAT];
  return await readWith(args, fields.waitMs);
}

async function consumeAsGroup(base: readonly string[], fields: ConsumeFields & { group: string }): Promise<unknown> {
  const settings = ["-X", "auto.offset.reset=earliest", "-X", "allow.auto.create.topics=false", "-u", "-q"];
  const args = ["-c", String(fields.count), "-f", FORMAT, "-G", fields.group, fields.topic];
  return await readWith([...base, ...settings, ...args], fields.waitMs);
}

async function readWith(args: readonly string[], waitMs: number): Promise<unknown> {
  // Latin-1 keeps every byte as one character, so that the lengths can be counted off.
  const outcome = await run("kcat", args, { timeoutMs: waitMs, latin1: true });
  const records = parseRecords(outcome.stdout);
  if (!outcome.timedOut) check(outcome);
  return { records };
}

function parseRecords(text: string): WireRecord[] {
  const records: WireRecord[] = [];
  for (let position = 0; position < text.length;) {
    const endOfLine = text.indexOf("\n", position);
    const [p, o, t, keyLength, valueLength] = text.slice(position, endOfLine).split(" ").map(Number);
    const keyEnd = endOfLine + 1 + Math.max(0, keyLength!);
    const valueEnd = keyEnd + Math.max(0, valueLength!);
    const end = text.indexOf("\n", valueEnd);
    const k = keyLength === -1 ? null : btoa(text.slice(endOfLine + 1, keyEnd));
    const v = valueLength === -1 ? null : btoa(text.slice(keyEnd, valueEnd));
    records.push({ p: p!, o: o!, t: t!, k, v, h: parseHeaders(text.slice(valueEnd, end)) });
    position = end + 1;
  }
  return records;
}

function parseHeaders(text: string): [string, string | null][] {
  if (text === "") return [];
  return text.split(",").map((pair) => {
    const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
    return [utf8(name), value === "NULL" ? null : btoa(value)];
  });
}

/** Latin-1 characters, one per byte, as the UTF-8 text that they are. */
function utf8(latin1: string): string {
  return decode(btoa(latin1));
}

interface Listing {
  readonly controllerid: number;
  readonly brokers: readonly { readonly id: number; readonly name: string }[];
  readonly topics: readonly {
    readonly topic: string;
    readonly error?: string;
    readonly partitions: readonly { readonly partition: number; readonly leader: number }[];
  }[];
}

async function list(base: readonly string[], topic?: string): Promise<Listing> {
  const of = topic === undefined ? [] : ["-t", topic];
  return JSON.parse(check(await run("kcat", ["-L", "-J", ...base, ...of, "-X", "allow.auto.create.topics=false"])));
}

async function listTopics(base: readonly string[]): Promise<unknown> {
  return { topics: (await list(base)).topics.map((each) => each.topic) };
}

async function describeTopic(base: readonly string[], topic: string): Promise<unknown> {
  const found = (await list(base, topic)).topics[0]!;
  if (found.error !== undefined) throw new Refusal(/Unknown topic/.test(found.error) ? 3 : -1, found.error);
  return { partitions: found.partitions.length, leaders: found.partitions.map((each) => each.leader) };
}

async function describeCluster(base: readonly string[]): Promise<unknown> {
  const found = await list(base);
  const brokers = found.brokers.map(({ id, name }) => {
    const [host, port] = name.split(":");
    return { id, host, port: Number(port) };
  });
  return { brokers, controller: found.controllerid };
}

async function listOffsets(
  base: readonly string[],
  fields: { topic: string; partition: number; at: string | number },
): Promise<unknown> {
  const at = fields.at === "earliest" ? -2 : fields.at === "latest" ? -1 : fields.at;
  const printed = check(await run("kcat", ["-Q", ...base, "-t", `${fields.topic}:${fields.partition}:${at}`]));
  return { offset: Number(/offset (-?\d+)/.exec(printed)![1]) };
}
