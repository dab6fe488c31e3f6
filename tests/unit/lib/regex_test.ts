import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type Random, SeededRandom } from "../../../lib/prng.ts";
import { Regex, RegexError } from "../../../lib/regex.ts";

/** Which of the texts an expression matches. */
function matched(pattern: string, ...texts: string[]): string[] {
  const regex = new Regex(pattern);
  return texts.filter((text) => regex.matches(text));
}

Deno.test("whole texts are matched", () => {
  assertEquals(matched("orders", "orders", "orders-eu", "my-orders", ""), ["orders"]);
  assertEquals(matched("", "", "a"), [""]);
  assertEquals(matched("a|", "", "a", "aa"), ["", "a"]);
  assertEquals(matched("orders-(eu|us)-[0-9]+", "orders-eu-7", "orders-us-", "orders-us-12", "orders-as-1"), [
    "orders-eu-7",
    "orders-us-12",
  ]);
});

Deno.test("repetitions, lazy or not", () => {
  assertEquals(matched("ab*", "a", "abbb", "b"), ["a", "abbb"]);
  assertEquals(matched("ab+?", "a", "ab", "abbb"), ["ab", "abbb"]);
  assertEquals(matched("ab??", "a", "ab", "abb"), ["a", "ab"]);
  assertEquals(matched("a{2}", "a", "aa", "aaa"), ["aa"]);
  assertEquals(matched("a{2,}", "a", "aa", "aaaa"), ["aa", "aaaa"]);
  assertEquals(matched("a{1,3}?", "", "a", "aaa", "aaaa"), ["a", "aaa"]);
  assertEquals(matched("(?:ab){0,2}", "", "ab", "abab", "ababab"), ["", "ab", "abab"]);
  assertEquals(matched("a{0}b", "b", "ab"), ["b"]);
  assertEquals(matched("a{,2}", "a{,2}", "aa"), ["a{,2}"]);
  assertEquals(matched("{a}{", "{a}{"), ["{a}{"]);
  assertEquals(matched("(?:)*(a*)*", "", "aaa", "b"), ["", "aaa"]);
});

Deno.test("classes of characters", () => {
  assertEquals(matched("[a-c]", "a", "b", "c", "d", "-"), ["a", "b", "c"]);
  assertEquals(matched("[^a-c]", "a", "d", "\n", ""), ["d", "\n"]);
  assertEquals(matched("[]a]", "]", "a", "b"), ["]", "a"]);
  assertEquals(matched("[^]a]", "]", "a", "b"), ["b"]);
  assertEquals(matched("[a-]", "a", "-", "b"), ["a", "-"]);
  assertEquals(matched("[a-c-e]", "b", "-", "e", "d"), ["b", "-", "e"]);
  assertEquals(matched("[\\d_\\-]", "4", "_", "-", "a", "\\"), ["4", "_", "-"]);
  assertEquals(matched("[^\\D]", "4", "a"), ["4"]);
  assertEquals(matched("[[:upper:][:^alpha:]]", "A", "a", "1"), ["A", "1"]);
  assertEquals(matched("[\\x41-\\x{43}]", "A", "C", "D"), ["A", "C"]);
  assertEquals(matched("\\w\\W\\s\\S\\d\\D", "a- x1y", "a_ x1y"), ["a- x1y"]);
  assertEquals(matched("\\pL\\p{Lu}\\P{L}\\p{Greek}\\p{^Greek}\\PN", "éÄ1λxx", "éä1λxx", "éÄ1xxx"), ["éÄ1λxx"]);
  assertEquals(matched(".", "a", "\n", "😀", "ab"), ["a", "😀"]);
  assertEquals(matched("[😀-😂]", "😁", "a"), ["😁"]);
});

Deno.test("escapes", () => {
  assertEquals(matched("a\\.b\\_\\-\\|", "a.b_-|", "axb_-|"), ["a.b_-|"]);
  assertEquals(matched("\\a\\f\\t\\n\\r\\v\\x0A\\012\\0", "\x07\f\t\n\r\v\n\n\0"), ["\x07\f\t\n\r\v\n\n\0"]);
  assertEquals(matched("\\Qa.b*\\E+", "a.b*", "a.b***", "a.bb"), ["a.b*", "a.b***"]);
  assertEquals(matched("x\\Q(", "x("), ["x("]);
  assertEquals(matched("\\Q\\Ea", "a"), ["a"]);
});

Deno.test("an expression as long as a request is too large, and that is said", () => {
  for (const begin of ["\\Q", "", "("]) {
    assertThrows(() => new Regex(begin + "a".repeat(200_000)), RegexError, "is too large");
  }
});

Deno.test("groups and flags", () => {
  assertEquals(matched("(?P<eu>a)(?<us>b)(?:c)(d)", "abcd"), ["abcd"]);
  assertEquals(matched("(?i)ab[c]", "ABC", "abc", "aBd"), ["ABC", "abc"]);
  assertEquals(matched("(?i:a)b", "Ab", "AB", "ab"), ["Ab", "ab"]);
  assertEquals(matched("(a(?i)b|c)d", "aBd", "Cd", "ABd", "cD"), ["aBd", "Cd"]);
  assertEquals(matched("(?i)(?-i:a)[^b]", "aB", "Ac", "ac"), ["ac"]);
  assertEquals(matched("(?s).", "\n", "a"), ["\n", "a"]);
  assertEquals(matched("(?sU).(?-s:.)+", "\na", "\n\n"), ["\na"]);
});

