/**
 * A cluster of a hundred brokers: how it forms, loses its controller, and heals.
 *
 * @module
 */
import type { PartitionImage } from "../../../actors/controller/protocol.ts";
import { grouped, line, processorMs } from "./ledger.ts";
import { Town } from "./town.ts";

const BROKERS = 100;
const VOTERS = 5;
const PARTITIONS = 200;
const REPLICATION_FACTOR = 3;
const REST_MS = 3_000;

/** Prints what it takes. */
export function measureHundred(): void {
  line(`${BROKERS} brokers, ${VOTERS} of them vote`, "virtual ms", "messages", "CPU ms");
  const town = new Town(1, VOTERS);
  phase(town, "from nothing until all serve", () => town.form(BROKERS));
  const most = [...town.counts].sort(([, a], [, b]) => b - a).slice(0, 5);
  console.log(`    of these messages: ${most.map(([verb, count]) => `${grouped(count)} ${verb}`).join(", ")}`);
  const topic = { name: "t", partitions: PARTITIONS, replicationFactor: REPLICATION_FACTOR };
  phase(town, `a topic of ${PARTITIONS} partitions, until every broker knows it`, () => town.create([topic]));
  town.env.advance(REST_MS);
  const gone = town.controllerId;
  town.recount();
  town.kill(gone);
  phase(town, "the controller's process is gone: another controller", () => {
    town.until(() => town.controllerId !== -1, "another controller runs");
  });
  const survivor = town.controllerId;
  phase(town, "and until it has others lead what the broker led", () => {
    whenPartitions(town, survivor, ({ leader, isr }) => leader > 0 && leader !== gone && !isr.includes(gone));
  });
  town.env.advance(REST_MS);
  phase(town, "it is started again: until it serves", () => {
    const back = town.start(gone);
    town.until(() => back.isReady, "it serves");
  });
  phase(town, "and until it is in sync with everything that it has", () => {
    whenPartitions(town, survivor, ({ isr }) => isr.length === REPLICATION_FACTOR);
  });
  town.end();
}

function phase(town: Town, what: string, work: () => void): void {
  const [beganMs, beganCpuMs, before] = [town.nowMs, processorMs(), town.total];
  work();
  line(what, (town.nowMs - beganMs).toFixed(0), town.total - before, Math.round(processorMs() - beganCpuMs));
}

/** Lets time pass until a broker knows all partitions to be so. */
function whenPartitions(town: Town, id: number, holds: (partition: PartitionImage) => boolean): void {
  while (!town.look(id).topics.get("t")!.partitions.every(holds)) town.env.advance(1);
}
