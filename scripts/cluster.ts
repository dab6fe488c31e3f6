/**
 * Starts Samsa on this machine, a process per broker: `deno task cluster`.
 *
 * Broker `i` has the id `i`, the Kafka port `port + i − 1`, the port for other brokers 10 000 above it, the console's port
 * `http-port + i − 1` and its data in `DIR/i`. When all serve, one line begins with `ready`, and one can be pasted to produce and consume.
 * After that every change is said: live where there is a terminal, a line each where there is none.
 *
 *     start ──▶ ready ──SIGINT, SIGTERM──▶ all are stopped cleanly ──▶ exit code 0
 *                 │  └─a broker ends by itself──▶ the others go on; nothing is restarted behind your back
 *                 └─all have ended by themselves──▶ exit code 1 if one of them failed
 *
 * @module
 */
import { brokerCommand, quoted } from "../server/broker_process.ts";
import { fail, readOptions, untilSignal } from "../server/command.ts";
import { integer, pairs, path, port, text, toggle } from "../server/flags.ts";
import { freePorts, planBrokers } from "./cluster/plan.ts";
import { Screen } from "./cluster/screen.ts";

const PROGRAM = "deno task cluster";
const SUMMARY = "Starts Samsa on this machine, one process per broker, until SIGINT or SIGTERM.";

/** The flags of a cluster. */
const FLAGS = {
  brokers: integer({ help: "How many brokers", min: 1, max: 9, default: 3 }),
  port: port({ help: "Kafka port of broker 1; broker i has the i-1 next", zero: "any free ports", default: 9092 }),
  dir: path({ help: "Data folder; broker i has DIR/i", placeholder: "DIR", default: "./samsa-data" }),
  ephemeral: toggle({ help: "Keep the data in memory; --dir is then not used" }),
  httpPort: port({ help: "Console port of broker 1; broker i has the i-1 next", zero: "off", default: 8092 }),
  rack: text({ help: "broker.rack of all of them", placeholder: "RACK" }),
  config: pairs({ help: "A Kafka broker config" }),
  showCommands: toggle({ help: "Print the command line of each broker, to start one that has ended again" }),
};

/** Exit codes of a process that a signal ended before it could handle it. */
const SIGNALLED = [128 + 2, 128 + 15];

if (import.meta.main) await main();

async function main(): Promise<void> {
  const options = readOptions(PROGRAM, SUMMARY, FLAGS, Deno.args);
  const signal = untilSignal();
  const dir = options.ephemeral ? undefined : options.dir;
  const plan = planned(() => planBrokers({ ...options, dir }, freePorts));
  const screen = new Screen(plan);
  if (options.showCommands) plan.forEach((broker) => screen.say(quoted(brokerCommand(broker))));
  const processes = plan.map((broker) => screen.start(broker));
  processes.forEach((process) => screen.follow(process, processes));
  const ended = Promise.all(processes.map((process) => process.ended));
  const started = Promise.all(processes.map((process) => Promise.race([process.ready, process.ended])));
  const ready = await Promise.race([started.then(() => true), signal.then(() => false)]);
  if (ready) screen.ready(options.ephemeral ? "memory" : options.dir);
  const codes = await Promise.race([ended, signal.then(() => undefined)]);
  if (codes !== undefined) { // all by themselves
    screen.end();
    Deno.exit(codes.some((code) => code !== 0) ? 1 : 0);
  }
  screen.stopping();
  const failed = screen.failures;
  const stopped = await Promise.all(processes.map((process) => process.stop()));
  screen.end();
  const unclean = processes.filter(({ id }, index) =>
    !failed.has(id) && stopped[index] !== 0 && !(!ready && SIGNALLED.includes(stopped[index]!))
  );
  Deno.exit(failed.size + unclean.length > 0 ? 1 : 0);
}

function planned<T>(plan: () => T): T {
  try {
    return plan();
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
}
