/**
 * The course of a run of groups under chaos, whatever its brokers and members are made of.
 *
 * ```
 * calm (all in sync, every group has all) ──fault──▶ behind ──has all that was acknowledged until a second later──▶ mended ──▶ calm …
 * ```
 * At the end every group must have been given everything that was acknowledged; in no generation may two members have one partition, and
 * what is committed must not fall: neither as coordinators and members tell it meanwhile, nor as `__consumer_offsets` has it in the end.
 * Nothing is asked of the time that anything takes, but that it ends; it is reported how long records did not flow.
 *
 * @module
 */
import { type Random, SeededRandom } from "../../lib/prng.ts";
import { until as untilWithin } from "../helpers/patience.ts";
import type { GroupLedger } from "./group_ledger.ts";
import { explain, readLogs, type Silence, table } from "./group_report.ts";
import { type Coordinator, GroupWatch, type WatchedGroup } from "./group_watch.ts";
import { type Fall, judgeGroupLog, type OffsetsPlace } from "./offsets_log.ts";

/** Longer than anything takes, sessions and elections on a busy machine included. */
export const PATIENCE_MS = 120_000;
/** What is acknowledged until so long after a fault must arrive before it is mended. */
const AFTER_MS = 1_000;

/** A group on a stage. */
export interface StageGroup extends WatchedGroup {
  readonly ledger: GroupLedger;
  /** Its client never sends an older commit behind a newer one; others repeat what is in doubt. */
  readonly commitsInOrder: boolean;
  /** What its members have said beside what they were given. */
  tails(): string[];
  close(): void | Promise<void>;
}

/** A fault that has begun. */
export interface Disturbance {
  /** The groups that it concerns. */
  readonly concerned: readonly StageGroup[];
  /** It is not mended sooner than that. */
  readonly leastMs?: number;
  mend(): void | Promise<void>;
}

/** Brokers, writers and groups. */
export interface GroupStage<F extends string> {
  readonly topic: string;
  readonly groups: readonly StageGroup[];
  /** The names of all records that were acknowledged. */
  acknowledged(): string[];
  /** Where an acknowledged record is. */
  placeOf(name: string): { readonly partition: number; readonly offset: number };
  begin(fault: F, random: Random): Promise<Disturbance>;
  /** Resolves when all brokers are in sync everywhere, and writers are being answered. */
  settle(): Promise<void>;
  stopWriters(): Promise<void>;
  /** `host:port` of who leads a partition, "" when nobody does. */
  leaderOf(partition: number): Promise<string>;
  coordinatorOf(groupId: string): Promise<Coordinator>;
  offsetsPlace(): Promise<OffsetsPlace>;
  /** What there is to tell of writers and brokers. */
  tell(): Promise<string[]>;
}

/** How a run is to be. */
export interface RunOptions<F extends string> {
  readonly faults: number;
  readonly seed: string;
  readonly mix: readonly F[];
  /** Told how it goes, line by line. */
  readonly say: (line: string) => void;
}

