/**
 * What Apache Kafka answers to every kind of request about groups, kept in `golden/group_answers.txt`; brokers are compared with it.
 *
 * ```
 * deno run -A tests/interop/group_answers.ts           plays against Apache Kafka and writes the file
 * ```
 * @module
 */
import { GroupPlayer } from "../helpers/group_player.ts";
import { playGroups } from "../helpers/group_script.ts";
import { RawClient } from "../helpers/raw_client.ts";
import { openTarget } from "./target.ts";

const GOLDEN = new URL("golden/group_answers.txt", import.meta.url);

/** The answers of Apache Kafka, line by line. */
export async function answersOfKafka(): Promise<string[]> {
  return (await Deno.readTextFile(GOLDEN)).trimEnd().split("\n");
}

/** The answers of the broker at `host:port`, which has no groups yet and coordinates all of them. */
export async function answersOf(bootstrap: string): Promise<string[]> {
  await using client = await RawClient.connect(bootstrap);
  await using one = await RawClient.connect(bootstrap);
  await using two = await RawClient.connect(bootstrap);
  await using watcher = await RawClient.connect(bootstrap);
  const player = new GroupPlayer(client);
  await playGroups(player, { one, two, watcher });
  return player.lines;
}

if (import.meta.main) {
  await using target = await openTarget("kafka");
  await Deno.writeTextFile(GOLDEN, (await answersOf(target.bootstrap)).join("\n") + "\n");
}