Deno.test("places", () => {
  assertEquals(matched("^a$", "a", "a\n"), ["a"]);
  assertEquals(matched("\\Aa\\z|^$", "a", "", "b"), ["a", ""]);
  assertEquals(matched("a$b|c^d", "ab", "cd", "a"), []);
  assertEquals(matched("(?m)a$\\n^b", "a\nb", "ab"), ["a\nb"]);
  assertEquals(matched("a\\b-\\b\\w\\B\\w\\b", "a-xy", "a--xy"), ["a-xy"]);
  assertEquals(matched("^*a", "a"), ["a"]);
});

Deno.test("what RE2 does not know, and what makes no sense, is refused with a reason", () => {
  const refused = {
    "(": "not closed",
    "(a": "not closed",
    "a)": "closes nothing",
    "[a": "not closed",
    "[]": "not closed",
    "[b-a]": "ends before it begins",
    "*": "repeats nothing",
    "a|*": "repeats nothing",
    "(+)": "repeats nothing",
    "a**": "repeats a repetition",
    "a++": "repeats a repetition",
    "a{2}{3}": "repeats a repetition",
    "a*??": "repeats a repetition",
    "a{1001}": "too often",
    "a{1,1001}": "too often",
    "a{3,2}": "at least 3 and at most 2",
    "\\1": "not known",
    "(a)\\1": "not known",
    "\\8": "not known",
    "\\Z": "not known",
    "\\C": "not known",
    "\\é": "not known",
    "a\\": "ends too early",
    "\\x{110000}": "there is not",
    "\\xg": "not known",
    "(?=a)": "kind of group",
    "(?!a)": "kind of group",
    "(?<=a)": "kind of group",
    "(?<!a)": "kind of group",
    "(?P=a)": "kind of group",
    "(?>a)": "kind of group",
    "(?x)a": "kind of group",
    "(?i-)a": "kind of group",
    "(?P<a>x)(?P<a>y)": "two groups",
    "[[:foo:]]": "[:foo:]",
    "\\p{Foo}": "\\p{Foo}",
  };
  for (const [pattern, why] of Object.entries(refused)) {
    const { message } = assertThrows(() => new Regex(pattern), RegexError);
    assertStringIncludes(message, why, pattern);
  }
});

Deno.test("an expression does not make much of little", () => {
  for (const pattern of ["((a{100}){100}){100}", "((((){1000}){1000}){1000}){1000}", "(a|b|c|d){1000}".repeat(10)]) {
    assertStringIncludes(assertThrows(() => new Regex(pattern), RegexError).message, "too large");
  }
  const deep = "(".repeat(10_000) + ")".repeat(10_000);
  assertStringIncludes(assertThrows(() => new Regex(deep), RegexError).message, "too deeply");
  assertEquals(matched("(".repeat(200) + "a" + ")".repeat(200), "a"), ["a"]);
});

Deno.test("expressions that make others backtrack for ever take no time", () => {
  const long = "a".repeat(2_000);
  for (const pattern of ["(a*)*b", "(a+)+b", "(a|aa)+b", "(a|a?)+b", "(.*)(.*)(.*)(.*)(.*)b", "(a?){500}a{500}b"]) {
    const regex = new Regex(pattern);
    assertEquals([regex.matches(long), regex.matches(`${long}b`)], [false, pattern.includes("500") ? false : true]);
  }
});

/** An expression by chance that the runtime's own understand too. */
function someRegex(random: Random, depth: number): string {
  const one = () => someRegex(random, depth - 1);
  if (depth === 0) {
    return random.pick(["a", "b", "c", ".", "[ab]", "[^b]", "\\w", "\\d", "-", "\\.", "[a-c-]", "\\b", "\\B"]);
  }
  switch (random.below(8)) {
    case 0:
      return `${one()}|${one()}`;
    case 1:
      return `(${one()})${random.pick(["*", "+", "?", "*?", "{2}", "{1,2}", "{0,}", "{2,}?"])}`;
    case 2:
      return `(?:${one()}|${one()})`;
    case 3:
      return `^${one()}`;
    case 4:
      return `${one()}$`;
    default:
      return one() + one();
  }
}

Deno.test("matches what the runtime's own expressions match", () => {
  const random = new SeededRandom("regex");
  let count = 0;
  for (let round = 0; round < 3_000; round++) {
    const pattern = someRegex(random, 1 + random.below(4));
    const [ours, theirs] = [new Regex(pattern), new RegExp(`^(?:${pattern})$`, "u")];
    for (let text = 0; text < 20; text++) {
      const name = Array.from({ length: random.below(6) }, () => random.pick(["a", "b", "c", "-", ".", "1"])).join("");
      const expected = theirs.test(name);
      assertEquals(ours.matches(name), expected, `${pattern} on ${name}`);
      if (expected) count++;
    }
  }
  assert(count > 1_000, `only ${count} matches`);
});
