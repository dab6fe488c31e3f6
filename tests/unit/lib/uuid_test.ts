import { assertEquals, assertThrows } from "@std/assert";
import { AssertionError } from "../../../lib/assert.ts";
import { SeededRandom } from "../../../lib/prng.ts";
import { formatUuid, isUuid, METADATA_TOPIC_UUID, parseUuid, randomUuid, ZERO_UUID } from "../../../lib/uuid.ts";

Deno.test("a uuid is url-safe base64 without padding", () => {
  assertEquals(formatUuid(new Uint8Array(16)), ZERO_UUID);
  assertEquals(formatUuid(new Uint8Array(16).fill(255)), "_____________________w");
  assertEquals(parseUuid(METADATA_TOPIC_UUID)[15], 1);
  const random = new SeededRandom(1);
  for (let i = 0; i < 200; i++) {
    const bytes = random.bytes(16);
    const text = formatUuid(bytes);
    assertEquals(text, bytes.toBase64({ alphabet: "base64url", omitPadding: true }));
    assertEquals(parseUuid(text), bytes);
  }
});

Deno.test("a uuid is read at its place", () => {
  const bytes = Uint8Array.from({ length: 20 }, (_, i) => i);
  assertEquals(formatUuid(bytes, 3), formatUuid(bytes.slice(3, 19)));
});

Deno.test("what is not a uuid is refused", () => {
  for (
    const text of [
      "",
      ZERO_UUID.slice(1),
      `${ZERO_UUID}A`,
      "AAAAAAAAAAAAAAAAAAAAAB",
      "AAAAAAAAAAAAAAAAAAAA+A",
      "é".repeat(22),
    ]
  ) {
    assertEquals(isUuid(text), false, text);
    assertThrows(() => parseUuid(text), AssertionError);
  }
});

Deno.test("a random uuid is of version 4 and does not begin with a dash", () => {
  const random = new SeededRandom(2);
  for (let i = 0; i < 500; i++) {
    const text = randomUuid(random.bytes(16));
    const bytes = parseUuid(text);
    assertEquals([bytes[6]! >> 4, bytes[8]! >> 6, text.startsWith("-")], [4, 2, false]);
  }
});
