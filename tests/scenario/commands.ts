/**
 * The commands that a script may give, and what each does to the stage.
 *
 *     kill the power of 1,2 ──the first pattern that fits──▶ stage.each("1,2", losePower)
 *
 * Invariant: a command does what one pattern says, whole; what fits none is an error and never passed over.
 *
 * @module
 */
import { refOf } from "../../actors/address.ts";
import { REPLICA } from "../../actors/partition/protocol.ts";
import type { Stage } from "./stage.ts";

/** Does what a command says. */
export function give(stage: Stage, command: string): void {
  for (const [pattern, act] of COMMANDS) {
    const match = pattern.exec(command);
    if (match !== null) return act(stage, match.groups ?? {});
  }
  throw new Error(`"${command}" is no command`);
}

type Act = (stage: Stage, words: Readonly<Record<string, string | undefined>>) => void;

const IDS = "(?<ids>the controller|[\\d,]+)";

/** What may be written at the margin of a script. */
const COMMANDS: readonly (readonly [RegExp, Act])[] = [
  [
    /^cluster of (?<nodes>\d+)(, voters (?<voters>[\d,]+))?(, seed (?<seed>\w+))?(?<configs>( \S+=\S+)*)$/,
    (stage, words) => {
      const nodes = Number(words.nodes);
      const voters = words.voters === undefined ? Array.from({ length: nodes }, (_, i) => i + 1) : idsOf(words.voters);
      stage.build(nodes, voters, words.seed ?? "1", configsOf(words.configs));
    },
  ],
  [/^topic (?<topic>\S+) on (?<ids>[\d,]+)(?<configs>( \S+=\S+)*)$/, (stage, { topic, ids, configs }) => {
    stage.createTopic(topic!, ids!, configsOf(configs));
  }],
  [/^write (?<values>.+) to (?<topic>\S+?)( with acks=(?<acks>all|0|1))?( on (?<node>\d+))?$/, (stage, words) => {
    const acks = words.acks === undefined || words.acks === "all" ? -1 : Number(words.acks);
    stage.write(words.values!.split(" "), words.topic!, acks, words.node);
  }],
  [/^read (?<topic>\S+)( on (?<node>\d+))?$/, (stage, { topic, node }) => stage.read(topic!, node)],
  [/^show (?<name>\S+-\d+)$/, (stage, { name }) => stage.showLogs(name!)],
  [new RegExp(`^kill ${IDS}$`), (stage, { ids }) => stage.each(ids, (machine) => machine.kill())],
  [
    new RegExp(`^kill the power of ${IDS}$`),
    (stage, { ids }) => stage.each(ids, (machine) => machine.losePower(false)),
  ],
  [new RegExp(`^take the disk of ${IDS}$`), (stage, { ids }) => stage.each(ids, (machine) => machine.loseDisk())],
  [new RegExp(`^stop ${IDS}$`), (stage, { ids }) => stage.each(ids, (machine) => machine.stop(2_000, () => {}))],
  [new RegExp(`^start ${IDS}$`), (stage, { ids }) => stage.each(ids, (machine) => void machine.start())],
  [new RegExp(`^pause ${IDS}$`), (stage, { ids }) => stage.each(ids, (machine) => machine.pause())],
  [new RegExp(`^resume ${IDS}$`), (stage, { ids }) => stage.each(ids, (machine) => machine.resume())],
  [new RegExp(`^let syncs of ${IDS} take (?<ms>\\d+) ms$`), (stage, { ids, ms }) => {
    stage.each(ids, ({ syncs }) => Object.assign(syncs, { minMs: Number(ms), maxMs: Number(ms) + 1 }));
  }],
  [
    new RegExp(`^fail syncs of (?<name>\\S+-\\d+) on ${IDS}$`),
    (stage, { name, ids }) => stage.each(ids, (machine) => stage.failSyncs(machine, name!)),
  ],
  [/^mend the disks$/, (stage) => stage.mendDisks()],
  [new RegExp(`^restart (?<name>\\S+-\\d+) on ${IDS}$`), (stage, { name, ids }) => {
    stage.each(ids, ({ id, system }) => system?.kill(refOf(id, REPLICA.kind, name!), "restarted by hand"));
  }],
  [new RegExp(`^cut ${IDS} off$`), (stage, { ids }) => stage.cut(ids!, undefined, false)],
  [new RegExp(`^cut ${IDS} from (?<others>[\\d,]+)$`), (stage, { ids, others }) => stage.cut(ids!, others, false)],
  [
    new RegExp(`^cut the way from ${IDS} to (?<others>[\\d,]+)$`),
    (stage, { ids, others }) => stage.cut(ids!, others, true),
  ],
  [/^heal$/, (stage) => stage.heal()],
  [/^move (?<topic>\S+) to (?<ids>[\d,]+)$/, (stage, { topic, ids }) => stage.move(topic!, ids!)],
  [/^elect preferred leaders$/, (stage) => stage.electPreferred()],
  [
    /^set (?<name>\S+)=(?<value>\S+) for (?<topic>\S+)$/,
    (stage, words) => stage.set(words.topic!, words.name!, words.value!),
  ],
  [/^wait (?<seconds>\d+) s$/, (stage, { seconds }) => stage.wait(Number(seconds))],
];

/** Numbers of nodes, with commas. */
export function idsOf(list: string): number[] {
  return list.split(",").map(Number);
}

function configsOf(words = ""): Record<string, string> {
  return Object.fromEntries(words.trim().split(" ").filter((word) => word !== "").map((word) => word.split("=")));
}
