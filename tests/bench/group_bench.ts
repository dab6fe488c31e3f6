/**
 * Measures consumer groups: how fast members join, how many commits a second, how long a crash or a failover stops them.
 *
 * Run: deno run -A tests/bench/group_bench.ts [--vs-kafka] [--brokers N] [--rounds N] [--scale N] [--rows LIST]
 *
 * @module
 */
import { installKafka } from "../interop/kafka.ts";
import { GROUP_CONFIG, groupRowsFor } from "./group_rows.ts";
import { summarize, toMarkdown } from "./report.ts";
import { measure } from "./rounds.ts";
import type { TargetName } from "./targets.ts";

function option(name: string): string | undefined {
  const at = Deno.args.indexOf(`--${name}`);
  return at < 0 ? undefined : Deno.args[at + 1];
}

const brokers = Number(option("brokers") ?? 1);
const wanted = option("rows")?.split(",");
const targets: TargetName[] = Deno.args.includes("--vs-kafka") ? ["samsa", "kafka"] : ["samsa"];
if (targets.includes("kafka")) await installKafka();
const dir = await Deno.makeTempDir({ prefix: "samsa-groups-" });
try {
  const figures = await measure({
    targets,
    rows: groupRowsFor(brokers).filter(({ name }) => wanted?.some((word) => name.startsWith(word)) ?? true),
    rounds: Number(option("rounds") ?? 3),
    scale: Number(option("scale") ?? 1),
    dir,
    config: GROUP_CONFIG,
    brokers,
    replicationFactor: Math.min(3, brokers),
    onProgress: (what) => console.error(what),
  });
  console.log(toMarkdown(summarize(figures)));
} finally {
  await Deno.remove(dir, { recursive: true });
}
