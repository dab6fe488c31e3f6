/**
 * How cost grows with brokers and partitions: what `docs/scaling.md` says is measured here.
 *
 * Clusters run in virtual time, with the real handlers and logs, on disks in memory whose syncs take no time and a network that takes 0.5 ms
 * each way on the average. Milliseconds of processor time are those of this machine.
 *
 * Run: deno run -A tests/bench/scale_bench.ts [metadata,heartbeat,fencing,quorum,hundred,rest,processes]
 *
 * @module
 */
import { measureFencing, measureHeartbeats } from "./scale/controller.ts";
import { measureHundred } from "./scale/hundred.ts";
import { measureMetadata } from "./scale/metadata.ts";
import { measureProcesses } from "./scale/processes.ts";
import { measureElections } from "./scale/quorum.ts";
import { measureRest } from "./scale/rest.ts";

const SECTIONS: Readonly<Record<string, readonly [string, () => void | Promise<void>]>> = {
  metadata: ["100 000 partitions as metadata", measureMetadata],
  heartbeat: ["Heartbeats at the controller: 100 brokers, 100 000 partitions", measureHeartbeats],
  fencing: ["A broker that leads 1 000 of 100 000 partitions is gone", measureFencing],
  quorum: ["The quorum's leader is gone", measureElections],
  hundred: ["100 brokers form a cluster, lose their controller, and heal", measureHundred],
  rest: ["At rest, in virtual time", measureRest],
  processes: ["At rest, as three processes over TCP", measureProcesses],
};

const wanted = Deno.args[0]?.split(",") ?? Object.keys(SECTIONS);
const unknown = wanted.find((name) => !(name in SECTIONS));
if (unknown !== undefined) {
  console.error(`There is no section "${unknown}": choose of ${Object.keys(SECTIONS).join(", ")}.`);
  Deno.exit(1);
}
for (const name of wanted) {
  const [title, measure] = SECTIONS[name]!;
  console.log(`\n${title} (${name})`);
  await measure();
}
