/**
 * Who may import whom: the law of the house as a table, and the judge of it.
 *
 * Isolation can be read off the import lists only if nothing else is allowed: what is not in the table is forbidden.
 *
 * @module
 */
import type { Import, Module } from "./modules.ts";

/** One room: which files belong to it and what they may import. */
export interface Room {
  /** The files, as a pattern: `*` is one name, a slash at the end means everything below, `{kind}` is one name to remember. */
  readonly files: string;
  /** What they may import beside their own folder: patterns like `files`, packages, and `types of …` for type-only imports. */
  readonly may: readonly string[];
  /** What the room is, in a few words. */
  readonly what: string;
}

/** The law. A file belongs to the first room whose pattern it fits. `node:*` is judged by the lint rule `samsa/no-ambient`. */
const LAW: readonly Room[] = [
  { files: "lib/", may: [], what: "pure helpers" },
  { files: "protocol/", may: ["lib/"], what: "Kafka on the wire: bytes in, values out" },
  {
    files: "storage/",
    may: ["lib/", "protocol/batch.ts", "protocol/records*", "protocol/compression/"],
    what: "the log and the disks",
  },
  { files: "transport/", may: ["lib/"], what: "carries bytes and envelopes; knows neither Kafka nor the actors" },
  { files: "actors/*.ts", may: ["lib/", "types of transport/transport.ts"], what: "the actor runtime" },
  {
    files: "actors/{kind}/",
    may: ["actors/*.ts", "lib/", "protocol/", "types of storage/log.ts", "actors/*/protocol.ts"],
    what: "one kind of actor; it knows the others by what can be said to them",
  },
  {
    files: "client/",
    may: ["actors/*.ts", "actors/*/protocol.ts", "actors/consumer/", "lib/", "protocol/"],
    what: "what programs read with: promises around a client's actor, and its ways to brokers",
  },
  {
    files: "console/",
    may: ["actors/*.ts", "actors/*/protocol.ts", "lib/", "npm:hono"],
    what: "web console, REST and metrics",
  },
  {
    files: "server/",
    may: ["actors/", "client/", "console/", "lib/", "protocol/", "storage/", "transport/"],
    what: "puts disk, sockets, clock and actors together",
  },
  {
    files: "mod.ts",
    may: ["actors/", "client/", "console/", "lib/", "protocol/", "server/", "storage/", "transport/"],
    what: "the public door",
  },
  { files: "scripts/", may: ["*", "@std/", "npm:"], what: "what `deno task` runs" },
  { files: "tests/", may: ["*", "@std/", "npm:"], what: "unit mirrors the tree" },
  { files: "deps/", may: ["npm:deno-std"], what: "linked stand-ins for @std packages" },
];

/** What others run by URL, without our deno.json: nothing they reach may be imported by a bare name. */
const DOORS: readonly string[] = ["mod.ts", "scripts/broker.ts", "scripts/cluster.ts"];

/** One sentence for every import that the law forbids, and for every module that belongs to no room. */
export function judge(modules: readonly Module[], law: readonly Room[] = LAW): string[] {
  return modules.flatMap((module) => {
    const home = homeOf(module.path, law);
    if (!home) return [`${module.path}: belongs to no room: give it one in scripts/tidy/law.ts, or move it`];
    return module.imports.filter((edge) => !allowed(edge, home)).map(({ path, specifier, typesOnly }) => {
      const may = home.room.may.length === 0 ? "nothing but itself" : `itself, ${home.room.may.join(", ")}`;
      return `${module.path}: may not import ${typesOnly ? "types of " : ""}${path ?? specifier}: ` +
        `${home.room.files} may import ${may}`;
    });
  });
}

/** One sentence for every bare name that is reached from a door. */
export function judgeDoors(modules: readonly Module[], doors: readonly string[] = DOORS): string[] {
  const byPath = new Map(modules.map((module) => [module.path, module]));
  return doors.flatMap((door) => {
    const reached = new Set([door]);
    for (const path of reached) {
      for (const edge of byPath.get(path)?.imports ?? []) if (edge.path && !edge.typesOnly) reached.add(edge.path);
    }
    return [...reached].flatMap((path) =>
      (byPath.get(path)?.imports ?? [])
        .filter(({ specifier, typesOnly }) => !typesOnly && !/^(\.\.?\/|node:|npm:)/.test(specifier))
        .map(({ specifier }) =>
          `${path}: is reached from ${door}, which is also run by URL: '${specifier}' has no meaning there`
        )
    );
  });
}

/** The law as a Markdown table. */
export function lawTable(law: readonly Room[] = LAW): string {
  const code = (pattern: string): string => {
    const [, types, rest] = /^(types of )?(.*)$/.exec(pattern)!;
    return `${types ?? ""}${rest === "*" ? "everything" : `\`${rest}\``}`;
  };
  const rows = law.map(({ files, may, what }) =>
    `| \`${files}\` | ${may.length === 0 ? "nothing" : may.map(code).join(", ")} | ${what} |`
  );
  return ["| room | may import | what it is |", "| --- | --- | --- |", ...rows, ""].join("\n");
}

interface Home {
  readonly room: Room;
  /** What `{kind}` stood for. */
  readonly kind: string | undefined;
}

function homeOf(path: string, law: readonly Room[]): Home | undefined {
  for (const room of law) {
    const match = expression(room.files).exec(path);
    if (match) return { room, kind: match.groups?.kind };
  }
  return undefined;
}

function allowed({ path, specifier, typesOnly }: Import, { room, kind }: Home): boolean {
  if (path !== undefined && expression(room.files.replace("{kind}", kind ?? "")).test(path)) return true;
  if (path === undefined && specifier.startsWith("node:")) return true;
  return room.may.some((pattern) => {
    const [, types, rest] = /^(types of )?(.*)$/.exec(pattern)!;
    if (types && !typesOnly) return false;
    if (/^(@|npm:)/.test(rest!)) return fitsPackage(rest!, specifier);
    return path !== undefined && !specifier.startsWith("@") && (rest === "*" || expression(rest!).test(path));
  });
}

/** `npm:hono` fits `npm:hono`, `npm:hono@^4` and `npm:hono@^4/jsx`, but not `npm:honolulu`. */
function fitsPackage(pattern: string, specifier: string): boolean {
  const rest = specifier.startsWith(pattern) ? specifier.slice(pattern.length) : undefined;
  return rest !== undefined && (/[:/]$/.test(pattern) || rest === "" || /^[@/]/.test(rest));
}

function expression(pattern: string): RegExp {
  const source = pattern.replace(/[.]/g, "\\.").replaceAll("*", "[^/]*").replace("{kind}", "(?<kind>[^/]+)");
  return new RegExp(`^${source}${pattern.endsWith("/") ? "" : "$"}`);
}
