import { assert, assertEquals, assertThrows } from "@std/assert";
import { SeededRandom } from "../../../lib/prng.ts";
import { FrameError, Framer, MAX_FRAME_BYTES } from "../../../protocol/frame.ts";

const KIB = 1024;

/** Frames with their sizes before them, as a stream. */
function streamOf(frames: Uint8Array[]): Uint8Array {
  return Uint8Array.from(frames.flatMap((frame) => {
    const { length } = frame;
    return [length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255, ...frame];
  }));
}

function sizeOf(size: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, size);
  return bytes;
}

/** Reads a stream as a socket would: whatever fits into the space, at most `most()` bytes at a time. */
function readAll(framer: Framer, stream: Uint8Array, most: () => number): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < stream.length;) {
    const space = framer.space();
    const count = Math.min(space.length, stream.length - at, most());
    space.set(stream.subarray(at, at + count));
    at += count;
    frames.push(...framer.filled(count));
  }
  return frames;
}

Deno.test("frames come out as they went in, however the stream is cut", () => {
  const random = new SeededRandom(1);
  for (let run = 0; run < 60; run++) {
    const frames = Array.from({ length: 1 + random.below(30) }, () => {
      return random.bytes(random.pick([0, 1, 3, 100, 4095, 4096, 4097, 9000, random.below(300_000)]));
    }).slice(0, 12);
    const stream = streamOf(frames);
    const most = random.pick([1, 3, 7, 100, 4096, 65_536, 1 << 20]);
    const fed: Uint8Array[] = [];
    const feeder = new Framer();
    for (let at = 0; at < stream.length; at += most) fed.push(...feeder.feed(stream.subarray(at, at + most)));
    assertEquals(fed, frames);
    assertEquals(readAll(new Framer(), stream, () => 1 + random.below(most)), frames);
  }
});

Deno.test("no frame shares its buffer with another, nor with a later read", () => {
  const framer = new Framer();
  const [first, second] = readAll(framer, streamOf([new Uint8Array(5).fill(1), new Uint8Array(5).fill(2)]), () => 4096);
  assert(first !== undefined && second !== undefined && first.buffer !== second.buffer);
  framer.space().fill(9);
  assertEquals([first, second], [new Uint8Array(5).fill(1), new Uint8Array(5).fill(2)]);
});

Deno.test("a large frame is read into its own buffer", () => {
  const framer = new Framer();
  framer.feed(sizeOf(50_000));
  const space = framer.space();
  assertEquals(space.length, 50_000);
  const [frame] = framer.filled(50_000);
  assertEquals(frame?.buffer, space.buffer);
});

Deno.test("an announced size allocates nothing: the buffer grows with what has come", () => {
  const framer = new Framer();
  framer.feed(sizeOf(MAX_FRAME_BYTES));
  let come = 0;
  for (let i = 0; i < 200; i++) {
    const space = framer.space();
    assert(space.buffer.byteLength <= Math.max(256 * KIB, 4 * come), `${space.buffer.byteLength} after ${come}`);
    const count = Math.min(space.length, 50_000);
    framer.filled(count);
    come += count;
  }
  assertEquals(framer.pendingBytes, 4 + come);
});

Deno.test("between frames a framer offers at most 4 KiB, and more only to a connection that fills it", () => {
  const framer = new Framer();
  assertEquals(framer.space().length, 4 * KIB);
  const frame = new Uint8Array(60);
  const full = streamOf(Array.from({ length: 64 }, () => frame));
  assertEquals(full.length, 4 * KIB);
  framer.space().set(full);
  assertEquals(framer.filled(4 * KIB).length, 64);
  assertEquals(framer.space().length, 64 * KIB);
  framer.space().set(streamOf([frame]));
  assertEquals(framer.filled(64).length, 1);
  assertEquals(framer.space().length, 4 * KIB);
});

Deno.test("an empty read changes nothing", () => {
  const framer = new Framer();
  framer.feed(new Uint8Array([0, 0]));
  framer.space();
  assertEquals(framer.filled(0), []);
  assertEquals(framer.feed(new Uint8Array([0, 1, 7])), [new Uint8Array([7])]);
});

Deno.test("sizes that no frame may have are refused", () => {
  assertThrows(() => new Framer().feed(sizeOf(-1)), FrameError, "A frame announces the negative size -1.");
  assertThrows(
    () => new Framer(1000).feed(sizeOf(1001)),
    FrameError,
    "A frame announces 1001 bytes, more than the limit of 1000 (socket.request.max.bytes).",
  );
  const framer = new Framer(10);
  assertEquals(framer.feed(streamOf([new Uint8Array(10)])).length, 1);
  framer.maxBytes = 20;
  assertEquals(framer.feed(streamOf([new Uint8Array(20)])).length, 1);
});

Deno.test("a framer knows how much is missing of what has begun", () => {
  const framer = new Framer();
  assertEquals(framer.missingBytes, 0);
  framer.feed(new Uint8Array([0, 0]));
  assertEquals(framer.missingBytes, 2);
  framer.feed(new Uint8Array([0, 9, 1, 2]));
  assertEquals(framer.missingBytes, 7);
  framer.feed(new Uint8Array(7));
  assertEquals(framer.missingBytes, 0);
});
