/**
 * Hostile frames, by seed: valid requests of every API and version whose lengths lie, whose bits are flipped, which are cut
 * short, spliced or filled with junk.
 *
 * The oracle: decoding returns a value or throws a DecodeError, nothing else; a value never holds more list elements than
 * the frame has bytes, nor more than the limit; and the interpreter accepts exactly what the printed codec accepts.
 *
 * `SAMSA_FUZZ_FRAMES` sets the number of mutated frames, `SAMSA_FUZZ_SEED` the seed.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Random, SeededRandom } from "../../lib/prng.ts";
import { TABLES } from "../../protocol/api.ts";
import { DecodeError, decodeRequestBody, decodeResponse, MAX_ELEMENTS } from "../../protocol/codec.ts";
import { readHeader } from "../../protocol/header.ts";
import { type Api, within } from "../../protocol/schema.ts";
import { interpretDecode, interpretEncode, type Mark } from "./interpreter.ts";
import { randomValue } from "./values.ts";

const FRAMES = Number(Deno.env.get("SAMSA_FUZZ_FRAMES") ?? 120_000);
const SEED = Number(Deno.env.get("SAMSA_FUZZ_SEED") ?? 20_260_801);
const SAMPLES_PER_VERSION = 6;
/** One frame in that many is also given to the interpreter, which is slow. */
const INTERPRET_ONE_IN = 4;

/** A valid frame, and where its lengths lie. */
interface Sample {
  readonly frame: Uint8Array;
  readonly marks: readonly Mark[];
}

Deno.test("every request decoder takes hostile frames for a DecodeError or a bounded value", () => {
  const random = new SeededRandom(SEED);
  const samples = [...TABLES.values()].flatMap((api) => requestSamples(api, random));
  const outcomes = { decoded: 0, refused: 0, unknown: 0 };
  for (let i = 0; i < FRAMES; i++) {
    const sample = samples[i % samples.length]!;
    const frame = mutate(sample, samples, random);
    outcomes[decodeRequest(frame, i % INTERPRET_ONE_IN === 0)]++;
  }
  // Mutants that are all refused at once, or all accepted, would say that the fuzzer has gone blunt.
  assert(outcomes.decoded > FRAMES / 20, JSON.stringify(outcomes));
  assert(outcomes.refused > FRAMES / 4, JSON.stringify(outcomes));
});

Deno.test("every request decoder refuses a frame that is cut short at any byte", () => {
  const random = new SeededRandom(SEED).split("cut");
  for (const api of TABLES.values()) {
    for (const { frame } of requestSamples(api, random).filter(({ frame }) => frame.length < 400)) {
      const { bodyOffset, apiVersion } = readHeader(frame);
      for (let end = bodyOffset; end < frame.length; end++) {
        const cut = frame.slice(0, end);
        assertThrows(() => decodeRequestBody(api, apiVersion, cut, bodyOffset), DecodeError);
      }
      for (let end = 0; end < bodyOffset; end++) {
        assertThrows(() => readHeader(frame.slice(0, end)), DecodeError);
      }
    }
  }
});

Deno.test("every response decoder takes hostile frames for a DecodeError or a bounded value", () => {
  const random = new SeededRandom(SEED).split("responses");
  for (const api of TABLES.values()) {
    for (const { sample, version } of responseSamples(api, random)) {
      for (let i = 0; i < 25; i++) {
        const frame = mutate(sample, [sample], random);
        const value = attempt(() => decodeResponse(api, version, frame));
        if (value !== undefined) assertBounded(value, frame);
      }
    }
  }
});

Deno.test("nested lists of a million elements stay within the budget of one message", () => {
  const random = new SeededRandom(SEED).split("nested");
  for (const api of TABLES.values()) {
    for (let version = api.versions.min; version <= api.versions.max; version++) {
      for (const fill of [0, 1, 2, 3]) {
        const frame = new Uint8Array(3_000_000).fill(fill, header(api, version).length);
        frame.set(header(api, version));
        // A count of 1,000,000, compact and not, at each of the first bytes of the body.
        const at = header(api, version).length + random.below(8);
        frame.set(within(api.flexible, version) ? [0xc1, 0x84, 0x3d] : [0x00, 0x0f, 0x42, 0x40], at);
        const { bodyOffset } = readHeader(frame);
        const value = attempt(() => decodeRequestBody(api, version, frame, bodyOffset));
        if (value !== undefined) assertBounded(value, frame);
      }
    }
  }
});

function requestSamples(api: Api, random: Random): Sample[] {
  const samples: Sample[] = [];
  for (let version = api.versions.min; version <= api.versions.max; version++) {
    const prefix = header(api, version);
    for (let i = 0; i < SAMPLES_PER_VERSION; i++) {
      const value = randomValue(api.request, version, random.split(`${api.key} ${version} ${i}`));
      const { bytes, marks } = interpretEncode(api.request, version, value);
      samples.push({
        frame: Uint8Array.from([...prefix, ...bytes]),
        marks: [
          { at: 8, kind: "int16" },
          ...marks.map(({ at, kind }) => ({ at: at + prefix.length, kind })),
        ],
      });
    }
  }
  return samples;
}

