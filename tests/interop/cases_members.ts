/**
 * Cases about the members of consumer groups: who has which partition when they come, leave, die and come back, and that nothing
 * committed is lost on the way. Each is played in the classic protocol, and in the new one by clients that speak it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { groupPartition, OFFSETS_TOPIC } from "../../actors/group/protocol.ts";
import { until } from "../helpers/patience.ts";
import { ABILITIES, type Abilities } from "./abilities.ts";
import { assertRead, assertWell, Member, type Membership, untilCommitted, untilShared } from "./members.ts";
import { openClient } from "./open_client.ts";
import { type Case, freshTopic, record, refused, type Scene } from "./scene.ts";

const PARTITIONS = 4;
const NON_EMPTY_GROUP = 68;
/** After so long a member that has died is missed; the brokers have the same for the new protocol. */
const CRASH_SESSION_MS = 10_000;
/** As long as members may take for what is written, on a busy machine, and after which the next is written. */
const READ_MS = 120_000;
const COMMIT_MS = 20_000;
/** Well before the session of one that left would be over. */
const SOON_MS = 60_000;

/** A case for all clients together. */
export interface CrowdCase {
  readonly name: string;
  run(scene: Scene, clients: readonly string[]): Promise<void>;
}

type Protocol = "classic" | "consumer";

/** One more record in each partition; the offsets at which they end then. */
class Writer {
  readonly ends: number[];

  constructor(readonly scene: Scene, readonly topic: string, partitions: number) {
    this.ends = new Array(partitions).fill(0);
  }

  async write(): Promise<readonly number[]> {
    const records = this.ends.map((end, p) => ({ ...record(null, `${p}@${end}`), p }));
    const settings = { codec: "none", acks: -1, idempotent: true, auto: false };
    await this.scene.clerk.call("produce", { topic: this.topic, records, ...settings });
    for (const partition of this.ends.keys()) this.ends[partition]!++;
    return [...this.ends];
  }
}

/** What most cases begin with. */
async function stage(scene: Scene, protocol: Protocol, partitions = PARTITIONS) {
  const topic = await scene.topic(partitions);
  const group = freshTopic("group");
  const writer = new Writer(scene, topic, partitions);
  const join = (more: Partial<Membership> = {}, client = scene.client.name) =>
    Member.join(client, scene.target, { group, topic, protocol, ...more });
  return { topic, group, writer, join };
}

/**
 * Reads what is written next, to the end. A commit that was refused, because the group had not quite come to rest or the coordinator
 * had gone, is not always tried again by the client: the next record's makes up for it.
 */
async function readOn(members: readonly Member[], writer: Writer): Promise<readonly number[]> {
  const deadline = performance.now() + READ_MS;
  for (;;) {
    const ends = await writer.write();
    const missing = await untilCommitted(members, ends, COMMIT_MS).then(() => undefined, (error: Error) => error);
    if (missing === undefined) return ends;
    assertWell(members);
    if (performance.now() > deadline) throw missing;
  }
}

async function share(scene: Scene, protocol: Protocol): Promise<void> {
  const { writer, join } = await stage(scene, protocol);
  await using first = await join();
  await untilShared([first], PARTITIONS);
  await readOn([first], writer);
  await using second = await join();
  await untilShared([first, second], PARTITIONS);
  await readOn([first, second], writer);
  await second.leave();
  await untilShared([first], PARTITIONS, SOON_MS);
  const ends = await readOn([first], writer);
  assertRead([first, second], ends);
  await first.leave();
}

async function crash(scene: Scene, protocol: Protocol): Promise<void> {
  const { writer, join } = await stage(scene, protocol);
  await using first = await join({ sessionMs: CRASH_SESSION_MS });
  await untilShared([first], PARTITIONS);
  await using second = await join({ sessionMs: CRASH_SESSION_MS });
  await untilShared([first, second], PARTITIONS);
  await readOn([first, second], writer);
  await second.die();
  await untilShared([first], PARTITIONS);
  assertRead([first, second], await readOn([first], writer));
  await first.leave();
}

