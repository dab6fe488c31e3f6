/**
 * Reads regular expressions in the syntax of RE2 (as Go and RE2/J have it) into trees.
 *
 *     choice      sequence | sequence …
 *     sequence    atom with *, +, ?, {n}, {n,}, {n,m}, each with ? behind
 *     atom        x  .  [x-z]  \d  \pL  (…)  (?:…)  (?P<name>…)  (?i)  (?i:…)  ^  $  \b  \Q…\E
 *
 * @module
 */
import {
  ASCII_CLASSES,
  type CharTest,
  ignoringCase,
  isWord,
  PERL_CLASSES,
  range,
  unicodeClass,
} from "./regex_classes.ts";
import { RegexError } from "./regex_error.ts";

export { isWord };

/** Something that must be true of a place. */
export type Assertion = "text begins" | "text ends" | "line begins" | "line ends" | "word edge" | "no word edge";

/** An expression, or a part of it. */
export type RegexNode =
  | { readonly type: "char"; readonly test: CharTest }
  | { readonly type: "assert"; readonly what: Assertion }
  | { readonly type: "sequence"; readonly parts: readonly RegexNode[] }
  | { readonly type: "choice"; readonly parts: readonly RegexNode[] }
  | { readonly type: "repeat"; readonly part: RegexNode; readonly min: number; readonly max: number };

interface Flags {
  readonly ignoreCase: boolean;
  readonly multiLine: boolean;
  readonly dotAll: boolean;
}

const REPEAT_MAX = 1_000;
const DEPTH_MAX = 250;
const EMPTY: RegexNode = { type: "sequence", parts: [] };
const ESCAPES: ReadonlyMap<string, number> = new Map([
  ["a", 0x07],
  ["f", 0x0c],
  ["n", 0x0a],
  ["r", 0x0d],
  ["t", 0x09],
  ["v", 0x0b],
]);
const ASSERTIONS: ReadonlyMap<string, Assertion> = new Map([
  ["A", "text begins"],
  ["z", "text ends"],
  ["b", "word edge"],
  ["B", "no word edge"],
]);

/**
 * Reads an expression.
 *
 * @throws {RegexError}
 */
export function parseRegex(pattern: string): RegexNode {
  return new Parser(pattern).parse();
}

class Parser {
  readonly #pattern: string;
  readonly #characters: readonly string[];
  readonly #names = new Set<string>();
  #at = 0;
  #depth = 0;
  #flags: Flags = { ignoreCase: false, multiLine: false, dotAll: false };

  constructor(pattern: string) {
    this.#pattern = pattern;
    this.#characters = Array.from(pattern);
  }