/** Runs it, and says on the way how it goes; returns what was wrong. */
export async function runGroups<F extends string>(
  stage: GroupStage<F>,
  { faults, seed, mix, say }: RunOptions<F>,
): Promise<string[]> {
  const watch = new GroupWatch(stage.groups, (groupId) => stage.coordinatorOf(groupId));
  const silences: Silence[] = [];
  const problems: string[] = [];
  let passed = 0;
  try {
    await calm(stage);
    for (const fault of sequence(mix, faults, new SeededRandom(seed))) {
      const found = await strike(stage, fault, new SeededRandom(`${seed} ${passed}`));
      silences.push(...found);
      passed++;
      const times = found.map(({ group, ms }) => `${group} ${Math.round(ms)} ms`).join(", ");
      say(`${passed}/${faults} ${fault}: ${times}`);
      const wrong = wrongSoFar(stage, watch);
      if (wrong.length > 0) throw new Error(wrong[0]);
    }
    await stage.stopWriters();
    await hasAll(stage.groups, stage.acknowledged());
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  await watch.stop();
  problems.push(...wrongSoFar(stage, watch).filter((problem) => !problems.includes(problem)));
  problems.push(...await judge(stage, watch, problems.length > 0, say));
  for (const group of stage.groups) await group.close();
  for (const line of table(silences, mix)) say(line);
  conclude(stage, watch, say);
  for (const problem of problems.slice(0, 40)) say(problem);
  say(`${passed} passed, ${problems.length} failed`);
  return problems;
}

/** So many faults: each once before any comes again. */
function* sequence<F>(mix: readonly F[], faults: number, random: Random): Generator<F> {
  let left: F[] = [];
  for (let count = 0; count < faults; count++) {
    if (left.length === 0) left = [...mix];
    yield left.splice(random.below(left.length), 1)[0]!;
  }
}

/** One fault, from calm to calm: how long the groups that it concerns were given nothing of some partition. */
async function strike<F extends string>(stage: GroupStage<F>, fault: F, random: Random): Promise<Silence[]> {
  for (const { ledger } of stage.groups) ledger.takeSilence();
  const struckMs = performance.now();
  const { concerned, leastMs = 0, mend } = await stage.begin(fault, random);
  await delay(AFTER_MS);
  await hasAll(concerned, stage.acknowledged(), ` after ${fault}`);
  await delay(Math.max(0, leastMs - (performance.now() - struckMs)));
  await mend();
  await calm(stage);
  return concerned.map(({ groupId, ledger }) => ({ fault, group: groupId, ms: ledger.takeSilence() }));
}

/** All replicas are in sync, and every group has everything that was acknowledged until now. */
async function calm<F extends string>(stage: GroupStage<F>): Promise<void> {
  await stage.settle();
  await hasAll(stage.groups, stage.acknowledged());
}

async function hasAll(groups: readonly StageGroup[], names: readonly string[], when = ""): Promise<void> {
  await Promise.all(groups.map(async ({ groupId, ledger }) => {
    let missing = names;
    await until(`${groupId} is given everything${when}`, () => {
      missing = ledger.lacks([...missing]);
      return missing.length === 0;
    });
  }));
}

function wrongSoFar<F extends string>({ groups }: GroupStage<F>, watch: GroupWatch): string[] {
  return [...watch.problems, ...groups.flatMap(({ ledger }) => ledger.problems)];
}

/** Reads what groups have written, and says what is wrong with it; explains everything when anything is wrong. */
async function judge<F extends string>(
  stage: GroupStage<F>,
  watch: GroupWatch,
  isWrong: boolean,
  say: (line: string) => void,
): Promise<string[]> {
  const problems: string[] = [];
  const logs = await readLogs(stage);
  if (logs.size < stage.groups.length && !isWrong) problems.push("What groups have written cannot be read.");
  const falls = new Map<string, readonly Fall[]>();
  for (const { groupId, commitsInOrder } of stage.groups) {
    const verdict = judgeGroupLog(groupId, logs.get(groupId) ?? []);
    const bad = [...verdict.falls, ...commitsInOrder ? verdict.repeats : []];
    falls.set(groupId, bad.length > 0 ? bad : verdict.repeats);
    problems.push(...verdict.problems, ...bad.map(({ text }) => text));
    if (logs.has(groupId)) problems.push(...watch.lies(groupId, verdict.commits));
    if (!commitsInOrder && verdict.repeats.length > 0) {
      say(
        `${groupId} has committed ${verdict.repeats.length} times what it had committed before, without a rebalance`,
      );
    }
  }
  if (isWrong || problems.length > 0) await explain(stage, logs, falls);
  return problems;
}

function conclude<F extends string>(stage: GroupStage<F>, watch: GroupWatch, say: (line: string) => void): void {
  const names = stage.acknowledged();
  for (const { groupId, ledger } of stage.groups) {
    const lacks = ledger.lacks(names).length;
    const missing = lacks === 0 ? "all" : `all but ${lacks}`;
    say(`${groupId}: ${missing} of ${names.length} given, ${ledger.repeated} more than once`);
  }
  say(`coordinators were asked ${watch.looks} times`);
}

/** Waits for something that must come about. */
export function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  return untilWithin(what, holds, PATIENCE_MS);
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