async function restart(scene: Scene, protocol: Protocol): Promise<void> {
  for (let tries = 0; tries < 5; tries++) if (await restartInTime(scene, protocol)) return;
  throw new Error("This machine is too slow: a member that is quick to come back does so after its session.");
}

/** False: it took so long that a session may have been over, and nothing can be said. */
async function restartInTime(scene: Scene, protocol: Protocol): Promise<boolean> {
  const { group, topic, writer, join } = await stage(scene, protocol);
  await using first = await join({ instance: "one" });
  await untilShared([first], PARTITIONS);
  await using second = await join({ instance: "two" });
  await untilShared([first, second], PARTITIONS);
  await readOn([first, second], writer);
  const [owned, changes] = [second.owned, first.changes];
  const comeBack = await Member.prepare(scene.client.name, scene.target);
  const left = performance.now();
  // In the new protocol nobody takes the place of one that has not said that it goes.
  await (protocol === "classic" ? second.die() : second.leave());
  await using again = comeBack({ group, topic, protocol, instance: "two" });
  await until("it is back", () => Promise.resolve(again.owned.length > 0));
  const tookMs = performance.now() - left;
  if (protocol === "consumer" && tookMs > CRASH_SESSION_MS / 2) return false;
  assertEquals(again.owned, owned);
  assertRead([first, second, again], await readOn([first, again], writer));
  assertEquals(first.changes, changes, "the other one has noticed nothing");
  return true;
}

async function failover(scene: Scene, protocol: Protocol): Promise<void> {
  const { group, writer, join } = await stage(scene, protocol);
  const { target, clerk } = scene;
  const timing = { sessionMs: CRASH_SESSION_MS };
  await using first = await join(timing);
  await untilShared([first], PARTITIONS);
  await using second = await join(timing);
  await untilShared([first, second], PARTITIONS);
  await readOn([first, second], writer);
  const coordinator = async (looker = clerk) => {
    const { leaders } = await looker.call<{ leaders: number[] }>("describeTopic", { topic: OFFSETS_TOPIC });
    return leaders[groupPartition(group, leaders.length)]!;
  };
  const killed = await coordinator();
  await target.own!.kill(killed);
  try {
    // The clerk may be in the middle of asking the one that was killed, and wait for its answer.
    const alive = target.ports.filter((_, index) => index + 1 !== killed).map((port) => `127.0.0.1:${port}`);
    await using looker = await openClient(clerk.name, alive.join());
    await until("another broker coordinates", async () => ![killed, -1].includes(await coordinator(looker)));
    const ends = await readOn([first, second], writer);
    await untilShared([first, second], PARTITIONS);
    assertRead([first, second], ends);
    const committed = await looker.call<{ offsets: [number, number][] }>("committed", { group, topic: writer.topic });
    assertEquals(committed.offsets.toSorted(([a], [b]) => a - b), ends.map((end, partition) => [partition, end]));
  } finally {
    await target.own!.start(killed);
  }
}

/** What all clients can share partitions out by. */
const common = (protocol: Protocol) => protocol === "classic" ? { strategy: "roundrobin" } : {};

async function mixed(scene: Scene, protocol: Protocol): Promise<void> {
  const { writer, join } = await stage(scene, protocol);
  const other = scene.client.name === "confluent" ? "java" : "confluent";
  await using first = await join(common(protocol), other);
  await untilShared([first], PARTITIONS);
  await using second = await join(common(protocol));
  await untilShared([first, second], PARTITIONS);
  await readOn([first, second], writer);
  await first.leave();
  await untilShared([second], PARTITIONS, SOON_MS);
  assertRead([first, second], await readOn([second], writer));
  await second.leave();
}

