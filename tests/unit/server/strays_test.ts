import { assertEquals, assertMatch } from "@std/assert";
import type { BrokerView } from "../../../actors/broker/protocol.ts";
import { emptyImage, type MetadataRecord, replay } from "../../../actors/controller/protocol.ts";
import { SeededRandom } from "../../../lib/prng.ts";
import { randomUuid } from "../../../lib/uuid.ts";
import { setAsideStrays } from "../../../server/strays.ts";
import { DiskLogStore } from "../../../storage/log_store.ts";
import { MemoryDisk } from "../../../storage/memory_disk.ts";

const RANDOM = new SeededRandom(1);
const TOPIC_ID = randomUuid(RANDOM.bytes(16));

function viewOf(brokerId: number): BrokerView {
  const partition = (partition: number, replicas: number[]): MetadataRecord => ({
    type: "Partition",
    ...{ topicId: TOPIC_ID, partition, replicas, isr: replicas, leader: replicas[0]! },
    ...{ leaderEpoch: 0, partitionEpoch: 0, adding: [], removing: [], elr: [], lastKnownElr: [] },
  });
  const image = replay(emptyImage(), [
    { type: "Topic", name: "my-topic", topicId: TOPIC_ID },
    partition(0, [1, 2]),
    partition(1, [2, 3]),
  ]);
  return { brokerId, image } as BrokerView;
}

Deno.test("logs of topics that are gone, and of partitions that are elsewhere, are set aside; others are not", () => {
  const disk = new MemoryDisk();
  for (const folder of ["my-topic-0", "my-topic-1", "my-topic-2", "gone-0", "my-0", "__cluster_metadata-0"]) {
    disk.makeFolder(folder);
  }
  const store = new DiskLogStore(disk, { nodeId: 1, random: RANDOM });
  const sentence = setAsideStrays(store, viewOf(1))!;
  const left = disk.list("").filter((name) => disk.isFolder(name) && !name.endsWith("-stray")).sort();
  assertEquals(left, ["__cluster_metadata-0", "my-topic-0"]);
  const strays = store.strays().map((name) => name.split(".")[0]).sort();
  assertEquals(strays, ["gone-0", "my-0", "my-topic-1", "my-topic-2"]);
  assertMatch(sentence, /^Logs that are no longer this broker's take room in memory and can be removed: /);
  for (const name of store.strays()) assertMatch(sentence, new RegExp(name));
  store.close(true);
});

Deno.test("nothing is said where there is nothing", () => {
  const store = new DiskLogStore(new MemoryDisk(), { nodeId: 1, random: RANDOM });
  assertEquals(setAsideStrays(store, viewOf(1)), undefined);
  store.close(true);
});
