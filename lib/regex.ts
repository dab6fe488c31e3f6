/**
 * Regular expressions in the syntax of RE2 that match in linear time, whatever they and the text are.
 *
 *     a(b|c)*     parsed ─▶      a ─▶ split ─▶ match
 *                                 ┌────┘  ▲
 *                                 ▼       │
 *                               b or c ───┘          all states at once, one step for each character
 *
 * For expressions that come over the network: backtracking, as the runtime's own do it, may take for ever. What needs backtracking (back
 * references, looking around) is not understood, as in RE2. Only whole texts are matched, so it is no matter what groups capture or how
 * greedy repetitions are.
 *
 * @module
 */
import { assert } from "./assert.ts";
import { type Assertion, isWord, parseRegex, type RegexNode } from "./regex_parser.ts";
import { RegexError } from "./regex_error.ts";

export { RegexError } from "./regex_error.ts";

/** One state: where to go on, and on what. */
type Step =
  | { readonly op: "char"; readonly test: (code: number) => boolean; readonly next: number }
  | { readonly op: "assert"; readonly what: Assertion; readonly next: number }
  | { readonly op: "split"; readonly next: number; other: number }
  | { readonly op: "match" };

/** An expression may become no larger than this, counted repetitions written out. */
const SIZE_MAX = 2_000;
/** An expression may be no longer than this: it is parsed before it is known how large it becomes. */
const LENGTH_MAX = 20_000;
const NOTHING = -1;

/**
 * A compiled expression.
 *
 * @example
 * ```ts
 * import { Regex } from "./regex.ts";
 *
 * console.assert(new Regex("orders-(eu|us)-[0-9]+").matches("orders-eu-7"));
 * console.assert(!new Regex("orders").matches("orders-eu-7"));
 * ```
 */
export class Regex {
  readonly #steps: Step[] = [];
  readonly #start: number;
  #work = 0;

  /** @throws {RegexError} it is not understood, or too large */
  constructor(readonly pattern: string) {
    if (pattern.length > LENGTH_MAX) throw new RegexError(pattern, "is too large");
    const tree = parseRegex(pattern);
    this.#steps.push({ op: "match" });
    this.#start = this.#compile(tree, 0);
  }

  /** Whether the whole text is one that the expression describes. */
  matches(text: string): boolean {
    const codes = Array.from(text, (character) => character.codePointAt(0)!);
    const marks = new Int32Array(this.#steps.length).fill(-1);
    let states: number[] = [];
    this.#reach(this.#start, codes, 0, states, marks);
    for (let at = 0; at < codes.length && states.length > 0; at++) {
      const next: number[] = [];
      for (const state of states) {
        const step = this.#steps[state]!;
        if (step.op === "char" && step.test(codes[at]!)) this.#reach(step.next, codes, at + 1, next, marks);
      }
      states = next;
    }
    return states.some((state) => this.#steps[state]!.op === "match");
  }

  /** Adds the states that are reached from one without a character. */
  #reach(from: number, codes: readonly number[], at: number, states: number[], marks: Int32Array): void {
    const open = [from];
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      if (marks[state] === at) continue;
      marks[state] = at;
      const step = this.#steps[state]!;
      if (step.op === "split") open.push(step.other, step.next);
      else if (step.op !== "assert") states.push(state);
      else if (holds(step.what, codes, at)) open.push(step.next);
    }
  }

  /** Writes the steps of a node that go on at `next`; answers where they begin. */
  #compile(node: RegexNode, next: number): number {
    if (++this.#work > SIZE_MAX) throw new RegexError(this.pattern, "is too large");
    switch (node.type) {
      case "char":
        return this.#add({ op: "char", test: node.test, next });
      case "assert":
        return this.#add({ op: "assert", what: node.what, next });
      case "sequence":
        return node.parts.reduceRight((next, part) => this.#compile(part, next), next);
      case "choice":
        return node.parts.map((part) => this.#compile(part, next)).reduceRight((other, next) =>
          this.#add({ op: "split", next, other })
        );
      case "repeat":
        return this.#repeat(node.part, node.min, node.max, next);
    }
  }

  #repeat(part: RegexNode, min: number, max: number, next: number): number {
    let start = next;
    if (max === Infinity) {
      start = this.#add({ op: "split", next, other: NOTHING });
      const split = this.#steps[start]!;
      assert(split.op === "split", "it was just added");
      split.other = this.#compile(part, start);
    } else {
      for (let count = min; count < max; count++) {
        start = this.#add({ op: "split", next, other: this.#compile(part, start) });
      }
    }
    for (let count = 0; count < min; count++) start = this.#compile(part, start);
    return start;
  }

  #add(step: Step): number {
    return this.#steps.push(step) - 1;
  }
}

/** Whether an assertion holds before the character at a place. */
function holds(what: Assertion, codes: readonly number[], at: number): boolean {
  const isBreak = codes.length > at && isWord(codes[at]!) ? 1 : 0;
  const wasWord = at > 0 && isWord(codes[at - 1]!) ? 1 : 0;
  switch (what) {
    case "text begins":
      return at === 0;
    case "text ends":
      return at === codes.length;
    case "line begins":
      return at === 0 || codes[at - 1] === NEWLINE;
    case "line ends":
      return at === codes.length || codes[at] === NEWLINE;
    case "word edge":
      return isBreak !== wasWord;
    case "no word edge":
      return isBreak === wasWord;
  }
}

const NEWLINE = 0x0a;
