/**
 * `roundrobin`: all partitions of all topics, dealt like cards to those who are subscribed.
 *
 * @module
 */
import type { ClassicAssignor } from "../membership.ts";
import { inOrder, nothingFor, subscribersByTopic } from "./members.ts";

/** Kafka's RoundRobinAssignor. */
export const roundRobin: ClassicAssignor = {
  name: "roundrobin",
  isCooperative: false,
  userData: () => null,
  assign(members, partitions) {
    const ordered = inOrder(members);
    const assignments = nothingFor(members);
    let turn = 0;
    for (const [topic, subscribers] of subscribersByTopic(ordered, partitions)) {
      const isSubscribed = new Set(subscribers);
      for (let partition = 0; partition < partitions.get(topic)!; partition++) {
        while (!isSubscribed.has(ordered[turn % ordered.length]!)) turn++;
        assignments.get(ordered[turn++ % ordered.length]!.memberId)!.push({ topic, partition });
      }
    }
    return assignments;
  },
};
