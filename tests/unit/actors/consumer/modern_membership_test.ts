import { assert, assertEquals } from "@std/assert";
import { CONSUMER_DEFAULTS } from "../../../../actors/consumer/config.ts";
import type {
  Membership,
  MembershipAction,
  MembershipEvent,
  MembershipRequest,
} from "../../../../actors/consumer/membership.ts";
import { modernMembership } from "../../../../actors/consumer/modern_membership.ts";
import type { ConsumerConfig } from "../../../../actors/consumer/protocol.ts";
import { SeededRandom } from "../../../../lib/prng.ts";
import { errorCode, type ErrorName } from "../../../../protocol/errors.ts";

type Beat = (MembershipRequest & { readonly api: "consumerHeartbeat" })["body"];

const ID = "t---------------------";
const OTHER_ID = "u---------------------";

function rows(...partitions: number[]): { topicId: string; partitions: number[] }[] {
  return partitions.length === 0 ? [] : [{ topicId: ID, partitions }];
}

function of(...partitions: number[]): { topic: string; partition: number }[] {
  return partitions.map((partition) => ({ topic: "t", partition }));
}

/** A member, and a coordinator that says what the test wants. */
class Script {
  readonly member: Membership;
  nowMs = 1_000;
  #actions: MembershipAction[] = [];
  wakeAtMs = Infinity;

  constructor(config: Partial<ConsumerConfig> = {}) {
    this.member = modernMembership({ ...CONSUMER_DEFAULTS, ...config, groupId: "g" }, new SeededRandom(1));
  }

  tell(event: MembershipEvent): this {
    for (const action of this.member.handle(event, this.nowMs)) {
      if (action.type === "wake") this.wakeAtMs = action.atMs;
      else this.#actions.push(action);
    }
    return this;
  }

  /** Known coordinator, subscribed to `t`, of which the id is known. */
  begin(pattern: string | null = null): this {
    this.tell({ type: "coordinator", isKnown: true });
    this.tell({ type: "metadata", topics: new Map([["t", { id: ID, partitions: 4 }]]) });
    return this.tell({ type: "subscribed", topics: pattern === null ? ["t"] : [], pattern });
  }

  /** Begun, and joined at epoch 5 with these partitions of `t`, in use. */
  joined(...partitions: number[]): this {
    this.begin();
    this.answer({ memberEpoch: 5, topicPartitions: rows(...partitions) });
    if (partitions.length > 0) this.tell({ type: "handled" });
    this.take();
    return this;
  }

  advance(ms: number): this {
    const endMs = this.nowMs + ms;
    for (let turns = 0; this.wakeAtMs <= endMs; turns++) {
      assert(turns < 1_000, "it wakes for nothing, again and again");
      this.nowMs = Math.max(this.nowMs, this.wakeAtMs);
      this.wakeAtMs = Infinity;
      this.tell({ type: "time" });
    }
    this.nowMs = endMs;
    return this;
  }

  answer(
    { error = "NONE", memberEpoch = 0, topicPartitions = null }: {
      readonly error?: ErrorName;
      readonly memberEpoch?: number;
      readonly topicPartitions?: { topicId: string; partitions: number[] }[] | null;
    },
  ): this {
    const body = {
      throttleTimeMs: 0,
      errorCode: errorCode(error),
      errorMessage: null,
      memberId: this.member.memberId,
      memberEpoch,
      heartbeatIntervalMs: 5_000,
      assignment: topicPartitions === null ? null : { topicPartitions },
    };
    return this.tell({ type: "response", response: { api: "consumerHeartbeat", body } });
  }

  /** What it did since. */
  take(): MembershipAction[] {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }

  /** The one heartbeat among what it did since. */
  beat(): Beat {
    const beats = this.take().flatMap((action) => action.type === "request" ? [action.request.body as Beat] : []);
    assertEquals(beats.length, 1);
    return beats[0]!;
  }
}

const UNSAID = {
  groupId: "g",
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: -1,
  subscribedTopicNames: null,
  subscribedTopicRegex: null,
  serverAssignor: null,
  topicPartitions: null,
};

