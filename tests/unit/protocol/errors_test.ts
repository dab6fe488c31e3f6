import { assertEquals, assertMatch } from "@std/assert";
import { errorCode, type ErrorName, errorName, ERRORS } from "../../../protocol/errors.ts";

Deno.test("codes run from -1 to 133 without a gap or a double", () => {
  const codes = Object.values(ERRORS).map(({ code }) => code);
  assertEquals(codes, Array.from({ length: 135 }, (_, i) => i - 1));
});

Deno.test("names and codes lead to each other", () => {
  for (const name of Object.keys(ERRORS) as ErrorName[]) assertEquals(errorName(errorCode(name)), name);
  assertEquals(errorName(999), "UNKNOWN_SERVER_ERROR");
});

Deno.test("every error is a sentence", () => {
  for (const { sentence } of Object.values(ERRORS)) assertMatch(sentence, /^[A-Z].*\.$/);
});

Deno.test("errors are retriable where Kafka's Java client retries", () => {
  const retriable = Object.values(ERRORS).filter((error) => error.retriable).map(({ code }) => code);
  assertEquals(
    retriable,
    [
      2,
      3,
      5,
      6,
      7,
      9,
      13,
      14,
      15,
      16,
      19,
      20,
      41,
      51,
      56,
      70,
      71,
      72,
      74,
      75,
      78,
      80,
      83,
      84,
      88,
      89,
      100,
      103,
      106,
      122,
    ]
      .concat([123, 133]),
  );
});
