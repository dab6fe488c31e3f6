/**
 * The parts of a run: which cases belong together, which of them are played side by side, and how.
 *
 * ```
 * part ──▶ lane: one case after the other ─┐
 *      ──▶ lane …                          ├─▶ next part      so many lanes at once as the part has width
 * ```
 * @module
 */
import { ABILITIES } from "./abilities.ts";
import { ADMIN_CASES } from "./cases_admin.ts";
import { CLUSTER_CASES } from "./cases_cluster.ts";
import { COMPACTION_CASES } from "./cases_compaction.ts";
import { CONSUMER_BROKERS, playConsumer } from "./cases_consumer.ts";
import { FILE_CASES } from "./cases_files.ts";
import { GROUP_TOOL_CASES } from "./cases_group_tools.ts";
import { GROUP_CASES } from "./cases_groups.ts";
import { KILL_CASES } from "./cases_kills.ts";
import { CROWD_CASES, FAILOVER_CASES, MEMBER_CASES } from "./cases_members.ts";
import { crossCases, RECORD_CASES } from "./cases_records.ts";
import { playRestarts } from "./cases_restart.ts";
import { TOOL_CASES, type ToolCase, whatToolsWrote } from "./cases_tools.ts";
import type { Client } from "./client.ts";
import { type Clients, findClerk } from "./clients.ts";
import { type Report, seconds } from "./report.ts";
import { type Case, type Feature, Scene } from "./scene.ts";
import type { Target } from "./target.ts";

/** The name under which the cases of Kafka's tools run. */
export const TOOLS = "java-tools";
const OURS = "samsa";

/** What is to be played. */
export interface Options {
  readonly target: string;
  readonly only: readonly string[];
  readonly part: string;
  /** Cases about other features are left out. */
  readonly features: ReadonlySet<Feature>;
}

/** What the parts of a run share. */
export interface Run {
  readonly options: Options;
  readonly report: Report;
  readonly target: Target;
  /** Clients that are there, without the tools. */
  readonly real: readonly string[];
  readonly clients: Clients;
  readonly clerk: Client;
}

/** A part of the run: cases that belong together, and how much time they took. */
interface Part {
  readonly name: string;
  /** What can be played side by side; in each of them one case comes after the other. */
  lanes(run: Run): readonly (() => Promise<void>)[];
  /** So many lanes at once: more than one where cases mostly wait, or a second processor helps. Default 1. */
  readonly width?: number;
}

const wants = ({ part, features }: Options, name: string, feature?: Feature) =>
  name.includes(part) && (feature === undefined || features.has(feature));

/** A lane for each client. */
function clientsPart(name: string, width: number, cases: (run: Run) => readonly Case[]): Part {
  return {
    name,
    width,
    lanes(run) {
      const all = cases(run);
      return run.real.map((client) => () => runCases(all, client, run));
    },
  };
}

/** A lane for each case of Kafka's tools. */
function toolsPart(name: string, width: number, cases: (target: Target) => readonly ToolCase[]): Part {
  return {
    name,
    width,
    lanes: ({ options, report, target }) =>
      cases(target).filter((each) => options.only.includes(TOOLS) && wants(options, each.name, each.feature))
        .map((each) => () => report.try(TOOLS, each.name, () => each.run(target))),
  };
}

const hasCluster = ({ ports, own }: Target) => own !== undefined && ports.length >= 3;

/** In the order in which they run. In those of several lanes nobody harms a broker. */
const PARTS: readonly Part[] = [
  clientsPart("records and topics", 2, (run) => {
    const writers = run.real.filter((name) => can(name, "produce"));
    return [...RECORD_CASES, ...COMPACTION_CASES, ...ADMIN_CASES, ...crossCases(writers, (name) => sceneOf(run, name))];
  }),
  clientsPart("groups", 4, () => [...GROUP_CASES, ...MEMBER_CASES]),
  { name: "groups of all clients", lanes: crowdLanes },
  { name: "our consumer", width: 2, lanes: consumerLanes },
  toolsPart("tools", 2, () => [...TOOL_CASES, ...GROUP_TOOL_CASES]),
  clientsPart("coordinator failover", 1, () => FAILOVER_CASES),
  toolsPart("tools over a cluster", 1, (target) => hasCluster(target) ? [...CLUSTER_CASES, ...KILL_CASES] : []),
  { name: "restarts", lanes: (run) => [() => runRestarts(run)] },
  { name: "files", lanes: (run) => [() => runFileCases(run)] }, // the brokers are stopped for it
];