Deno.test("a member joins with everything, as soon as it knows its coordinator and its topics", () => {
  const s = new Script({ clientRack: "r", groupRemoteAssignor: "range", groupInstanceId: "i" });
  assertEquals(s.tell({ type: "subscribed", topics: ["t"], pattern: null }).take(), []);
  assertEquals(s.tell({ type: "coordinator", isKnown: true }).beat(), {
    groupId: "g",
    memberId: s.member.memberId,
    memberEpoch: 0,
    instanceId: "i",
    rackId: "r",
    rebalanceTimeoutMs: 300_000,
    subscribedTopicNames: ["t"],
    subscribedTopicRegex: null,
    serverAssignor: "range",
    topicPartitions: [],
  });
  assertEquals([s.member.epoch, s.member.memberId.length], [-1, 22]);
  s.answer({ memberEpoch: 5 });
  assertEquals(s.member.epoch, 5);
});

Deno.test("a pattern is the coordinator's affair", () => {
  const body = new Script().begin("t.*").beat();
  assertEquals([body.subscribedTopicNames, body.subscribedTopicRegex], [[], "t.*"]);
});

Deno.test("heartbeats come as often as the coordinator wants, and say nothing when nothing is new", () => {
  const s = new Script().joined(0, 1);
  assertEquals(s.advance(4_999).take(), []);
  assertEquals(s.advance(1).beat(), {
    ...UNSAID,
    memberId: s.member.memberId,
    memberEpoch: 5,
    topicPartitions: rows(0, 1),
  });
  s.answer({ memberEpoch: 5 });
  assertEquals(s.advance(5_000).beat(), { ...UNSAID, memberId: s.member.memberId, memberEpoch: 5 });
  assertEquals(s.advance(20_000).take(), [], "one at a time");
});

Deno.test("what is given is used from the moment it is said, and given up before the coordinator hears of it", () => {
  const s = new Script().begin();
  s.beat();
  s.answer({ memberEpoch: 5, topicPartitions: rows(0, 1) });
  assertEquals(s.take(), [{ type: "assign", partitions: of(0, 1) }]);
  assertEquals(s.member.owned, of(0, 1));
  s.tell({ type: "handled" });
  assertEquals(s.advance(5_000).beat().topicPartitions, rows(0, 1));
  s.answer({ memberEpoch: 5, topicPartitions: rows(1, 2) });
  assertEquals(s.take(), [{ type: "revoke", partitions: of(0) }]);
  assertEquals(s.advance(5_000).beat().topicPartitions, rows(0, 1, 2), "0 is used still, and 2 may be at any time");
  s.answer({ memberEpoch: 5 });
  s.tell({ type: "handled" });
  const [assign, beat] = s.take();
  assertEquals(assign, { type: "assign", partitions: of(2) });
  assert(beat?.type === "request", "others wait for it");
  assertEquals((beat.request.body as Beat).topicPartitions, rows(1, 2));
  assertEquals(s.member.owned, of(1, 2));
});

Deno.test("what was given up while a heartbeat was under way is said right after it", () => {
  const s = new Script().joined(0, 1);
  s.advance(5_000).beat();
  s.answer({ memberEpoch: 5, topicPartitions: rows(0) });
  s.take();
  s.advance(5_000).beat();
  s.tell({ type: "handled" });
  assertEquals(s.take(), []);
  assertEquals(s.answer({ memberEpoch: 5 }).beat().topicPartitions, rows(0));
});

Deno.test("an answer that brings less and then more is dealt with one change at a time", () => {
  const s = new Script().joined(0, 1);
  s.advance(5_000).answer({ memberEpoch: 5, topicPartitions: rows(0) });
  s.advance(5_000).answer({ memberEpoch: 6, topicPartitions: rows(0, 1, 2) });
  assertEquals(s.take().filter(({ type }) => type !== "request"), [{ type: "revoke", partitions: of(1) }]);
  assertEquals(s.member.epoch, 6);
  s.tell({ type: "handled" });
  assertEquals(s.take().filter(({ type }) => type !== "request"), [{ type: "assign", partitions: of(1, 2) }]);
});

