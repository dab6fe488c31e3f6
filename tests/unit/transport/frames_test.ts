import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { concatenate } from "../../../lib/bytes.ts";
import { writeInt32 } from "../../../lib/big_endian.ts";
import { DecodeError } from "../../../lib/plain_tags.ts";
import { SeededRandom } from "../../../lib/prng.ts";
import { type Arrival, BESIDE_BYTES_MIN, FrameError, FrameReader, FrameWriter } from "../../../transport/frames.ts";
import type { Envelope } from "../../../transport/transport.ts";

const MAX = 64 << 20;

function envelope(body: unknown, call = 1): Envelope {
  return { to: "2/kind/name", from: "1/kind/name", call, verb: "verb", body };
}

/** One frame as it goes over a socket. */
function frameOf(body: unknown, call = 1): Uint8Array<ArrayBuffer> {
  const { head, beside, bytes } = new FrameWriter().envelope(envelope(body, call));
  const frame = concatenate([head, ...beside]);
  assertEquals(frame.length, bytes);
  return frame.slice();
}

/** Everything that a reader gets out of a stream that comes in pieces of the given size. */
function readAll(reader: FrameReader, stream: Uint8Array, pieceBytes: () => number): Arrival[] {
  const arrivals: Arrival[] = [];
  for (let at = 0; at < stream.length;) {
    const space = reader.space();
    assert(space.length > 0, "there is no space for more");
    const piece = stream.subarray(at, at + Math.min(space.length, Math.max(1, pieceBytes())));
    space.set(piece);
    reader.filled(piece.length);
    at += piece.length;
    for (let arrival; (arrival = reader.next()) !== undefined;) arrivals.push(arrival);
  }
  return arrivals;
}

Deno.test("frames come out as they went in, however the stream is cut", () => {
  const random = new SeededRandom("pieces");
  const sizes = [0, 1, 500, BESIDE_BYTES_MIN - 1, BESIDE_BYTES_MIN, 60_000, 65_500, 65_536, 200_000, 3_000_000];
  const bodies: unknown[] = [
    ...sizes.map((size) => random.bytes(size)),
    sizes.map((size) => random.bytes(size)),
    "text that is larger than what is read at a time, ".repeat(4_000),
    Array.from({ length: 30_000 }, (_, at) => at),
  ];
  const sent: Envelope[] = [];
  const stream = concatenate(Array.from({ length: 40 }, (_, call) => {
    const body = call < bodies.length ? bodies[call] : random.pick([null, { small: call }, random.pick(bodies)]);
    sent.push(envelope(body, call));
    return frameOf(body, call);
  }));
  const cuts: (() => number)[] = [
    () => stream.length,
    () => 100_000 + random.below(100_000),
    () => random.below(5_000),
    () => random.pick([1, 7, 65_536, 5]),
  ];
  for (const cut of cuts) {
    const arrivals = readAll(new FrameReader(MAX), stream, cut);
    assertEquals(arrivals.length, sent.length);
    arrivals.forEach((arrival, at) => {
      assert(arrival.type === "envelope");
      assertEquals(arrival.envelope, sent[at]);
    });
  }
});

Deno.test("a sign of life tells the cluster's id", () => {
  const { head } = new FrameWriter().ping("the cluster");
  assertEquals(readAll(new FrameReader(MAX), head, () => 3), [{ type: "ping", clusterId: "the cluster" }]);
});

Deno.test("byte arrays are neither copied into a frame nor share memory when they come out", () => {
  const large = new Uint8Array(BESIDE_BYTES_MIN);
  assertStrictEquals(new FrameWriter().envelope(envelope({ large })).beside[0], large);
  const arrays = [10, BESIDE_BYTES_MIN, 30_000, 100_000, 2_000_000].map((size) => new Uint8Array(size));
  const stream = concatenate([frameOf(arrays), frameOf(arrays.slice(0, 3))]);
  const buffers = new Set<ArrayBufferLike>();
  for (const arrival of readAll(new FrameReader(MAX), stream, () => 50_000)) {
    assert(arrival.type === "envelope");
    for (const array of arrival.envelope.body as Uint8Array[]) {
      assertEquals(array.buffer.byteLength, array.length);
      buffers.add(array.buffer);
    }
  }
  assertEquals(buffers.size, 8);
});

