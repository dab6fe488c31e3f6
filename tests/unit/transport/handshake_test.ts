import { assert, assertEquals, assertThrows } from "@std/assert";
import { encodePlain } from "../../../lib/plain_codec.ts";
import { SeededRandom } from "../../../lib/prng.ts";
import {
  decodeAnswer,
  decodeHello,
  encodeAnswer,
  encodeHello,
  HandshakeError,
  type Hello,
  type HelloAnswer,
  PREAMBLE_BYTES,
  readPreamble,
  VERSION,
} from "../../../transport/handshake.ts";

const HELLO: Hello = {
  nodeId: 1,
  incarnationId: "a life",
  clusterId: "a cluster",
  expectedId: 2,
  lane: "bulk",
  linkId: 0xffff_ffff,
};

Deno.test("a hello and its answers come back as they were", () => {
  const bytes = encodeHello(HELLO);
  assertEquals(readPreamble(bytes), { version: VERSION, size: bytes.length - PREAMBLE_BYTES });
  assertEquals(decodeHello(VERSION, bytes.subarray(PREAMBLE_BYTES)), HELLO);
  const { nodeId, incarnationId, clusterId } = HELLO;
  const answers: HelloAnswer[] = [
    { accepted: true, identity: { nodeId, incarnationId, clusterId } },
    { accepted: false, reason: "no" },
  ];
  for (const answer of answers) {
    assertEquals(decodeAnswer(VERSION, encodeAnswer(answer).subarray(PREAMBLE_BYTES)), answer);
  }
});

Deno.test("the first bytes are those of the protocol, whatever the version", () => {
  assertEquals(encodeHello(HELLO).subarray(0, 10).toHex(), "8953414d53410d0a0001");
});

Deno.test("what is not a preamble is refused", () => {
  const http = new TextEncoder().encode("GET / HTTP/1.1\r\n");
  assertThrows(() => readPreamble(http), HandshakeError, "does not speak the nodes' protocol");
  const large = encodeHello(HELLO);
  large.set([0xff, 0xff], 10);
  assertThrows(() => readPreamble(large), HandshakeError, "begins with 65535 bytes");
});

Deno.test("another version is refused, but its refusal is understood", () => {
  const hello = encodeHello(HELLO).subarray(PREAMBLE_BYTES);
  assertThrows(
    () => decodeHello(2, hello),
    HandshakeError,
    "speaks version 2 of the nodes' protocol, this node version 1",
  );
  const refusal = encodeAnswer({ accepted: false, reason: "too old" }).subarray(PREAMBLE_BYTES);
  assertEquals(decodeAnswer(2, refusal), { accepted: false, reason: "too old" });
  const yes = encodeAnswer({ accepted: true, identity: HELLO }).subarray(PREAMBLE_BYTES);
  assertThrows(() => decodeAnswer(2, yes), HandshakeError, "answers in version 2");
});

Deno.test("a hello that lacks something is refused", () => {
  const cases: unknown[] = [
    null,
    "hello",
    [],
    { ...HELLO, nodeId: -1 },
    { ...HELLO, nodeId: 2 ** 31 },
    { ...HELLO, nodeId: "1" },
    { ...HELLO, incarnationId: 7 },
    { ...HELLO, clusterId: null },
    { ...HELLO, expectedId: 1.5 },
    { ...HELLO, lane: "third" },
    { ...HELLO, linkId: undefined },
  ];
  for (const hello of cases) assertThrows(() => decodeHello(VERSION, encodePlain(hello)), HandshakeError);
  assertThrows(() => decodeAnswer(VERSION, encodePlain({ accepted: "yes" })), HandshakeError, "neither yes nor no");
});

Deno.test("first words changed by chance are understood or refused", () => {
  const random = new SeededRandom("first words");
  let refused = 0;
  for (let round = 0; round < 5_000; round++) {
    const bytes = encodeHello(HELLO);
    bytes[random.below(bytes.length)] = random.below(256);
    try {
      const { version, size } = readPreamble(bytes);
      decodeHello(version, bytes.subarray(PREAMBLE_BYTES, PREAMBLE_BYTES + size));
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      refused++;
    }
  }
  assert(refused > 1_000, `${refused} refused`);
});
