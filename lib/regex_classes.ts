/**
 * Classes of characters, by the names that RE2 knows them by.
 *
 * @module
 */

/** Whether a character, by its code point, belongs to a class. */
export type CharTest = (code: number) => boolean;

const between = (low: string, high: string): CharTest => range(low.codePointAt(0)!, high.codePointAt(0)!);
const either = (...tests: CharTest[]): CharTest => (code) => tests.some((test) => test(code));
const oneOf = (characters: string): CharTest => {
  const codes = new Set(Array.from(characters, (character) => character.codePointAt(0)!));
  return (code) => codes.has(code);
};

const digit = between("0", "9");
const lower = between("a", "z");
const upper = between("A", "Z");
const alpha = either(lower, upper);
const alnum = either(alpha, digit);

/** Letters, digits and `_`. */
export const isWord: CharTest = either(alnum, oneOf("_"));

/** `\d`, `\s`, `\w`, by their letters. */
export const PERL_CLASSES: ReadonlyMap<string, CharTest> = new Map([
  ["d", digit],
  ["s", oneOf("\t\n\f\r ")],
  ["w", isWord],
]);

/** `[:alpha:]` and its like, by their names. */
export const ASCII_CLASSES: ReadonlyMap<string, CharTest> = new Map([
  ["alnum", alnum],
  ["alpha", alpha],
  ["ascii", range(0, 0x7f)],
  ["blank", oneOf("\t ")],
  ["cntrl", either(range(0, 0x1f), range(0x7f, 0x7f))],
  ["digit", digit],
  ["graph", between("!", "~")],
  ["lower", lower],
  ["print", between(" ", "~")],
  ["punct", either(between("!", "/"), between(":", "@"), between("[", "`"), between("{", "~"))],
  ["space", oneOf("\t\n\v\f\r ")],
  ["upper", upper],
  ["word", isWord],
  ["xdigit", either(digit, between("a", "f"), between("A", "F"))],
]);

/** Code points from `low` to `high`, both included. */
export function range(low: number, high: number): CharTest {
  return (code) => code >= low && code <= high;
}

/** A general category or a script of Unicode (`L`, `Lu`, `Greek`); undefined for an unknown one. */
export function unicodeClass(name: string): CharTest | undefined {
  if (name === "Any") return () => true;
  if (!/^[A-Za-z_]+$/.test(name)) return undefined;
  for (const property of ["gc", "sc"]) {
    try {
      const single = new RegExp(`^\\p{${property}=${name}}$`, "u");
      return (code) => single.test(String.fromCodePoint(code));
    } catch {
      // not one of these
    }
  }
  return undefined;
}

/** The same, with upper and lower case taken for one. */
export function ignoringCase(test: CharTest): CharTest {
  return (code) => {
    if (test(code)) return true;
    const character = String.fromCodePoint(code);
    return [character.toLowerCase(), character.toUpperCase()].some((other) =>
      [...other].length === 1 && test(other.codePointAt(0)!)
    );
  };
}
