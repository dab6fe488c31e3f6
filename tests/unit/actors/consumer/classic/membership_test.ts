import { assert, assertEquals } from "@std/assert";
import { classicMembership } from "../../../../../actors/consumer/classic_membership.ts";
import { CONSUMER_DEFAULTS } from "../../../../../actors/consumer/config.ts";
import type {
  MembershipAction,
  MembershipEvent,
  MembershipRequest,
  MembershipResponse,
} from "../../../../../actors/consumer/membership.ts";
import type { ConsumerConfig } from "../../../../../actors/consumer/protocol.ts";
import { SeededRandom } from "../../../../../lib/prng.ts";
import { decodeAssignment, decodeSubscription, encodeAssignment } from "../../../../../protocol/consumer_protocol.ts";
import { errorCode, type ErrorName } from "../../../../../protocol/errors.ts";
import { named, partitionsOf } from "../assignors/fixtures.ts";
import { subscription } from "../../group/classic/stage.ts";

type Body<A extends MembershipRequest["api"]> = Extract<MembershipRequest, { api: A }>["body"];

const COOPERATIVE = { partitionAssignors: ["cooperative-sticky"] };

/** A member whose coordinator and application the test plays. */
class Played {
  readonly membership;
  nowMs = 0;
  actions: readonly MembershipAction[] = [];

  constructor(config: Partial<ConsumerConfig> = {}, topics: readonly string[] = ["t"], pattern: string | null = null) {
    const defaults = { ...CONSUMER_DEFAULTS, partitionAssignors: ["range"], ...config };
    this.membership = classicMembership({ ...defaults, groupId: "g" }, new SeededRandom("p"));
    this.tell({ type: "coordinator", isKnown: true });
    this.tell({ type: "subscribed", topics, pattern });
  }

  tell(event: MembershipEvent): this {
    this.actions = this.membership.handle(event, this.nowMs);
    return this;
  }

  /** What it does after that long. */
  after(ms: number): this {
    this.nowMs += ms;
    return this.tell({ type: "time" });
  }

  /** Everything that it wants, in short, but when to be woken. */
  get does(): string[] {
    return this.actions.flatMap((action) => {
      switch (action.type) {
        case "wake":
          return [];
        case "request":
          return [action.request.api];
        case "assign":
        case "revoke":
        case "lose":
          return [`${action.type} ${action.partitions.map(named).join(" ")}`];
        case "lookUp":
          return [`lookUp ${action.topics.join(" ")}`];
        case "fail":
          return [`fail ${action.error}`];
        default:
          return [action.type];
      }
    });
  }

  get wakeAtMs(): number | undefined {
    return this.actions.flatMap((action) => action.type === "wake" ? action.atMs : []).at(-1);
  }

  request<A extends MembershipRequest["api"]>(api: A): Body<A> {
    const found = this.actions.find((action) => action.type === "request" && action.request.api === api);
    assert(found?.type === "request", `no ${api} in ${this.does}`);
    return found.request.body as Body<A>;
  }

  metadata(topics: Readonly<Record<string, number>>): this {
    const known = Object.entries(topics).map(([name, partitions]) => [name, { id: name, partitions }] as const);
    return this.tell({ type: "metadata", topics: new Map(known) });
  }

  /** Its join is answered. Without `members` another leads. */
  joined(
    { error = "NONE", generation = 1, memberId = "me", members, skip = false, protocol = "range" }: {
      error?: ErrorName;
      generation?: number;
      memberId?: string;
      members?: Readonly<Record<string, readonly string[]>>;
      skip?: boolean;
      protocol?: string;
    } = {},
  ): this {
    const response: MembershipResponse = {
      api: "join",
      body: {
        throttleTimeMs: 0,
        errorCode: errorCode(error),
        generationId: generation,
        protocolType: "consumer",
        protocolName: protocol,
        leader: members ? memberId : "other",
        skipAssignment: skip,
        memberId,
        members: Object.entries(members ?? {}).map(([memberId, topics]) => ({
          memberId,
          groupInstanceId: null,
          metadata: subscription(topics),
        })),
      },
    };
    return this.tell({ type: "response", response });
  }

