/**
 * Plays the scripts in this folder. `deno test -A tests/scenario -- --rewrite` writes down what came of them instead: read the
 * difference before you believe it.
 */
import { assertEquals, assertThrows } from "@std/assert";
import { parseScript, rewriteScript } from "./script.ts";
import { Stage } from "./stage.ts";

const FOLDER = new URL("./", import.meta.url);
const isRewriting = Deno.args.includes("--rewrite");

for (const { name } of [...Deno.readDirSync(FOLDER)].sort((a, b) => a.name < b.name ? -1 : 1)) {
  if (!name.endsWith(".txt")) continue;
  Deno.test(name.replace(".txt", "").replaceAll("_", " "), () => {
    const path = new URL(name, FOLDER);
    const script = Deno.readTextFileSync(path);
    const stage = new Stage();
    const outcomes = new Map<number, readonly string[]>();
    for (const { line, commands, expected } of parseScript(script)) {
      const outcome = stage.play(commands);
      outcomes.set(line, outcome);
      if (!isRewriting) assertEquals(outcome, expected, `${name}:${line}: ${commands.join("; ")}`);
    }
    if (isRewriting) Deno.writeTextFileSync(path, rewriteScript(script, outcomes));
  });
}

Deno.test("a script is steps with what is expected of them, and can be rewritten", () => {
  const script = "# Why.\n\nkill 1; wait 2 s\n  broker 1: fenced\nstart 1\n\n# The end.\n";
  assertEquals(parseScript(script), [
    { line: 3, commands: ["kill 1", "wait 2 s"], expected: ["broker 1: fenced"] },
    { line: 5, commands: ["start 1"], expected: [] },
  ]);
  const rewritten = rewriteScript(script, new Map([[3, []], [5, ["a", "b"]]]));
  assertEquals(rewritten, "# Why.\n\nkill 1; wait 2 s\nstart 1\n  a\n  b\n\n# The end.\n");
  assertThrows(() => parseScript("  nobody did this"), Error, "nothing has been done yet");
  assertThrows(() => new Stage().play(["dance"]), Error, '"dance" is no command');
});
