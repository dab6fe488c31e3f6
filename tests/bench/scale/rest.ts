/**
 * What nodes say to each other, and compute, when nobody wants anything of them.
 *
 * @module
 */
import { grouped, heapBytes, line, processorMs } from "./ledger.ts";
import { Town } from "./town.ts";

const WINDOW_S = 10;
/** Long enough for everything to have come to rest. */
const REST_MS = 5_000;

/** Prints messages per second of a hundred brokers, and what following costs. */
export function measureRest(): void {
  const idle = hundred(0);
  const busy = hundred(1_000);
  line("100 brokers: messages/s", "no partitions", "1 000, RF 3");
  for (const verb of [...busy.rates.keys()].sort()) {
    line(`all: ${verb} and its answer`, Math.round(idle.rates.get(verb) ?? 0), Math.round(busy.rates.get(verb)!));
  }
  line("at the node of the controller", Math.round(idle.controller), Math.round(busy.controller));
  line("at another broker, on the average", Math.round(idle.other), Math.round(busy.other));
  const followed = 1_000 * 2 / 100;
  const each = (busy.other - idle.other) / followed / 2; // a broker follows as much as others follow from it
  line("at a broker, for each partition that it follows", each.toPrecision(3));
  line("so with 100 000 partitions, RF 3, at each broker", Math.round(idle.other + each * 2 * 2_000));
  measureThree();
}

interface Rates {
  readonly rates: ReadonlyMap<string, number>;
  readonly controller: number;
  readonly other: number;
}

function hundred(partitions: number): Rates {
  const town = new Town(1, 5);
  town.form(100);
  if (partitions > 0) town.create([{ name: "t", partitions, replicationFactor: 3 }]);
  town.env.advance(REST_MS);
  town.recount();
  town.env.advance(WINDOW_S * 1_000);
  const rates = new Map([...town.counts].map(([verb, count]) => [verb, count / WINDOW_S]));
  const others = [...town.ofNode].filter(([id]) => id > 5).map(([, count]) => count / WINDOW_S);
  const controller = town.ofNode.get(town.controllerId)! / WINDOW_S;
  town.end();
  return { rates, controller, other: others.reduce((sum, rate) => sum + rate, 0) / others.length };
}

/** Three nodes, everything but sockets and files: what each partition more takes of processor and memory. */
function measureThree(): void {
  const [few, many] = [three(0), three(1_000)];
  const pulls = many.perSecond - few.perSecond;
  line("3 brokers, 1 000 partitions, RF 3: messages/s of all together", grouped(Math.round(pulls)));
  line("CPU ms in each virtual second, all three", few.cpuMs, many.cpuMs);
  line(
    "so for one question and its answer, without the wire",
    `${((many.cpuMs - few.cpuMs) * 2_000 / pulls).toFixed(1)} us`,
  );
  line("memory of one replica, its disk in memory included", `${((many.heap - few.heap) / 3_000 / 1e3).toFixed(1)} kB`);
}

function three(partitions: number) {
  const before = heapBytes();
  const town = new Town(1, 3);
  town.form(3);
  if (partitions > 0) town.create([{ name: "t", partitions, replicationFactor: 3 }]);
  town.env.advance(REST_MS);
  town.recount();
  const heap = heapBytes() - before;
  const beganMs = processorMs();
  town.env.advance(WINDOW_S * 1_000);
  const rates = { perSecond: town.total / WINDOW_S, cpuMs: (processorMs() - beganMs) / WINDOW_S, heap };
  town.end();
  return rates;
}
