/**
 * Working out who is to have what: members and topics for the assignor, and what it says as records.
 *
 * Invariant: after this, every member has a target of this assignment epoch, or, when the assignor has thrown, nothing has changed but
 * {@linkcode Draft.fault}; a record is written for those only whose target is another.
 *
 * @module
 */
import type { Assignor, AssignorInput, AssignorMember } from "../assignor.ts";
import { ASSIGNORS } from "../assignors/named.ts";
import type { GroupConfig, GroupNews } from "../protocol.ts";
import type { Draft } from "./draft.ts";
import type { MemberMetadata } from "./member.ts";
import { isSame, NOTHING } from "./partitions.ts";

/** Works out a target for the group epoch as it is now. */
export function assignTargets(draft: Draft, news: GroupNews, nowMs: number): void {
  const assignor = assignorOf(draft, news.config);
  let targets: ReturnType<Assignor["assign"]>;
  try {
    targets = assignor.assign(inputOf(draft, news));
  } catch (error) {
    // It would throw again for who comes next: a group that dies of it would be read again, and die, without end.
    draft.fault = `The assignor "${assignor.name}" has failed at epoch ${draft.epoch}: ${(error as Error).message}`;
    return;
  }
  for (const memberId of draft.memberIds()) {
    const target = targets.get(memberId) ?? NOTHING;
    if (!isSame(target, draft.target(memberId))) draft.setTarget(memberId, target);
  }
  draft.setAssigned(nowMs);
}

/** The assignor that most members ask for; the group's own when none does. */
export function assignorNameOf(members: Iterable<MemberMetadata>, config: GroupConfig): string {
  const votes = new Map<string, number>();
  for (const { serverAssignor: name } of members) {
    if (name !== null && isAssignor(name, config)) votes.set(name, (votes.get(name) ?? 0) + 1);
  }
  const names = config.consumerAssignors.filter((name) => ASSIGNORS.has(name));
  // The first of them wins a draw.
  return names.reduce((best, name) => (votes.get(name) ?? 0) > (votes.get(best) ?? 0) ? name : best, names[0] ?? "");
}

/** Whether members may ask for an assignor of this name. */
export function isAssignor(name: string, config: GroupConfig): boolean {
  return config.consumerAssignors.includes(name) && ASSIGNORS.has(name);
}

function assignorOf(draft: Draft, config: GroupConfig): Assignor {
  const name = assignorNameOf(draft.memberIds().map((memberId) => draft.metadata(memberId)!), config);
  return ASSIGNORS.get(name) ?? ASSIGNORS.values().next().value!;
}

function inputOf(draft: Draft, { topology }: GroupNews): AssignorInput {
  const members = new Map<string, AssignorMember>();
  // Members mostly have the same subscription: each is looked up once.
  const subscriptions = new Map<string, ReadonlySet<string>>();
  for (const memberId of draft.memberIds().sort()) {
    const { instanceId, rackId, subscribedTopicNames, subscribedTopicRegex } = draft.metadata(memberId)!;
    const key = JSON.stringify([subscribedTopicNames, subscribedTopicRegex]);
    let topicIds = subscriptions.get(key);
    if (topicIds === undefined) {
      const names = [...subscribedTopicNames, ...draft.regex(subscribedTopicRegex ?? "")?.topics ?? []];
      const topics = names.map((name) => topology.topics.get(name)).filter((topic) => topic !== undefined);
      subscriptions.set(key, topicIds = new Set(topics.map(({ topicId }) => topicId)));
    }
    members.set(memberId, { memberId, instanceId, rackId, topicIds, assigned: draft.target(memberId) });
  }
  const contents = new Set([...subscriptions.values()].map((topicIds) => [...topicIds].sort().join()));
  return { members, isHomogeneous: contents.size <= 1, topology };
}
