/**
 * A few whole requests as bytes, size prefix included.
 *
 * @module
 */
import { encodeRequest } from "../../protocol/codec.ts";
import { metadata } from "../../protocol/tables/metadata.ts";
import { concat } from "./raw_client.ts";

/** Asks for the brokers and no topics. */
export const METADATA_REQUEST: Uint8Array = concat(encodeRequest(metadata, 9, 1, "raw", { topics: [] }));