  synced(assigned: string, error: ErrorName = "NONE"): this {
    const topics = new Map<string, number[]>();
    for (const { topic, partition } of partitionsOf(assigned)) {
      topics.set(topic, [...topics.get(topic) ?? [], partition]);
    }
    const assignment = encodeAssignment(1, [...topics].map(([topic, partitions]) => ({ topic, partitions })));
    const body = { throttleTimeMs: 0, errorCode: errorCode(error), protocolType: null, protocolName: null, assignment };
    return this.tell({ type: "response", response: { api: "sync", body } });
  }

  beaten(error: ErrorName = "NONE"): this {
    return this.tell({
      type: "response",
      response: { api: "heartbeat", body: { throttleTimeMs: 0, errorCode: errorCode(error) } },
    });
  }

  handled(): this {
    return this.tell({ type: "handled" });
  }

  polled(): this {
    return this.tell({ type: "polled" });
  }

  /** In generation 1, with these, heard and polled just now. */
  settle(assigned = "t0 t1"): this {
    return this.joined().synced(assigned).handled().polled();
  }
}

Deno.test("it joins with what it wants, comes back with the id that it is given, syncs, and takes what it gets", () => {
  const member = new Played({
    groupInstanceId: "i",
    clientRack: "r",
    sessionTimeoutMs: 7_000,
    maxPollIntervalMs: 9_000,
  }, ["u", "t"]);
  const { protocols, ...rest } = member.request("join");
  assertEquals(rest, {
    groupId: "g",
    sessionTimeoutMs: 7_000,
    rebalanceTimeoutMs: 14_000,
    memberId: "",
    groupInstanceId: "i",
    protocolType: "consumer",
    reason: null,
  });
  assertEquals(protocols.map(({ name, metadata }) => ({ name, ...decodeSubscription(metadata) })), [
    {
      name: "range",
      version: 3,
      topics: ["t", "u"],
      userData: null,
      ownedPartitions: [],
      generationId: -1,
      rackId: "r",
    },
  ]);
  member.joined({ error: "MEMBER_ID_REQUIRED", memberId: "given" });
  assertEquals(member.request("join").memberId, "given");
  member.joined({ memberId: "given", generation: 4 });
  assertEquals(member.request("sync"), {
    groupId: "g",
    generationId: 4,
    memberId: "given",
    groupInstanceId: "i",
    protocolType: "consumer",
    protocolName: "range",
    assignments: [],
  });
  member.synced("t0 u1");
  assertEquals(member.does, ["assign t0 u1"]);
  assertEquals([member.membership.epoch, member.membership.memberId], [4, "given"]);
  assertEquals(member.membership.owned.map(named), ["t0", "u1"]);
});

Deno.test("the subscription of version 3 has the bytes that Java's consumer sends", () => {
  const { metadata } = new Played().request("join").protocols[0]!;
  // deno-fmt-ignore
  assertEquals([...metadata], [
    0, 3, // version
    0, 0, 0, 1, 0, 1, 116, // topics
    255, 255, 255, 255, // no user data
    0, 0, 0, 0, // owns nothing
    255, 255, 255, 255, // no generation
    255, 255, // no rack
  ]);
});

Deno.test("eager: everything is given back, and has been dealt with, before it joins; heartbeats go on meanwhile", () => {
  const member = new Played().settle();
  assertEquals(member.after(3_000).does, ["heartbeat"]);
  assertEquals(member.beaten("REBALANCE_IN_PROGRESS").does, ["revoke t0 t1"]);
  assertEquals(member.membership.epoch, 1, "what is due can still be committed");
  assertEquals(member.after(3_000).does, ["heartbeat"]);
  assertEquals(member.beaten("REBALANCE_IN_PROGRESS").does, []);
  assertEquals(member.handled().does, ["join"]);
  const { ownedPartitions, generationId } = decodeSubscription(member.request("join").protocols[0]!.metadata)!;
  assertEquals([ownedPartitions, generationId], [[], 1]);
  assertEquals(member.joined({ generation: 2 }).synced("t1").does, ["assign t1"]);
});

Deno.test("cooperative: it keeps what it has while it joins, gives up what is to move, and joins again", () => {
  const member = new Played(COOPERATIVE).settle("t0 t1 t2");
  member.after(3_000);
  assertEquals(member.beaten("REBALANCE_IN_PROGRESS").does, ["join"]);
  const { ownedPartitions, generationId } = decodeSubscription(member.request("join").protocols[0]!.metadata)!;
  assertEquals([ownedPartitions, generationId], [[{ topic: "t", partitions: [0, 1, 2] }], 1]);
  member.joined({ generation: 2 });
  assertEquals(member.membership.owned.map(named), ["t0", "t1", "t2"]);
  assertEquals(member.synced("t0 t3").does, ["revoke t1 t2"]);
  assertEquals(member.handled().does, ["assign t3"]);
  assertEquals(member.handled().does, ["join"]);
  assertEquals(member.joined({ generation: 3 }).synced("t0 t3").does, [], "nothing changes");
  assertEquals(member.after(1_000).does, []);
});

