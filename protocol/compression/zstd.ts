/**
 * Zstandard (RFC 8878), one frame or several in a row.
 *
 *     frame = magic · header · block · block … · last block · [checksum]
 *
 * `node:zlib` opens one frame, and takes a frame that is cut off for a whole one. So frames are first measured here by
 * their block headers, and each is handed over by itself, whole.
 *
 * @module
 */

import { concatenate } from "../../lib/bytes.ts";
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Codec } from "./codec.ts";
import { CompressionError, corrupt, tooLarge } from "./error.ts";
import { chunkSizeFor, decompressBy, plain } from "./zlib.ts";

const DEFAULT_LEVEL = 3;
const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50; // and the fifteen after it
/** Opening a frame has a price however little is in it; clients write one, so this is generous. */
const MOST_FRAMES = 1000;

/** A frame's size, and how much it says is in it (`undefined`: it does not say). */
interface Frame {
  readonly size: number;
  readonly isSkippable: boolean;
  readonly contentSize: number | undefined;
}

/** The zstd codec. */
export const zstd: Codec = {
  id: 4,
  name: "zstd",
  compress(bytes, level = DEFAULT_LEVEL) {
    return plain(zstdCompressSync(bytes, {
      chunkSize: chunkSizeFor(bytes.length),
      params: { [constants.ZSTD_c_compressionLevel]: level },
    }));
  },
  decompress(bytes, maxBytes) {
    if (bytes.length === 0) throw corrupt("There is no zstd frame in 0 bytes");
    const pieces: Uint8Array[] = [];
    let total = 0;
    for (let at = 0, frames = 0; at < bytes.length; frames++) {
      if (frames === MOST_FRAMES) {
        throw new CompressionError("unsupported", `More than ${MOST_FRAMES} zstd frames in a row`);
      }
      const frame = measureFrame(bytes, at);
      if (!frame.isSkippable) {
        const piece = decompressFrame(bytes.subarray(at, at + frame.size), frame, maxBytes - total);
        total += piece.length;
        pieces.push(piece);
      }
      at += frame.size;
    }
    return concatenate(pieces);
  },
};

/** What one whole frame holds. */
function decompressFrame(bytes: Uint8Array, { contentSize }: Frame, maxBytes: number): Uint8Array {
  if (contentSize !== undefined && contentSize > maxBytes) throw tooLarge("zstd", maxBytes);
  return decompressBy(zstdDecompressSync, "zstd", bytes, maxBytes, contentSize ?? bytes.length * 4);
}

/** Finds the end of the frame that starts at a place, by its headers alone. */
function measureFrame(bytes: Uint8Array, start: number): Frame {
  const magic = readWord(bytes, start, 4);
  if (magic >= SKIPPABLE_MAGIC && magic < SKIPPABLE_MAGIC + 16) {
    const size = 8 + readWord(bytes, start + 4, 4);
    if (start + size > bytes.length) throw cutOff(bytes);
    return { size, isSkippable: true, contentSize: 0 };
  }
  if (magic !== FRAME_MAGIC) {
    throw corrupt(`There should be a zstd frame at byte ${start}, but its magic is ${magic.toString(16)}`);
  }
  const descriptor = readWord(bytes, start + 4, 1);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x03) !== 0) {
    throw new CompressionError("unsupported", "The zstd frame needs a dictionary, but records have none");
  }
  let at = start + (isSingleSegment ? 5 : 6);
  const contentSizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6]!;
  const extra = contentSizeBytes === 2 ? 256 : 0;
  const contentSize = contentSizeBytes === 0 ? undefined : readWord(bytes, at, contentSizeBytes) + extra;
  at += contentSizeBytes;
  for (let isLast = false; !isLast;) {
    const header = readWord(bytes, at, 3);
    isLast = (header & 1) !== 0;
    const isRunLength = ((header >>> 1) & 3) === 1;
    at += 3 + (isRunLength ? 1 : header >>> 3);
  }
  if ((descriptor & 0x04) !== 0) at += 4; // checksum
  if (at > bytes.length) throw cutOff(bytes);
  return { size: at - start, isSkippable: false, contentSize };
}

/** A little-endian whole number of 1 to 8 bytes. */
function readWord(bytes: Uint8Array, at: number, size: number): number {
  if (at + size > bytes.length) throw cutOff(bytes);
  let word = 0;
  for (let i = size - 1; i >= 0; i--) word = word * 256 + bytes[at + i]!;
  return word;
}

function cutOff(bytes: Uint8Array): CompressionError {
  return corrupt(`The zstd frame is cut off after ${bytes.length} bytes`);
}