Deno.test("memory grows with the bytes that have come, not with those announced", () => {
  const reader = new FrameReader(MAX);
  const frame = frameOf(new Uint8Array(50 << 20));
  let at = 0;
  while (at < 20 << 20) {
    const space = reader.space();
    assert(space.length <= Math.max(1 << 20, 3 * at), `room for ${space.length} bytes after ${at}`);
    const piece = frame.subarray(at, at + Math.min(space.length, 500_000));
    space.set(piece);
    reader.filled(piece.length);
    at += piece.length;
    assert(reader.next() === undefined);
  }
});

Deno.test("a frame that is too large is refused at its size", () => {
  const frame = frameOf(new Uint8Array(BESIDE_BYTES_MIN));
  const read = (maxBytes: number, bytes: Uint8Array) => readAll(new FrameReader(maxBytes), bytes, () => 1_000);
  assertEquals(read(frame.length, frame).length, 1);
  const message = `a frame of ${frame.length} bytes, more than the limit of ${frame.length - 1}`;
  assertThrows(() => read(frame.length - 1, frame.subarray(0, 8)), FrameError, message);
  assertThrows(() => read(MAX, new Uint8Array(8).fill(0xff)), FrameError, "more than the limit");
});

Deno.test("a frame at odds with itself is refused", () => {
  const small = frameOf("small");
  const large = frameOf([new Uint8Array(40_000), new Uint8Array(90_000)]);
  const changed = (frame: Uint8Array, change: (frame: Uint8Array, headEnd: number) => void) => {
    const copy = frame.slice();
    change(copy, 8 + new DataView(copy.buffer).getInt32(4));
    return copy;
  };
  const cases: [Uint8Array, new (message: string) => Error, string][] = [
    [changed(small, (frame) => writeInt32(frame, 4, 2)), FrameError, "with a head of 2"],
    [changed(small, (frame) => writeInt32(frame, 4, frame.length - 7)), FrameError, "with a head of"],
    [changed(small, (frame, end) => frame[end - 1] = 1), FrameError, "0 bytes for byte arrays of"],
    [changed(small, (frame, end) => frame[end - 1] = 200), FrameError, "and 200 byte arrays"],
    [changed(small, (frame) => frame[8] = 7), DecodeError, "No frame is of type 7"],
    [changed(small, (frame) => frame[9] = 0), DecodeError, "A string is missing"],
    [changed(small, (frame) => writeInt32(frame, 4, frame.length - 9)), FrameError, "byte arrays"],
    [changed(large, (frame, end) => frame[end - 1] = 1), FrameError, "130000 bytes for byte arrays of 90000"],
    [changed(large, (frame, end) => writeInt32(frame, end - 6, 90_001)), FrameError, "byte arrays of 130001"],
    [
      changed(large, (frame, end) => (writeInt32(frame, end - 6, 40_000), writeInt32(frame, end - 10, 90_000))),
      DecodeError,
      "missing beside",
    ],
  ];
  for (const [frame, kind, message] of cases) {
    assertThrows(() => readAll(new FrameReader(MAX), frame, () => 3_000), kind, message);
  }
});

Deno.test("streams changed by chance give frames or one of two errors, within their memory", () => {
  const random = new SeededRandom("changed streams");
  const frames = [frameOf({ a: [1, "b"] }), frameOf(random.bytes(20_000)), frameOf([random.bytes(70_000), "x"])];
  let refused = 0;
  for (let round = 0; round < 2_000; round++) {
    const stream = concatenate([random.pick(frames), random.pick(frames)]).slice();
    for (let change = 0; change <= random.below(3); change++) {
      stream[random.below(random.pick([60, stream.length]))] = random.pick([0xff, random.below(256)]);
    }
    try {
      const reader = new FrameReader(MAX);
      for (const arrival of readAll(reader, stream, () => 10_000 + random.below(100_000))) {
        assert(arrival.type.length > 0);
      }
      assert(reader.space().length <= 4 << 20);
    } catch (error) {
      if (!(error instanceof DecodeError || error instanceof FrameError)) throw error;
      refused++;
    }
  }
  assert(refused > 500, `${refused} refused`);
});