function responseSamples(api: Api, random: Random): { sample: Sample; version: number }[] {
  return Array.from({ length: api.versions.max - api.versions.min + 1 }, (_, i) => {
    const version = api.versions.min + i;
    const value = randomValue(api.response, version, random.split(`${api.key} ${version}`));
    const { bytes, marks } = interpretEncode(api.response, version, value);
    const prefix = within(api.flexible, version) && api.key !== 18 ? [0, 0, 0, 1, 0] : [0, 0, 0, 1];
    const shifted = marks.map(({ at, kind }) => ({ at: at + prefix.length, kind }));
    const sample: Sample = {
      frame: Uint8Array.from([...prefix, ...bytes]),
      marks: [{ at: 0, kind: "int32" }, ...shifted],
    };
    return { sample, version };
  });
}

/** A request header of the client "fuzz". */
function header(api: Api, version: number): number[] {
  const bytes = [api.key >> 8, api.key & 255, 0, version, 0, 0, 0, 7, 0, 4, 0x66, 0x75, 0x7a, 0x7a];
  return within(api.flexible, version) ? [...bytes, 0] : bytes;
}

function mutate(sample: Sample, samples: readonly Sample[], random: Random): Uint8Array {
  let { frame } = sample;
  for (let left = random.pick([1, 1, 1, 2, 3]); left > 0; left--) {
    frame = mutateOnce(frame, sample.marks, samples, random);
  }
  return frame;
}

function mutateOnce(
  frame: Uint8Array,
  marks: readonly Mark[],
  samples: readonly Sample[],
  random: Random,
): Uint8Array {
  const at = random.below(frame.length + 1);
  switch (random.below(8)) {
    case 0:
      return frame.slice(0, at);
    case 1: {
      const flipped = frame.slice();
      if (at < flipped.length) flipped[at]! ^= 1 << random.below(8);
      return flipped;
    }
    case 2:
    case 3:
      return lie(frame, random.pick(marks), random);
    case 4:
      return splice(frame, at, 0, junk(random));
    case 5:
      return splice(frame, at, random.below(6), random.bytes(random.below(6)));
    case 6: {
      const other = random.pick(samples).frame;
      const from = random.below(other.length);
      return splice(frame, at, 0, other.slice(from, from + random.below(30)));
    }
    default:
      // The last byte is most often a count of tagged fields.
      return splice(frame, frame.length - 1, 1, tags(random));
  }
}

const LIES = [
  0,
  1,
  2,
  127,
  128,
  300,
  9_999,
  10_001,
  32_767,
  65_535,
  1_000_000,
  1_000_001,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];

/** Rewrites a length or count. */
function lie(frame: Uint8Array, mark: Mark, random: Random): Uint8Array {
  if (mark.at >= frame.length) return frame.slice();
  const value = random.pick(LIES);
  if (mark.kind === "uvarint") return splice(frame, mark.at, 1, uvarint(value));
  const width = mark.kind === "int16" ? 2 : 4;
  return splice(
    frame,
    mark.at,
    width,
    Array.from({ length: width }, (_, i) => (value >>> (8 * (width - 1 - i))) & 255),
  );
}

function junk(random: Random): Iterable<number> {
  return random.pick([
    [0xff, 0xfe],
    [0xc3, 0x28],
    [0xed, 0xa0, 0x80],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    [0xff, 0xff, 0xff, 0xff, 0x0f],
    [0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
    [0x7f, 0xff, 0xff, 0xff],
    [0x80, 0x00, 0x00, 0x00],
  ]);
}

/** A block of tagged fields, right or wrong. */
function tags(random: Random): number[] {
  const fields = Array.from({ length: random.below(4) }, (_, i) => {
    const body = random.bytes(random.below(5));
    const tag = random.chance(1, 4) ? random.below(3) : i;
    return [...uvarint(tag), ...uvarint(random.chance(1, 5) ? random.pick(LIES) : body.length), ...body];
  });
  return [...uvarint(random.chance(1, 5) ? random.pick(LIES) : fields.length), ...fields.flat()];
}

function uvarint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}

function splice(frame: Uint8Array, at: number, removed: number, inserted: Iterable<number>): Uint8Array {
  return Uint8Array.from([...frame.subarray(0, at), ...inserted, ...frame.subarray(at + removed)]);
}

function decodeRequest(frame: Uint8Array, interpret: boolean): "decoded" | "refused" | "unknown" {
  const head = attempt(() => readHeader(frame));
  if (head === undefined) return "refused";
  const api = TABLES.get(head.apiKey);
  if (api === undefined || !within(api.versions, head.apiVersion)) return "unknown";
  const value = attempt(() => decodeRequestBody(api, head.apiVersion, frame, head.bodyOffset));
  if (value !== undefined) assertBounded(value, frame);
  if (interpret) {
    let expected: unknown;
    try {
      expected = interpretDecode(api.request, head.apiVersion, frame, head.bodyOffset).value;
    } catch {
      // Refused: undefined, like the codec's refusal.
    }
    assertEquals(value, expected, `${api.name} v${head.apiVersion}: ${frame.toHex()}`);
  }
  return value === undefined ? "refused" : "decoded";
}

/** The value, or undefined when decoding throws a DecodeError. */
function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function assertBounded(value: unknown, frame: Uint8Array): void {
  const elements = countElements(value);
  assert(elements <= Math.min(MAX_ELEMENTS, frame.length), `${elements} elements from ${frame.length} bytes.`);
}

function countElements(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, element) => sum + countElements(element), value.length);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return 0;
  return Object.values(value).reduce((sum: number, inner) => sum + countElements(inner), 0);
}
