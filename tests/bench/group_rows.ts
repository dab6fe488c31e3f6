/**
 * What is done to groups, row by row: members that join and crash, commits, a coordinator that dies.
 *
 * @module
 */
import { heartbeat } from "../../protocol/tables/groups.ts";
import { RawClient } from "../helpers/raw_client.ts";
import { createTopic, sleep } from "./admin.ts";
import type { Goal, Line } from "./figures.ts";
import {
  type BenchMember,
  coordinatorsOf,
  type GroupPlan,
  type GroupProtocol,
  openMember,
  SESSION_MS,
  untilStable,
} from "./group_client.ts";
import { runLoad } from "./load.ts";
import type { Row, RowContext } from "./rows.ts";

const PROTOCOLS: readonly GroupProtocol[] = ["classic", "consumer"];
const PARTITIONS = 64;
const CONNECTIONS = 16;
const IN_FLIGHT = 32;

/** What these rows want of every broker: no waiting for more members, and sessions as short as may be. */
export const GROUP_CONFIG: ReadonlyMap<string, string> = new Map([
  ["group.initial.rebalance.delay.ms", "0"],
  ["group.consumer.assignment.interval.ms", "0"],
  ["group.consumer.min.session.timeout.ms", String(SESSION_MS)],
  ["group.consumer.session.timeout.ms", String(SESSION_MS)],
]);

/** All rows, in the order in which they are run. */
export function groupRowsFor(brokers: number): readonly Row[] {
  return [
    ...[1, 100, 1_000].flatMap((members) => PROTOCOLS.map((protocol) => joinRow(protocol, members))),
    ...[1, 16, 64].map(commitRow),
    ...PROTOCOLS.map(crashRow),
    ...(brokers === 1 ? [] : [failoverRow()]),
  ];
}

async function topicOf({ bootstrap, filled }: RowContext): Promise<string> {
  const topic = "groups";
  if (!filled.has(topic)) await createTopic(bootstrap, topic, PARTITIONS);
  filled.add(topic);
  return topic;
}

async function openMembers(
  protocol: GroupProtocol,
  context: RowContext,
  plan: GroupPlan,
  count: number,
): Promise<BenchMember[]> {
  const [address] = await coordinatorsOf(context.bootstrap, [plan.groupId]);
  const members: BenchMember[] = [];
  while (members.length < count) {
    const more = Array.from(
      { length: Math.min(50, count - members.length) },
      () => openMember(protocol, address!, plan),
    );
    members.push(...await Promise.all(more));
  }
  return members;
}

function joinRow(protocol: GroupProtocol, count: number): Row {
  const goals: readonly Goal[] = [{ against: "kafka", atMost: 1 }];
  const line: Line = {
    title: `${count} ${count === 1 ? "member joins" : "members join"}, ${protocol}: until all have their partitions`,
    metric: "latency",
    goals,
  };
  const name = `join-${count}-${protocol}`;
  return {
    name,
    async run(context) {
      const topic = await topicOf(context);
      const plan = { groupId: `${name}-${crypto.randomUUID()}`, topic, partitions: PARTITIONS };
      const members = await openMembers(protocol, context, plan, count);
      const { result } = await context.measured(name, async () => {
        const lives = members.map((member) => member.live());
        return { tookMs: await untilStable(members, PARTITIONS, lives), lives };
      });
      context.report(line, result.tookMs);
      await Promise.all(members.map((member) => member.crash()));
      await Promise.all(result.lives);
    },
  };
}

function commitRow(groups: number): Row {
  const name = `commits-${groups}`;
  const line: Line = {
    title: `Commits of ${groups} ${groups === 1 ? "group" : "groups"}, ${Math.max(CONNECTIONS, groups)} connections`,
    metric: "rate",
    goals: [{ against: "kafka", atLeast: 1 }],
  };
  return {
    name,
    async run(context) {
      const topic = await topicOf(context);
      const { bootstrap, scale } = context;
      const commits = Math.round(100_000 * scale);
      const shape = { connections: CONNECTIONS, inFlight: IN_FLIGHT, groups, commits };
      const { result } = await context.measured(
        name,
        () => runLoad({ kind: "commits", bootstrap, topic, partition: 0, ...shape }),
      );
      context.report(line, result.records / result.seconds);
    },
  };
}

function crashRow(protocol: GroupProtocol): Row {
  const name = `crash-${protocol}`;
  const line: Line = {
    title: `A member crashes (session ${SESSION_MS / 1000} s), ${protocol}: until the other has its partitions`,
    metric: "latency",
    goals: [{ against: "kafka", atMost: 1 }],
  };
  return {
    name,
    async run(context) {
      const topic = await topicOf(context);
      const plan = { groupId: `${name}-${crypto.randomUUID()}`, topic, partitions: PARTITIONS };
      const [stays, goes] = await openMembers(protocol, context, plan, 2);
      const lives = [stays!.live(), goes!.live()];
      await untilStable([stays!, goes!], PARTITIONS, lives);
      await goes!.crash();
      context.report(line, await untilStable([stays!], PARTITIONS, [lives[0]!]));
      await stays!.crash();
      await Promise.all(lives);
    },
  };
}

/** The last row: it kills a broker. */
function failoverRow(): Row {
  const line = (which: string): Line => ({
    title: `Coordinator of 1 000 groups killed: until the ${which} answers a heartbeat`,
    metric: "latency",
    goals: [{ against: "kafka", atMost: 0.5 }],
  });
  return {
    name: "failover",
    async run(context) {
      const topic = await topicOf(context);
      const count = Math.max(10, Math.round(1_000 * context.scale));
      const groupIds = Array.from({ length: count }, () => `failover-${crypto.randomUUID()}`);
      const addresses = await coordinatorsOf(context.bootstrap, groupIds);
      const members = await Promise.all(
        groupIds.map((groupId, index) =>
          openMember("classic", addresses[index]!, { groupId, topic, partitions: PARTITIONS })
        ),
      );
      const lives = members.map((member) => member.live());
      lives.forEach((life) => life.catch(() => {})); // the broker goes
      await Promise.all(members.map((member) => untilStable([member], PARTITIONS, [])));
      const victim = addresses[0]!;
      const left = context.bootstrap.split(",").filter((address) => address !== victim).join(",");
      await Promise.all(members.map((member) => member.crash()));
      const struckMs = performance.now();
      await context.kill(victim);
      const orphans = groupIds.filter((_, index) => addresses[index] === victim);
      const times = await Promise.all(orphans.map((groupId) => untilServed(left, groupId, struckMs)));
      context.report(line("first"), Math.min(...times));
      context.report(line("last"), Math.max(...times));
    },
  };
}

/** A heartbeat of a stranger is answered UNKNOWN_MEMBER_ID by a coordinator that has loaded the group, and by no other. */
async function untilServed(bootstrap: string, groupId: string, sinceMs: number): Promise<number> {
  for (;; await sleep(20)) {
    const [address] = await coordinatorsOf(bootstrap, [groupId]);
    const errorCode = await strangersHeartbeat(address!, groupId);
    if (errorCode === 0 || errorCode === 25) return performance.now() - sinceMs;
    if (performance.now() - sinceMs > 120_000) throw new Error(`${groupId} was not served again in 120 s.`);
  }
}

async function strangersHeartbeat(address: string, groupId: string): Promise<number> {
  try {
    await using client = await RawClient.connect(address);
    return (await client.call(heartbeat, 4, { groupId, generationId: 1, memberId: "stranger" })).errorCode;
  } catch {
    return -1; // the address of the one that was killed
  }
}
