import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { concatenate } from "../../../lib/bytes.ts";
import type { Frame } from "../../../transport/frames.ts";
import { SendQueue } from "../../../transport/send_queue.ts";

function frame(head: number[], ...beside: Uint8Array[]): Frame {
  return {
    head: new Uint8Array(head),
    beside,
    bytes: head.length + beside.reduce((sum, { length }) => sum + length, 0),
  };
}

function queueOf(limits: { bytesMax?: number; framesMax?: number } = {}): SendQueue {
  return new SendQueue({ bytesMax: 1 << 20, framesMax: 1_000, ...limits });
}

/** Writes everything, and returns the chunks as they were written. */
function drain(queue: SendQueue): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let chunk; (chunk = queue.next()) !== undefined; queue.written()) chunks.push(chunk.slice());
  return chunks;
}

Deno.test("small frames leave in one chunk, copied when they are added", () => {
  const queue = queueOf();
  const head = new Uint8Array([1, 2]);
  assert(queue.add({ head, beside: [], bytes: 2 }));
  head.fill(9);
  assert(queue.add(frame([3])));
  assertEquals(queue.bytes, 3);
  assertEquals(drain(queue), [new Uint8Array([1, 2, 3])]);
  assertEquals([queue.bytes, queue.empty], [0, true]);
});

Deno.test("byte arrays go between the heads as they are", () => {
  const queue = queueOf();
  const large = new Uint8Array(100_000).fill(7);
  queue.add(frame([1], large, large));
  queue.add(frame([2]));
  assertEquals(queue.next(), new Uint8Array([1]));
  queue.written();
  assertStrictEquals(queue.next()!.buffer, large.buffer);
  assertEquals(drain(queue).map(({ length }) => length), [100_000, 100_000, 1]);
});

Deno.test("nothing is added to a chunk that is being written, nor to a buffer that is not written yet", () => {
  const queue = queueOf();
  queue.add(frame([1]));
  const writing = queue.next()!;
  queue.add(frame([2]));
  queue.add(frame([3]));
  assertEquals([...writing], [1]);
  queue.written();
  const second = queue.next()!;
  queue.add(frame([4]));
  assertEquals([...second], [2, 3]);
  queue.written();
  assertEquals(drain(queue), [new Uint8Array([4])]);
});

Deno.test("many frames of all sizes come out in order", () => {
  const queue = queueOf({ bytesMax: 100 << 20 });
  const all: Uint8Array[] = [];
  for (let at = 0; at < 900; at++) {
    const head = new Uint8Array((at * 7919) % (at % 50 === 0 ? 200_000 : 3_000)).fill(at);
    const beside = at % 10 === 0 ? [new Uint8Array(20_000).fill(at + 1)] : [];
    all.push(head, ...beside);
    assert(queue.add({ head, beside, bytes: head.length + (beside.length * 20_000) }));
    if (at % 3 === 0) {
      queue.next(); // as if a write were under way
    }
  }
  assertEquals(concatenate(drain(queue)), concatenate(all));
  assertEquals(queue.bytes, 0);
});

Deno.test("what waits is limited in frames and in bytes until it has been written", () => {
  const few = queueOf({ framesMax: 3 });
  assertEquals([1, 2, 3, 4].map((byte) => few.add(frame([byte]))), [true, true, true, false]);
  few.next();
  assertEquals(few.add(frame([5])), false);
  few.written();
  assert(few.add(frame([6])));

  const small = queueOf({ bytesMax: 10 });
  assert(small.add(frame([1], new Uint8Array(50)))); // the last may go beyond
  assertEquals(small.add(frame([2])), false);
  small.next();
  small.written();
  assertEquals(small.add(frame([2])), false); // its byte array still waits
  assertEquals(drain(small).length, 1);
  assert(small.add(frame([2])));
});

Deno.test("a byte array whose memory was taken away is noticed", () => {
  const queue = queueOf();
  const array = new Uint8Array(20_000);
  queue.add(frame([1], array));
  array.buffer.transfer();
  queue.next();
  queue.written();
  assertThrows(() => queue.next(), Error, "given away by its sender");
});
