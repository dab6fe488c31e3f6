/**
 * Rounds of measuring: in each, every target is started afresh on an empty folder, goes through all rows and is thrown away,
 * one target after the other, so that what drifts in the machine drifts for all alike.
 *
 * @module
 */
import { mustRun } from "../interop/processes.ts";
import { createTopic, sleep } from "./admin.ts";
import { Figures, type Line } from "./figures.ts";
import { runLoad } from "./load.ts";
import { type CpuProfile, Profiler } from "./profile.ts";
import { CONNECTIONS, fetchJob, produceJob, type Row, type RowContext, STREAMS, throughputLine } from "./rows.ts";
import { type RunningTarget, startSink, type TargetName, TARGETS } from "./targets.ts";

/** What to measure and how. */
export interface Plan {
  readonly targets: readonly TargetName[];
  readonly rows: readonly Row[];
  readonly rounds: number;
  /** How much of the full load to send. */
  readonly scale: number;
  /** Folders for data are made in this one. */
  readonly dir: string;
  /** Kafka configs for every target. */
  readonly config: ReadonlyMap<string, string>;
  /** How many brokers every target has, each a process, and how many replicas every partition. */
  readonly brokers: number;
  readonly replicationFactor: number;
  /** Called with a word or two about what is being done. */
  readonly onProgress: (what: string) => void;
  /** When given, brokers are profiled, and it is called with each row's profile. */
  readonly onProfile?: (row: string, profile: CpuProfile) => Promise<void>;
}

function firstAckLine(brokers: number): Line {
  const atMost = brokers === 1 ? 1 / 20 : 1 / 15;
  return { title: "Start to first acknowledged record", metric: "start", goals: [{ against: "kafka", atMost }] };
}
const FORMAT: Line = { title: "Formatting the data folder before that", metric: "start", goals: [] };
const SMALLER = [{ against: "kafka", atMost: 1 / 5 }] as const;
const IDLE: Line = { title: "Memory (RSS) after the start", metric: "memory", goals: SMALLER };
const PEAK: Line = { title: "Memory (RSS) at its peak", metric: "memory", goals: SMALLER };

/** Runs a plan to its end and returns what was measured. */
export async function measure(plan: Plan): Promise<Figures> {
  const figures = new Figures([firstAckLine(plan.brokers), FORMAT, IDLE, PEAK]);
  for (let round = 1; round <= plan.rounds; round++) {
    for (const name of plan.targets) {
      plan.onProgress(`round ${round} of ${plan.rounds}, ${TARGETS[name].title}:`);
      await measureTarget(plan, name, figures);
    }
    if (plan.onProfile === undefined) await measureClient(plan, figures);
  }
  return figures;
}

async function measureTarget(plan: Plan, name: TargetName, figures: Figures): Promise<void> {
  const dir = await Deno.makeTempDir({ dir: plan.dir, prefix: `${name}-` });
  const inspect = plan.onProfile !== undefined;
  let target: RunningTarget | undefined;
  try {
    target = await TARGETS[name].start({ dir, config: configOf(plan), inspect, brokers: plan.brokers });
    figures.add(name, firstAckLine(plan.brokers), target.firstAckSeconds);
    if (target.formatSeconds !== undefined) figures.add(name, FORMAT, target.formatSeconds);
    await sleep(1_000);
    figures.add(name, IDLE, await target.residentBytes());
    if (plan.rows.length > 0) await warmUp(target.bootstrap, plan.scale);
    const profiler = target.inspector === undefined ? undefined : await Profiler.connect(target.inspector);
    const context = contextOf(plan, name, target, figures, profiler);
    for (const row of plan.rows) {
      if (row.name === "failover") figures.add(name, PEAK, await target.peakResidentBytes());
      plan.onProgress(row.name);
      await row.run(context);
    }
    profiler?.close();
    const isWhole = plan.rows.length > 0 && plan.rows.at(-1)!.name !== "failover";
    if (isWhole) figures.add(name, PEAK, await target.peakResidentBytes());
  } finally {
    await target?.close();
    await Deno.remove(dir, { recursive: true });
  }
}

function configOf({ config, brokers, replicationFactor }: Plan): ReadonlyMap<string, string> {
  return brokers === 1 ? config : new Map([["default.replication.factor", String(replicationFactor)], ...config]);
}

function contextOf(
  plan: Plan,
  name: TargetName,
  target: RunningTarget,
  figures: Figures,
  profiler: Profiler | undefined,
): RowContext {
  return {
    bootstrap: target.bootstrap,
    dir: plan.dir,
    scale: plan.scale,
    filled: new Set(),
    async measured(row, work) {
      // What an earlier row has left in the page cache must not be written out at this one's expense.
      await mustRun("sync", []);
      const before = await target.cpuSeconds();
      const profiled = await profiler?.during(work);
      const result = profiled === undefined ? await work() : profiled.result;
      const cpuSeconds = await target.cpuSeconds() - before;
      if (profiled !== undefined) await plan.onProfile?.(row, profiled.profile);
      return { result, cpuSeconds };
    },
    kill: (address) => target.kill(address),
    report: (line, value) => figures.add(name, line, value),
  };
}

/** Lets the broker's compiler see the load before it counts. */
async function warmUp(bootstrap: string, scale: number): Promise<void> {
  const stream = { ...STREAMS[1]!, name: "warm-up", batches: 2_400 };
  await createTopic(bootstrap, produceJob(stream, 4, scale, bootstrap).topic, 4);
  await runLoad(produceJob(stream, 4, scale, bootstrap));
  await runLoad(fetchJob(stream, 4, scale, bootstrap));
}

/** The same load against the sink. */
async function measureClient({ rows, scale, onProgress }: Plan, figures: Figures): Promise<void> {
  const names = new Set(rows.map(({ name }) => name));
  onProgress("load client alone");
  for (const stream of STREAMS) {
    const sink = await startSink(stream);
    for (const connections of CONNECTIONS) {
      for (const verb of ["Produce", "Fetch"] as const) {
        if (!names.has(`${verb.toLowerCase()}-${stream.name}-${connections}`)) continue;
        const job = verb === "Produce" ? produceJob : fetchJob;
        const { records, seconds } = await runLoad(job(stream, connections, scale, sink.bootstrap));
        figures.add("client", throughputLine(verb, stream, connections), records * stream.recordBytes / seconds);
      }
    }
    await sink.close();
  }
}
