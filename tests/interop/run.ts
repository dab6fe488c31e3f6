/**
 * Runs real Kafka clients against a broker and prints one line per case.
 *
 * ```
 * deno task interop                              Samsa, all clients
 * deno task interop --target samsa3              three brokers, three replicas
 * deno task interop --target kafka               the same suite against Apache Kafka: is the suite right?
 * deno task interop --target 127.0.0.1:9092      a broker that runs already (nothing is stopped or looked into)
 * deno task interop --only kcat,java --case produce
 * ```
 * It ends with a line `N passed, N failed, N skipped` and exits with 1 when something failed. A client that cannot be
 * installed is a failure where the variable CI is set, and a skip elsewhere.
 *
 * @module
 */
import { parseArgs, stripVTControlCharacters } from "node:util";
import { ABILITIES } from "./abilities.ts";
import { ADMIN_CASES } from "./cases_admin.ts";
import { crossCases, RECORD_CASES } from "./cases_records.ts";
import { playRestarts } from "./cases_restart.ts";
import { CLUSTER_CASES } from "./cases_cluster.ts";
import { FILE_CASES, TOOL_CASES, whatToolsWrote } from "./cases_tools.ts";
import { COMPACTION_CASES } from "./cases_compaction.ts";
import { GROUP_CLUSTER_CASES, GROUP_TOOL_CASES } from "./cases_group_tools.ts";
import { GROUP_CASES } from "./cases_groups.ts";
import { MEMBER_CASES } from "./cases_members.ts";
import type { Client } from "./client.ts";
import { openClient } from "./open_client.ts";
import { CLIENT_NAMES, installClient } from "./install.ts";
import { type Case, type Floor, Scene } from "./scene.ts";
import { openTarget, type Target } from "./target.ts";

const TOOLS = "java-tools";
/** Which client helps where the one being tried cannot, by preference. */
const CLERKS = ["confluent", "franz-go", "java", "kafka-python"];

const HELP = `Runs real Kafka clients against a broker.

  --target NAME     samsa (default), kafka, the same with three brokers: samsa3, kafka3; or host:port of one that runs
  --only A,B        only these clients: ${[...CLIENT_NAMES, TOOLS].join(", ")}
  --case TEXT       only cases whose name contains TEXT
  --with A,B        also what is not in every broker yet: groups, transactions
`;

/** Counts and prints. */
class Report {
  passed = 0;
  failed = 0;
  skipped = 0;
  readonly #failures: string[] = [];

  /** Runs one case and prints its line. */
  async try(client: string, name: string, run: () => Promise<void>): Promise<void> {
    const started = performance.now();
    try {
      await run();
      this.ok(client, name, started);
    } catch (error) {
      this.fail(client, name, error, started);
    }
  }

  /** A case passed. */
  ok(client: string, name: string, started: number): void {
    this.passed++;
    console.log(`ok ${client} ${name} ${seconds(started)}`);
  }

  /** A case failed. */
  fail(client: string, name: string, error: unknown, started: number): void {
    this.failed++;
    const line = `FAILED ${client} ${name} ${seconds(started)}`;
    const why = stripVTControlCharacters(error instanceof Error ? error.message : String(error));
    this.#failures.push(line);
    console.log(`${line}\n    ${why.trim().replaceAll("\n", "\n    ")}`);
  }

  /** Something could not be tried. */
  skip(what: string, why: string): void {
    this.skipped++;
    console.log(`skipped ${what}: ${why.trim().split("\n")[0]}`);
  }

  /** The end of the run; returns the exit code. */
  close(): number {
    if (this.#failures.length > 0) console.log(`\n${this.#failures.join("\n")}`);
    console.log(`\n${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`);
    return this.failed === 0 ? 0 : 1;
  }
}

function seconds(started: number): string {
  return `${((performance.now() - started) / 1000).toFixed(1)}s`;
}

interface Options {
  readonly target: string;
  readonly only: readonly string[];
  readonly part: string;
  readonly floors: ReadonlySet<Floor>;
}

function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    // A task hands over the "--" that may stand before its arguments.
    args: args[0] === "--" ? args.slice(1) : args,
    options: {
      target: { type: "string", default: "samsa" },
      only: { type: "string", default: [...CLIENT_NAMES, TOOLS].join(",") },
      case: { type: "string", default: "" },
      with: { type: "string", default: "" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    Deno.exit(0);
  }
  const only = values.only.split(",");
  const unknown = only.find((name) => name !== TOOLS && !CLIENT_NAMES.includes(name));
  if (unknown !== undefined) {
    throw new Error(`There is no client "${unknown}"; there are ${CLIENT_NAMES.join(", ")}, ${TOOLS}.`);
  }
  const floors = new Set(["broker", ...values.with.split(",").filter((each) => each !== "")]) as Set<Floor>;
  return { target: values.target, only, part: values.case, floors };
}

/** Installs what is wanted; what cannot be had is a failure in CI and a skip elsewhere. */
async function installAll(names: readonly string[], report: Report): Promise<string[]> {
  const there: string[] = [];
  for (const name of names) {
    const started = performance.now();
    try {
      await installClient(name === TOOLS ? "java" : name);
      there.push(name);
    } catch (error) {
      if (Deno.env.has("CI")) report.fail(name, "install", error, started);
      else report.skip(name, error instanceof Error ? error.message : String(error));
    }
  }
  return there;
}

/** Opens clients when they are first asked for and closes them together. */
class Clients {
  readonly #open = new Map<string, Promise<Client>>();

