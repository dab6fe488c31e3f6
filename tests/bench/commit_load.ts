/**
 * Commits without end: groups without members, several requests under way on each connection.
 *
 * @module
 */
import { decodeResponse, encodeRequest } from "../../protocol/codec.ts";
import { offsetCommit } from "../../protocol/tables/groups.ts";
import { concat } from "../helpers/raw_client.ts";
import { FrameReader, stampRequest, writeAll } from "./frames.ts";
import { coordinatorsOf } from "./group_client.ts";
import type { CommitJob, Throughput } from "./load.ts";

const VERSION = 9;

/** Connection `i` commits for group `i` modulo their number, one partition at a time. */
export async function runCommits(job: CommitJob): Promise<Throughput> {
  const groupIds = Array.from({ length: job.groups }, (_, index) => `commits-${job.groups}-${index}`);
  const addresses = await coordinatorsOf(job.bootstrap, groupIds);
  const lanes = await Promise.all(Array.from({ length: Math.max(job.connections, job.groups) }, async (_, index) => {
    const [hostname, port] = addresses[index % job.groups]!.split(":");
    const conn = await Deno.connect({ hostname: hostname!, port: Number(port) });
    conn.setNoDelay(true);
    return { conn, frame: frameOf(groupIds[index % job.groups]!, job.topic, index) };
  }));
  const each = Math.ceil(job.commits / lanes.length);
  await Promise.all(lanes.map(({ conn, frame }) => commitOn(conn, frame, 1, 1))); // groups begin
  const started = performance.now();
  await Promise.all(lanes.map(({ conn, frame }) => commitOn(conn, frame, each, job.inFlight)));
  const seconds = (performance.now() - started) / 1000;
  for (const { conn } of lanes) conn.close();
  return { seconds, records: each * lanes.length };
}

function frameOf(groupId: string, name: string, partitionIndex: number): Uint8Array {
  const partitions = [{ partitionIndex: partitionIndex % 64, committedOffset: 4711n, committedMetadata: "" }];
  return concat(
    encodeRequest(offsetCommit, VERSION, 0, "bench", { groupId, memberId: "", topics: [{ name, partitions }] }),
  );
}

async function commitOn(conn: Deno.Conn, frame: Uint8Array, count: number, inFlight: number): Promise<void> {
  const answers = new FrameReader(conn);
  let acked = 0;
  let room = Promise.withResolvers<void>();
  const send = async () => {
    for (let sent = 0; sent < count; sent++) {
      while (sent - acked >= inFlight) await room.promise;
      stampRequest(frame, sent);
      await writeAll(conn, frame);
    }
  };
  const receive = async () => {
    while (acked < count) {
      const bytes = await answers.next();
      if (bytes === undefined) throw new Error("The broker closed the connection.");
      const { body } = decodeResponse(offsetCommit, VERSION, bytes);
      const { errorCode } = body.topics[0]!.partitions[0]!;
      if (errorCode !== 0) throw new Error(`A commit was refused with error ${errorCode}.`);
      acked++;
      room.resolve();
      room = Promise.withResolvers<void>();
    }
  };
  await Promise.all([send(), receive()]);
}
