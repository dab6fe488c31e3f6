/**
 * kafkajs in consumer groups: one that reads and goes, members that live until they are told to leave, and what administrators ask of groups.
 *
 * Invariant: a member commits what it was handed, record by record, and tells of each step when it has been made.
 *
 * @module
 */
import kafkajs from "npm:kafkajs@2.2.4";
import { Buffer } from "node:buffer";
import { type Command, type Handler, leave, type MemberEvent, untilLeaving, type WireRecord } from "./agent.ts";
import { type FetchedMessage, incoming, kafka, withAdmin } from "./kafkajs_client.ts";

const { AssignerProtocol } = kafkajs;

/** As long as a member may take to come back when its group rebalances. */
const REBALANCE_MS = 60_000;

async function group(command: Command): Promise<unknown> {
  // It stops when its fetches have come back: after 5 s, unless told otherwise.
  const settings = { groupId: command.group, sessionTimeout: 10_000, heartbeatInterval: 500, maxWaitTimeInMs: 200 };
  const consumer = kafka.consumer(settings);
  const records: WireRecord[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [command.topic], fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    const limit = setTimeout(resolve, command.waitMs);
    consumer.run({
      eachMessage: ({ message, partition }) => {
        records.push(incoming(message as unknown as FetchedMessage, partition));
        if (records.length === command.count) {
          clearTimeout(limit);
          resolve();
        }
        return Promise.resolve();
      },
    }).catch(reject);
  });
  if (records.length > 0) {
    const last = records.at(-1)!;
    await consumer.commitOffsets([{ topic: command.topic, partition: last.p!, offset: String(last.o! + 1) }]);
  }
  await consumer.disconnect();
  await withAdmin((admin) => admin.fetchOffsets({ groupId: command.group, topics: [command.topic] }));
  return { records };
}

/** Its own round robin under the name that all other clients have for theirs: so it can share a group with them. */
const roundRobin: typeof kafkajs.PartitionAssigners.roundRobin = (ground) => {
  const name = "roundrobin";
  const userData = Buffer.alloc(0);
  return {
    ...kafkajs.PartitionAssigners.roundRobin(ground),
    name,
    protocol: ({ topics }) => ({
      name,
      metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData }),
    }),
  };
};

async function member(command: Command, progress: (event: MemberEvent) => void): Promise<unknown> {
  const { topic, group: groupId, sessionMs: sessionTimeout } = command;
  const consumer = kafka.consumer({
    ...{ groupId, sessionTimeout, heartbeatInterval: 300, rebalanceTimeout: REBALANCE_MS, maxWaitTimeInMs: 200 },
    ...(command.strategy === undefined ? {} : { partitionAssigners: [roundRobin] }),
  });
  consumer.on(
    consumer.events.GROUP_JOIN,
    ({ payload }) => progress({ assigned: payload.memberAssignment[topic] ?? [] }),
  );
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const leaving = untilLeaving(command);
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ message, partition }) => {
      const next = Number(message.offset) + 1;
      progress({ read: [partition, next - 1] });
      // While the group rebalances it is refused, and whoever has the partition then reads the record again.
      await consumer.commitOffsets([{ topic, partition, offset: String(next) }])
        .then(() => progress({ committed: [partition, next] }), () => {});
    },
  });
  await leaving;
  await consumer.disconnect();
  return {};
}

/** What is asked of groups, and what it is to be in one. */
export const groups: Record<string, Handler> = {
  group,
  member,
  leave,
  listGroups: () => withAdmin(async (admin) => ({ groups: (await admin.listGroups()).groups.map((g) => g.groupId) })),
  describeGroup: (c) =>
    withAdmin(async (admin) => {
      const found = (await admin.describeGroups([c.group])).groups[0]!;
      return { state: found.state, members: found.members.length };
    }),
  committed: (c) =>
    withAdmin(async (admin) => {
      const [found] = await admin.fetchOffsets({ groupId: c.group, topics: [c.topic] });
      return { offsets: found!.partitions.map((p) => [p.partition, Number(p.offset)]).filter(([, o]) => o! >= 0) };
    }),
  deleteGroup: (c) => withAdmin((admin) => admin.deleteGroups([c.group]).then(() => {})),
};
