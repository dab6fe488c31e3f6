/**
 * Breaks real brokers under real clients and judges what is left: `deno task chaos`.
 *
 * ```
 * deno task chaos -- --faults 70                 producers and broker processes          producers.ts
 * deno task chaos -- --groups [NAMES]            groups, their members too               groups.ts
 * deno task chaos -- --groups --embedded         actors of one process, and our groups   embedded.ts
 * ```
 * @module
 */
import { fail, readOptions } from "../../server/command.ts";
import { integer, text, toggle } from "../../server/flags.ts";
import { EMBEDDED_FAULTS, embeddedChaos } from "./embedded.ts";
import { GROUP_FAULTS, GROUP_NAMES, groupChaos } from "./groups.ts";
import { PRODUCER_FAULTS, producerChaos } from "./producers.ts";

const SUMMARY = `Kills, pauses and cuts off real brokers under load, and judges what is left.

Faults: ${PRODUCER_FAULTS.join(", ")};
with --groups: ${GROUP_FAULTS.join(", ")};
with --groups --embedded: ${EMBEDDED_FAULTS.join(", ")}.
Groups: ${GROUP_NAMES.join(", ")}.`;

const ALL = "all";

const FLAGS = {
  faults: integer({ help: "How many faults", min: 1, max: 1_000_000, default: 40 }),
  seed: text({ help: "Decides which", placeholder: "SEED", default: "1" }),
  only: text({ help: "Only these faults, with commas", placeholder: "LIST" }),
  groups: text({
    help: "Groups of consumers in place of producers: those whose names have one of these in them, or without LIST all",
    placeholder: "[LIST]",
  }),
  embedded: toggle({ help: "With --groups: actors of a cluster in one process, with groups of our own consumers" }),
  members: integer({ help: "With --groups: members of each; 4 without it", min: 2, max: 64 }),
  gap: integer({
    help: "With --groups: between two records of each of the two writers; 10 without it, more on a slow machine",
    placeholder: "MS",
    min: 0,
    max: 60_000,
  }),
  socketTimeout: integer({
    help: "Of librdkafka's producers: all that ends the wait for a broker that stands still; 1000 without it",
    placeholder: "MS",
    min: 10,
    max: 300_000,
  }),
};

if (import.meta.main) Deno.exit(await main());

async function main(): Promise<number> {
  const options = readOptions("deno task chaos", SUMMARY, FLAGS, withAll(Deno.args));
  const { faults, seed, groups, embedded, members, gap, socketTimeout } = options;
  if (embedded && groups !== ALL) fail("--embedded has groups of its own: write --groups --embedded, without a list.");
  if (members !== undefined && (groups === undefined || embedded)) fail("--members goes with --groups [LIST] alone.");
  if (gap !== undefined && (groups === undefined || embedded)) fail("--gap goes with --groups [LIST] alone.");
  if (socketTimeout !== undefined && groups !== undefined) fail("--socket-timeout goes without --groups.");
  if (groups === undefined) {
    const mix = chosen(PRODUCER_FAULTS, options.only);
    return await producerChaos({ faults, seed, mix, socketTimeoutMs: socketTimeout ?? 1_000 });
  }
  if (embedded) {
    const mix = chosen(EMBEDDED_FAULTS, options.only);
    const problems = await embeddedChaos({ faults, seed, mix, say: (line) => console.log(line) });
    return problems.length === 0 ? 0 : 1;
  }
  const parts = groups === ALL ? [""] : groups.split(",").map((part) => part.trim());
  const lost = parts.find((part) => !GROUP_NAMES.some((name) => name.includes(part)));
  if (lost !== undefined) fail(`No group has '${lost}' in its name: there are ${GROUP_NAMES.join(", ")}.`);
  const mix = chosen(GROUP_FAULTS, options.only);
  const names = GROUP_NAMES.filter((name) => parts.some((part) => name.includes(part)));
  return await groupChaos({ faults, seed, mix, names, members: members ?? 4, gapMs: gap ?? 10 });
}

/** `--groups` alone means all of them. */
function withAll(args: readonly string[]): string[] {
  return args.map((arg, at) => arg === "--groups" && (args[at + 1] ?? "--").startsWith("--") ? `--groups=${ALL}` : arg);
}

/** The faults that a list names; all without one. */
function chosen<F extends string>(all: readonly F[], list: string | undefined): readonly F[] {
  if (list === undefined) return all;
  const named = list.split(",").map((name) => name.trim());
  const lost = named.find((name) => !all.some((fault) => fault === name));
  if (lost !== undefined) fail(`There is no fault '${lost}': there are ${all.join(", ")}.`);
  return all.filter((fault) => named.includes(fault));
}
