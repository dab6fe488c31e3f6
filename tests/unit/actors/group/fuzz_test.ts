import { assertEquals } from "@std/assert";
import type { Asked } from "../../../../actors/probe.ts";
import { SeededRandom } from "../../../../lib/prng.ts";
import type { GroupRecord } from "../../../../actors/group/records.ts";
import type { Request } from "../../../../protocol/schema.ts";
import type { consumerGroupHeartbeat } from "../../../../protocol/tables/consumer_groups.ts";
import { assignment, GROUP_ID, GroupHarness, idOf, subscription } from "./modern/harness.ts";

// Whatever clients ask, right or wrong, the group lives, and what it has can be folded again.

const CLIENT = { id: "client", host: "/127.0.0.1" };

/** What is right for who comes. */
const COMES = {
  memberId: "e",
  memberEpoch: 0,
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: 20_000,
  subscribedTopicNames: ["t", "u"],
  subscribedTopicRegex: null,
  serverAssignor: null,
  topicPartitions: [],
};

class Fuzz {
  readonly h: GroupHarness;
  readonly random: SeededRandom;
  /** Ids of members, those that were given out among them. */
  readonly ids: string[] = ["", "a", "b", "c", "d", " "];

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    const { random } = this;
    this.h = new GroupHarness({
      topics: { t: 3, u: 2 },
      config: {
        consumerMigrationPolicy: random.pick(["bidirectional", "bidirectional", "upgrade", "downgrade", "disabled"]),
        consumerAssignmentIntervalMs: random.pick([0, 1_000]),
        maxSize: random.pick([2, 100]),
        consumerMaxSize: random.pick([2, 100]),
        maxWriteBytes: random.pick([1_000_000, 1_000_000, 900]),
        initialRebalanceDelayMs: random.pick([0, 500]),
      },
      records: random.chance(1, 2) ? [] : [this.#classic()],
    });
  }

