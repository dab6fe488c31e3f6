/**
 * kcat (librdkafka, in C) as a load: the client that people have at hand, tuned as a producer of much data is.
 *
 * @module
 */
import { installClient } from "../interop/install.ts";
import { mustRun } from "../interop/processes.ts";
import { printable } from "./frames.ts";

const PRODUCER = [
  "batch.size=131072",
  "batch.num.messages=100000",
  "linger.ms=5",
  "queue.buffering.max.messages=1000000",
];

/** Sees to it that kcat is there. */
export async function installKcat(): Promise<void> {
  await installClient("kcat");
}

/** Writes a file of lines that kcat takes for records, and returns its path. */
export async function writeLines(dir: string, recordBytes: number, records: number): Promise<string> {
  const path = `${dir}/${recordBytes}x${records}.txt`;
  const perBlock = Math.min(records, Math.ceil(1024 * 1024 / recordBytes));
  const block = new Uint8Array(perBlock * (recordBytes + 1)).fill("\n".charCodeAt(0));
  for (let i = 0; i < perBlock; i++) block.set(printable(recordBytes), i * (recordBytes + 1));
  using file = await Deno.create(path);
  for (let left = records; left > 0; left -= perBlock) {
    file.writeSync(block.subarray(0, Math.min(left, perBlock) * (recordBytes + 1)));
  }
  return path;
}

/** Produces a file, one record per line, to partition 0 with acks=all; returns the seconds that kcat ran. */
export async function kcatProduce(bootstrap: string, topic: string, path: string): Promise<number> {
  const settings = ["acks=all", ...PRODUCER].flatMap((setting) => ["-X", setting]);
  return await timed(["-P", "-b", bootstrap, "-t", topic, "-p", "0", ...settings, "-l", path]);
}

/** Consumes so many records from the beginning of partition 0, printing one byte each; returns the seconds that kcat ran. */
export async function kcatConsume(bootstrap: string, topic: string, records: number): Promise<number> {
  const what = ["-t", topic, "-p", "0", "-o", "beginning", "-c", String(records), "-f", "."];
  return await timed(["-C", "-q", "-b", bootstrap, ...what]);
}

async function timed(args: readonly string[]): Promise<number> {
  const started = performance.now();
  await mustRun("kcat", args, { timeoutMs: 300_000, latin1: true });
  return (performance.now() - started) / 1000;
}
