/**
 * Frames that real clients sent, captured: each decodes, and encodes to the same bytes again.
 *
 * `golden/*.json` holds lists of `{ api, version, client, hex }`: `api` is the key or the name, `client` says which client
 * sent it, `hex` is the request frame without its size.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { TABLES } from "../../protocol/api.ts";
import { decodeRequestBody, encodeRequest } from "../../protocol/codec.ts";
import { readHeader } from "../../protocol/header.ts";
import { type Api, within } from "../../protocol/schema.ts";

interface Capture {
  readonly api: number | string;
  readonly version: number;
  readonly client: string;
  readonly hex: string;
}

const FOLDER = new URL("./golden/", import.meta.url);

Deno.test("frames captured from real clients encode to the same bytes", () => {
  const captures = readCaptures();
  assert(captures.length > 0, "tests/wire/golden holds no captures: put request frames of real clients there.");
  for (const { api: named, version, client, hex } of captures) {
    const frame = Uint8Array.fromHex(hex);
    const header = readHeader(frame);
    const api = TABLES.get(header.apiKey);
    const of = `${named} v${version} of ${client}`;
    assert(api !== undefined, `${of}: key ${header.apiKey} has no table.`);
    assert(named === api.key || named === api.name, `${of} is a frame of ${api.name}.`);
    assertEquals(header.apiVersion, version, of);
    const body = decodeRequestBody(api, version, frame, header.bodyOffset);
    const chunks = encodeRequest(api, version, header.correlationId, header.clientId, body);
    const encoded = Uint8Array.from(chunks.flatMap((chunk) => [...chunk])).subarray(4).toHex();
    assertEquals(encoded + surplusOf(api, version, hex.slice(encoded.length)), hex.toLowerCase(), of);
  }
});

/** What librdkafka leaves behind a flexible Metadata request for all topics: three bytes of a count of four. */
function surplusOf(api: Api, version: number, rest: string): string {
  return api.key === 3 && within(api.flexible, version) && rest === "010000" ? rest : "";
}

function readCaptures(): Capture[] {
  try {
    return [...Deno.readDirSync(FOLDER)].filter(({ name }) => name.endsWith(".json"))
      .flatMap(({ name }) => JSON.parse(Deno.readTextFileSync(new URL(name, FOLDER))) as Capture[]);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
