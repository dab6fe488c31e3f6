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
import { parseArgs } from "node:util";
import { Clients, findClerk, NotInstalled } from "./clients.ts";
import { CLIENT_NAMES, installClient } from "./install.ts";
import { type Options, runParts, TOOLS } from "./parts.ts";
import { Report } from "./report.ts";
import type { Feature } from "./scene.ts";
import { openTarget } from "./target.ts";

const HELP = `Runs real Kafka clients against a broker.

  --target NAME     samsa (default), kafka, the same with three brokers: samsa3, kafka3; or host:port of one that runs
  --only A,B        only these clients: ${[...CLIENT_NAMES, TOOLS].join(", ")}
  --case TEXT       only cases whose name contains TEXT
  --with transactions   also cases about transactions, which Samsa does not serve: for --target kafka
  --without groups      no cases about groups
`;

function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    // A task hands over the "--" that may stand before its arguments.
    args: args[0] === "--" ? args.slice(1) : args,
    options: {
      target: { type: "string", default: "samsa" },
      only: { type: "string", default: [...CLIENT_NAMES, TOOLS].join(",") },
      case: { type: "string", default: "" },
      with: { type: "string" },
      without: { type: "string" },
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
  const features = new Set<Feature>(["groups"]);
  if (values.with === "transactions") features.add("transactions");
  else if (values.with !== undefined) throw new Error(`--with takes transactions, and not "${values.with}".`);
  if (values.without === "groups") features.delete("groups");
  else if (values.without !== undefined) throw new Error(`--without takes groups, and not "${values.without}".`);
  return { target: values.target, only, part: values.case, features };
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
  const report = new Report();
  try {
    await runSuite(parseOptions(Deno.args), report);
  } catch (error) {
    if (error instanceof NotInstalled && !Deno.env.has("CI")) report.skip("everything", error.message);
    else report.fail("suite", "run", error, performance.now());
  }
  Deno.exit(report.close());
}
