/**
 * Checks what no linter sees: who imports whom, rings, dead files, lengths, and words that must not be here.
 *
 * `deno task tidy` prints a short report and ends with 1 when something is wrong; `--law` prints the law as Markdown,
 * `--untested` also the modules without a unit test of their own.
 *
 * @module
 */
import { readOptions } from "../server/command.ts";
import { toggle } from "../server/flags.ts";
import { judge, judgeDoors, lawTable } from "./tidy/law.ts";
import { listFiles, type Module, readModules } from "./tidy/modules.ts";
import { findCycles, findDead, findLong, findUntested, measure } from "./tidy/shape.ts";
import { findBanned, findBrokenTasks } from "./tidy/words.ts";

const SUMMARY = "Checks who imports whom, rings, dead files, lengths, and words that must not be here.";

const FLAGS = {
  law: toggle({ help: "Print the law of who may import whom, as Markdown, and check nothing" }),
  untested: toggle({ help: "List the modules without a unit test of their own" }),
};

const ROOT = new URL("../", import.meta.url);

/** Looks at the whole checkout and returns how many things are wrong. */
async function tidy(isListing: boolean): Promise<number> {
  const files = listFiles(ROOT);
  const modules = await readModules(ROOT, files.filter((path) => /\.tsx?$/.test(path) && !path.endsWith(".d.ts")));
  report("code ", modules.filter(({ path }) => !/^(tests|deps)\//.test(path)));
  report("tests", modules.filter(({ path }) => path.startsWith("tests/")));
  const untested = findUntested(modules);
  if (untested.length > 0) {
    const list = isListing ? `: ${untested.join(" ")}` : " (--untested lists them)";
    console.log(`${untested.length} modules without a unit test of their own${list}`);
  }
  const problems = [
    ...judge(modules),
    ...judgeDoors(modules),
    ...findCycles(modules),
    ...findDead(modules),
    ...findLong(modules),
    ...files.flatMap((path) => findBanned(path, textOf(path))),
    ...findBrokenTasks(textOf("deno.json"), files),
  ];
  console.log(
    problems.length === 0 ? "Nothing is wrong." : `\n${problems.length} things are wrong:\n${problems.join("\n")}`,
  );
  return problems.length;
}

function report(title: string, modules: readonly Module[]): void {
  const lengths = measure(modules);
  if (!lengths) return;
  const { files, lines, median, p90, max, longest } = lengths;
  console.log(`${title}  ${files} files, ${lines} lines: median ${median}, p90 ${p90}, max ${max} (${longest})`);
}

/** The text of a file; nothing when it is not text. */
function textOf(path: string): string {
  const bytes = Deno.readFileSync(new URL(path, ROOT));
  return bytes.includes(0) ? "" : new TextDecoder().decode(bytes);
}

if (import.meta.main) {
  const { law, untested } = readOptions("deno task tidy", SUMMARY, FLAGS, Deno.args);
  if (law) console.log(lawTable());
  else if (await tidy(untested) > 0) Deno.exit(1);
}
