import { assertEquals } from "@std/assert";
import { exposition } from "../../../console/prometheus.ts";

Deno.test("a family has its help, its type and a line per sample", () => {
  const samples = [{ labels: {}, value: 3 }, { labels: { topic: "a", partition: "0" }, value: 0.5 }];
  assertEquals(
    exposition([{ name: "n", help: "What it is", type: "gauge", samples }]),
    '# HELP n What it is\n# TYPE n gauge\nn 3\nn{topic="a",partition="0"} 0.5\n',
  );
});

Deno.test("families follow each other, and one without samples still says what it is", () => {
  const text = exposition([
    { name: "a", help: "A", type: "counter", samples: [] },
    { name: "b", help: "B", type: "counter", samples: [{ labels: {}, value: 1 }] },
  ]);
  assertEquals(text, "# HELP a A\n# TYPE a counter\n# HELP b B\n# TYPE b counter\nb 1\n");
});

Deno.test("backslashes, newlines and quotes are escaped where the format wants it", () => {
  const samples = [{ labels: { path: 'a\\b"c\nd' }, value: 1 }];
  assertEquals(
    exposition([{ name: "n", help: 'say "hi"\nC:\\', type: "gauge", samples }]),
    '# HELP n say "hi"\\nC:\\\\\n# TYPE n gauge\nn{path="a\\\\b\\"c\\nd"} 1\n',
  );
});

Deno.test("numbers that are none have Prometheus's names", () => {
  const values = [NaN, Infinity, -Infinity, 1e21, -0.25];
  const samples = values.map((value) => ({ labels: {}, value }));
  const lines = exposition([{ name: "n", help: "N", type: "gauge", samples }]).split("\n").slice(2, -1);
  assertEquals(lines, ["n NaN", "n +Inf", "n -Inf", "n 1e+21", "n -0.25"]);
});
