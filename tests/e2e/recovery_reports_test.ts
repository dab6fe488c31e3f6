/** What an operator is told of a folder that is not as it was left. */
import { assertEquals, assertMatch } from "@std/assert";
import { startCluster } from "../../mod.ts";
import { createTopic, fetchFrom, produceTexts, readAll } from "../helpers/kafka_calls.ts";
import { RawClient } from "../helpers/raw_client.ts";

/** Writes a topic into a folder, lets `damage` at its files, and returns what a broker on it says and does. */
async function afterDamage(
  damage: (log: string, dir: string) => Promise<void>,
  look: (client: RawClient) => Promise<void>,
): Promise<string[]> {
  const dir = await Deno.makeTempDir({ prefix: "samsa_reports_" });
  try {
    {
      await using cluster = await startCluster({ dir });
      await using client = await RawClient.connect(cluster.bootstrap);
      await createTopic(client, "hurt");
      await produceTexts(client, "hurt", ["a", "b"]);
      await produceTexts(client, "hurt", ["c"]);
    }
    await damage(`${dir}/1/hurt-0/00000000000000000000.log`, `${dir}/1`);
    const lines: string[] = [];
    await using cluster = await startCluster({ dir, log: (line) => lines.push(line) });
    await using client = await RawClient.connect(cluster.bootstrap);
    await look(client);
    return lines;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("a torn tail is cut, and the broker says how much and why", async () => {
  const lines = await afterDamage(async (log, dir) => {
    await Deno.remove(`${dir}/.kafka_cleanshutdown`);
    await Deno.writeFile(log, new Uint8Array(100).fill(7), { append: true });
  }, async (client) => {
    assertEquals((await readAll(client, "hurt")).map(({ value }) => value), ["a", "b", "c"]);
  });
  assertEquals(lines.length, 1, lines.join("\n"));
  assertMatch(lines[0]!, /^hurt-0 cut 100 bytes off its end at recovery\. /);
});

Deno.test("damage below the recovery point takes the partition offline, and the broker names file and place", async () => {
  const lines = await afterDamage(async (log, dir) => {
    const bytes = await Deno.readFile(log);
    bytes[80]! ^= 4;
    await Deno.writeFile(log, bytes);
    await Deno.stat(`${dir}/.kafka_cleanshutdown`);
  }, async (client) => {
    assertEquals((await fetchFrom(client, "hurt", 0)).error, "KAFKA_STORAGE_ERROR");
    assertEquals((await produceTexts(client, "hurt", ["d"])).error, "KAFKA_STORAGE_ERROR");
  });
  assertMatch(lines.join("\n"), /^hurt-0 .*offline.*hurt-0\/00000000000000000000\.log/m);
});