Deno.test("cooperative only if all assignors are", () => {
  const member = new Played({ partitionAssignors: ["cooperative-sticky", "range"] }).settle();
  assertEquals(member.after(3_000).beaten("REBALANCE_IN_PROGRESS").does, ["revoke t0 t1"]);
});

Deno.test("cooperative: while a join waits, heartbeats say whether it still has what it keeps", () => {
  const member = new Played(COOPERATIVE).settle();
  member.after(3_000).beaten("REBALANCE_IN_PROGRESS");
  assertEquals(member.after(3_000).does, ["heartbeat"]);
  assertEquals(member.beaten("ILLEGAL_GENERATION").does, [], "the group has gone on to what the join will say");
  member.after(3_000);
  assertEquals(member.beaten("UNKNOWN_MEMBER_ID").does, ["lose t0 t1"]);
  assertEquals(member.handled().does, [], "one join at a time");
  assertEquals(member.joined({ error: "UNKNOWN_MEMBER_ID" }).does, ["join"]);
  assertEquals(member.request("join").memberId, "");
});

Deno.test("who is not known any more has lost what it had, and joins as somebody new", () => {
  const member = new Played().settle();
  assertEquals(member.after(3_000).beaten("UNKNOWN_MEMBER_ID").does, ["lose t0 t1"]);
  assertEquals([member.membership.epoch, member.membership.owned], [-1, []]);
  assertEquals(member.handled().does, ["join"]);
  assertEquals(member.request("join").memberId, "");
});

Deno.test("who is in a generation that is over has lost what it had, and keeps its id", () => {
  const member = new Played().settle();
  assertEquals(member.after(3_000).beaten("ILLEGAL_GENERATION").does, ["lose t0 t1"]);
  assertEquals(member.handled().request("join").memberId, "me");
});

Deno.test("what was to be taken after something that is lost meanwhile, is not taken", () => {
  const member = new Played(COOPERATIVE).settle("t0 t1");
  member.after(3_000).beaten("REBALANCE_IN_PROGRESS").joined({ generation: 2 });
  assertEquals(member.synced("t0 t2").does, ["revoke t1"]);
  assertEquals(member.tell({ type: "fenced", error: "UNKNOWN_MEMBER_ID" }).does, ["lose t0"]);
  assertEquals(member.handled().does, []);
  assertEquals(member.handled().does, ["join"]);
});

Deno.test("a commit that is fenced says the same as a heartbeat", () => {
  const fenced = (error: ErrorName) => new Played().settle().tell({ type: "fenced", error }).does;
  assertEquals(fenced("UNKNOWN_MEMBER_ID"), ["lose t0 t1"]);
  assertEquals(fenced("ILLEGAL_GENERATION"), ["lose t0 t1"]);
  assertEquals(fenced("REBALANCE_IN_PROGRESS"), ["revoke t0 t1"]);
  assertEquals(fenced("FENCED_INSTANCE_ID"), ["lose t0 t1", "fail FENCED_INSTANCE_ID"]);
  assertEquals(fenced("OFFSET_METADATA_TOO_LARGE"), []);
});

Deno.test("a rebalance that begins while it syncs has it join again, with the same id", () => {
  const member = new Played().joined();
  assertEquals(member.synced("", "REBALANCE_IN_PROGRESS").request("join").memberId, "me");
});

Deno.test("a sync in a generation that is over, or of nobody, begins anew", () => {
  assertEquals(new Played().joined().synced("", "ILLEGAL_GENERATION").request("join").memberId, "me");
  assertEquals(new Played().joined().synced("", "UNKNOWN_MEMBER_ID").request("join").memberId, "");
});