  /** A classic group that is in the log already, whatever its leader has given its members. */
  #classic(): GroupRecord {
    const { random } = this;
    const members = ["a", "b", "c"].map((memberId) => ({
      memberId,
      groupInstanceId: null,
      clientId: "client",
      clientHost: "/127.0.0.1",
      rebalanceTimeout: 30_000,
      sessionTimeout: 20_000,
      subscription: subscription(random.pick([["t"], ["u"], ["t", "u"]])),
      assignment: assignment(
        ["t", "u"].filter(() => random.chance(1, 2)).map((topic) => (
          { topic, partitions: [-1, 0, 1, 2, 7].filter(() => random.chance(1, 3)) }
        )),
      ),
    }));
    return {
      type: "classicGroup",
      group: GROUP_ID,
      value: {
        protocolType: "consumer",
        generation: 3,
        protocol: "range",
        leader: "a",
        currentStateTimestamp: 1n,
        members,
      },
    };
  }

  get #id(): string {
    return this.random.pick(this.ids);
  }

  get #instance(): string | null {
    return this.random.pick([null, null, "i", "j", ""]);
  }

  /** A generation or epoch: mostly one that there is. */
  get #epoch(): number {
    const { classic, modern } = this.h.p.state;
    const now = (modern as { epoch?: number } | undefined)?.epoch ??
      (classic as { generation?: number } | undefined)?.generation ?? 0;
    return this.random.pick([now, now, now - 1, now + 1, 0, -1, -2, -3, 2_147_483_647]);
  }

  get #timeoutMs(): number {
    return this.random.chance(3, 4) ? 20_000 : this.random.pick([10_000, 0, -1, -7, 2_147_483_647]);
  }

  get #bytes(): Uint8Array {
    const topics = this.random.pick([["t"], ["t", "u"], [], ["nope"]]);
    return this.random.pick([
      subscription(topics),
      subscription(topics, [{ topic: "t", partitions: [0, 9] }], 3),
      assignment([{ topic: "t", partitions: [0, 0, -1] }]),
      new Uint8Array(),
      Uint8Array.of(0),
      Uint8Array.of(0, 1, 255, 255, 255, 255),
    ]);
  }

  get #rows() {
    return this.random.pick([
      null,
      [],
      [{ topicId: idOf("t"), partitions: [0, 1, 2] }],
      [{ topicId: idOf("t"), partitions: [0, 0, -1, 99] }, { topicId: "nothing", partitions: [] }],
    ]);
  }

  beat() {
    const { random } = this;
    const body = {
      groupId: GROUP_ID,
      memberId: this.#id,
      memberEpoch: random.chance(1, 3) ? 0 : this.#epoch,
      instanceId: this.#instance,
      rackId: random.pick([null, null, "r", ""]),
      rebalanceTimeoutMs: this.#timeoutMs,
      subscribedTopicNames: random.pick([null, [], ["t"], ["t", "t", "u"], ["nope", ""]]),
      subscribedTopicRegex: random.pick([null, null, "", "t|u", "(", ".*"]),
      serverAssignor: random.pick([null, null, "range", "uniform", "best"]),
      topicPartitions: random.chance(1, 2) ? [] : this.#rows,
    };
    this.#say(random.chance(1, 4) ? { ...body, ...COMES } : body);
  }

  #say(body: Request<typeof consumerGroupHeartbeat>) {
    const { reply } = this.h.p.ask("consumerHeartbeat", { version: this.random.below(2), client: CLIENT, body });
    const said = (reply as { readonly errorMessage?: string | null } | undefined)?.errorMessage ?? "";
    assertEquals(said.includes("assignor") && said.includes("failed"), false, said);
  }

  join() {
    const { random } = this;
    const metadata = this.#bytes;
    const asked = this.h.p.ask("join", {
      version: random.below(10),
      client: CLIENT,
      body: {
        groupId: GROUP_ID,
        sessionTimeoutMs: this.#timeoutMs,
        rebalanceTimeoutMs: this.#timeoutMs,
        memberId: this.#id,
        groupInstanceId: this.#instance,
        protocolType: random.chance(7, 8) ? "consumer" : random.pick(["connect", ""]),
        protocols: random.pick([["range"], ["range", "sticky"], ["range", "range"], ["sticky"], []])
          .map((name) => ({ name, metadata })),
        reason: null,
      },
    }, 600_000) as Asked<{ memberId: string }>;
    const given = asked.reply?.memberId ?? "";
    if (given !== "" && this.ids.length < 30) this.ids.push(given);
  }

  sync() {
    this.h.p.ask("sync", {
      version: this.random.below(6),
      client: CLIENT,
      body: {
        groupId: GROUP_ID,
        generationId: this.#epoch,
        memberId: this.#id,
        groupInstanceId: this.#instance,
        protocolType: this.random.pick([null, "consumer", "connect"]),
        protocolName: this.random.pick([null, "range", "sticky"]),
        assignments: [this.#id, this.#id].map((memberId) => ({ memberId, assignment: this.#bytes })),
      },
    }, 600_000);
  }

  heartbeat() {
    const body = {
      groupId: GROUP_ID,
      generationId: this.#epoch,
      memberId: this.#id,
      groupInstanceId: this.#instance,
    };
    this.h.p.ask("heartbeat", { version: 4, client: CLIENT, body });
  }

  leave() {
    const members = [0, 1].map(() => ({ memberId: this.#id, groupInstanceId: this.#instance, reason: null }));
    const body = {
      groupId: GROUP_ID,
      memberId: members[0]!.memberId,
      members: this.random.chance(1, 8) ? [] : members,
    };
    this.h.p.ask("leave", { version: 2 + this.random.below(4), client: CLIENT, body });
  }

  commit() {
    const { random } = this;
    const partition = () => ({
      partitionIndex: random.below(3),
      committedOffset: BigInt(random.pick([0, 5, -1])),
      committedLeaderEpoch: -1,
      committedMetadata: random.pick([null, "", "x".repeat(5_000)]),
    });
    const body = {
      groupId: GROUP_ID,
      generationIdOrMemberEpoch: this.#epoch,
      memberId: this.#id,
      groupInstanceId: this.#instance,
      retentionTimeMs: random.pick([-1n, 0n, -9n, 2n ** 63n - 1n]),
      topics: [{ name: random.pick(["t", "u", "gone"]), topicId: "", partitions: [partition(), partition()] }],
    };
    this.h.p.ask("commit", { version: random.pick([2, 8, 9]), client: CLIENT, body });
  }

  others() {
    const { h, random } = this;
    const { p } = h;
    const topics = [{ name: "t", partitions: [{ partitionIndex: 0 }, { partitionIndex: 0 }] }];
    switch (random.below(8)) {
      case 0:
        return p.ask("deleteOffsets", { version: 0, client: CLIENT, body: { groupId: GROUP_ID, topics } });
      case 1:
        return p.ask("describe", { version: random.below(7), client: CLIENT, body: undefined });
      case 2:
        return p.ask("describeConsumer", { version: 1, client: CLIENT, body: undefined });
      case 3:
        return p.ask("summary", undefined);
      case 4:
        return random.chance(1, 8) ? p.ask("remove", undefined) : undefined;
      case 5:
        return h.topics(random.pick([{ t: 3, u: 2 }, { t: 4 }, { u: 2 }, { t: 3, u: 2, v: 1 }]));
      default: {
        const body = { memberId: this.#id, memberEpoch: this.#epoch, requireStable: false, topics: null };
        return p.ask("fetchOffsets", { version: 9, client: CLIENT, body });
      }
    }
  }

  step(): void {
    const { random } = this;
    const acts = [this.beat, this.join, this.join, this.sync, this.heartbeat, this.leave, this.commit, this.others];
    random.pick(acts).call(this);
    if (random.chance(1, 3)) this.h.p.advance(random.pick([0, 1, 600, 600, 6_000, 30_000]));
  }
}

Deno.test("a group lives on, whatever it is asked, and what it has can be read from the log again", () => {
  const kinds = { classic: 0, modern: 0 };
  for (let seed = 0; seed < 60; seed++) {
    const fuzz = new Fuzz(seed);
    const { p } = fuzz.h;
    for (let step = 0; step < 150 && !p.state.retired; step++) {
      fuzz.step();
      if (p.crash) throw new Error(`seed ${seed}, step ${step}`, { cause: p.crash });
      const { classic, modern } = p.state;
      assertEquals(classic !== undefined && modern !== undefined, false, `seed ${seed}, step ${step}: both kinds`);
      if (modern?.hasMembers) kinds.modern++;
      else if (classic?.hasMembers) kinds.classic++;
    }
    if (p.state.modern !== undefined) fuzz.h.checkFold();
    const records = [...p.state.offsets.records(), ...(p.state.modern ?? p.state.classic)?.records() ?? []];
    const later = { consumerAssignmentIntervalMs: 1_000 }; // a target that is due changes nothing yet
    const other = new GroupHarness({ records, config: later }).p.state;
    assertEquals([...other.offsets.records(), ...(other.modern ?? other.classic)?.records() ?? []], records);
  }
  assertEquals([kinds.classic > 300, kinds.modern > 300], [true, true], JSON.stringify(kinds));
});
