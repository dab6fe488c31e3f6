/**
 * Cases about consumer groups, and about transactions for brokers that have them: `--with transactions`.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { PATIENCE_MS } from "../helpers/patience.ts";
import type { WireRecord } from "./client.ts";
import { assertSameRecords, type Case, freshTopic, record, type Scene } from "./scene.ts";

async function readAsGroup(scene: Scene, topic: string, group: string, count: number): Promise<WireRecord[]> {
  const fields = { topic, partition: 0, group, count, waitMs: PATIENCE_MS };
  return (await scene.client.call<{ records: WireRecord[] }>("group", fields)).records;
}

async function write(scene: Scene, topic: string, records: readonly WireRecord[]): Promise<void> {
  const fields = { topic, records, codec: "none", acks: -1, idempotent: false, auto: false };
  await scene.clerk.call("produce", fields);
}

const group: Case = {
  name: "group/committed-offset-is-remembered",
  needs: ["group"],
  feature: "groups",
  async run(scene) {
    const topic = await scene.topic();
    const name = freshTopic("group");
    const [before, after] = [[record("a", "1"), record("b", "2")], [record("c", "3")]];
    await write(scene, topic, before);
    await assertSameRecords(await readAsGroup(scene, topic, name, 2), before);
    await write(scene, topic, after);
    await assertSameRecords(await readAsGroup(scene, topic, name, 1), after);
  },
};

const transaction: Case = {
  name: "transaction/aborted-is-not-read",
  needs: ["transaction"],
  feature: "transactions",
  async run(scene) {
    const topic = await scene.topic();
    for (const commit of [true, false, true]) {
      // Its second transaction is refused: it begins with producer id 0 and epoch 0, which Kafka takes for a fenced producer.
      const transactionalId = scene.client.name === "platformatic" ? freshTopic("id") : `id-of-${topic}`;
      const records = [{ ...record("k", commit ? "kept" : "dropped"), p: 0 }];
      await scene.client.call("transaction", { topic, transactionalId, commit, records });
    }
    await write(scene, topic, [record("k", "last")]);
    const fields = { topic, partition: 0, from: { kind: "beginning" }, count: 3, waitMs: PATIENCE_MS };
    const { records } = await scene.clerk.call<{ records: WireRecord[] }>("consume", fields);
    assertEquals(records.map((each) => atob(each.v!)), ["kept", "kept", "last"]);
  },
};

/** The cases in the order in which they run. */
export const GROUP_CASES: readonly Case[] = [group, transaction];
