import { assertEquals } from "@std/assert";
import { MetadataDraft } from "../../../../actors/controller/draft.ts";
import { emptyImage } from "../../../../actors/controller/image.ts";
import type { MetadataImage, MetadataRecord } from "../../../../actors/controller/protocol.ts";
import { ReplicaIndex } from "../../../../actors/controller/replica_index.ts";
import { SeededRandom } from "../../../../lib/prng.ts";
import { newPartition } from "./setting.ts";

const BROKERS = [1, 2, 3, 4];

/** Everything that the index says, in words that do not depend on how it was made. */
function said(index: ReplicaIndex, image: MetadataImage) {
  return BROKERS.map((id) => ({
    id,
    ...index.loadOf(id),
    partitions: [...index.on(id, image)].map(({ topic, partition }) => `${topic.name}-${partition.partition}`)
      .toSorted(),
  }));
}

Deno.test("partitions by broker, and how much each has been given", () => {
  const draft = new MetadataDraft(emptyImage());
  const index = new ReplicaIndex(draft);
  const apply = (record: MetadataRecord) => {
    index.follow(draft, record);
    draft.apply(record);
  };
  apply({ type: "Topic", name: "a", topicId: "A" });
  apply({ type: "Partition", topicId: "A", ...newPartition(0, [1, 2]) });
  apply({ type: "Partition", topicId: "A", ...newPartition(1, [2]) });
  const [first, second] = said(index, draft);
  assertEquals(first, { id: 1, leaders: 1, replicas: 1, partitions: ["a-0"] });
  assertEquals(second, { id: 2, leaders: 1, replicas: 2, partitions: ["a-0", "a-1"] });
  assertEquals([...index.on(1, draft)][0]!.partition.replicas, [1, 2], "as the image has them");
});

Deno.test("by seed: what is kept record by record is what would be worked out anew", () => {
  const random = new SeededRandom("replica index");
  const replicas = () => {
    const ids = BROKERS.filter(() => random.below(2) === 0);
    return ids.length === 0 ? [1 + random.below(4)] : random.below(2) === 0 ? ids : ids.toReversed();
  };
  const draft = new MetadataDraft(emptyImage());
  const index = new ReplicaIndex(draft);
  for (let step = 0; step < 1_000; step++) {
    const topicId = `T${random.below(4)}`;
    const name = draft.topicNames.get(topicId);
    const count = draft.topics.get(name ?? "")?.partitions.length ?? 0;
    const some = random.below(Math.max(1, count));
    const now = replicas();
    const record: MetadataRecord = name === undefined
      ? { type: "Topic", name: `t${step}`, topicId }
      : random.below(12) === 0
      ? { type: "RemoveTopic", topicId }
      : count === 0 || random.below(2) === 0
      ? { type: "Partition", topicId, ...newPartition(random.below(count + 1), now) }
      : random.below(4) === 0
      ? { type: "PartitionChange", topicId, partition: some, leader: -1 }
      : { type: "PartitionChange", topicId, partition: some, replicas: now, isr: now, leader: now[0]!, elr: [] };
    index.follow(draft, record);
    draft.apply(record);
    if (step % 20 === 0) assertEquals(said(index, draft), said(new ReplicaIndex(draft), draft));
  }
});