Deno.test("a topic without a name is asked for, and its partitions are reported meanwhile", () => {
  const s = new Script().begin();
  s.take();
  s.answer({ memberEpoch: 5, topicPartitions: [{ topicId: OTHER_ID, partitions: [0] }] });
  assertEquals(s.take(), [{ type: "lookUp", topics: ["t"] }]);
  assertEquals(s.advance(999).take(), []);
  assertEquals(s.advance(1).take(), [{ type: "lookUp", topics: ["t"] }], "again after a while");
  assertEquals(
    s.advance(4_000).take().flatMap((action) =>
      action.type === "request" ? [(action.request.body as Beat).topicPartitions] : []
    ),
    [[{ topicId: OTHER_ID, partitions: [0] }]],
  );
  s.tell({ type: "metadata", topics: new Map([["u", { id: OTHER_ID, partitions: 1 }]]) });
  assertEquals(s.take(), [{ type: "assign", partitions: [{ topic: "u", partition: 0 }] }]);
});

Deno.test("a topic that is made anew under its old name is given up and taken", () => {
  const s = new Script().joined(0);
  s.tell({ type: "metadata", topics: new Map([["t", { id: OTHER_ID, partitions: 1 }]]) });
  assertEquals(s.take(), [], "it is for the coordinator to say");
  s.advance(5_000).answer({ memberEpoch: 6, topicPartitions: [{ topicId: OTHER_ID, partitions: [0] }] });
  assertEquals(s.take().at(-1), { type: "revoke", partitions: of(0) });
  s.tell({ type: "handled" });
  assertEquals(s.take()[0], { type: "assign", partitions: of(0) });
});

Deno.test("after a heartbeat of which no answer came, everything is said again", () => {
  const s = new Script({ clientRack: "r" }).joined(0, 1);
  s.advance(5_000).beat();
  s.tell({ type: "failed", api: "consumerHeartbeat" });
  assertEquals(s.take(), [], "not at once");
  const again = s.advance(120).beat();
  assertEquals([again.memberEpoch, again.rebalanceTimeoutMs, again.subscribedTopicNames, again.rackId], [
    5,
    300_000,
    ["t"],
    "r",
  ]);
  assertEquals(again.topicPartitions, rows(0, 1));
});

Deno.test("an answer that says what is to be had is answered with what is, though it is nothing new", () => {
  // The coordinator may have given more in an answer that was lost, and wait to hear that it is not used.
  const s = new Script().joined(0);
  s.advance(5_000).beat();
  s.answer({ memberEpoch: 5, topicPartitions: rows(0) });
  assertEquals(s.advance(5_000).beat().topicPartitions, rows(0));
  s.answer({ memberEpoch: 5 });
  assertEquals(s.advance(5_000).beat().topicPartitions, null);
});

Deno.test("who is forgotten joins again at once, but not time and again", () => {
  const s = new Script().joined();
  const forgotten = () => s.advance(5_000).take().length > 0 && s.answer({ error: "UNKNOWN_MEMBER_ID" });
  forgotten();
  assertEquals(s.beat().memberEpoch, 0);
  s.answer({ memberEpoch: 5 });
  forgotten(); // and was not heard of in between
  assertEquals(s.take(), []);
  assertEquals(s.advance(150).beat().memberEpoch, 0);
  s.answer({ memberEpoch: 5 }).advance(5_000).take();
  s.answer({ memberEpoch: 5 }).advance(5_000).take(); // all is well again
  s.answer({ error: "UNKNOWN_MEMBER_ID" });
  assertEquals(s.beat().memberEpoch, 0);
});

Deno.test("who is fenced or forgotten loses everything at once, and joins again as the same member when that is handled", () => {
  for (const error of ["FENCED_MEMBER_EPOCH", "UNKNOWN_MEMBER_ID", "GROUP_ID_NOT_FOUND"] as const) {
    const s = new Script().joined(0, 1);
    const { memberId } = s.member;
    s.advance(5_000).beat();
    s.answer({ error });
    assertEquals(s.take(), [{ type: "lose", partitions: of(0, 1) }]);
    assertEquals([s.member.epoch, s.member.owned], [-1, []]);
    const join = s.tell({ type: "handled" }).beat();
    assertEquals([join.memberId, join.memberEpoch, join.topicPartitions], [memberId, 0, []]);
  }
});

