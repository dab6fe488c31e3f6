/**
 * Every API × version × direction: values survive the wire, and the printed codec agrees with the interpreter.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { SeededRandom } from "../../lib/prng.ts";
import { decodeMessage, encodeMessage } from "../../protocol/codec.ts";
import { interpretDecode, interpretEncode } from "./interpreter.ts";
import { everyVersion, randomValue } from "./values.ts";

const VALUES_PER_VERSION = 20;

Deno.test("every API, version and direction keeps its values and its bytes", () => {
  const random = new SeededRandom(1);
  let columns = 0;
  for (const { message, version } of everyVersion()) {
    const of = `${message.name} v${version}`;
    for (let i = 0; i < VALUES_PER_VERSION; i++) {
      const value = randomValue(message, version, random.split(`${of} ${i}`)) as Record<string, never>;
      const bytes = encodeMessage(message, version, value);
      const decoded = decodeMessage(message, version, bytes);
      assertEquals(decoded, value, of);
      assertEquals(encodeMessage(message, version, decoded as Record<string, never>), bytes, of);
      columns += Object.keys(value).length;
    }
  }
  assertEquals(columns > 5000, true);
});

Deno.test("the printed codec agrees with the interpreter", () => {
  const random = new SeededRandom(2);
  for (const { message, version } of everyVersion()) {
    const of = `${message.name} v${version}`;
    for (let i = 0; i < VALUES_PER_VERSION; i++) {
      const value = randomValue(message, version, random.split(`${of} ${i}`)) as Record<string, never>;
      const bytes = Uint8Array.from(interpretEncode(message, version, value).bytes);
      assertEquals(encodeMessage(message, version, value), bytes, of);
      const decoded = { value: decodeMessage(message, version, bytes), end: bytes.length };
      assertEquals(interpretDecode(message, version, bytes), decoded, of);
    }
  }
});
