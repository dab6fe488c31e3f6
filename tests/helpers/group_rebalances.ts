/**
 * The part of the conversation about groups that takes several members: rebalances of the classic protocol, and groups in which both protocols
 * are spoken.
 *
 * @module
 */
import { consumerGroupDescribe, consumerGroupHeartbeat } from "../../protocol/tables/consumer_groups.ts";
import * as groups from "../../protocol/tables/groups.ts";
import type { Response } from "../../protocol/schema.ts";
import type { GroupPlayer } from "./group_player.ts";
import { by, commitOf, joinOf, leaveOf, syncOf } from "./group_requests.ts";
import type { RawClient } from "./raw_client.ts";

/** Who speaks, each over a connection of its own; `watcher` never has to wait. */
export interface Speakers {
  readonly one: RawClient;
  readonly two: RawClient;
  readonly watcher: RawClient;
}

/** A member of a classic group as the conversation sees it. */
interface Actor {
  readonly name: string;
  readonly client: RawClient;
  memberId: string;
  generation: number;
}

/** An assignment of partitions of "t" as consumers write it. */
function assignmentOf(partitions: readonly number[]): Uint8Array {
  const list = partitions.flatMap((partition) => [0, 0, 0, partition]);
  return new Uint8Array([0, 0, 0, 0, 0, 1, 0, 1, 0x74, 0, 0, 0, partitions.length, ...list, 255, 255, 255, 255]);
}

/** A group of two, played by its requests. */
class Pair {
  readonly one: Actor;
  readonly two: Actor;

  constructor(readonly player: GroupPlayer, readonly speakers: Speakers, readonly groupId: string) {
    this.one = { name: "one", client: speakers.one, memberId: "", generation: -1 };
    this.two = { name: "two", client: speakers.two, memberId: "", generation: -1 };
  }

  async join(who: Actor): Promise<Response<typeof groups.joinGroup>> {
    const body = joinOf(this.groupId, { memberId: who.memberId });
    const joined = await this.player.call(`${who.name} joins`, groups.joinGroup, 9, body, who.client);
    who.memberId = joined.memberId;
    who.generation = joined.generationId;
    return joined;
  }

  /** It hands something to each of these, if it leads. */
  sync(who: Actor, to: readonly Actor[] = []) {
    const assignments = to.map(({ memberId }, at) => ({
      memberId,
      assignment: assignmentOf(to.length === 1 ? [0, 1] : [at]),
    }));
    const body = syncOf(this.groupId, 5, who.memberId, who.generation, { assignments });
    return this.player.call(`${who.name} syncs`, groups.syncGroup, 5, body, who.client);
  }

  beat({ name, memberId, generation: generationId }: Actor) {
    const body = { groupId: this.groupId, generationId, memberId };
    return this.player.call(`${name} beats`, groups.heartbeat, 4, body, this.speakers.watcher);
  }

  commit({ name, memberId, generation }: Actor) {
    const body = commitOf(this.groupId, by(memberId, generation));
    return this.player.call(`${name} commits`, groups.offsetCommit, 9, body, this.speakers.watcher);
  }

  leave({ name, memberId }: Actor) {
    const body = leaveOf(this.groupId, 5, { memberId });
    return this.player.call(`${name} leaves`, groups.leaveGroup, 5, body, this.speakers.watcher);
  }

  describe() {
    const body = { groups: [this.groupId] };
    return this.player.call("describe", groups.describeGroups, 5, body, this.speakers.watcher);
  }

  /** Until the group is in that state: what another connection has sent may still be on its way. */
  async until(state: string): Promise<void> {
    const deadline = performance.now() + 15_000;
    while (performance.now() < deadline) {
      const found = await this.speakers.watcher.call(groups.describeGroups, 5, { groups: [this.groupId] } as never);
      if (found.groups[0]!.groupState === state) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`${this.groupId} did not become ${state}.`);
  }
}

/** Two members of the classic protocol, through every phase. */
export async function playRebalances(player: GroupPlayer, speakers: Speakers): Promise<void> {
  const pair = new Pair(player, speakers, "pair");
  const { one, two } = pair;
  await pair.join(one);
  await pair.join(one);
  await pair.sync(one, [one]);
  await pair.join(two);
  const joining = pair.join(two);
  await pair.until("PreparingRebalance");
  await pair.beat(one);
  await pair.commit(one);
  await pair.sync(one);
  await pair.describe();
  await Promise.all([pair.join(one), joining]);
  await pair.beat(one);
  await pair.commit(two);
  const syncing = pair.sync(two);
  await pair.describe();
  await Promise.all([pair.sync(one, [one, two]), syncing]);
  await pair.describe();
  await pair.beat(two);
  await pair.commit(two);
  await pair.join(two); // nothing new: it is told what there is
  const leading = pair.join(one); // who leads begins a rebalance
  await pair.until("PreparingRebalance");
  await pair.beat(two);
  await Promise.all([leading, pair.join(two)]);
  await Promise.all([pair.sync(one, [one]), pair.sync(two)]);
  await pair.leave(two);
  await pair.beat(one);
  await pair.beat(two);
  await pair.join(one);
  await pair.sync(one, [one]);
  await pair.describe();
  await pair.leave(one);
  await pair.describe();
}

/** A group changes its kind, and back, while both protocols are spoken in it. */
export async function playMixed(player: GroupPlayer, speakers: Speakers): Promise<void> {
  const groupId = "mixed", memberId = "CCCCCCCCCCCCCCCCCCCCCg";
  const pair = new Pair(player, speakers, groupId);
  const { one } = pair;
  const joining = { rebalanceTimeoutMs: 5_000, subscribedTopicNames: ["t"], topicPartitions: [] };
  const beat = (memberEpoch: number, more: object = {}) =>
    player.call("the new one beats", consumerGroupHeartbeat, 1, { groupId, memberId, memberEpoch, ...more });
  const describe = () =>
    player.call("describe both", consumerGroupDescribe, 1, { groupIds: [groupId], includeAuthorizedOperations: false });
  await pair.join(one);
  await pair.join(one);
  await pair.sync(one, [one]);
  await pair.commit(one);
  const { memberEpoch } = await beat(0, joining);
  await describe();
  await pair.describe();
  await pair.beat(one);
  await pair.commit(one);
  await pair.sync(one);
  await pair.join(one);
  await pair.sync(one);
  await pair.beat(one);
  await pair.commit(one);
  await beat(memberEpoch);
  await describe();
  await beat(0, joining); // as who was fenced does
  await player.call("somebody joins with another protocol", groups.joinGroup, 9, {
    ...joinOf(groupId),
    protocols: [{ name: "other", metadata: Uint8Array.of(0, 0, 0, 0, 0, 0, 255, 255, 255, 255) }],
  });
  await player.call("the new one beats in the old way", groups.heartbeat, 4, {
    groupId,
    generationId: memberEpoch,
    memberId,
  });
  await player.call("the new one leaves in the old way", groups.leaveGroup, 5, leaveOf(groupId, 5, { memberId }));
  await beat(-1);
  await pair.describe();
  await pair.beat(one);
  await pair.join(one);
  await pair.sync(one, [one]);
  await pair.beat(one);
  await pair.leave(one);
  await pair.describe();
}
