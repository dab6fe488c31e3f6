/**
 * The files that a broker leaves, in the eyes of Apache Kafka: its `DumpLogSegments` over logs, indexes and snapshots, and its formats of
 * checkpoints.
 *
 * Invariant: there is something of each kind to be looked at, and nothing in it that Kafka has anything to say against.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { isOfCompacted } from "./cases_compaction.ts";
import { LINES, type ToolCase } from "./cases_tools.ts";
import { judgeOffsets } from "./dumped_log.ts";
import type { Target } from "./target.ts";
import { runTool } from "./tools.ts";

/** What DumpLogSegments and its sanity checks say when they do not like what they read. */
const COMPLAINTS =
  /mismatch|corrupt|isvalid: false|exception|non-consecutive|out of order|not within|not found|invalid bytes|error/i;

/** Runs on the files of a broker that was stopped cleanly. */
export const FILE_CASES: readonly ToolCase[] = [
  {
    name: "DumpLogSegments/logs",
    async run(target) {
      const printed = await dump(target, ".log", ["--deep-iteration", "--print-data-log"]);
      for (const line of LINES) assert(printed.includes(`payload: ${line}`), `"${line}" is not in the dump`);
      assertMatch(printed, /compresscodec: lz4/);
      assertMatch(printed, /isvalid: true/);
    },
  },
  { name: "DumpLogSegments/index-sanity", run: (target) => dumped(target, ".index", ["--index-sanity-check"]) },
  { name: "DumpLogSegments/index-against-log", run: (target) => dumped(target, ".index", ["--verify-index-only"]) },
  { name: "DumpLogSegments/timeindex-sanity", run: (target) => dumped(target, ".timeindex", ["--index-sanity-check"]) },
  {
    name: "DumpLogSegments/timeindex-against-log",
    run: (target) => dumped(target, ".timeindex", ["--verify-index-only"]),
  },
  { name: "DumpLogSegments/producer-snapshots", run: (target) => dumped(target, ".snapshot", []) },
  {
    name: "leader-epoch-checkpoint",
    async run(target) {
      const checkpoints = await filesOf(target, "leader-epoch-checkpoint");
      assert(checkpoints.length > 0, "there is no leader-epoch-checkpoint");
      for (const file of checkpoints) {
        // The version, the number of entries, then one line per epoch with the offset where it begins.
        assertMatch(await Deno.readTextFile(file), /^0\n(\d+)\n(\d+ \d+\n){0,50}$/, file);
      }
    },
  },
  {
    name: "partition.metadata",
    async run(target) {
      for (const file of await filesOf(target, "partition.metadata")) {
        assertMatch(await Deno.readTextFile(file), /^version: 0\ntopic_id: [\w-]{22}\n?$/, file);
      }
    },
  },
];

/** Their names are one argument, and Linux takes none of more than 128 KiB. */
const FILES_PER_DUMP = 500;

async function dumped(target: Target, ending: string, options: readonly string[]): Promise<void> {
  await dump(target, ending, options);
}

async function dump(target: Target, ending: string, options: readonly string[]): Promise<string> {
  const files = await filesOf(target, ending);
  assert(files.length > 0, `there is no ${ending} file under ${target.own!.dataFolder}`);
  let printed = "";
  for (let from = 0; from < files.length; from += FILES_PER_DUMP) {
    const some = files.slice(from, from + FILES_PER_DUMP).join(",");
    const outcome = await runTool("DumpLogSegments", [...options, "--files", some]);
    printed += outcome.stdout + outcome.stderr;
    assertEquals(outcome.code, 0, printed.slice(-1_500));
  }
  // Payloads and file names are the suite's own and hold no such word.
  const { problems, rest } = judgeOffsets(printed, isOfCompacted);
  assertEquals(problems, []);
  const lines = rest.split("\n");
  const complaint = lines.findIndex((line) => COMPLAINTS.test(line));
  assert(complaint < 0, lines.slice(complaint, complaint + 4).join("\n"));
  return printed;
}

/** The files with this ending in the folders of the tools' topics. */
async function filesOf(target: Target, ending: string): Promise<string[]> {
  const found: string[] = [];
  const walk = async (folder: string) => {
    for await (const entry of Deno.readDir(folder)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) await walk(path);
      else if (entry.name.endsWith(ending) && path.includes("/interop-") && !path.includes("-delete/")) {
        found.push(path);
      }
    }
  };
  await walk(target.own!.dataFolder);
  return found.sort();
}