Deno.test("a coordinator that forgets it again and again is asked at once, and then after longer and longer", () => {
  for (const error of ["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION"] as const) {
    const member = new Played();
    assertEquals(member.joined({ error }).does, ["join"]);
    assertEquals(member.joined({ error }).does, []);
    assertEquals(member.after(300).does, ["join"]);
    assertEquals(member.joined().synced("", error).does, [], "it has not settled");
    assertEquals(member.after(600).does, ["join"]);
    member.joined().synced("t0").handled();
    assertEquals(member.after(3_000).beaten("ILLEGAL_GENERATION").handled().does, ["join"]);
    assertEquals(member.joined({ error }).does, ["join"]);
  }
});

Deno.test("an id is required once", () => {
  const member = new Played();
  assertEquals(member.joined({ error: "MEMBER_ID_REQUIRED" }).does, ["join"]);
  assertEquals(member.joined({ error: "MEMBER_ID_REQUIRED" }).does, []);
  assertEquals(member.after(150).does, ["join"]);
});

for (const error of ["NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE"] as const) {
  Deno.test(`${error}: the coordinator is looked for, and nothing is said before it is known`, () => {
    const member = new Played().joined({ error });
    assertEquals(member.does, ["findCoordinator"]);
    assertEquals(member.after(10_000).does, []);
    assertEquals(member.tell({ type: "coordinator", isKnown: true }).does, ["join"]);
    const settled = new Played().settle();
    assertEquals(settled.after(3_000).beaten(error).does, ["findCoordinator"]);
    assertEquals(settled.after(3_000).does, []);
    assertEquals(settled.tell({ type: "coordinator", isKnown: true }).does, ["heartbeat"]);
  });
}

Deno.test("other trouble passes: it joins again after a while, which grows", () => {
  const member = new Played();
  const waits: number[] = [];
  for (let round = 0; round < 6; round++) {
    member.joined({ error: "COORDINATOR_LOAD_IN_PROGRESS" });
    assertEquals(member.does, []);
    const waitMs = member.wakeAtMs! - member.nowMs;
    waits.push(waitMs);
    assertEquals(member.after(waitMs - 1).does, []);
    assertEquals(member.after(1).does, ["join"]);
  }
  for (const [index, waitMs] of waits.entries()) {
    const ms = Math.min(100 * 2 ** index, 1_000);
    assert(waitMs >= ms * 0.8 && waitMs <= ms * 1.2, `${waitMs} ms`);
  }
});

Deno.test("a session that the brokers do not allow is named, and what allows it", () => {
  const member = new Played({ sessionTimeoutMs: 7_000 }).joined({ error: "INVALID_SESSION_TIMEOUT" });
  const [failed] = member.actions;
  assertEquals(
    failed?.type === "fail" && failed.message,
    "sessionTimeoutMs is 7000: it must be between what the brokers have as group.min.session.timeout.ms and " +
      "group.max.session.timeout.ms.",
  );
});

Deno.test("a request that brought no answer is sent again", () => {
  const member = new Played();
  assertEquals(member.tell({ type: "failed", api: "join" }).after(200).does, ["join"]);
  member.joined().tell({ type: "failed", api: "sync" });
  assertEquals(member.after(500).request("join").memberId, "me");
  const settled = new Played().settle();
  assertEquals(settled.after(3_000).tell({ type: "failed", api: "heartbeat" }).does, []);
  assertEquals(settled.after(3_000).does, ["heartbeat"]);
});

for (
  const error of [
    "FENCED_INSTANCE_ID",
    "INCONSISTENT_GROUP_PROTOCOL",
    "INVALID_SESSION_TIMEOUT",
    "GROUP_MAX_SIZE_REACHED",
  ] as const
) {
  Deno.test(`${error} is the end`, () => {
    const member = new Played().joined({ error });
    assertEquals(member.does, [`fail ${error}`]);
    assertEquals(member.after(60_000).actions, []);
  });
}

Deno.test("without an answered heartbeat for its session, what it had may be somebody else's", () => {
  const member = new Played({ sessionTimeoutMs: 10_000 }).settle();
  member.after(3_000).beaten(); // sent at 3 s
  member.after(3_000).tell({ type: "failed", api: "heartbeat" });
  assertEquals(member.after(6_999).does, ["heartbeat"]);
  assertEquals(member.wakeAtMs, 13_000);
  assertEquals(member.after(1).does, ["lose t0 t1", "findCoordinator"]);
  member.handled();
  assertEquals(member.tell({ type: "coordinator", isKnown: true }).request("join").memberId, "me");
});

