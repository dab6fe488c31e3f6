import { assertEquals, assertFalse } from "@std/assert";
import * as big from "../../../lib/big_endian.ts";
import { SeededRandom } from "../../../lib/prng.ts";

Deno.test("every width agrees with DataView, at any place", () => {
  const random = new SeededRandom("big endian");
  for (let i = 0; i < 1000; i++) {
    const bytes = random.bytes(12);
    const at = random.below(5);
    const view = new DataView(bytes.buffer);
    assertEquals(big.readInt16(bytes, at), view.getInt16(at));
    assertEquals(big.readInt32(bytes, at), view.getInt32(at));
    assertEquals(big.readUint32(bytes, at), view.getUint32(at));
    assertEquals(big.readBigInt64(bytes, at), view.getBigInt64(at));
    const written = new Uint8Array(12).fill(0xaa);
    written.set(bytes.subarray(at, at + 8), at);
    const copy = new Uint8Array(12).fill(0xaa);
    big.writeBigInt64(copy, at, view.getBigInt64(at));
    assertEquals(copy, written);
    big.writeInt32(copy, at, view.getInt32(at + 4));
    big.writeInt16(copy, at + 4, view.getInt16(at));
    assertEquals([big.readInt32(copy, at), big.readInt16(copy, at + 4)], [view.getInt32(at + 4), view.getInt16(at)]);
  }
});

Deno.test("safe integers keep their value as int64; others are seen to be unsafe", () => {
  const bytes = new Uint8Array(8);
  for (const value of [0, -1, 1, 2 ** 32 - 1, 2 ** 32, -(2 ** 32), -(2 ** 32) - 1, 2 ** 53 - 1, -(2 ** 53) + 1]) {
    big.writeInt64(bytes, 0, value);
    assertEquals([big.readInt64(bytes, 0), big.readBigInt64(bytes, 0)], [value, BigInt(value)]);
  }
  for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]) {
    big.writeBigInt64(bytes, 0, value);
    assertFalse(Number.isSafeInteger(big.readInt64(bytes, 0)), String(value));
  }
});
