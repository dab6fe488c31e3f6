import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { InvalidBatchError } from "../../../protocol/batch.ts";
import { RecordCursor } from "../../../protocol/record_cursor.ts";
import { hex } from "./compression/samples.ts";

Deno.test("a cursor says where the parts of each record lie", () => {
  const bytes = hex("ff" + "12 00 0b 02 02 6b 04 7676 00" + "18 00 00 04 01 01 04 02 68 02 78 00 01" + "ff");
  const cursor = new RecordCursor(bytes, 1, bytes.length - 1);
  assert(cursor.next());
  const { recordAt, timestampDelta, offsetDelta, keyAt, keyLength, valueAt, valueLength, headerCount } = cursor;
  assertEquals([recordAt, timestampDelta, offsetDelta, keyAt, keyLength], [1, -6, 1, 6, 1]);
  assertEquals([valueAt, valueLength, headerCount], [8, 2, 0]);
  assert(cursor.next());
  assertEquals([cursor.recordAt, cursor.offsetDelta, cursor.keyLength, cursor.valueLength], [11, 2, -1, -1]);
  assertEquals([cursor.headerCount, cursor.headersAt, cursor.count], [2, 18, 2]);
  assertFalse(cursor.next());
  assertEquals(cursor.count, 2);
});

Deno.test("a record whose parts do not fill it exactly is refused", () => {
  const cases: [string, string][] = [
    ["80", "cut off"],
    ["0e 00 00 00 01 01", "says it has 7 bytes, but 5 are left"],
    ["01 00 00 00 01 01 00", "says it has -1 bytes"],
    ["0e 00 00 00 01 01 0000", "take -1 bytes more"], // a byte too many at the end
    ["0a 00 00 00 01 01 00", "take 1 bytes more"],
    ["0c 00 00 00 03 01 00", "its key says it has -2 bytes"],
    ["0c 00 00 00 04 01 00", "cut off"],
    ["0c 00 00 00 06 01 00", "its key says it has 3 bytes, but 2 are left"],
    ["0c 00 00 00 06 01 00 000000", "its key says it has 3 bytes, but 2 are left"], // not into the next record
    ["0c 00 00 00 01 03 00", "its value says it has -2 bytes"],
    ["0c 00 00 00 01 04 00", "its value says it has 2 bytes, but 1 are left"],
    ["0c 00 00 00 01 01 01", "says it has -1 headers"],
    ["0c 00 00 00 01 01 02", "says it has 1 headers, but 0 bytes are left"],
    ["12 00 00 00 01 01 02 010000", "its header key says it has -1 bytes"],
    ["12 00 00 00 01 01 02 006162", "its header value says it has -49 bytes"],
    ["12 00 00 00 01 01 02 006262", "its header value says it has 49 bytes"],
    ["0c 00 00 00 01 01 feffffff0f", "says it has 2147483647 headers"],
    ["0c 00 00 ffffffff1f 01", "wider than 32 bits"],
    ["1a 00 feffffffffffffffff01 00 01 01 00", "safe integers"],
    ["00", "cut off"],
  ];
  for (const [digits, sentence] of cases) {
    const thrown = assertThrows(() => new RecordCursor(hex(digits)).next(), InvalidBatchError, sentence, digits);
    assertEquals(thrown.error, "INVALID_RECORD");
  }
});
