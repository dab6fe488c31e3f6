/**
 * gzip (RFC 1952), one member or several in a row.
 *
 * @module
 */

import { gunzipSync, gzipSync } from "node:zlib";
import type { Codec } from "./codec.ts";
import { chunkSizeFor, decompressBy, plain } from "./zlib.ts";

/** The gzip codec. */
export const gzip: Codec = {
  id: 1,
  name: "gzip",
  compress(bytes, level = -1) {
    return plain(gzipSync(bytes, { level, chunkSize: chunkSizeFor(bytes.length) }));
  },
  decompress(bytes, maxBytes) {
    return decompressBy(gunzipSync, "gzip", bytes, maxBytes, bytes.length * 4);
  },
};