Deno.test("what is being given up is not lost a second time", () => {
  const s = new Script().joined(0, 1);
  s.advance(5_000).answer({ memberEpoch: 5, topicPartitions: rows(0) });
  s.take();
  s.advance(5_000).answer({ error: "UNKNOWN_MEMBER_ID" });
  assertEquals(s.take().at(-1), { type: "lose", partitions: of(0) });
  s.tell({ type: "handled" });
  assertEquals(s.take(), [], "both have to be handled");
  assertEquals(s.tell({ type: "handled" }).beat().memberEpoch, 0);
});

Deno.test("a join that finds the last life of its member or instance in the way waits for the end of it", () => {
  for (const error of ["FENCED_MEMBER_EPOCH", "UNRELEASED_INSTANCE_ID"] as const) {
    const s = new Script().begin();
    for (let attempt = 0; attempt < 20; attempt++) {
      s.beat();
      s.answer({ error });
      assertEquals(s.take(), []);
      s.advance(1_200);
    }
    s.answer({ memberEpoch: 1 });
    assertEquals(s.member.epoch, 1);
  }
});

Deno.test("another coordinator is looked for, and one that loads is asked again", () => {
  const s = new Script().joined(0);
  s.advance(5_000).beat();
  s.answer({ error: "NOT_COORDINATOR" });
  assertEquals(s.take(), [{ type: "findCoordinator" }]);
  assertEquals(s.advance(1_000).take(), []);
  s.tell({ type: "coordinator", isKnown: true });
  assertEquals(s.beat().topicPartitions, rows(0));
  s.answer({ error: "COORDINATOR_LOAD_IN_PROGRESS" });
  assertEquals(s.take(), []);
  assertEquals(s.advance(240).beat().memberEpoch, 5);
});

Deno.test("errors that do not go away are the end", () => {
  for (
    const error of ["INVALID_REQUEST", "UNSUPPORTED_ASSIGNOR", "FENCED_INSTANCE_ID", "GROUP_MAX_SIZE_REACHED"] as const
  ) {
    const s = new Script().joined(0);
    s.advance(5_000).beat();
    s.answer({ error });
    const [action] = s.take();
    assert(action?.type === "fail");
    assertEquals(action.error, error);
    assertEquals(s.tell({ type: "time" }).take(), []);
  }
  const s = new Script().begin();
  s.take();
  s.answer({ error: "GROUP_ID_NOT_FOUND" });
  assertEquals(s.take()[0]?.type, "fail", "the group is of the other kind");
});

Deno.test("who has not been heard for a session stops using what may be somebody else's", () => {
  const s = new Script({ sessionTimeoutMs: 10_000 }).joined(0);
  s.tell({ type: "coordinator", isKnown: false });
  assertEquals(s.advance(9_999).take(), []);
  assertEquals(s.advance(1).take(), [{ type: "lose", partitions: of(0) }]);
  assertEquals(s.member.epoch, -1);
});

Deno.test("the session begins when the heartbeat is sent, not when its answer comes", () => {
  const s = new Script({ sessionTimeoutMs: 15_000 }).joined(0); // and a heartbeat each 5 s
  s.advance(5_000).beat();
  s.advance(4_000).answer({ memberEpoch: 5 });
  s.tell({ type: "coordinator", isKnown: false });
  assertEquals(s.advance(10_999).take(), []);
  assertEquals(s.advance(1).take(), [{ type: "lose", partitions: of(0) }]);
});

Deno.test("the coordinator's session counts when it is shorter than our own, and ours when that is", () => {
  for (const [ownMs, theirsMs] of [[45_000, 9_000], [9_000, 45_000]] as const) {
    const s = new Script({ sessionTimeoutMs: ownMs }).tell({ type: "session", timeoutMs: theirsMs }).joined(0);
    s.tell({ type: "coordinator", isKnown: false });
    assertEquals(s.advance(8_999).take(), []);
    assertEquals(s.advance(1).take(), [{ type: "lose", partitions: of(0) }]);
  }
});

