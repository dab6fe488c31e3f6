/**
 * A listener that answers every Produce and Fetch with the same bytes and keeps nothing: what the load client reaches
 * against it is the client's own limit.
 *
 * ```text
 *   deno run -N sink.ts PORT RECORD_BYTES RECORDS_PER_BATCH      prints "ready" when it listens
 * ```
 *
 * @module
 */
import { readInt16, readInt32 } from "../../lib/big_endian.ts";
import { encodeResponse } from "../../protocol/codec.ts";
import { fetch, produce } from "../../protocol/tables/produce_fetch.ts";
import { concat } from "../helpers/raw_client.ts";
import {
  type BatchShape,
  FETCH_VERSION,
  FrameReader,
  makeBatch,
  PRODUCE_VERSION,
  stampResponse,
  writeAll,
} from "./frames.ts";

function cannedAnswers(shape: BatchShape): Map<number, Uint8Array> {
  const done = { index: 0, errorCode: 0, baseOffset: 0n };
  const acked = encodeResponse(produce, PRODUCE_VERSION, 0, { responses: [{ name: "", partitionResponses: [done] }] });
  const batch = makeBatch(shape);
  const records = concat(Array.from({ length: Math.max(1, Math.floor(1024 * 1024 / batch.length)) }, () => batch));
  const partition = { partitionIndex: 0, errorCode: 0, highWatermark: 0n, abortedTransactions: null, records };
  const fetched = encodeResponse(fetch, FETCH_VERSION, 0, { responses: [{ topic: "", partitions: [partition] }] });
  return new Map([[produce.key, concat(acked)], [fetch.key, concat(fetched)]]);
}

async function serve(conn: Deno.TcpConn, shape: BatchShape): Promise<void> {
  conn.setNoDelay(true);
  const answers = cannedAnswers(shape);
  const requests = new FrameReader(conn);
  for (let frame; (frame = await requests.next()) !== undefined;) {
    const answer = answers.get(readInt16(frame, 0))!;
    stampResponse(answer, readInt32(frame, 4));
    await writeAll(conn, answer);
  }
  conn.close();
}

if (import.meta.main) {
  const [port, recordBytes, recordsPerBatch] = Deno.args.map(Number);
  const shape = { recordBytes: recordBytes!, recordsPerBatch: recordsPerBatch! };
  const listener = Deno.listen({ hostname: "127.0.0.1", port: port! });
  console.log("ready");
  for await (const conn of listener) serve(conn, shape).catch(() => {});
}
