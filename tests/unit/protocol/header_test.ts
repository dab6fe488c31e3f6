import { assertEquals, assertThrows } from "@std/assert";
import { DecodeError } from "../../../protocol/codec.ts";
import { readHeader } from "../../../protocol/header.ts";

function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replaceAll(" ", ""));
}

Deno.test("a header of version 1 ends with the client id", () => {
  assertEquals(readHeader(hex("0003 0001 00000005 0002 6162 ffffffff")), {
    apiKey: 3,
    apiVersion: 1,
    correlationId: 5,
    clientId: "ab",
    bodyOffset: 12,
  });
  assertEquals(readHeader(hex("0003 0001 00000005 ffff")).clientId, null);
});

Deno.test("a header of version 2 ends with tagged fields", () => {
  assertEquals(readHeader(hex("0003 0009 00000005 0002 6162 00")).bodyOffset, 13);
  assertEquals(readHeader(hex("0003 0009 00000005 0002 6162 01 07 02 ffff 01")).bodyOffset, 17);
});

Deno.test("of an unknown API or version only the first eight bytes are read", () => {
  assertEquals(readHeader(hex("0012 0063 00000005 ff")), {
    apiKey: 18,
    apiVersion: 99,
    correlationId: 5,
    clientId: null,
    bodyOffset: 9,
  });
  assertEquals(readHeader(hex("7fff 0000 ffffffff")).correlationId, -1);
  assertEquals(readHeader(hex("0012 ffff 00000005")).apiVersion, -1);
});

Deno.test("a header that is cut short or damaged is refused", () => {
  assertThrows(
    () => readHeader(hex("0003 0001 0000")),
    DecodeError,
    "Request header, correlationId: 4 bytes are needed, 2",
  );
  assertThrows(() => readHeader(hex("0003 0001 00000005 0005 61")), DecodeError, "Request header, clientId");
  assertThrows(() => readHeader(hex("0003 0009 00000005 ffff 01 00 05")), DecodeError, "Request header, tags");
});