/** A member of each client, all in one group; then half of them leave. */
async function crowd(scene: Scene, clients: readonly string[], protocol: Protocol): Promise<void> {
  const partitions = 2 * clients.length;
  const { writer, join } = await stage(scene, protocol, partitions);
  await using all = new AsyncDisposableStack();
  const members = await Promise.all(clients.map(async (name) => all.use(await join(common(protocol), name))));
  await untilShared(members, partitions);
  await readOn(members, writer);
  const [staying, going] = [members.filter((_, at) => at % 2 === 0), members.filter((_, at) => at % 2 === 1)];
  await Promise.all(going.map((member) => member.leave()));
  await untilShared(staying, partitions, SOON_MS);
  assertRead(members, await readOn(staying, writer));
  await Promise.all(staying.map((member) => member.leave()));
}

async function upgrade(scene: Scene): Promise<void> {
  const { writer, join } = await stage(scene, "consumer");
  await using old = await join({ protocol: "classic", strategy: "range" }, "confluent");
  await untilShared([old], PARTITIONS);
  await readOn([old], writer);
  await using young = await join();
  await untilShared([old, young], PARTITIONS);
  await readOn([old, young], writer);
  await old.leave();
  await untilShared([young], PARTITIONS);
  assertRead([old, young], await readOn([young], writer));
  await young.leave();
}

async function administer(scene: Scene, protocol: Protocol): Promise<void> {
  const { topic, group, writer, join } = await stage(scene, protocol);
  const who = scene.whoHas("deleteGroup");
  await using member = await join();
  await untilShared([member], PARTITIONS);
  const ends = await readOn([member], writer);
  if (protocol === "classic") {
    const described = await who.call<{ state: string; members: number }>("describeGroup", { group });
    assertEquals(described, { state: "Stable", members: 1 });
  }
  await refused(who.call("deleteGroup", { group }), NON_EMPTY_GROUP, /NON_?EMPTY|not empty/i);
  await member.leave();
  const listed = async () => (await who.call<{ groups: string[] }>("listGroups")).groups.includes(group);
  assertEquals(await listed(), true);
  const { offsets } = await who.call<{ offsets: [number, number][] }>("committed", { group, topic });
  assertEquals(offsets.toSorted(([a], [b]) => a - b), ends.map((end, partition) => [partition, end]));
  await who.call("deleteGroup", { group });
  assertEquals(await listed(), false);
}

const NEEDS = ["member"];
const speaks = (protocol: Protocol) => (abilities: Abilities) => protocol === "classic" || abilities.newGroups;

/** A case for each protocol. */
function inBoth(
  name: string,
  run: (scene: Scene, protocol: Protocol) => Promise<void>,
  when: (abilities: Abilities, protocol: Protocol) => boolean = () => true,
  more: Partial<Case> = {},
): Case[] {
  return (["classic", "consumer"] as const).map((protocol) => ({
    name: `group/${protocol}/${name}`,
    needs: NEEDS,
    feature: "groups",
    when: (abilities) => speaks(protocol)(abilities) && when(abilities, protocol),
    run: (scene) => run(scene, protocol),
    ...more,
  }));
}

/** The cases for which a broker is killed: nothing else can be played meanwhile. */
export const FAILOVER_CASES: readonly Case[] = inBoth("failover", failover, undefined, { brokers: 3 });

/** Cases that are played once, by all clients that have members. */
export const CROWD_CASES: readonly CrowdCase[] = (["classic", "consumer"] as const).map((protocol) => ({
  name: `group/${protocol}/all-clients`,
  async run(scene, names) {
    const clients = names.filter((name) =>
      !ABILITIES[name]!.without.includes("member") && speaks(protocol)(ABILITIES[name]!)
    );
    await crowd(scene, clients, protocol);
  },
}));

/** The cases in the order in which they run. */
export const MEMBER_CASES: readonly Case[] = [
  ...inBoth("share", share),
  ...inBoth("crash", crash),
  ...inBoth("static-restart", restart, (abilities, protocol) => abilities.staticMembers.includes(protocol)),
  ...inBoth("administer", administer),
  ...inBoth("mixed-clients", mixed),
  { name: "group/upgrade", needs: NEEDS, feature: "groups", when: speaks("consumer"), run: upgrade },
];
