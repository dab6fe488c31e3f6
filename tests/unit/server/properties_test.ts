import { assertEquals } from "@std/assert";
import { parseProperties } from "../../../server/properties.ts";

function entries(text: string): [string, string][] {
  const properties = parseProperties(text);
  if (!properties.ok) throw new Error(properties.message);
  return [...properties.values];
}

Deno.test("names and values are separated by =, : or blanks, once", () => {
  const text = "a=1\nb:2\nc 3\nd = 4\ne\t:\t5\nf  6 7\n  g=h=i\nj\nk=\nl==m\nn : : o";
  assertEquals(entries(text), [
    ["a", "1"],
    ["b", "2"],
    ["c", "3"],
    ["d", "4"],
    ["e", "5"],
    ["f", "6 7"],
    ["g", "h=i"],
    ["j", ""],
    ["k", ""],
    ["l", "=m"],
    ["n", ": o"],
  ]);
});

Deno.test("comments and blank lines are left out, whatever ends a line", () => {
  assertEquals(entries("# a=1\r\n  ! b=2\r\r\n \t\nc=3 # not a comment\r# d\\\ne=4"), [
    ["c", "3 # not a comment"],
    ["e", "4"],
  ]);
});

Deno.test("an odd number of backslashes continues a line, and the next one's indentation goes", () => {
  assertEquals(entries("a=x,\\\n   y,\\\r\n\tz\nb=1\\\\\nc=2\\\\\\\n3\nd\\\n=4\ne=5\\"), [
    ["a", "x,y,z"],
    ["b", "1\\"],
    ["c", "2\\3"],
    ["d", "4"],
    ["e", "5"],
  ]);
  assertEquals(entries("a=1\\\n# not a comment\n"), [["a", "1# not a comment"]]);
  assertEquals(entries("a=1\\\n\nb=2"), [["a", "1"], ["b", "2"]]);
});

Deno.test("escapes stand for the letter that they name", () => {
  assertEquals(entries("a\\=b\\:c\\ d=1"), [["a=b:c d", "1"]]);
  assertEquals(entries("a=\\t\\n\\r\\f\\z\\\\\\u00e9\\u20AC"), [["a", "\t\n\r\fz\\é€"]]);
  assertEquals(entries("a=\\\\u12"), [["a", "\\u12"]]);
});

Deno.test("a later value replaces an earlier one, and blanks at the end are kept, as in Java", () => {
  assertEquals(entries("a=1\nb=2\na=3 "), [["b", "2"], ["a", "3 "]]);
});

Deno.test("what is wrong is named with the line on which it begins", () => {
  const message = (text: string) => {
    const properties = parseProperties(text);
    return properties.ok ? "" : properties.message;
  };
  assertEquals(
    message("# x\na=1\nb=\\u00g1"),
    "Line 3 has a broken \\u escape: four hexadecimal digits must follow it.",
  );
  assertEquals(message("a=\\\\\\u12"), "Line 1 has a broken \\u escape: four hexadecimal digits must follow it.");
  assertEquals(message("a=1,\\\n2\n\n  =3\\\n4"), "Line 4 has no name: write NAME=VALUE.");
});