Deno.test("a heartbeat counts from when it was sent, not from when it was answered", () => {
  const member = new Played({ sessionTimeoutMs: 10_000 }).settle();
  member.after(3_000);
  member.nowMs = 12_000;
  assertEquals(member.beaten().does, ["heartbeat"]);
  assertEquals(member.after(999).does, []);
  assertEquals(member.after(1).does, ["lose t0 t1", "findCoordinator"]);
});

Deno.test("an assignment that was long on its way is asked for again before it is taken", () => {
  const soon = new Played({ sessionTimeoutMs: 10_000 }).joined();
  soon.nowMs = 4_999;
  assertEquals(soon.synced("t0").does, ["assign t0", "heartbeat"], "most of the session is left");

  const late = new Played({ sessionTimeoutMs: 10_000 }).joined();
  const { generationId, memberId, assignments } = late.request("sync");
  late.nowMs = 200_000; // the process stood still, or the leader took its time: it cannot tell
  assertEquals(late.synced("t0").does, ["sync"]);
  assertEquals(late.request("sync"), { ...late.request("sync"), generationId, memberId, assignments });
  assertEquals(late.membership.owned, []);
  late.nowMs = 201_000;
  assertEquals(late.synced("t0").does, ["assign t0"]);
  assertEquals(late.wakeAtMs, 203_000);
  assertEquals(late.handled().after(8_999).does, ["heartbeat"], "the session began with the second question");
  assertEquals(late.after(1).does, ["lose t0", "findCoordinator"]);
});