  constructor(readonly target: Target) {}

  /** The client of this name, opened once. */
  get(name: string): Promise<Client> {
    const client = this.#open.get(name) ?? openClient(name, this.target.bootstrap);
    this.#open.set(name, client);
    return client;
  }

  /** Ends all agents. */
  async close(): Promise<void> {
    for (const client of this.#open.values()) await client.then((open) => open.close(), () => {});
  }
}

/** What the suite cannot do without is not to be had on this machine. */
class NotInstalled extends Error {}

async function findClerk(target: Target): Promise<Client> {
  const errors: string[] = [];
  for (const name of CLERKS) {
    try {
      return await openClient(name, target.bootstrap);
    } catch (error) {
      errors.push(String(error));
    }
  }
  throw new NotInstalled(
    `None of ${CLERKS.join(", ")} can be installed, and without one of them nothing can be looked at: ${errors}`,
  );
}

async function runSuite(options: Options, report: Report): Promise<void> {
  const names = await installAll(options.only, report);
  await using target = await openTarget(options.target);
  const clients = new Clients(target);
  // An agent of its own, so that what a case does to its client cannot touch it.
  await using clerk = await findClerk(target);
  try {
    const scene = async (name: string) => new Scene(await clients.get(name), clerk, target);
    const real = names.filter((name) => name !== TOOLS);
    const groups = [...GROUP_CASES, ...MEMBER_CASES];
    const cases = [
      ...RECORD_CASES,
      ...COMPACTION_CASES,
      ...ADMIN_CASES,
      ...crossCases(real.filter((name) => !ABILITIES[name]!.without.includes("produce")), scene),
      ...groups,
    ];
    for (const name of real) await runCases(cases, await scene(name), options, report);
    if (names.includes(TOOLS)) {
      const ofClusters = target.ports.length < 3 ? [] : [...CLUSTER_CASES, ...GROUP_CLUSTER_CASES];
      for (const each of [...TOOL_CASES, ...GROUP_TOOL_CASES, ...ofClusters]) {
        if (!each.name.includes(options.part) || !options.floors.has(each.floor ?? "broker")) continue;
        await report.try(TOOLS, each.name, () => each.run(target));
      }
    }
    if ("restart/".includes(options.part) || options.part.startsWith("restart/")) {
      const canStream = (name: string) => !ABILITIES[name]!.without.includes("stream");
      const writers = await Promise.all(real.filter(canStream).map((name) => clients.get(name)));
      await runRestarts(writers, clerk, target, report);
    }
  } finally {
    await clients.close();
  }
  if (names.includes(TOOLS)) await runFileCases(target, options, report);
}

async function runCases(cases: readonly Case[], scene: Scene, options: Options, report: Report): Promise<void> {
  const { client, abilities, target } = scene;
  for (const each of cases) {
    if (!each.name.includes(options.part) || !options.floors.has(each.floor ?? "broker")) continue;
    if (!each.needs.every((command) => scene.has(command))) continue;
    if (each.when?.(abilities, client.name) === false) continue;
    if (each.brokers !== undefined && (target.own === undefined || target.ports.length < each.brokers)) continue;
    await report.try(client.name, each.name, () => each.run(scene));
  }
}

async function runRestarts(writers: readonly Client[], clerk: Client, target: Target, report: Report): Promise<void> {
  if (writers.length === 0) return;
  if (target.own === undefined) return report.skip("restart", "this broker is not ours to stop");
  const started = performance.now();
  for (const outcome of await playRestarts(writers, clerk, () => findClerk(target), target.own)) {
    if (outcome.failure === undefined) report.ok(outcome.client, outcome.name, started);
    else report.fail(outcome.client, outcome.name, outcome.failure, started);
  }
}

async function runFileCases(target: Target, options: Options, report: Report): Promise<void> {
  const cases = FILE_CASES.filter((each) => each.name.includes(options.part));
  if (cases.length === 0) return;
  if (target.own === undefined) return report.skip("the broker's files", "this broker's folder is not known");
  await whatToolsWrote(target);
  await target.own.stop();
  for (const each of cases) await report.try(TOOLS, each.name, () => each.run(target));
}

if (import.meta.main) {
  const report = new Report();
  try {
    await runSuite(parseOptions(Deno.args), report);
  } catch (error) {
    if (error instanceof NotInstalled && !Deno.env.has("CI")) report.skip("everything", error.message);
    else report.fail("suite", "run", error, performance.now());
  }
  Deno.exit(report.close());
}