  parse(): RegexNode {
    const node = this.#choice();
    if (this.#at < this.#characters.length) this.#refuse("has a ) that closes nothing");
    return node;
  }

  /** Up to the `)` of its group, or the end. Flags that are set in it end with it. */
  #choice(): RegexNode {
    if (++this.#depth > DEPTH_MAX) this.#refuse("is nested too deeply");
    const flags = this.#flags;
    const parts = [this.#sequence()];
    while (this.#take("|")) parts.push(this.#sequence());
    this.#flags = flags;
    this.#depth--;
    return parts.length === 1 ? parts[0]! : { type: "choice", parts };
  }

  #sequence(): RegexNode {
    const parts: RegexNode[] = [];
    while (this.#at < this.#characters.length && this.#peek() !== "|" && this.#peek() !== ")") {
      if (this.#peekText("\\Q")) {
        parts.push(...this.#quoted());
        continue;
      }
      const atom = this.#atom();
      if (atom !== undefined) parts.push(this.#repeated(atom));
    }
    return parts.length === 1 ? parts[0]! : { type: "sequence", parts };
  }

  /** `\Q…\E`, or to the end. What is behind it repeats its last character. */
  #quoted(): RegexNode[] {
    this.#at += 2;
    const parts: RegexNode[] = [];
    while (this.#at < this.#characters.length && !this.#peekText("\\E")) parts.push(this.#literal(this.#next()));
    this.#at = Math.min(this.#at + 2, this.#characters.length);
    const last = parts.pop();
    return last === undefined ? [] : [...parts, this.#repeated(last)];
  }

  /** One thing that can be repeated; undefined for flags, which are none. */
  #atom(): RegexNode | undefined {
    const character = this.#next();
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return this.#chars(this.#class());
      case ".": {
        const { dotAll } = this.#flags;
        return { type: "char", test: (code) => dotAll || code !== 0x0a };
      }
      case "^":
        return { type: "assert", what: this.#flags.multiLine ? "line begins" : "text begins" };
      case "$":
        return { type: "assert", what: this.#flags.multiLine ? "line ends" : "text ends" };
      case "*":
      case "+":
      case "?":
        return this.#refuse(`has a ${character} that repeats nothing`);
      case "\\":
        return this.#escaped();
      default:
        return this.#literal(character);
    }
  }

  #escaped(): RegexNode {
    const what = ASSERTIONS.get(this.#peek() ?? "");
    if (what !== undefined) {
      this.#at++;
      return { type: "assert", what };
    }
    const test = this.#namedClass();
    return this.#chars(test ?? single(this.#escapedCode()));
  }

  /** `*`, `+`, `?`, `{…}` behind an atom, if there is one; but not two. */
  #repeated(part: RegexNode): RegexNode {
    const counts = this.#counts();
    if (counts === undefined) return part;
    this.#take("?");
    const at = this.#at;
    if (this.#counts() !== undefined) {
      this.#at = at;
      this.#refuse("repeats a repetition: put it into a group");
    }
    return { type: "repeat", part, ...counts };
  }

  #counts(): { readonly min: number; readonly max: number } | undefined {
    if (this.#take("*")) return { min: 0, max: Infinity };
    if (this.#take("+")) return { min: 1, max: Infinity };
    if (this.#take("?")) return { min: 0, max: 1 };
    const braces = this.#peek() === "{" && /^\{(\d{1,9})(,(\d{0,9}))?\}/.exec(this.#rest(24));
    if (!braces) return undefined; // a { that counts nothing stands for itself
    this.#at += braces[0].length;
    const min = Number(braces[1]);
    const max = braces[2] === undefined ? min : braces[3] === "" ? Infinity : Number(braces[3]);
    if (min > REPEAT_MAX || (max !== Infinity && max > REPEAT_MAX)) this.#refuse("repeats something too often");
    if (max < min) this.#refuse(`repeats something at least ${min} and at most ${max} times`);
    return { min, max };
  }

  /** What is behind a `(`. */
  #group(): RegexNode | undefined {
    if (this.#take("?")) {
      const head = /^(?:P?<([A-Za-z0-9_]+)>|([imsU]*)(?:-([imsU]+))?([:)]))/.exec(this.#rest(100));
      if (head === null) return this.#refuse("has a kind of group that is not known");
      this.#at += head[0].length;
      if (head[1] === undefined) {
        const outer = this.#flags;
        this.#setFlags(head[2]!, head[3] ?? "");
        if (head[4] === ")") return undefined;
        const node = this.#closed();
        this.#flags = outer;
        return node;
      }
      if (this.#names.has(head[1])) return this.#refuse(`names two groups ${head[1]}`);
      this.#names.add(head[1]);
    }
    return this.#closed();
  }

  #closed(): RegexNode {
    const node = this.#choice();
    if (!this.#take(")")) this.#refuse("has a ( that is not closed");
    return node.type === "sequence" && node.parts.length === 0 ? EMPTY : node;
  }

  #setFlags(on: string, off: string): void {
    const { ignoreCase, multiLine, dotAll } = this.#flags;
    const flag = (letter: string, before: boolean) => !off.includes(letter) && (on.includes(letter) || before);
    this.#flags = { ignoreCase: flag("i", ignoreCase), multiLine: flag("m", multiLine), dotAll: flag("s", dotAll) };
  }

  /** What is behind a `[`. */
  #class(): CharTest {
    const isNot = this.#take("^");
    const tests: CharTest[] = [];
    for (let isFirst = true; isFirst || this.#peek() !== "]"; isFirst = false) {
      if (this.#at >= this.#characters.length) this.#refuse("has a [ that is not closed");
      tests.push(this.#classPart());
    }
    this.#at++;
    const any: CharTest = (code) => tests.some((test) => test(code));
    const folded = this.#flags.ignoreCase ? ignoringCase(any) : any;
    return isNot ? (code) => !folded(code) : folded;
  }

  #classPart(): CharTest {
    const ascii = this.#peek() === "[" && /^\[:(\^?)(\w+):\]/.exec(this.#rest(24));
    if (ascii) {
      const test = ASCII_CLASSES.get(ascii[2]!);
      if (test === undefined) return this.#refuse(`names a class [:${ascii[2]}:] that is not known`);
      this.#at += ascii[0].length;
      return ascii[1] === "^" ? (code) => !test(code) : test;
    }
    if (this.#peek() === "\\") {
      this.#at++;
      const test = this.#namedClass();
      if (test !== undefined) return test;
      this.#at--;
    }
    const low = this.#classCode();
    if (this.#peek() !== "-" || this.#characters[this.#at + 1] === "]") return single(low);
    this.#at++;
    const high = this.#classCode();
    return high < low ? this.#refuse("has a range that ends before it begins") : range(low, high);
  }

  #classCode(): number {
    const character = this.#next();
    return character === "\\" ? this.#escapedCode() : character.codePointAt(0)!;
  }

  /** `\d` or `\p{…}` and their like behind a `\`; undefined when it is something else. */
  #namedClass(): CharTest | undefined {
    const letter = this.#peek() ?? "";
    const perl = PERL_CLASSES.get(letter.toLowerCase());
    if (perl !== undefined) {
      this.#at++;
      return letter === letter.toLowerCase() ? perl : (code) => !perl(code);
    }
    const named = /^[pP](?:([A-Z])|\{(\^?)([A-Za-z_]+)\})/.exec(this.#rest(60));
    if (named === null) return undefined;
    const test = unicodeClass(named[1] ?? named[3]!);
    if (test === undefined) return this.#refuse(`names a class \\${named[0]} that is not known`);
    this.#at += named[0].length;
    return (letter === "P") === (named[2] === "^") ? test : (code) => !test(code);
  }

  /** The character that is meant behind a `\`. */
  #escapedCode(): number {
    const rest = this.#rest(16);
    const number = /^(?:x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]{1,8})\}|(0[0-7]{0,2}|[1-7][0-7]{1,2}))/.exec(rest);
    if (number !== null) {
      this.#at += number[0].length;
      const code = number[3] === undefined ? parseInt(number[1] ?? number[2]!, 16) : parseInt(number[3], 8);
      return code > 0x10ffff ? this.#refuse("names a character that there is not") : code;
    }
    const letter = this.#next();
    const code = letter.codePointAt(0)!;
    const known = ESCAPES.get(letter);
    if (known !== undefined) return known;
    return code < 0x80 && !isWord(code) || letter === "_" ? code : this.#refuse(`has \\${letter}, which is not known`);
  }

  #literal(character: string): RegexNode {
    return this.#chars(single(character.codePointAt(0)!));
  }

  #chars(test: CharTest): RegexNode {
    return { type: "char", test: this.#flags.ignoreCase ? ignoringCase(test) : test };
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #peekText(text: string): boolean {
    return this.#peek() === text[0] && this.#characters[this.#at + 1] === text[1];
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #next(): string {
    return this.#characters[this.#at++] ?? this.#refuse("ends too early");
  }

  #rest(length: number): string {
    return this.#characters.slice(this.#at, this.#at + length).join("");
  }

  #refuse(why: string): never {
    throw new RegexError(this.#pattern, `${why}, at character ${this.#at}`);
  }
}

function single(code: number): CharTest {
  return (other) => other === code;
}