Deno.test("an assignment that does not hold any more, or of which nobody can tell, is not taken", () => {
  for (const error of ["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "REBALANCE_IN_PROGRESS"] as const) {
    const member = new Played({ sessionTimeoutMs: 10_000 }).joined();
    member.nowMs = 20_000;
    assertEquals(member.synced("t0").synced("", error).does, ["join"], error);
    assertEquals(member.request("join").memberId, error === "UNKNOWN_MEMBER_ID" ? "" : "me");
  }
});

Deno.test("an assignment is asked for twice, not time and again; when the session is over by then it is lost", () => {
  const after = (tookMs: number) => {
    const member = new Played({ sessionTimeoutMs: 10_000 }).joined();
    member.nowMs = 20_000;
    member.synced("t0");
    member.nowMs += tookMs;
    return member.synced("t0").does;
  };
  assertEquals(after(9_999), ["assign t0", "heartbeat"]);
  assertEquals(after(10_000), ["findCoordinator"]);
});

Deno.test("an assignment that is asked for again is waited for no longer than a request, or a session, takes", () => {
  const member = new Played({ sessionTimeoutMs: 10_000, requestTimeoutMs: 30_000 }).joined();
  member.nowMs = 20_000;
  const asked = member.synced("t0").actions.find(({ type }) => type === "request");
  assert(asked?.type === "request");
  assertEquals([asked.request.api, asked.timeoutMs], ["sync", 10_000]);
});

Deno.test("who leaves while it asks again leaves, whatever is answered", () => {
  const member = new Played({ ...COOPERATIVE, sessionTimeoutMs: 10_000 }).settle().after(3_000);
  member.beaten("REBALANCE_IN_PROGRESS").joined({ generation: 2 });
  member.nowMs = 9_000;
  assertEquals(member.synced("t0 t1 t2").does, ["sync", "heartbeat"]);
  assertEquals(member.tell({ type: "leave" }).does, ["revoke t0 t1"]);
  assertEquals(member.synced("t0 t1 t2").does, []);
  assertEquals(member.handled().does, ["leave"]);
});

Deno.test("a sync that is refused after a join that took long is another join, and nothing is lost", () => {
  const member = new Played({ sessionTimeoutMs: 10_000 });
  member.nowMs = 9_000;
  member.joined();
  member.nowMs = 11_000;
  assertEquals(member.synced("", "REBALANCE_IN_PROGRESS").does, ["join"]);
  assertEquals(member.request("join").memberId, "me");
});

Deno.test("a rebalance waits for two sessions at least, and for as long as the application may take", () => {
  const waits = (config: Partial<ConsumerConfig>) => new Played(config).request("join").rebalanceTimeoutMs;
  assertEquals(waits({ sessionTimeoutMs: 45_000, maxPollIntervalMs: 300_000 }), 300_000);
  assertEquals(waits({ sessionTimeoutMs: 10_000, maxPollIntervalMs: 5_000 }), 20_000);
  assertEquals(waits({ sessionTimeoutMs: 0x7fff_ffff }), 0x7fff_ffff, "as much as a request can say");
});

Deno.test("cooperative: what was kept through a join or a sync that took longer than the session is lost", () => {
  for (const waits of ["join", "sync"]) {
    const member = new Played({ ...COOPERATIVE, sessionTimeoutMs: 10_000 }).settle().after(3_000);
    member.beaten("REBALANCE_IN_PROGRESS");
    if (waits === "join") member.nowMs = 13_001;
    member.joined({ generation: 2 });
    if (waits === "sync") {
      member.nowMs = 13_001;
      member.synced("t0 t1 t2");
    }
    assertEquals(member.does.filter((what) => what !== "heartbeat" && what !== "sync"), [
      "lose t0 t1",
      "findCoordinator",
    ], waits);
  }
});

Deno.test("a leader that has waited for others for longer than its session shares out all the same", () => {
  const member = new Played({ sessionTimeoutMs: 10_000 });
  member.nowMs = 60_000;
  assertEquals(member.joined({ members: { me: ["t", "u"] } }).does, ["lookUp u", "heartbeat"]);
  assertEquals(member.after(1_000).beaten().metadata({ t: 1, u: 1 }).does, ["sync"]);
  assertEquals(member.synced("t0 u0").does, ["assign t0 u0"]);
});

Deno.test("an application that does not ask for records leaves, and comes back when it does", () => {
  const member = new Played({ maxPollIntervalMs: 5_000 }).settle();
  member.after(3_000).beaten();
  assertEquals(member.after(1_999).does, []);
  assertEquals(member.after(1).does, ["leave", "lose t0 t1"]);
  assertEquals(member.request("leave").members, [{ memberId: "me", groupInstanceId: null, reason: null }]);
  member.handled();
  assertEquals(member.after(100_000).actions, []);
  assertEquals(member.polled().request("join").memberId, "");
});

Deno.test("a static member that is not asked for records stops its heartbeats, and does not leave", () => {
  const member = new Played({ maxPollIntervalMs: 5_000, groupInstanceId: "i" }).settle();
  member.after(3_000).beaten();
  assertEquals(member.after(2_000).does, ["lose t0 t1"]);
  assertEquals(member.handled().after(100_000).does, []);
});

Deno.test("leaving gives everything back, says goodbye, and then it is over", () => {
  const member = new Played().settle();
  assertEquals(member.tell({ type: "leave" }).does, ["revoke t0 t1"]);
  assertEquals(member.membership.epoch, 1, "for the last commit");
  assertEquals(member.handled().does, ["leave"]);
  const body = { throttleTimeMs: 0, errorCode: 0, members: [] };
  assertEquals(member.tell({ type: "response", response: { api: "leave", body } }).does, ["left"]);
  assertEquals(member.after(10_000).actions, []);
  assertEquals(new Played().joined().synced("").tell({ type: "leave" }).tell({ type: "failed", api: "leave" }).does, [
    "left",
  ]);
});

Deno.test("a static member leaves without a word, and so does one that has no id or no coordinator", () => {
  assertEquals(new Played({ groupInstanceId: "i" }).settle("").tell({ type: "leave" }).does, ["left"]);
  assertEquals(new Played().tell({ type: "leave" }).does, ["left"]);
  const member = new Played().settle("").tell({ type: "coordinator", isKnown: false });
  assertEquals(member.tell({ type: "leave" }).does, ["left"]);
});

Deno.test("another subscription is another join; the same one is not", () => {
  const member = new Played().settle();
  assertEquals(member.tell({ type: "subscribed", topics: ["t"], pattern: null }).does, []);
  assertEquals(member.tell({ type: "subscribed", topics: ["u"], pattern: null }).does, ["revoke t0 t1"]);
  assertEquals(decodeSubscription(member.handled().request("join").protocols[0]!.metadata)!.topics, ["u"]);
  const cooperative = new Played(COOPERATIVE, ["t", "u"]).settle("t0 u0");
  assertEquals(cooperative.tell({ type: "subscribed", topics: ["t"], pattern: null }).does, ["revoke u0"]);
  assertEquals(cooperative.handled().does, ["join"]);
});

Deno.test("a pattern is tried with the metadata, on whole names, and not on Kafka's own topics", () => {
  const member = new Played({}, [], "t.*");
  assertEquals(member.does, [], "there are no metadata yet");
  member.metadata({ tables: 1, t: 1, at: 1, __consumer_offsets: 1 });
  assertEquals(decodeSubscription(member.request("join").protocols[0]!.metadata)!.topics, ["t", "tables"]);
  member.settle("t0");
  assertEquals(member.metadata({ tables: 1, t: 1, other: 1 }).does, []);
  assertEquals(member.metadata({ tables: 1, t: 1, two: 1 }).does, ["revoke t0"]);
  assertEquals(new Played({}, [], "(").does, ["fail INVALID_REGULAR_EXPRESSION"]);
});

Deno.test("a leader shares out what there is, each assignment in the version of its member", () => {
  const member = new Played().metadata({ t: 3 }).joined({ members: { me: ["t"], you: ["t"] } });
  const { assignments } = member.request("sync");
  assertEquals(assignments.map(({ memberId, assignment }) => [memberId, decodeAssignment(assignment)]), [
    ["me", { version: 1, assignedPartitions: [{ topic: "t", partitions: [0, 1] }], userData: null }],
    ["you", { version: 1, assignedPartitions: [{ topic: "t", partitions: [2] }], userData: null }],
  ]);
});

Deno.test("a leader looks up topics that only others want, waits for them, and not for ever", () => {
  const member = new Played().metadata({ t: 1 }).joined({ members: { me: ["t"], you: ["u"] } });
  assertEquals(member.does, ["lookUp u"]);
  assertEquals(member.metadata({ t: 1, u: 1 }).request("sync").assignments.length, 2);
  const impatient = new Played().metadata({ t: 1 }).joined({ members: { me: ["t"], you: ["u"] } });
  assertEquals(impatient.after(impatient.wakeAtMs! - impatient.nowMs).does, ["sync"]);
  assertEquals(member.synced("t0").handled().after(3_000).beaten("REBALANCE_IN_PROGRESS").does, ["revoke t0"]);
  assertEquals(member.handled().joined({ generation: 2 }).does, ["lookUp ", "sync"], "another leads now");
});

Deno.test("a leader joins again when there is more or less to share out, of topics that anybody wants", () => {
  const settled = () => {
    const member = new Played().metadata({ t: 1, u: 1, x: 1 }).joined({ members: { me: ["t"], you: ["u"] } });
    return member.synced("t0").handled();
  };
  assertEquals(settled().metadata({ t: 1, u: 1, x: 2 }).does, []);
  assertEquals(settled().metadata({ t: 1, u: 2, x: 1 }).does, ["revoke t0"]);
  assertEquals(settled().metadata({ t: 1 }).does, ["revoke t0"]);
  const follower = new Played().metadata({ t: 1 }).settle("t0");
  assertEquals(follower.metadata({ t: 2 }).does, []);
});

Deno.test("what has changed while the leader was assigning is seen when it has", () => {
  const member = new Played().metadata({ t: 1 }).joined({ members: { me: ["t"] } }).metadata({ t: 2 });
  assertEquals(member.synced("t0").does, ["assign t0"]);
  assertEquals(member.handled().does, ["revoke t0"]);
});

Deno.test("a leader that is told that nothing is to be assigned assigns nothing, but watches", () => {
  const member = new Played({ groupInstanceId: "i" }).metadata({ t: 1 });
  member.joined({ members: { me: ["t"], you: ["t"] }, skip: true });
  assertEquals(member.request("sync").assignments, []);
  assertEquals(member.synced("t0").handled().metadata({ t: 2 }).does, ["revoke t0"]);
});

Deno.test("assignors that nobody knows are refused: by name, and as the group's choice", () => {
  assertEquals(new Played({ partitionAssignors: ["range", "fair"] }).does, ["fail INCONSISTENT_GROUP_PROTOCOL"]);
  const member = new Played().metadata({ t: 1 }).joined({ members: { me: ["t"] }, protocol: "fair" });
  assertEquals(member.does, ["fail INCONSISTENT_GROUP_PROTOCOL"]);
});

Deno.test("sticky tells the leader what it had, though it has given it back", () => {
  const member = new Played({ partitionAssignors: ["sticky"] }).settle("t1");
  member.after(3_000).beaten("REBALANCE_IN_PROGRESS").handled();
  const { userData, ownedPartitions } = decodeSubscription(member.request("join").protocols[0]!.metadata)!;
  assertEquals(ownedPartitions, []);
  // deno-fmt-ignore
  assertEquals([...userData!], [0, 0, 0, 1, 0, 1, 116, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
});
