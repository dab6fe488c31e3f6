import { assertEquals } from "@std/assert";
import { batches } from "../../../protocol/batch.ts";
import { FrameReader, makeBatch } from "../../bench/frames.ts";
import { runLoad } from "../../bench/load.ts";
import { startSink } from "../../bench/targets.ts";

const SHAPE = { recordBytes: 100, recordsPerBatch: 10 };

Deno.test("a batch has the shape that was asked for", () => {
  const [header, ...more] = batches(makeBatch(SHAPE));
  assertEquals([header!.recordCount, more.length], [10, 0]);
});

Deno.test("the reader finds frames wherever the socket cuts them", async () => {
  const stream = new Uint8Array([0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 1, 9]);
  for (const piece of [1, 4, 5, 6, 7, 100]) {
    let at = 0;
    const conn = {
      read(into: Uint8Array) {
        const bytes = stream.subarray(at, at + piece);
        into.set(bytes);
        at += bytes.length;
        return Promise.resolve(bytes.length === 0 ? null : bytes.length);
      },
    } as unknown as Deno.Conn;
    const reader = new FrameReader(conn);
    const frames: number[][] = [];
    for (let frame; (frame = await reader.next()) !== undefined;) frames.push([...frame]);
    assertEquals(frames, [[7, 8], [], [9]], `pieces of ${piece}`);
  }
});

// Child processes are guarded by signal listeners, which stay as long as this process does.
const guarded = { sanitizeOps: false, sanitizeResources: false };

Deno.test("the load client does its jobs against the sink", guarded, async () => {
  const sink = await startSink(SHAPE);
  const place = { bootstrap: sink.bootstrap, topic: "any", partition: 0 };
  try {
    const produce = { kind: "produce", ...place, ...SHAPE, connections: 3, inFlight: 5, batches: 30 } as const;
    assertEquals((await runLoad(produce)).records, 300);
    const latency = { kind: "latency", ...place, recordBytes: 100, perSecond: 100, seconds: 0.1 } as const;
    assertEquals((await runLoad(latency)).samples, 10);
  } finally {
    await sink.close();
  }
});
