/**
 * What follows when records are committed: the image, the cluster's id, those who read along, a snapshot now and then.
 *
 * @module
 */
import { assert } from "../../lib/assert.ts";
import { replay } from "../controller/protocol.ts";
import { epochBefore, readMetadata } from "./log.ts";
import { tellReaders } from "./readers.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshots.ts";
import type { Out, Quorum } from "./state.ts";

const SNAPSHOT_EVERY_RECORDS = 20_000;

/** Everything below `offset`, where a batch ends, is committed and in the log. Less than is known already changes nothing. */
export function commitTo(quorum: Quorum, out: Out, offset: number): void {
  if (offset <= quorum.highWatermark) return;
  assert(offset <= quorum.log.endOffset, `${offset} cannot be committed in a log that ends at ${quorum.log.endOffset}`);
  const baseOffset = quorum.highWatermark;
  const records = readMetadata(quorum.log, baseOffset, offset);
  quorum.image = replay(quorum.image, records);
  quorum.recent = { baseOffset, records };
  quorum.highWatermark = offset;
  announce(quorum, out);
  maybeSnapshot(quorum, out);
}

/** A snapshot of the leader's takes the place of the log, and of everything that was known. */
export function install(quorum: Quorum, out: Out, id: { endOffset: number; epoch: number }, bytes: Uint8Array): void {
  const { highWatermark, deps, log } = quorum;
  assert(
    id.endOffset >= highWatermark,
    `a snapshot at ${id.endOffset} would take back what is committed to ${highWatermark}`,
  );
  const image = decodeSnapshot(bytes, id.endOffset);
  deps.store.writeSnapshot(id, bytes);
  quorum.snapshot = id;
  quorum.served = undefined;
  log.restartAt(id.endOffset);
  quorum.image = image;
  quorum.highWatermark = id.endOffset;
  announce(quorum, out);
}

/** Tells the folder which cluster this is, and the readers what is new. */
export function announce(quorum: Quorum, out: Out): void {
  const { image: { clusterId }, deps } = quorum;
  if (clusterId !== quorum.formedAs) deps.formed(quorum.formedAs = clusterId);
  tellReaders(quorum, out);
}

/**
 * When the log has grown long, a snapshot takes the place of what is committed. Counting what the image needs takes as long as
 * writing it, so it is only done when the log has as many records as the image needed the last time.
 */
function maybeSnapshot(quorum: Quorum, out: Out): void {
  const { log, highWatermark, image, deps } = quorum;
  const enough = Math.max(deps.snapshotEveryRecords ?? SNAPSHOT_EVERY_RECORDS, quorum.imageRecords);
  if (highWatermark - log.startOffset < enough) return;
  const epoch = epochBefore(quorum, highWatermark);
  const { bytes, count } = encodeSnapshot(image, epoch, out.now());
  quorum.imageRecords = count;
  if (highWatermark - log.startOffset < count) return;
  quorum.snapshot = { endOffset: highWatermark, epoch };
  quorum.served = undefined;
  deps.store.writeSnapshot(quorum.snapshot, bytes);
  log.advanceStart(highWatermark);
}
