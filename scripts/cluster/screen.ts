/**
 * Everything that `scripts/cluster.ts` prints: what becomes of its brokers, and how the cluster is.
 *
 * @module
 */
import type { ClusterStatus } from "../../console/source.ts";
import { brokerCommand, BrokerProcess, type BrokerProcessOptions, quoted } from "../../server/broker_process.ts";
import { Block, controllerOf, type ProcessStatus, statusBlock } from "./status.ts";

/** How often brokers are asked how the cluster is. */
const LOOK_INTERVAL_MS = 500;
/** What a broker has to answer within. */
const LOOK_TIMEOUT_MS = 1_000;

/** The terminal, or what stands for it: live where there is one, a line per change where there is none. */
export class Screen {
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
    for (const { id } of plan) this.#status.set(id, { id, ready: undefined, code: undefined, isAgain: false });
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
    this.#cluster = undefined;
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
    const ended = [...this.#status.values()].filter(({ code }) => code !== undefined);
    this.#cluster = await this.#ask();
    if (this.#isStopping) return;
    for (const status of ended) { // before this look: what it says of them is news
      status.isAgain = this.#cluster?.brokers.some(({ id, fenced }) => id === status.id && !fenced) ?? false;
    }
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
