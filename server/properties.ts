/**
 * Java's properties files, as Kafka's `server.properties` is one: text in, names and values out.
 *
 * Follows java.util.Properties.load: natural lines are joined into logical ones where they end in an odd number of
 * backslashes; a name ends at the first unescaped `=`, `:` or blank; a later value replaces an earlier one. Values keep
 * the blanks at their end, as in Java: whoever interprets them trims.
 *
 * @module
 */

/** What a properties file came to: its entries in order, or one sentence that names the line. */
export type Properties =
  | { readonly ok: true; readonly values: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly message: string };

interface Line {
  readonly number: number;
  readonly text: string;
}

/**
 * Reads the text of a properties file.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const properties = parseProperties("# a comment\nlog.segment.bytes = 1048576\n");
 * assertEquals(properties, { ok: true, values: new Map([["log.segment.bytes", "1048576"]]) });
 * ```
 */
export function parseProperties(text: string): Properties {
  const values = new Map<string, string>();
  for (const line of logicalLines(text)) {
    const match = /^((?:[^\\=: \t\f]|\\[^])*)[ \t\f]*[=:]?[ \t\f]*([^]*)$/.exec(line.text);
    const name = unescape(match?.[1] ?? "");
    const value = unescape(match?.[2] ?? "");
    if (name === undefined || value === undefined) {
      return wrong(line, "has a broken \\u escape: four hexadecimal digits must follow it");
    }
    if (name === "") return wrong(line, "has no name: write NAME=VALUE");
    values.delete(name); // so that the order is that of the values that count
    values.set(name, value);
  }
  return { ok: true, values };
}

/** Joins natural lines, and leaves out comments and blank ones. */
function* logicalLines(text: string): Generator<Line> {
  let open: Line | undefined;
  for (const [index, natural] of text.split(/\r\n|\r|\n/).entries()) {
    const part = natural.replace(/^[ \t\f]+/, "");
    const fresh = open === undefined || open.text === "";
    if (fresh && (part === "" || part.startsWith("#") || part.startsWith("!"))) continue;
    const continues = /\\*$/.exec(part)![0].length % 2 === 1;
    const line: Line = {
      number: open?.number ?? index + 1,
      text: (open?.text ?? "") + (continues ? part.slice(0, -1) : part),
    };
    open = continues ? line : undefined;
    if (!continues && line.text !== "") yield line;
  }
  if (open !== undefined && open.text !== "") yield open;
}

/** Resolves backslash escapes; `undefined` when one of them is broken. */
function unescape(text: string): string | undefined {
  if (/\\u(?![\da-fA-F]{4})/.test(text.replaceAll("\\\\", "  "))) return undefined;
  return text.replace(/\\(?:u([\da-fA-F]{4})|([^]))/g, (_, code: string | undefined, letter: string) => {
    if (code !== undefined) return String.fromCharCode(parseInt(code, 16));
    return ({ t: "\t", n: "\n", r: "\r", f: "\f" } as Record<string, string>)[letter] ?? letter;
  });
}

function wrong({ number }: Line, sentence: string): { readonly ok: false; readonly message: string } {
  return { ok: false, message: `Line ${number} ${sentence}.` };
}
