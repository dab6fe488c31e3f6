/**
 * Measures Samsa, and with `--vs-kafka` Apache Kafka beside it, and prints one table: `deno task bench -- --vs-kafka`.
 *
 * The table goes to standard output as Markdown, what is being done to standard error. Everything that is started is ended
 * and every folder removed, also on Ctrl-C.
 *
 * @module
 */
import { fail, readOptions } from "../server/command.ts";
import { integer, pairs, path, text, toggle } from "../server/flags.ts";
import { GROUP_CONFIG, groupRowsFor } from "../tests/bench/group_rows.ts";
import { installKcat } from "../tests/bench/kcat.ts";
import { heaviest, selfTimes } from "../tests/bench/profile.ts";
import { summarize, type Summary, toMarkdown } from "../tests/bench/report.ts";
import { measure, type Plan } from "../tests/bench/rounds.ts";
import { rowsFor } from "../tests/bench/rows.ts";
import { type TargetName, TARGETS } from "../tests/bench/targets.ts";
import { confluentWriter } from "../tests/chaos/writer.ts";
import { installKafka, KAFKA_VERSION } from "../tests/interop/kafka.ts";

const SUMMARY = `Measures Samsa: throughput, latency, processor time, start, memory, and with --groups groups.

Each round starts every target afresh on an empty folder, warms it up, takes it through all rows and throws it away.
Figures are medians over the rounds. Acks are acks=all. Fetches find what was just written in the page cache.`;

const FLAGS = {
  vsKafka: toggle({ help: `Measure Apache Kafka ${KAFKA_VERSION} too, in turns with Samsa` }),
  quick: toggle({ help: "A quarter of the load, one round, Samsa (and Kafka) with default configs only" }),
  groups: toggle({ help: "Groups in place of records: joins, commits, crashes; failovers with --brokers 3" }),
  brokers: integer({ help: "Brokers of every target, a process each", placeholder: "N", min: 1, max: 9, default: 1 }),
  rf: integer({ help: "Replicas of every partition; default as many as brokers, at most 3", min: 1, max: 9 }),
  rounds: integer({ help: "How often everything is measured; 3, or 1 with --quick", min: 1, max: 100 }),
  targets: text({ help: `Only these, with commas: ${Object.keys(TARGETS).join(",")}`, placeholder: "LIST" }),
  rows: text({
    help: "Only rows whose names begin so, with commas, as in produce-1k,kcat or join",
    placeholder: "LIST",
  }),
  config: pairs({ help: "A Kafka broker config for every target" }),
  dir: path({ help: "Where folders for data are made; the system's place for temporary files", placeholder: "DIR" }),
  json: path({ help: "Write every run's figures to this file", placeholder: "FILE" }),
  profile: path({ help: "Profile Samsa instead, once, into FILE with the row's name before its extension" }),
};

if (import.meta.main) await main();

async function main(): Promise<void> {
  const options = readOptions("deno task bench", SUMMARY, FLAGS, Deno.args);
  const isProfile = options.profile !== undefined;
  const { brokers, rf = Math.min(3, brokers) } = options;
  if (rf > brokers) fail(`--rf ${rf} needs as many brokers: write --brokers ${rf}, or a smaller --rf.`);
  if (isProfile && brokers > 1) fail("--profile looks into one broker: leave --brokers out.");
  const all = options.groups ? groupRowsFor(brokers) : rowsFor(brokers);
  const rows = chosen(all, ({ name }) => name, options.rows, "row");
  const targets = isProfile ? ["samsa" as const] : chosenTargets(options);
  const dir = await Deno.makeTempDir({ prefix: "samsa-bench-", ...(options.dir ? { dir: options.dir } : {}) });
  const removeDir = () => Deno.removeSync(dir, { recursive: true });
  globalThis.addEventListener("unload", removeDir);
  const plan: Plan = {
    targets,
    rows,
    rounds: isProfile ? 1 : options.rounds ?? (options.quick ? 1 : 3),
    scale: options.quick ? 0.25 : 1,
    dir,
    config: new Map([...options.groups ? GROUP_CONFIG : [], ...options.config]),
    brokers,
    replicationFactor: rf,
    onProgress: (what) => console.error(what),
    ...(isProfile ? { onProfile: (row, profile) => writeProfile(options.profile!, row, profile) } : {}),
  };
  try {
    if (rows.some(({ name }) => name.startsWith("kcat"))) await installKcat();
    if (!options.groups && rows.some(({ name }) => name === "failover")) await confluentWriter();
    if (targets.some((name) => name.startsWith("kafka"))) await installKafka();
    const figures = await measure(plan);
    if (isProfile) return;
    const summaries = summarize(figures);
    console.log(toMarkdown(summaries));
    console.log(`\n${machine()}; ${plan.rounds} rounds. ${goals(summaries)}`);
    if (options.json !== undefined) {
      const lines = figures.lines.map(({ line, runs }) => ({ ...line, runs: Object.fromEntries(runs) }));
      await Deno.writeTextFile(options.json, JSON.stringify({ machine: machine(), lines }, null, 2) + "\n");
    }
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
}

function chosenTargets({ vsKafka, quick, targets }: { vsKafka: boolean; quick: boolean; targets: string | undefined }) {
  const all = Object.keys(TARGETS) as TargetName[];
  if (targets !== undefined) return chosen(all, (name) => name, targets, "target");
  return all.filter((name) => (vsKafka || name.startsWith("samsa")) && (!quick || !name.includes("-")));
}

/** Those that a list names, each word being a whole name or else how names begin; all without a list. */
function chosen<T>(all: readonly T[], nameOf: (item: T) => string, list: string | undefined, what: string): T[] {
  if (list === undefined) return [...all];
  const picked = new Set<T>();
  for (const word of list.split(",").map((word) => word.trim())) {
    const exact = all.filter((item) => nameOf(item) === word);
    const found = exact.length > 0 ? exact : all.filter((item) => nameOf(item).startsWith(word));
    if (found.length === 0) fail(`No ${what} begins with '${word}': there are ${all.map(nameOf).join(", ")}.`);
    for (const item of found) picked.add(item);
  }
  return all.filter((item) => picked.has(item));
}

async function writeProfile(file: string, row: string, profile: Parameters<typeof selfTimes>[0]): Promise<void> {
  const dot = file.lastIndexOf(".") > file.lastIndexOf("/") ? file.lastIndexOf(".") : file.length;
  const name = `${file.slice(0, dot)}.${row}${file.slice(dot)}`;
  await Deno.writeTextFile(name, JSON.stringify(profile));
  console.log(`\n${row}: where the broker's main thread was (${name})`);
  console.log(heaviest(selfTimes(profile, new URL("..", import.meta.url)), 25));
}

function machine(): string {
  return `${navigator.hardwareConcurrency} cores, ${Deno.build.os} ${Deno.osRelease()}, Deno ${Deno.version.deno}`;
}

function goals(summaries: readonly Summary[]): string {
  const verdicts = summaries.flatMap(({ verdicts }) => verdicts);
  if (verdicts.length === 0) return "";
  return `Goals reached: ${verdicts.filter(({ isReached }) => isReached).length} of ${verdicts.length}.`;
}
