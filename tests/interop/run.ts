/**
 * Runs real Kafka clients against a broker and prints one line per case.
 *
 * ```
 * deno task interop                              Samsa, all clients, alone and as members of groups
 * deno task interop --target samsa3              three brokers, three replicas
 * deno task interop --target kafka               the same suite against Apache Kafka: is the suite right?
 * deno task interop --target 127.0.0.1:9092      a broker that runs already (nothing is stopped or looked into)
 * deno task interop --only kcat,java --case produce
 * ```
 * It says how long each part took, ends with a line `N passed, N failed, N skipped` and exits with 1 when something failed.
 * A client that cannot be installed is a failure where the variable CI is set, and a skip elsewhere.
 *
 * @module
 */
import { fail, readOptions } from "../../server/command.ts";
import { text } from "../../server/flags.ts";
import { Clients, findClerk, NotInstalled } from "./clients.ts";
import { CLIENT_NAMES, installClient } from "./install.ts";
import { type Options, runParts, TOOLS } from "./parts.ts";
import { Report } from "./report.ts";
import type { Feature } from "./scene.ts";
import { openTarget } from "./target.ts";

const SUMMARY =
  `Runs real Kafka clients against brokers: records, topics, groups, restarts, and the files that brokers leave.

Targets: samsa, kafka; samsa3 and kafka3, which are three brokers; host:port of one that runs.
Clients: ${[...CLIENT_NAMES, TOOLS].join(", ")}.`;

const FLAGS = {
  target: text({ help: "What the clients are pointed at", placeholder: "NAME", default: "samsa" }),
  only: text({ help: "Only these clients, with commas", placeholder: "LIST" }),
  case: text({ help: "Only cases whose name contains this" }),
  with: text({ help: "transactions: these cases too, for --target kafka, since Samsa has none", placeholder: "WHAT" }),
  without: text({ help: "groups: no cases about them", placeholder: "WHAT" }),
};

function chosenOptions(): Options {
  const options = readOptions("deno task interop", SUMMARY, FLAGS, Deno.args);
  const all = [...CLIENT_NAMES, TOOLS];
  const only = options.only?.split(",").map((name) => name.trim()) ?? all;
  const lost = only.find((name) => !all.includes(name));
  if (lost !== undefined) fail(`There is no client '${lost}': there are ${all.join(", ")}.`);
  const features = new Set<Feature>(["groups"]);
  if (options.with === "transactions") features.add("transactions");
  else if (options.with !== undefined) fail(`--with takes transactions, but got '${options.with}'.`);
  if (options.without === "groups") features.delete("groups");
  else if (options.without !== undefined) fail(`--without takes groups, but got '${options.without}'.`);
  return { target: options.target, only, part: options.case ?? "", features };
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

async function runSuite(options: Options, report: Report): Promise<void> {
  const names = await installAll(options.only, report);
  await using target = await openTarget(options.target);
  const clients = new Clients(target);
  // An agent of its own, so that what a case does to its client cannot touch it.
  await using clerk = await findClerk(target);
  const real = names.filter((name) => name !== TOOLS);
  try {
    await runParts({ options: { ...options, only: names }, report, target, real, clients, clerk });
  } finally {
    await clients.close();
  }
}

if (import.meta.main) {
  const options = chosenOptions();
  const report = new Report();
  try {
    await runSuite(options, report);
  } catch (error) {
    if (error instanceof NotInstalled && !Deno.env.has("CI")) report.skip("everything", error.message);
    else report.fail("suite", "run", error, performance.now());
  }
  Deno.exit(report.close());
}