/** True when the agent of that client has the command. */
function can(name: string, command: string): boolean {
  return !ABILITIES[name]!.without.includes(command);
}

async function sceneOf({ clients, clerk, target }: Run, name: string): Promise<Scene> {
  return new Scene(await clients.get(name), clerk, target);
}

function crowdLanes(run: Run): (() => Promise<void>)[] {
  const { options, report, real } = run;
  if (real.length < 2) return [];
  return CROWD_CASES.filter(({ name }) => wants(options, name, "groups")).map((each) => () =>
    report.try("all", each.name, () => each.run(new Scene(run.clerk, run.clerk, run.target), real))
  );
}

function consumerLanes({ options, report, real }: Run): (() => Promise<void>)[] {
  if (!real.includes(OURS)) return [];
  return CONSUMER_BROKERS.map((kind) => async () => {
    const started = performance.now();
    const isWanted = (name: string) => wants(options, name, "groups");
    await playConsumer(kind, isWanted, (name, run) => report.try(OURS, name, run))
      .catch((error) => report.fail(OURS, `consumer/of-${kind}`, error, started));
  });
}

/** Runs all parts. */
export async function runParts(run: Run): Promise<void> {
  for (const part of PARTS) await runPart(part, run);
}

/** Runs the lanes of a part, and says how long all of it took. */
async function runPart(part: Part, run: Run): Promise<void> {
  const started = performance.now();
  const before = run.report.count;
  const waiting = [...part.lanes(run)];
  const work = async () => {
    for (let lane = waiting.shift(); lane !== undefined; lane = waiting.shift()) await lane();
  };
  await Promise.all(Array.from({ length: part.width ?? 1 }, work));
  const count = run.report.count - before;
  if (count > 0) console.log(`-- ${part.name}: ${count} cases in ${seconds(started)}`);
}

async function runCases(cases: readonly Case[], client: string, run: Run): Promise<void> {
  const { options, report, target } = run;
  for (const each of cases) {
    if (!wants(options, each.name, each.feature)) continue;
    if (!each.needs.every((command) => can(client, command))) continue;
    if (each.when?.(ABILITIES[client]!, client) === false) continue;
    if (each.brokers !== undefined && (target.own === undefined || target.ports.length < each.brokers)) continue;
    await report.try(client, each.name, async () => each.run(await sceneOf(run, client)));
  }
}

async function runRestarts({ options, report, target, real, clients, clerk }: Run): Promise<void> {
  if (!"restart/".includes(options.part) && !options.part.startsWith("restart/")) return;
  // kcat ends by itself as soon as its only broker is away; our consumer only reads.
  const names = real.filter((name) => can(name, "stream"));
  if (names.length === 0) return;
  if (target.own === undefined) return report.skip("restart", "this broker is not ours to stop");
  const writers = await Promise.all(names.map((name) => clients.get(name)));
  const started = performance.now();
  for (const outcome of await playRestarts(writers, clerk, () => findClerk(target), target.own)) {
    if (outcome.failure === undefined) report.ok(outcome.client, outcome.name, started);
    else report.fail(outcome.client, outcome.name, outcome.failure, started);
  }
}

async function runFileCases({ options, report, target }: Run): Promise<void> {
  const cases = options.only.includes(TOOLS) ? FILE_CASES.filter((each) => wants(options, each.name)) : [];
  if (cases.length === 0) return;
  if (target.own === undefined) return report.skip("the broker's files", "this broker's folder is not known");
  await whatToolsWrote(target);
  await target.own.stop();
  for (const each of cases) await report.try(TOOLS, each.name, () => each.run(target));
}
