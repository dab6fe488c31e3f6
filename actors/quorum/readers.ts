/**
 * Those on this node who follow the metadata: they are sent what is committed, in order, and told who leads.
 *
 * One message to a reader is under way at a time. Whatever is committed meanwhile goes together into the next, so a slow reader
 * costs memory on neither side and never holds the quorum up.
 *
 * @module
 */
import { type MetadataFollower, type MetadataRecord, snapshotOf } from "../controller/protocol.ts";
import type { Answer, Message, Ref } from "../actor.ts";
import { readMetadata } from "./log.ts";
import type { MetadataReader, Out, Quorum } from "./state.ts";

/** A reader is taken for served after this even if it never says so: what is in its mailbox cannot be lost. */
const PATIENCE_MS = 10_000;

/** Somebody wants what is committed from an offset on. */
export function addReader(quorum: Quorum, ref: Ref<MetadataFollower>, fromOffset: number, out: Out): void {
  const reader: MetadataReader = { ref, offset: fromOffset, told: undefined, busy: false };
  if (!quorum.readers.has(ref)) out.watch(ref);
  quorum.readers.set(ref, reader);
  serve(quorum, reader, out);
}

/** Tells all readers what they do not know yet. */
export function tellReaders(quorum: Quorum, out: Out): void {
  for (const reader of quorum.readers.values()) serve(quorum, reader, out);
}

function serve(quorum: Quorum, reader: MetadataReader, out: Out): void {
  if (reader.busy) return;
  const { leaderId: controllerId, epoch, image } = quorum;
  if (reader.told?.controllerId !== controllerId || reader.told.epoch !== epoch) {
    reader.told = { controllerId, epoch };
    tell(reader, "controllerChanged", { controllerId, epoch }, out);
  } else if (reader.offset < image.offset) {
    const news = newsFrom(quorum, reader.offset);
    reader.offset = image.offset;
    tell(reader, "metadata", news, out);
  }
}

function newsFrom(quorum: Quorum, offset: number): Message<MetadataFollower, "metadata"> {
  const { log, image, recent } = quorum;
  if (offset === recent.baseOffset && offset + recent.records.length === image.offset) return recent;
  if (offset < log.startOffset) return { baseOffset: image.offset, records: snapshotOf(image), snapshot: true };
  const records: readonly MetadataRecord[] = readMetadata(log, offset, image.offset);
  return { baseOffset: offset, records };
}

function tell<V extends "metadata" | "controllerChanged">(
  reader: MetadataReader,
  verb: V,
  message: Message<MetadataFollower, V>,
  out: Out,
): void {
  reader.busy = true;
  out.ask(reader.ref, verb, message, (quorum, answer: Answer<unknown>, out) => {
    if (quorum.readers.get(reader.ref) !== reader) return;
    reader.busy = false;
    if (!answer.ok && answer.failure !== "timeout") quorum.readers.delete(reader.ref); // it follows anew when it is back
    else serve(quorum, reader, out);
  }, PATIENCE_MS);
}
