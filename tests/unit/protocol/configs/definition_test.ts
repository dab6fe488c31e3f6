import { assertEquals, assertThrows } from "@std/assert";
import { config, isSensitive, listElements, problemOf } from "../../../../protocol/configs/definition.ts";
import { TOPIC_CONFIGS } from "../../../../protocol/configs/topic.ts";

function problem(shape: string, value: string): string | null {
  return problemOf(config("x", shape, "A test."), value);
}

Deno.test("each type takes its values and says what would be right", () => {
  const fine: [string, string][] = [
    ["BOOLEAN", "TRUE"],
    ["SHORT", "-32768"],
    ["INT", " 2147483647 "],
    ["LONG", "9223372036854775807"],
    ["LONG", "+5"],
    ["DOUBLE", "1e-3"],
    ["DOUBLE >=0 <=1", ".5"],
    ["LIST in a,b", "b, a"],
    ["LIST in a,b", ""],
    ["STRING in a,b", "b"],
    ["STRING", "anything"],
    ["CLASS", "org.example.Thing"],
  ];
  for (const [shape, value] of fine) assertEquals(problem(shape, value), null, `${shape}: ${value}`);
  const wrong: [string, string, string][] = [
    ["BOOLEAN", "yes", "true or false"],
    ["SHORT", "32768", "from -32768 to 32767"],
    ["SHORT >=1", "32768", "from 1 to 32767"],
    ["INT", "1.5", "a whole number, from -2147483648 to 2147483647"],
    ["INT", "", "a whole number, from -2147483648 to 2147483647"],
    ["INT >=3", "2", "at least 3"],
    ["INT >=3", "x", "a whole number, at least 3"],
    ["LONG", "9223372036854775808", "from -9223372036854775808 to 9223372036854775807"],
    ["LONG >=-1 <=5", "6", "from -1 to 5"],
    ["DOUBLE", "NaN", "a number, from -Infinity to Infinity"],
    ["DOUBLE >=0 <=1", "1.1", "a number, from 0 to 1"],
    ["LIST in a,b", "a,c", "a list of a, b"],
    ["STRING in a,b", "A", "one of a, b"],
  ];
  for (const [shape, value, wanted] of wrong) {
    assertEquals(problem(shape, value), `"${value}" is not valid for x: it must be ${wanted}.`);
  }
});

Deno.test("a hostile value is shown in part, a secret one not at all", () => {
  assertEquals(problem("BOOLEAN", "y".repeat(1e6))!.length < 200, true);
  const secret = config("p", "PASSWORD in a", "A secret.");
  assertEquals(problemOf(secret, "hunter2"), "The value is not valid for p: it must be one of a.");
  assertEquals(isSensitive(secret), true);
});

Deno.test("a table whose default breaks its own bounds does not load", () => {
  assertThrows(() => config("x", "INT =0 >=1", "Wrong."), Error, "default of x");
  assertThrows(() => config("x", "NUMBER =0", "Wrong."), Error, "unknown type");
  assertThrows(() => config("x", "INT 0", "Wrong."), Error, "malformed");
});

Deno.test("the checks that bounds cannot express", () => {
  const check = (name: string, value: string) => problemOf(TOPIC_CONFIGS.get(name)!, value) === null;
  assertEquals(check("compression.gzip.level", "0"), false);
  assertEquals(check("compression.gzip.level", "-1"), true);
  assertEquals(check("compression.gzip.level", "9"), true);
  for (const value of ["*", "", "0:1", "0:1,1:2"]) {
    assertEquals(check("leader.replication.throttled.replicas", value), true);
  }
  for (const value of ["0", "*,0:1", "a:b"]) {
    assertEquals(check("follower.replication.throttled.replicas", value), false);
  }
});

Deno.test("list elements are trimmed and empty ones left out", () => {
  assertEquals(listElements(" a , ,b,"), ["a", "b"]);
});
