/**
 * What a run of groups under chaos has to tell: how long records did not flow, and, when something is wrong, what came before.
 *
 * @module
 */
import { fetchFrom } from "../helpers/kafka_calls.ts";
import { RawClient } from "../helpers/raw_client.ts";
import type { GroupLedger, MemberEvent } from "./group_ledger.ts";
import { type Fall, type LoggedRecord, type OffsetsPlace, readGroupLog, tellOf } from "./offsets_log.ts";

/** How many missing records are looked into, of each group. */
const LOOKED_INTO = 2;
/** How much is told of the time before and after what is odd. */
const AROUND = 12;

/** The longest time in which a group was given nothing of some partition, from a fault until all was as before. */
export interface Silence {
  readonly fault: string;
  readonly group: string;
  readonly ms: number;
}

/** What was written of each group. */
export type GroupLogs = ReadonlyMap<string, readonly (readonly LoggedRecord[])[]>;

/** Who and what is looked into. */
export interface Scene {
  readonly topic: string;
  readonly groups: readonly { readonly ledger: GroupLedger; tails(): string[] }[];
  /** The names of all records that were acknowledged. */
  acknowledged(): string[];
  /** Where an acknowledged record is. */
  placeOf(name: string): { readonly partition: number; readonly offset: number };
  /** `host:port` of who leads a partition, "" when nobody does. */
  leaderOf(partition: number): Promise<string>;
  offsetsPlace(): Promise<OffsetsPlace>;
  /** What there is to tell of writers and brokers. */
  tell(): Promise<string[]>;
}

/** Reads the log of each group; those whose log cannot be read are left out. */
export async function readLogs(scene: Scene): Promise<GroupLogs> {
  const logs = new Map<string, LoggedRecord[][]>();
  try {
    const place = await scene.offsetsPlace();
    for (const { ledger } of scene.groups) logs.set(ledger.groupId, await readGroupLog(place, ledger.groupId));
  } catch (error) {
    console.error(`What groups have written cannot be read: ${error}`);
  }
  return logs;
}

/** A line for each kind of fault: how long records stayed away. */
export function table(silences: readonly Silence[], faults: readonly string[]): string[] {
  const groups = [...new Set(silences.map(({ group }) => group))];
  const head = `${"without records, ms".padEnd(22)}    ×     p50     p99   longest of ${groups.join(", ")}`;
  const rows = faults.flatMap((fault) => {
    const ofFault = silences.filter((silence) => silence.fault === fault);
    if (ofFault.length === 0) return [];
    const times = ofFault.map(({ ms }) => ms).sort((a, b) => a - b);
    const at = (share: number) => Math.round(times[Math.min(times.length - 1, Math.floor(times.length * share))]!);
    const longest = groups.map((group) => {
      const ofGroup = ofFault.filter((silence) => silence.group === group);
      return ofGroup.length === 0 ? "-" : String(Math.round(Math.max(...ofGroup.map(({ ms }) => ms))));
    });
    const cells = [times.length, at(0.5), at(0.99)].map((cell, index) => String(cell).padStart(index === 0 ? 4 : 7));
    return `${fault.padEnd(22)} ${cells.join(" ")}   ${longest.join(", ")}`;
  });
  return [head, ...rows];
}

/** Tells how things stand, when they are not as they should be. */
export async function explain(
  scene: Scene,
  logs: GroupLogs,
  falls: ReadonlyMap<string, readonly Fall[]>,
): Promise<void> {
  const names = scene.acknowledged();
  for (const { ledger, tails } of scene.groups) {
    const missing = ledger.lacks(names);
    if (missing.length > 0) console.error(`--- ${ledger.groupId} lacks ${missing.length}: ${missing.slice(0, 9)} …`);
    for (const name of missing.slice(0, LOOKED_INTO)) await explainMissing(scene, ledger, name, logs);
    for (const fall of (falls.get(ledger.groupId) ?? []).slice(0, LOOKED_INTO)) {
      console.error(`--- ${fall.text}:\n${storyOf(ledger, fall.partition, logs, fall.atMs)}`);
    }
    for (const line of tails()) console.error(line);
    console.error(`last that ${ledger.groupId} did:\n${story(ledger.events.slice(-AROUND).map(tellEvent))}`);
  }
  for (const text of await scene.tell()) console.error(`--- ${text}`);
}

/** Whether it is there at all, who leads its partition, and what the group did with it when it passed the record. */
async function explainMissing(scene: Scene, ledger: GroupLedger, name: string, logs: GroupLogs): Promise<void> {
  const { partition, offset } = scene.placeOf(name);
  const leader = await scene.leaderOf(partition).catch(String);
  const found = leader === "" ? "nobody leads" : await valueAt(leader, scene.topic, partition, offset).catch(String);
  console.error(`${name} was acknowledged at ${offset} of ${partition}; led by ${leader}, which has there: ${found}`);
  const passing = (logs.get(ledger.groupId) ?? []).flat().find(({ record }) =>
    record.type === "offset" && record.partition === partition && Number(record.value?.offset ?? -1) > offset
  );
  console.error(
    passing === undefined ? "nothing behind it was committed" : "what was around the commit that passed it:",
  );
  console.error(storyOf(ledger, partition, logs, passing?.atMs ?? Infinity));
}

/** What the group and its members did with a partition around a time. */
function storyOf(ledger: GroupLedger, partition: number, logs: GroupLogs, atMs: number): string {
  const told: Told[] = ledger.events.filter(({ partitions }) =>
    partitions.length === 0 || partitions.includes(partition)
  )
    .map(tellEvent);
  for (const logged of (logs.get(ledger.groupId) ?? []).flat()) {
    const text = tellOf(logged, partition);
    if (text !== undefined) told.push({ atMs: logged.atMs, text: `    ${text}` });
  }
  told.sort((a, b) => a.atMs - b.atMs);
  const found = told.findIndex((each) => each.atMs >= atMs);
  const middle = found < 0 ? told.length : found;
  return story(told.slice(Math.max(0, middle - 2 * AROUND), middle + AROUND));
}

async function valueAt(leader: string, topic: string, partition: number, offset: number): Promise<string> {
  await using client = await RawClient.connect(leader);
  const { error, highWatermark, records } = await fetchFrom(client, topic, offset, { partition, maxBytes: 4_096 });
  const value = records.find((record) => record.offset === offset)?.value?.slice(0, 30);
  return `${value ?? "nothing"} (${error}, high watermark ${highWatermark})`;
}

interface Told {
  readonly atMs: number;
  readonly text: string;
}

function tellEvent({ atMs, member, text }: MemberEvent): Told {
  return { atMs, text: `${member} ${text}` };
}

function story(told: readonly Told[]): string {
  return told.map(({ atMs, text }) => `  ${new Date(atMs).toISOString().slice(11, 23)} ${text}`).join("\n");
}
