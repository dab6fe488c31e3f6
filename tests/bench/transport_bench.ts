/**
 * What the way to another process costs: questions and answers, small and large bodies over the loopback.
 *
 * Run: deno run -A tests/bench/transport_bench.ts
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import { realEnv } from "../../server/env.ts";
import { FrameReader, FrameWriter } from "../../transport/frames.ts";
import { TcpTransport } from "../../transport/tcp.ts";
import type { Envelope } from "../../transport/transport.ts";

const HOST = "127.0.0.1";
const LARGE_BYTES = 256 << 10;
const BODY = {
  replicaId: 2,
  epoch: 17,
  partitions: [{
    topic: "orders",
    partition: 3,
    fetchOffset: 123_456_789,
    logStartOffset: 0,
    highWatermark: 123_456_700,
  }],
};

function transport(nodeId: number, port: number): TcpTransport {
  const report = (sentence: string) => console.error(sentence);
  const incarnationId = crypto.randomUUID();
  return new TcpTransport({ nodeId, incarnationId, clusterId: () => "", hostname: HOST, port, env: realEnv(), report });
}

function envelope(call: number, body: unknown): Envelope {
  return { to: "2/replica/orders-3", from: "1/replica/orders-3", call, verb: "pull", body };
}

/** Answers every question with what it asks for, until it is killed. */
function answer(): void {
  const tcp = transport(2, 0);
  const large = new Uint8Array(LARGE_BYTES);
  tcp.onPeer(() => {});
  tcp.onReceive(({ from, to, call, body }) => {
    tcp.send(1, { to: from, from: to, call, verb: "$reply", body: body === "large" ? large : body });
  });
  console.log(tcp.port);
}

/** Keeps `width` questions under way until `count` are answered; returns the seconds that took. */
async function ask(tcp: TcpTransport, count: number, width: number, body: unknown): Promise<number> {
  const startMs = performance.now();
  let sent = 0;
  let answered = 0;
  await new Promise<void>((resolve, reject) => {
    const next = () => {
      if (sent >= count) return;
      if (!tcp.send(2, envelope(++sent, body))) reject(new Error("there was no room"));
    };
    tcp.onReceive(() => {
      if (++answered === count) resolve();
      next();
    });
    for (let at = 0; at < width; at++) next();
  });
  return (performance.now() - startMs) / 1_000;
}

function codec(): void {
  const [writer, reader] = [new FrameWriter(), new FrameReader(64 << 20)];
  const rounds = 300_000;
  for (const what of ["warm up", "to bytes and back"]) {
    const startMs = performance.now();
    for (let at = 0; at < rounds; at++) {
      const { head } = writer.envelope(envelope(at, BODY));
      reader.space().set(head);
      reader.filled(head.length);
      reader.next();
    }
    const nanos = ((performance.now() - startMs) * 1e6) / rounds;
    if (what !== "warm up") console.log(`one small envelope ${what}: ${nanos.toFixed(0)} ns`);
  }
}

async function measure(): Promise<void> {
  codec();
  const args = ["run", "-A", fromFileUrl(import.meta.url), "answer"];
  const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
  const { value } = await child.stdout.getReader().read();
  const tcp = transport(1, 0);
  tcp.onReceive(() => {});
  const up = new Promise<void>((resolve) => tcp.onPeer(({ type }) => type === "up" && resolve()));
  tcp.setPeers(new Map([[2, { host: HOST, port: Number(new TextDecoder().decode(value)) }]]));
  await up;
  await ask(tcp, 50_000, 64, BODY);
  for (const width of [1, 8, 64, 512]) {
    const count = width === 1 ? 20_000 : 200_000;
    const seconds = await ask(tcp, count, width, BODY);
    const micros = (seconds * 1e6 * width) / count;
    console.log(
      `${width} small questions under way: ${(count / seconds).toFixed(0)} answers/s, ${micros.toFixed(0)} us each`,
    );
  }
  for (const width of [1, 4, 16]) {
    const count = 4_000;
    const seconds = await ask(tcp, count, width, "large");
    const megabytes = (count * LARGE_BYTES) / 1e6 / seconds;
    console.log(`${width} answers of 256 KiB under way: ${megabytes.toFixed(0)} MB/s`);
  }
  tcp.close();
  await tcp.ended();
  child.kill();
  await child.status;
}

if (Deno.args[0] === "answer") answer();
else await measure();
