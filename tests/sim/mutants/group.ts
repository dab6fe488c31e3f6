/**
 * Mutants of coordinators and groups.
 *
 * @module
 */
import type { Feature } from "../swarm.ts";
import type { Mutant } from "./mutant.ts";

const at = (name: string) => `actors/group/${name}.ts`;
const FAILOVER: readonly Feature[] = ["groups", "kill", "pause", "partition", "cut", "standalone-commits", "slow"];
const ROGUES: readonly Feature[] = ["groups", "rogue-members", "static-members"];
const MODERN: readonly Feature[] = ["groups", "modern", "rogue-members", "sockets", "slow", "actor"];

/** The mutants. */
export const GROUP_MUTANTS: readonly Mutant[] = [
  // Writing and loading.
  {
    name: "group-write-unfenced",
    guard: "What a coordinator writes goes to the place that it counts on, or nowhere.",
    with: FAILOVER,
    file: "actors/partition/append.ts",
    from: "if (fence !== undefined && fence.baseOffset !== replica.endOffset) {",
    to: "if (fence !== undefined && fence.baseOffset < 0) {",
    survives:
      "In one leader epoch only the coordinator writes; whoever has lost count has had a failed write, and loads again.",
  },
  {
    name: "deposed-coordinator-not-waited-for",
    guard: "Members' time begins when a coordinator that was replaced without knowing it has fallen silent.",
    with: ["groups", "modern", "strand"],
    file: at("group_config"),
    from: 'deposedMs: 2 * number("broker.session.timeout.ms"),',
    to: "deposedMs: 0,",
  },
  {
    name: "coordinator-serves-while-loading",
    guard: "A coordinator that has not read its partition to the end knows of no group.",
    with: ["groups", "standalone-commits", "kill", "actor", "pause", "cut", "partition", "slow-disk", "order"],
    file: at("groups_here"),
    from: 'if (coordinator.phase === "loading" || coordinator.dead.has(groupId)) return LOADING;',
    to: "if (coordinator.news === undefined || coordinator.dead.has(groupId)) return LOADING;",
  },
  {
    name: "load-stops-at-high-watermark",
    guard: "Everything that the log has is read, also what was not committed when the reading began.",
    with: FAILOVER,
    file: at("loading"),
    from: "reading.goal = answer.value.endOffset;",
    to: "reading.goal = answer.value.highWatermark;",
  },
  {
    name: "write-failure-forgotten",
    guard: "After a write that failed nothing is trusted that was applied for it.",
    with: FAILOVER,
    file: at("writing"),
    from: "if (problem !== undefined) return hooks.doubt(coordinator, problem, out);",
    to: 'if (problem === "") return hooks.doubt(coordinator, problem, out);',
  },
  {
    name: "loads-before-former-life",
    guard: "A coordinator that was killed loads behind what groups of its former life have asked for.",
    with: ["groups", "actor", "order", "rogue-members", "standalone-commits"],
    file: at("coordinator"),
    from: 'out.send(out.self, "tick", "load");',
    to: "load(coordinator, out);",
    survives:
      "Few messages wait for a coordinator here, and loading takes longer than they do; a unit test lets a thousand wait.",
  },
  {
    name: "stale-term-writes",
    guard: "What a group of a former load decides is not written.",
    with: ["groups", "actor", "partition", "pause", "rogue-members"],
    file: at("writing"),
    from: 'if (coordinator.phase !== "active" || group?.term !== term) return false;',
    to: 'if (coordinator.phase !== "active" || (group?.term ?? term) < 0) return false;',
    survives: "A group that is told to end has written all it ever will before the next of its name is started.",
  },
  {
    name: "reads-unconfirmed",
    guard: "What is committed is said only by who is the leader still.",
    with: FAILOVER,
    file: "actors/broker/api/group_call.ts",
    from: 'if (answer.error !== "NONE" && answer.error !== "GROUP_ID_NOT_FOUND") return then(answer);',
    to: "if (answer.error !== undefined) return then(answer);",
    survives:
      "A broker that is cut off turns its clients away, mostly before another leads: the replica's word is a second lock.",
  },
  {
    name: "group-restarts-with-old-args",
    guard: "What the log had when a group was started is used once.",
    with: ["groups", "actor"],
    file: at("groups_here"),
    from: "    held = undefined;\n",
    to: "",
    survives: "Nobody restarts a group but by hand: its supervisor stops it, and its coordinator reads the log again.",
  },
  {
    name: "tombstone-ignored-at-load",
    guard: "What was taken back is not read as if it were still there.",
    with: ["groups", "modern", "rogue-members", "group-admin", "kill"],
    file: at("last_words"),
    from: "if (record.value !== null) this.#newest.set(name, record);",
    to: "this.#newest.set(name, record);",
    also: [{
      file: at("last_words"),
      from: "      this.#newest.delete(name);\n",
      to: "      if (record.value === null) return;\n",
    }],
  },
  {
    name: "answers-before-commit",
    guard: "What a group says leaves when its records are committed.",
    with: FAILOVER,
    file: at("journal"),
    from: "    return position;\n",
    to: "    this.settled(position, { ok: true, value: true });\n    return position;\n",
  },
  {
    name: "dead-group-read-too-early",
    guard: "A group that has died is read again when what it wrote is settled.",
    with: ["groups", "actor", "slow-disk", "slow"],
    file: at("coordinator"),
    from: "const groupIds = new Set([...dead].filter((groupId) => !coordinator.isWriting(groupId)));",
    to: "const groupIds = new Set([...dead].filter((groupId) => groupId !== undefined));",
    survives:
      "What was not sent when the group died is sent before the end of the log is asked for, and so is read with the rest.",
  },
  // Classic groups.
  {
    name: "generation-not-checked-on-commit",
    guard: "Offsets are committed by members of this generation.",
    with: ROGUES,
    file: at("classic/state"),
    from: 'if (epoch !== this.generation) return "ILLEGAL_GENERATION";',
    to: 'if (epoch > this.generation) return "ILLEGAL_GENERATION";',
  },
  {
    name: "generation-not-checked-on-heartbeat",
    guard: "Members of an older generation hear that they are, when they send a heartbeat.",
    with: ROGUES,
    file: at("classic/syncing"),
    from: 'if (body.generationId !== classic.generation) return "ILLEGAL_GENERATION";\n  return',
    to: 'if (body.generationId > classic.generation) return "ILLEGAL_GENERATION";\n  return',
  },
  {
    name: "generation-not-checked-on-sync",
    guard: "Members of an older generation get no assignment, and give none.",
    with: ROGUES,
    file: at("classic/syncing"),
    from: 'if (body.generationId !== classic.generation) return "ILLEGAL_GENERATION";\n  if',
    to: 'if (body.generationId > classic.generation) return "ILLEGAL_GENERATION";\n  if',
  },
  {
    name: "unknown-member-commits",
    guard: "Offsets are committed by members of the group.",
    with: ROGUES,
    file: at("classic/state"),
    from: 'return this.members.has(memberId) ? "NONE" : "UNKNOWN_MEMBER_ID";',
    to: 'return this.members.size > 0 ? "NONE" : "UNKNOWN_MEMBER_ID";',
  },
  {
    name: "standalone-commit-into-full-group",
    guard: "Nobody commits from outside of a group that has members.",
    with: ROGUES,
    file: at("classic/state"),
    from: 'if (epoch < 0 && this.phase === "Empty") return "NONE";',
    to: 'if (epoch < 0) return "NONE";',
  },
  {
    name: "completing-commit-allowed",
    guard: "Between join and sync nobody commits: who has what is not settled.",
    file: at("classic/state"),
    from: 'return this.phase === "CompletingRebalance" ? "REBALANCE_IN_PROGRESS" : "NONE";',
    to: 'return this.generation < 0 ? "REBALANCE_IN_PROGRESS" : "NONE";',
    survives:
      "A generation that nobody has synced can be committed in as soon as the next one is prepared, so that the log does not tell.",
  },
  {
    name: "join-does-not-wait",
    guard: "The next generation begins when all members of the one before have joined, or had their time to.",
    with: ["groups", "rogue-members"],
    file: at("classic/state"),
    from: "for (const { joining } of this.members.values()) if (!joining) return false;",
    to: "for (const { joining } of this.members.values()) if (joining) return true;",
  },
  {
    name: "sync-before-durable",
    guard: "Assignments are let out when they are committed.",
    with: FAILOVER,
    file: at("classic/syncing"),
    from: '  out.append(record);\n  classic.phase = "Stable";',
    to: '  classic.phase = "Stable";',
    also: [{
      file: at("classic/syncing"),
      from: "  touch(classic, leader, out);\n  return synced(classic, leader);",
      to: "  touch(classic, leader, out);\n  out.append(record);\n  return synced(classic, leader);",
    }],
  },
  {
    name: "silent-member-stays",
    guard: "A member that is not heard of for its session is put out.",
    with: ["groups", "rogue-members"],
    file: at("classic/leaving"),
    from: "if (member?.token === token) {",
    to: "if (member?.token === -token) {",
  },
  {
    name: "fenced-instance-serves",
    guard: "Once an instance is somebody else, who it was is fenced.",
    with: ROGUES,
    file: at("classic/state"),
    from: 'if (holder !== memberId) return "FENCED_INSTANCE_ID";',
    to: 'if (holder !== memberId) return "NONE";',
    survives: "Whoever comes back as an instance here has died before: its former self says nothing more.",
  },
  {
    name: "newer-instance-fenced-by-failover",
    guard: "Which of two lives of an instance is the newer one, the next coordinator knows, too.",
    with: ["groups", "static-members", "kill", "pause"],
    file: at("classic/static"),
    from: "if (record === undefined) return true;",
    to: "if (record !== null) return true;",
    survives: "An instance here that is told that it is fenced is gone without a word, and is started again later.",
  },
  // Groups of the new protocol.
  {
    name: "epoch-not-fenced",
    guard: "Who comes with an epoch that is over is fenced.",
    with: MODERN,
    file: at("modern/checks"),
    from: "if (received === current.epoch) return undefined;",
    to: "if (received <= current.epoch) return undefined;",
  },
  {
    name: "epoch-before-revocation",
    guard: "A member reaches the next epoch when it has given up what it had to.",
    with: MODERN,
    file: at("modern/reconciliation"),
    from: "return { epoch: current.epoch, previousEpoch: current.epoch, state: UNREVOKED, assigned, pending, since };",
    to:
      "return { epoch: target.epoch, previousEpoch: current.epoch, state: STABLE, assigned, pending: NOTHING, since };",
  },
  {
    name: "pending-counts-as-free",
    guard: "What a member has still to give up is nobody else's.",
    with: ["groups", "modern", "rogue-members"],
    file: at("modern/reconciliation"),
    from:
      "if (current.state === UNREVOKED && (reported === null || overlaps(reported, current.pending))) return current;",
    to: "if (current.state === UNREVOKED && current.pending.size > 1_000) return current;",
  },
  {
    name: "lost-answer-owned-unchecked",
    guard: "Who comes with the epoch before must not use what it has not.",
    with: MODERN,
    file: at("modern/checks"),
    from:
      "const isLost = received === current.previousEpoch && reported !== null && isSubset(reported, current.assigned);",
    to:
      "const isLost = received === current.previousEpoch && (reported === null || isSubset(NOTHING, current.assigned));",
    also: [{
      file: at("modern/checks"),
      from: 'import { isSubset } from "./partitions.ts";',
      to: 'import { isSubset, NOTHING } from "./partitions.ts";',
    }],
    survives:
      "A member that says what it has not been given is told what it has, and gives up the rest with the next heartbeat.",
  },
  {
    name: "revocation-never-over",
    guard: "A member that does not give up what it has to is put out after its rebalance timeout.",
    with: MODERN,
    file: at("modern/leaving"),
    from: 'putOutIfLate(group, memberId, ["revoke", "join", "sync"], out);',
    to: 'putOutIfLate(group, memberId, ["join", "sync"], out);',
    survives: "Nobody here is stubborn for ever: in the end the groups come to rest all the same, a little later.",
  },
  {
    name: "modern-session-never-over",
    guard: "A member of the new protocol that is not heard of for its session is put out.",
    with: MODERN,
    file: at("modern/leaving"),
    from: 'putOutIfLate(group, memberId, ["session"], out);',
    to: "putOutIfLate(group, memberId, [], out);",
  },
  {
    name: "static-replaced-while-there",
    guard: "An instance that has not left is not replaced.",
    with: MODERN,
    file: at("modern/heartbeat"),
    from: "if (holder !== undefined && memberEpoch === 0 && draft.current(holder).epoch === GONE_FOR_A_WHILE) {",
    to: "if (holder !== undefined && memberEpoch === 0 && holder !== memberId) {",
    survives: "Whoever comes back as an instance here has died before: two of them are never there at once.",
  },
  {
    name: "uniform-gives-twice",
    guard: "An assignor gives each partition to one member.",
    with: ["groups", "modern"],
    file: at("modern/targets"),
    from: "const target = targets.get(memberId) ?? NOTHING;",
    to: "const target = targets.values().next().value ?? NOTHING;",
  },
  {
    name: "partitions-below-zero",
    guard: "A partition that a topic cannot have is not taken for one of another topic.",
    with: MODERN,
    file: at("assignors/board"),
    from: "if (index < 0 || index >= count || ",
    to: "if (index >= count || ",
    survives: "No leader in a run hands out such a number; a unit test kills it.",
  },
  {
    name: "assignment-epoch-unmoved",
    guard: "A target is worked out for the epoch of the group.",
    with: ["groups", "modern"],
    file: at("modern/targets"),
    from: "  draft.setAssigned(nowMs);",
    to: "  if (draft.size < 2) draft.setAssigned(nowMs);",
  },
  {
    name: "upgrade-forgets-what-is-owned",
    guard:
      "What a cooperative member says that it has is its own in a group that is upgraded, whatever its leader has decided since.",
    with: ["groups", "modern", "rogue-members", "slow"],
    file: at("modern/convert"),
    from: "uses[at] = union(uses[at]!, take(owned));",
    to: "uses[at] = union(uses[at]!, owned.size > 0 ? NOTHING : take(owned));",
    survives:
      "It takes an upgrade between two answers to a cooperative member, and that member still to read what the other is given.",
  },
  {
    name: "upgrade-uses-epochs-again",
    guard:
      "A group that was of the new protocol before goes on from the epoch that it had then, whatever its generation is.",
    with: ["groups", "modern", "rogue-members", "slow"],
    file: at("modern/convert"),
    from: "const epoch = Math.max(generation, usedUpTo);",
    to: "const epoch = usedUpTo < 0 ? usedUpTo : generation;",
    survives:
      "It takes members that all leave before a classic one has moved, and come back by the same ids before a commit that they sent then.",
  },
  {
    name: "former-epoch-commits-all",
    guard: "In an epoch that is over a member commits for what it has had since then, and for nothing else.",
    with: MODERN,
    file: at("modern/modern"),
    from: "if (from === undefined || epoch < from) return false;",
    to: "if (from === undefined && topicId.length < 0) return false;",
  },
  // Offsets.
  {
    name: "offsets-expire-with-members",
    guard: "Offsets of topics that members read do not expire.",
    with: ["groups", "group-admin", "clock-step"],
    file: at("offsets/expiry"),
    from: "(hasMembers && members!.isSubscribedTo(topic))",
    to: "(hasMembers && members === undefined)",
  },
  {
    name: "first-view-deletes-offsets",
    guard: "A topic that was not seen before is not missed.",
    with: ["groups", "standalone-commits", "kill"],
    file: at("offsets/expiry"),
    from: "if (seen === undefined || seen.topicId === topics.get(topic)?.topicId) continue;",
    to: "if (seen !== undefined && seen.topicId === topics.get(topic)?.topicId) continue;",
    survives: "A coordinator shows its groups the cluster only when it has seen it itself.",
  },
];
