/**
 * Runs one broker in the foreground: `deno task broker --id 1 --port 9092 --dir ./samsa-data/1`.
 *
 * It prints one line that begins with `ready` once it serves, and stops cleanly, with exit code 0, at SIGINT or SIGTERM. What
 * is wrong with its flags, its folder or its port is said in one sentence on standard error; the exit code is then 1. A broker
 * that was killed comes back with the same command line.
 *
 * In a cluster every broker is given the same `--voters`; it then serves once more than half of them run.
 *
 * @module
 */
import { type RunningBroker, startBroker } from "../server/broker.ts";
import { fail, readOptions, untilSignal } from "../server/command.ts";
import { hostPort, integer, pairs, path, port, text, toggle, voters } from "../server/flags.ts";
import { parseProperties } from "../server/properties.ts";

const PROGRAM = "deno task broker";
const SUMMARY = "Runs one broker in the foreground until SIGINT or SIGTERM.";

/** The flags of a broker. */
const FLAGS = {
  id: integer({ help: "Broker id", placeholder: "I", min: 0, max: 2_147_483_647, required: true }),
  port: port({ help: "Kafka port", zero: "any free port", required: true }),
  dir: path({ help: "Data folder; made if it is not there", placeholder: "DIR" }),
  ephemeral: toggle({ help: "Keep the data in memory instead of a folder" }),
  host: text({ help: "Address to listen on", placeholder: "HOST", default: "127.0.0.1" }),
  advertise: hostPort({ help: "What clients are told to connect to; without it, where the broker listens" }),
  rack: text({ help: "broker.rack: where this broker stands", placeholder: "RACK" }),
  nodePort: port({
    help: "Port for the other brokers; without it, what --voters says, else the Kafka port + 10000",
    zero: "any free port",
  }),
  voters: voters({ help: "Brokers that elect the controller, the same 1, 3 or 5 for all; without it, this one alone" }),
  httpPort: port({ help: "Port of the console, /metrics and /healthz", zero: "off", default: 0 }),
  config: pairs({ help: "A Kafka broker config; goes before the properties file" }),
  properties: path({ help: "A file of Kafka broker configs, as server.properties", placeholder: "FILE" }),
};

if (import.meta.main) await main();

async function main(): Promise<void> {
  const options = readOptions(PROGRAM, SUMMARY, FLAGS, Deno.args);
  const { id, port, dir, ephemeral, host, advertise, rack, httpPort } = options;
  if (ephemeral === (dir !== undefined)) {
    fail(
      ephemeral
        ? "--ephemeral and --dir exclude each other: give one."
        : "--dir is missing: write --dir DIR, or --ephemeral.",
    );
  }
  const signal = untilSignal(); // from here on, so that none is missed while the broker starts
  const calledOff = new AbortController();
  signal.then(() => calledOff.abort());
  try {
    const broker = await startBroker({
      id,
      port,
      host,
      config: Object.fromEntries([...fileConfigs(options.properties), ...options.config]),
      log: (line) => console.error(line),
      signal: calledOff.signal,
      ...(dir === undefined ? {} : { dir }),
      ...(advertise === undefined ? {} : { advertised: advertise }),
      ...(options.nodePort === undefined ? {} : { nodePort: options.nodePort }),
      ...(options.voters === undefined ? {} : { voters: options.voters }),
      ...(rack === undefined ? {} : { rack }),
      ...(httpPort === 0 ? {} : { httpPort }),
    });
    console.log(readyLine(broker, host));
    const end = await Promise.race([signal, broker.failed.then((reason) => ({ reason }))]);
    await broker.stop();
    if (typeof end === "object") fail(end.reason);
  } catch (error) {
    if (error !== calledOff.signal.reason || !calledOff.signal.aborted) {
      fail(error instanceof Error ? error.message : String(error));
    }
  }
  Deno.exit(0);
}

function readyLine(broker: RunningBroker, host: string): string {
  const http = broker.httpPort === undefined ? "off" : `http://${host}:${broker.httpPort}`;
  const { host: nodeHost, port: nodePort } = broker.nodeEndpoint;
  const node = nodePort === 0 ? "off" : `${nodeHost}:${nodePort}`;
  return `ready id=${broker.id} bootstrap=${broker.bootstrap} data=${broker.data} http=${http} node=${node}`;
}

function fileConfigs(file: string | undefined): ReadonlyMap<string, string> {
  if (file === undefined) return new Map();
  const properties = parseProperties(readText(file));
  if (!properties.ok) fail(`${file}: ${properties.message}`);
  return properties.values;
}

function readText(file: string): string {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    fail(`The properties file ${file} cannot be read (${reason}): name a file that this program may read.`);
  }
}
