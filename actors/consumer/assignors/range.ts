/**
 * `range`: each topic by itself, a run of its partitions for each subscriber; the first ones have one more where it does not come out even.
 * Topics with as many partitions and the same subscribers are shared out alike, so that they can be joined.
 *
 * @module
 */
import type { ClassicAssignor } from "../membership.ts";
import { inOrder, nothingFor, subscribersByTopic } from "./members.ts";

/** Kafka's RangeAssignor, without racks. */
export const range: ClassicAssignor = {
  name: "range",
  isCooperative: false,
  userData: () => null,
  assign(members, partitions) {
    const assignments = nothingFor(members);
    for (const [topic, subscribers] of subscribersByTopic(inOrder(members), partitions)) {
      const count = partitions.get(topic)!;
      const share = Math.floor(count / subscribers.length);
      const withOneMore = count % subscribers.length;
      let next = 0;
      for (const [index, { memberId }] of subscribers.entries()) {
        const end = next + share + (index < withOneMore ? 1 : 0);
        for (; next < end; next++) assignments.get(memberId)!.push({ topic, partition: next });
      }
    }
    return assignments;
  },
};