Deno.test("a member reports three times within its session, however rarely it is asked to", () => {
  const s = new Script().tell({ type: "session", timeoutMs: 9_000 }).joined(0);
  assertEquals(s.advance(2_999).take(), []);
  assertEquals(s.advance(1).beat().memberEpoch, 5);
});

Deno.test("who does not poll leaves, and is back with the next poll", () => {
  for (const groupInstanceId of [null, "i"]) {
    const s = new Script({ maxPollIntervalMs: 3_000, groupInstanceId }).joined(0);
    s.tell({ type: "polled" });
    s.advance(3_000);
    const [leave, lose] = s.take();
    assert(leave?.type === "request");
    assertEquals((leave.request.body as Beat).memberEpoch, groupInstanceId === null ? -1 : -2);
    assertEquals(lose, { type: "lose", partitions: of(0) });
    s.answer({ memberEpoch: -1 });
    s.tell({ type: "handled" });
    assertEquals(s.advance(60_000).take(), []);
    assertEquals(s.tell({ type: "polled" }).beat().memberEpoch, 0);
  }
});

Deno.test("a commit that is refused is a reason to ask the coordinator, soon", () => {
  const s = new Script().joined(0);
  s.tell({ type: "fenced", error: "STALE_MEMBER_EPOCH" });
  assertEquals(s.take(), []);
  s.advance(60).tell({ type: "fenced", error: "STALE_MEMBER_EPOCH" }); // saying it again does not put it off
  assertEquals(s.advance(40).beat().memberEpoch, 5);
});

Deno.test("another subscription is said at once, and an expression is taken back with no characters", () => {
  const s = new Script().joined(0);
  const regex = s.tell({ type: "subscribed", topics: [], pattern: "x.*" }).beat();
  assertEquals([regex.subscribedTopicNames, regex.subscribedTopicRegex, regex.rebalanceTimeoutMs], [[], "x.*", -1]);
  s.tell({ type: "subscribed", topics: ["u"], pattern: null });
  assertEquals(s.take(), []);
  const names = s.answer({ memberEpoch: 5 }).beat();
  assertEquals([names.subscribedTopicNames, names.subscribedTopicRegex], [["u"], ""]);
});

Deno.test("who leaves says so once, and does not wait for more than the answer", () => {
  for (const [groupInstanceId, epoch] of [[null, -1], ["i", -2]] as const) {
    const s = new Script({ groupInstanceId }).joined(0);
    assertEquals(s.tell({ type: "leave" }).beat().memberEpoch, epoch);
    assertEquals(s.tell({ type: "leave" }).take(), []);
    assertEquals(s.answer({ error: "UNKNOWN_MEMBER_ID" }).take(), [{ type: "left" }]);
  }
  const unheard = new Script().joined(0).tell({ type: "coordinator", isKnown: false });
  assertEquals(unheard.tell({ type: "leave" }).take(), [{ type: "left" }]);
  const never = new Script().tell({ type: "leave" });
  assertEquals(never.take(), [{ type: "left" }]);
});

Deno.test("a leave goes after what is under way, and the answer to that is not taken for its own", () => {
  const s = new Script().begin();
  s.beat();
  assertEquals(s.tell({ type: "leave" }).beat().memberEpoch, -1, "the join may make it a member");
  assertEquals(s.answer({ memberEpoch: 1, topicPartitions: rows(0) }).take(), []);
  assertEquals(s.tell({ type: "failed", api: "consumerHeartbeat" }).take(), [{ type: "left" }]);
});

Deno.test("a join that is answered after the member has said goodbye makes it none", () => {
  const s = new Script({ maxPollIntervalMs: 3_000 }).begin();
  s.beat(); // the join, which is not answered
  s.advance(3_000);
  assertEquals(s.beat().memberEpoch, -1);
  s.tell({ type: "polled" });
  s.answer({ memberEpoch: 1, topicPartitions: rows(0, 1) });
  assertEquals(s.take(), []); // it has left: nothing is its own
  s.answer({ memberEpoch: -1 });
  assertEquals(s.beat().memberEpoch, 0);
});
