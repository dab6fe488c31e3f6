/**
 * Starts Samsa on this machine, a process per broker: `deno task cluster`.
 *
 * Broker `i` has the id `i`, the Kafka port `port + i − 1`, the console's port `http-port + i − 1` and its data in `DIR/i`. When all
 * serve, one line begins with `ready`, and one can be pasted to produce and consume. SIGINT and SIGTERM stop all of them
 * cleanly; a broker that ends by itself ends the cluster with exit code 1: nothing is restarted behind your back.
 *
 * @module
 */
import { fail, readOptions, untilSignal } from "../server/command.ts";
import { integer, pairs, path, port, text, toggle } from "../server/flags.ts";
import { BrokerProcess } from "../server/broker_process.ts";

const PROGRAM = "deno task cluster";
const SUMMARY = "Starts Samsa on this machine, one process per broker, until SIGINT or SIGTERM.";

/** The flags of a cluster. */
const FLAGS = {
  brokers: integer({ help: "How many brokers; this version runs 1", min: 1, max: 1, default: 1 }),
  port: port({ help: "Kafka port of broker 1; broker i has the i-1 next", zero: "any free port", default: 9092 }),
  dir: path({ help: "Data folder; broker i has DIR/i", placeholder: "DIR", default: "./samsa-data" }),
  ephemeral: toggle({ help: "Keep the data in memory; --dir is then not used" }),
  httpPort: port({ help: "Console port of broker 1; broker i has the i-1 next", zero: "off", default: 8092 }),
  rack: text({ help: "broker.rack of all of them", placeholder: "RACK" }),
  config: pairs({ help: "A Kafka broker config" }),
};

if (import.meta.main) await main();

async function main(): Promise<void> {
  const { brokers, port, dir, ephemeral, httpPort, rack, config } = readOptions(PROGRAM, SUMMARY, FLAGS, Deno.args);
  const signal = untilSignal();
  const processes = Array.from({ length: brokers }, (_, index) =>
    BrokerProcess.start({
      id: index + 1,
      port: port === 0 ? 0 : port + index,
      httpPort: httpPort === 0 ? 0 : httpPort + index,
      config,
      ...(ephemeral ? {} : { dir: `${dir}/${index + 1}` }),
      ...(rack === undefined ? {} : { rack }),
    }));
  const ended = Promise.race(processes.map((broker) => broker.ended.then((code) => ({ id: broker.id, code }))));
  const started = await Promise.race([Promise.all(processes.map((broker) => broker.ready)), ended, signal]);
  if (Array.isArray(started)) {
    const bootstrap = started.map((ready) => ready.get("bootstrap")).join(",");
    const http = started.map((ready) => ready.get("http")).join(",");
    console.log(`ready bootstrap=${bootstrap} data=${ephemeral ? "memory" : dir} http=${http}`);
    console.log(`echo hello | kcat -b ${bootstrap} -P -t greetings && kcat -b ${bootstrap} -C -t greetings -e`);
  } else if (typeof started === "object") return await give(up(started), processes);
  const end = await Promise.race([signal, ended]);
  if (typeof end === "object") return await give(up(end), processes);
  const codes = await Promise.all(processes.map((broker) => broker.stop()));
  Deno.exit(codes.every((code) => code === 0) ? 0 : 1);
}

function up({ id, code }: { readonly id: number; readonly code: number }): string {
  return `Broker ${id} has ended with exit code ${code}; the cluster stops.`;
}

async function give(message: string, processes: readonly BrokerProcess[]): Promise<never> {
  await Promise.all(processes.map((broker) => broker.stop()));
  fail(message);
}
