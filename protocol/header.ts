/**
 * What precedes the body of every request: which API in which version, whose, and the number by which the answer is known.
 *
 * ```text
 *   request v1   apiKey int16 · apiVersion int16 · correlationId int32 · clientId string?
 *   request v2   the same, then tagged fields: when the API's version is flexible (KIP-482)
 * ```
 *
 * The first eight bytes are the same in every version, so a version that is not known can be answered by its number.
 *
 * @module
 */

import { TABLES } from "./api.ts";
import { Reader } from "./reader.ts";
import { within } from "./schema.ts";

/** The header of a request, and where its body begins. */
export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  /** Null when the client gave none, or when the API or its version is not known. */
  readonly clientId: string | null;
  /** Where the body begins in the frame; the frame's end when the API or its version is not known. */
  readonly bodyOffset: number;
}

/**
 * Reads the header of a request frame (without its size). Of an API or a version that {@linkcode TABLES} lacks, only what
 * all versions share is read.
 *
 * @throws {DecodeError} when the frame is too short, or its client id or tags are damaged
 */
export function readHeader(frame: Uint8Array): RequestHeader {
  const reader = new Reader(frame, 0, "Request header");
  const apiKey = reader.int16("apiKey");
  const apiVersion = reader.int16("apiVersion");
  const correlationId = reader.int32("correlationId");
  const api = TABLES.get(apiKey);
  if (api === undefined || !within(api.versions, apiVersion)) {
    return { apiKey, apiVersion, correlationId, clientId: null, bodyOffset: frame.length };
  }
  const clientId = reader.string("clientId", false, true);
  if (within(api.flexible, apiVersion)) reader.skipTags("tags");
  return { apiKey, apiVersion, correlationId, clientId, bodyOffset: reader.at };
}
