/**
 * The only files that may touch the world: everything else takes time, chance, disk and network as arguments.
 *
 * One list for the lint rule `samsa/no-ambient`; each entry says why it is there. A file that is not named here and
 * wants a clock asks for a `Clock` instead of a place on this list.
 *
 * @module
 */

/** A file or folder that may name something ambient. */
export interface Adapter {
  /** Matches the path from the root of the checkout, with forward slashes. */
  readonly path: RegExp;
  /** What it may name: everything, or these globals and `node:` modules only. */
  readonly may: "everything" | readonly string[];
  /** Why it has to. */
  readonly why: string;
}

/** Every exception from `samsa/no-ambient`, with its reason. */
const ADAPTERS: readonly Adapter[] = [
  { path: /^storage\/file_disk\.ts$/, may: "everything", why: "the disk made of Deno's files" },
  { path: /^transport\/tcp\w*\.ts$/, may: "everything", why: "envelopes over Deno's TCP sockets" },
  { path: /^client\/tcp_network\.ts$/, may: "everything", why: "a client's connections over Deno's TCP sockets" },
  { path: /^server\//, may: "everything", why: "composition: puts the real clock, disk and sockets together" },
  { path: /^console\/server\.ts$/, may: "everything", why: "serves the console over HTTP" },
  {
    path: /^protocol\/compression(\/\w+)?\.ts$/,
    may: ["node:zlib"],
    why: "gzip and zstd: pure functions of their input, native in the runtime",
  },
  { path: /^scripts\//, may: "everything", why: "programs and tools" },
  { path: /^tests\//, may: "everything", why: "tests drive real sockets, files and processes" },
  { path: /^deps\//, may: "everything", why: "stand-ins for the standard library" },
];

/** Whether the file at `path` (from the root) may name `what`: a global such as `Date`, or a module such as `node:fs`. */
export function mayName(path: string, what: string): boolean {
  return ADAPTERS.some(({ path: pattern, may }) => pattern.test(path) && (may === "everything" || may.includes(what)));
}
