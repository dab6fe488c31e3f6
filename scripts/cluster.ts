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
import type { ClusterStatus } from "../console/source.ts";
import { brokerCommand, BrokerProcess, type BrokerProcessOptions, quoted } from "../server/broker_process.ts";
import { fail, readOptions, untilSignal } from "../server/command.ts";
import { integer, pairs, path, port, text, toggle } from "../server/flags.ts";
import { freePorts, planBrokers } from "./cluster/plan.ts";
import { Block, controllerOf, type ProcessStatus, statusBlock } from "./cluster/status.ts";

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

/** How often brokers are asked how the cluster is. */
const LOOK_INTERVAL_MS = 500;
/** What a broker has to answer within. */
const LOOK_TIMEOUT_MS = 1_000;
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

/** Everything that this program prints. */
class Screen {
  /** Ids of brokers that have ended by themselves with an exit code other than 0. */
  readonly failures: Set<number> = new Set();
  readonly #plan: readonly BrokerProcessOptions[];
  readonly #status = new Map<number, { -readonly [Field in keyof ProcessStatus]: ProcessStatus[Field] }>();
  readonly #block: Block | undefined;
  #cluster: ClusterStatus | undefined;
  #controller = "";
  #looking: ReturnType<typeof setTimeout> | undefined;
  #isStopping = false;

  constructor(plan: readonly BrokerProcessOptions[]) {
    this.#plan = plan;
    for (const { id } of plan) this.#status.set(id, { id, ready: undefined, code: undefined });
    if (!Deno.stdout.isTerminal()) return;
    const encoder = new TextEncoder();
    const write = (text: string) => void Deno.stdout.writeSync(encoder.encode(text));
    this.#block = new Block(write, () => Deno.consoleSize().columns);
  }

  /** Starts a broker; where the status is live, its lines pass above it. */
  start(options: BrokerProcessOptions): BrokerProcess {
    const block = this.#block;
    return BrokerProcess.start(block === undefined ? options : { ...options, print: (line) => block.print(line) });
  }

  /** Says what becomes of a broker. */
  follow(process: BrokerProcess, all: readonly BrokerProcess[]): void {
    const status = this.#status.get(process.id)!;
    process.ready.then((ready) => {
      status.ready = ready;
      this.#draw();
    });
    process.ended.then((code) => {
      status.code = code;
      this.#draw();
      if (this.#isStopping) return;
      if (code !== 0) this.failures.add(process.id);
      const rest = all.filter(({ id }) => this.#status.get(id)!.code === undefined).map(({ id }) => id);
      this.say(
        `Broker ${process.id} has ended with exit code ${code}; ${
          rest.length > 0 ? `${rest.join(", ")} go on` : "none is left"
        }.`,
      );
      const own = this.#plan.find(({ id }) => id === process.id)!;
      if (rest.length > 0) this.say(`It comes back with: ${quoted(brokerCommand(own))}`);
    });
    this.#draw();
  }

  /** All serve that can. */
  ready(data: string): void {
    const up = [...this.#status.values()].flatMap(({ ready, code }) =>
      ready !== undefined && code === undefined ? ready : []
    );
    if (up.length === 0) return;
    const bootstrap = up.map((ready) => ready.get("bootstrap")).join(",");
    this.say(`ready bootstrap=${bootstrap} data=${data} http=${up.map((ready) => ready.get("http")).join(",")}`);
    this.say(`echo hello | kcat -b ${bootstrap} -P -t greetings && kcat -b ${bootstrap} -C -t greetings -e`);
    this.#look();
  }

  /** From now on nothing that ends does so by itself. */
  stopping(): void {
    this.#isStopping = true;
    this.end();
    if (this.#block !== undefined) this.say("Stopping …");
  }

  /** Nothing is looked at any more. */
  end(): void {
    clearTimeout(this.#looking);
    this.#looking = undefined;
  }

  say(line: string): void {
    if (this.#block === undefined) console.log(line);
    else this.#block.print(line);
  }

  /** Asks one broker after the other until one says how the cluster is. */
  async #look(): Promise<void> {
    this.#cluster = await this.#ask();
    if (this.#isStopping) return;
    const controller = this.#cluster === undefined ? "" : controllerOf(this.#cluster);
    if (this.#block === undefined && this.#controller !== "" && controller !== "" && controller !== this.#controller) {
      this.say(`The cluster has another controller now: ${controller}.`);
    }
    if (controller !== "") this.#controller = controller;
    this.#draw();
    this.#looking = setTimeout(() => this.#look(), LOOK_INTERVAL_MS);
  }

  async #ask(): Promise<ClusterStatus | undefined> {
    for (const { ready, code } of this.#status.values()) {
      const http = ready?.get("http") ?? "off";
      if (code !== undefined || http === "off") continue;
      try {
        const response = await fetch(`${http}/api/cluster`, { signal: AbortSignal.timeout(LOOK_TIMEOUT_MS) });
        if (response.ok) return await response.json();
        await response.body?.cancel();
      } catch { /* the next one may answer */ }
    }
    return undefined;
  }

  #draw(): void {
    this.#block?.draw(statusBlock([...this.#status.values()], this.#cluster));
  }
}
