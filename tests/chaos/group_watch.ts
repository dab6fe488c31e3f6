/**
 * Looks at groups from outside, all the while: who has what, and what is committed, as their coordinators tell it.
 *
 * Invariants: no coordinator says that two members have one partition; what they say is committed is in the log, and never something
 * that was committed before what one of them has said already.
 *
 * @module
 */
import { decodeAssignment } from "../../protocol/consumer_protocol.ts";
import { errorName } from "../../protocol/errors.ts";
import { consumerGroupDescribe } from "../../protocol/tables/consumer_groups.ts";
import { describeGroups, findCoordinator, offsetFetch } from "../../protocol/tables/groups.ts";
import { RawClient } from "../helpers/raw_client.ts";

/** Between two looks at all groups. */
const REST_MS = 500;
/** Whom we ask may stand still. */
const ANSWER_MS = 2_000;

/** A group to look at. */
export interface WatchedGroup {
  readonly groupId: string;
  readonly protocol: "classic" | "consumer";
}

/** A broker, as it is named to clients. */
export interface Coordinator {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

/** Asks a broker who coordinates a group. */
export async function coordinatorOf(client: RawClient, groupId: string): Promise<Coordinator> {
  const { coordinators } = await client.call(findCoordinator, 4, { coordinatorKeys: [groupId] });
  const found = coordinators[0]!;
  if (found.errorCode !== 0) throw new Error(`${groupId}: ${errorName(found.errorCode)}`);
  return found;
}

/** Watches groups until it is stopped. */
export class GroupWatch {
  readonly problems: string[] = [];
  /** What was said to be committed, by group and partition, in order; said again it is left out. */
  readonly #said = new Map<string, Map<number, bigint[]>>();
  readonly #find: (groupId: string) => Promise<Coordinator>;
  readonly #watching: Promise<void>;
  #looks = 0;
  #isOver = false;

  constructor(groups: readonly WatchedGroup[], find: (groupId: string) => Promise<Coordinator>) {
    this.#find = find;
    this.#watching = this.#watch(groups);
  }

  /** How often a coordinator has answered. */
  get looks(): number {
    return this.#looks;
  }

  /** Looks no more; resolves when the last look is over. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#watching;
  }

  /** What coordinators have said of a group, and the log has not, or not in that order. */
  lies(groupId: string, commits: ReadonlyMap<number, readonly bigint[]>): string[] {
    return [...this.#said.get(groupId) ?? []].flatMap(([partition, said]) => {
      const lie = firstNotIn(commits.get(partition) ?? [], said);
      if (lie === undefined) return [];
      return `${groupId}/${partition}: coordinators said ${
        said.slice(Math.max(0, lie - 3), lie + 1)
      }, and the log has not`;
    });
  }

  async #watch(groups: readonly WatchedGroup[]): Promise<void> {
    while (!this.#isOver) {
      for (const group of groups) await this.#look(group).catch(() => {}); // its coordinator may be gone
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
    }
  }

  async #look({ groupId, protocol }: WatchedGroup): Promise<void> {
    const { host, port } = await this.#find(groupId);
    const client = await RawClient.connect(`${host}:${port}`);
    const limit = setTimeout(() => client.close(), ANSWER_MS);
    try {
      const owners = await (protocol === "consumer" ? modernOwners(client, groupId) : classicOwners(client, groupId));
      this.#judgeOwners(groupId, owners);
      const { groups } = await client.call(offsetFetch, 8, { groups: [{ groupId, topics: null }] });
      if (groups[0]!.errorCode !== 0) return;
      for (const { partitionIndex, committedOffset } of groups[0]!.topics.flatMap(({ partitions }) => partitions)) {
        this.#note(groupId, partitionIndex, committedOffset);
      }
      this.#looks++;
    } finally {
      clearTimeout(limit);
      await client.close();
    }
  }

  #judgeOwners(groupId: string, owners: readonly string[]): void {
    const seen = new Set<string>();
    for (const key of owners) {
      if (seen.has(key)) this.problems.push(`${groupId} has given ${key} to two members, says its coordinator`);
      seen.add(key);
    }
  }

  #note(groupId: string, partition: number, committed: bigint): void {
    let said = this.#said.get(groupId);
    if (said === undefined) this.#said.set(groupId, said = new Map());
    const earlier = said.get(partition);
    if (earlier === undefined) said.set(partition, [committed]);
    else if (earlier.at(-1) !== committed) earlier.push(committed);
  }
}

/** The place of the first of what was said that does not follow those before it in the log; undefined when all do. */
export function firstNotIn(log: readonly bigint[], said: readonly bigint[]): number | undefined {
  let at = 0;
  for (const [index, committed] of said.entries()) {
    at = log.indexOf(committed, at);
    if (at < 0) return index;
  }
  return undefined;
}

async function classicOwners(client: RawClient, groupId: string): Promise<string[]> {
  const { groups } = await client.call(describeGroups, 5, { groups: [groupId], includeAuthorizedOperations: false });
  return groups[0]!.members.flatMap(({ memberAssignment }) =>
    (decodeAssignment(memberAssignment)?.assignedPartitions ?? []).flatMap(({ topic, partitions }) =>
      partitions.map((partition) => `${topic}-${partition}`)
    )
  );
}

async function modernOwners(client: RawClient, groupId: string): Promise<string[]> {
  const body = { groupIds: [groupId], includeAuthorizedOperations: false };
  const { groups } = await client.call(consumerGroupDescribe, 0, body);
  return groups[0]!.members.flatMap(({ assignment }) =>
    assignment.topicPartitions.flatMap(({ topicName, partitions }) =>
      partitions.map((index) => `${topicName}-${index}`)
    )
  );
}
