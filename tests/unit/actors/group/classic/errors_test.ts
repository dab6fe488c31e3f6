import { assertEquals } from "@std/assert";
import { Stage } from "./stage.ts";

/**
 * The table of errors of the classic protocol: in which state, by whom, what. `ids` are the members of a stable group (the first one leads), or
 * of the phase that is named.
 */
const INSTANCE = "i";

interface Scene {
  readonly stage: Stage;
  /** A member id that the group knows. */
  readonly id: string;
  readonly generation: number;
}

const scenes: Record<string, () => Scene> = {
  none: () => ({ stage: new Stage(), id: "nobody", generation: 1 }),
  stable() {
    const stage = new Stage();
    const ids = stage.form(2);
    return { stage, id: ids[1]!, generation: 1 };
  },
  /** One of two has not joined again. */
  preparing() {
    const stage = new Stage();
    const [leader, id] = stage.form(2);
    stage.join(leader!);
    return { stage, id: id!, generation: 1 };
  },
  /** Nobody has synced. */
  completing() {
    const stage = new Stage();
    const [leader, id] = stage.form(2);
    stage.join(leader!);
    stage.join(id!);
    return { stage, id: id!, generation: 2 };
  },
  empty() {
    const stage = new Stage();
    const [id] = stage.form(1);
    stage.leave([[id!, null]]);
    return { stage, id: id!, generation: 2 };
  },
  /** A static member. */
  static() {
    const stage = new Stage();
    const { joined } = stage.enter({ instanceId: INSTANCE });
    stage.advance(1_000);
    const { memberId, generationId } = joined.body!;
    stage.sync(memberId, generationId);
    return { stage, id: memberId, generation: generationId };
  },
};

type Row = readonly [what: string, scene: keyof typeof scenes, does: (scene: Scene) => string, error: string];

const JOINS: Row[] = [
  [
    "session too short",
    "none",
    ({ stage }) => stage.join("", { sessionTimeoutMs: 5_999 }).error,
    "INVALID_SESSION_TIMEOUT",
  ],
  [
    "session too long",
    "none",
    ({ stage }) => stage.join("", { sessionTimeoutMs: 1_800_001 }).error,
    "INVALID_SESSION_TIMEOUT",
  ],
  ["an id, but no group", "none", ({ stage }) => stage.join("x").error, "UNKNOWN_MEMBER_ID"],
  [
    "no protocol type",
    "none",
    ({ stage }) => stage.join("", { protocolType: "" }).error,
    "INCONSISTENT_GROUP_PROTOCOL",
  ],
  ["no protocols", "none", ({ stage }) => stage.join("", { protocols: [] }).error, "INCONSISTENT_GROUP_PROTOCOL"],
  [
    "another type",
    "stable",
    ({ stage }) => stage.join("", { protocolType: "connect" }).error,
    "INCONSISTENT_GROUP_PROTOCOL",
  ],
  [
    "no common protocol",
    "stable",
    ({ stage }) => stage.join("", { protocols: ["x"] }).error,
    "INCONSISTENT_GROUP_PROTOCOL",
  ],
  ["no id yet", "none", ({ stage }) => stage.join("", { version: 4 }).error, "MEMBER_ID_REQUIRED"],
  ["no id needed", "none", ({ stage }) => stage.join("", { version: 3 }).error, "waits"],
  ["static: no id needed", "none", ({ stage }) => stage.join("", { instanceId: INSTANCE }).error, "waits"],
  ["unknown id", "stable", ({ stage }) => stage.join("x").error, "UNKNOWN_MEMBER_ID"],
  [
    "unknown instance",
    "stable",
    ({ stage, id }) => stage.join(id, { instanceId: INSTANCE }).error,
    "UNKNOWN_MEMBER_ID",
  ],
  [
    "instance with another id",
    "static",
    ({ stage }) => stage.join("x", { instanceId: INSTANCE }).error,
    "FENCED_INSTANCE_ID",
  ],
  ["same metadata, stable", "stable", ({ stage, id }) => stage.join(id).error, "NONE"],
  ["other metadata, stable", "stable", ({ stage, id }) => stage.join(id, { topics: ["u"] }).error, "waits"],
  ["same metadata, completing", "completing", ({ stage, id }) => stage.join(id).error, "NONE"],
];

const SYNCS: Row[] = [
  ["no group", "none", ({ stage, id }) => stage.sync(id, 1).error, "UNKNOWN_MEMBER_ID"],
  ["unknown id", "completing", ({ stage, generation }) => stage.sync("x", generation).error, "UNKNOWN_MEMBER_ID"],
  [
    "fenced",
    "static",
    ({ stage, generation }) => stage.sync("x", generation, { instanceId: INSTANCE }).error,
    "FENCED_INSTANCE_ID",
  ],
  ["older generation", "completing", ({ stage, id }) => stage.sync(id, 1).error, "ILLEGAL_GENERATION"],
  ["newer generation", "completing", ({ stage, id }) => stage.sync(id, 3).error, "ILLEGAL_GENERATION"],
  [
    "other type",
    "completing",
    ({ stage, id }) => stage.sync(id, 2, { protocolType: "x" }).error,
    "INCONSISTENT_GROUP_PROTOCOL",
  ],
  [
    "other protocol",
    "completing",
    ({ stage, id }) => stage.sync(id, 2, { protocolName: "x" }).error,
    "INCONSISTENT_GROUP_PROTOCOL",
  ],
  [
    "type and protocol not said",
    "completing",
    ({ stage, id }) => stage.sync(id, 2, { protocolType: null, protocolName: null }).error,
    "waits",
  ],
  ["empty", "empty", ({ stage, id }) => stage.sync(id, 2).error, "UNKNOWN_MEMBER_ID"],
  ["preparing", "preparing", ({ stage, id }) => stage.sync(id, 1).error, "REBALANCE_IN_PROGRESS"],
  ["stable", "stable", ({ stage, id }) => stage.sync(id, 1).error, "NONE"],
];

const HEARTBEATS: Row[] = [
  ["no group", "none", ({ stage, id }) => stage.heartbeat(id, 1), "UNKNOWN_MEMBER_ID"],
  ["empty", "empty", ({ stage, id, generation }) => stage.heartbeat(id, generation), "UNKNOWN_MEMBER_ID"],
  ["unknown", "stable", ({ stage }) => stage.heartbeat("x", 1), "UNKNOWN_MEMBER_ID"],
  ["fenced", "static", ({ stage, generation }) => stage.heartbeat("x", generation, INSTANCE), "FENCED_INSTANCE_ID"],
  ["older generation", "completing", ({ stage, id }) => stage.heartbeat(id, 1), "ILLEGAL_GENERATION"],
  ["preparing", "preparing", ({ stage, id }) => stage.heartbeat(id, 1), "REBALANCE_IN_PROGRESS"],
  ["completing", "completing", ({ stage, id }) => stage.heartbeat(id, 2), "NONE"],
  ["stable", "stable", ({ stage, id }) => stage.heartbeat(id, 1), "NONE"],
];

const LEAVES: Row[] = [
  ["no group", "none", ({ stage }) => stage.leave([["x", null]])[0]!, "UNKNOWN_MEMBER_ID"],
  ["unknown", "stable", ({ stage }) => stage.leave([["x", null]])[0]!, "UNKNOWN_MEMBER_ID"],
  ["nobody named", "stable", ({ stage }) => stage.leave([["", null]])[0]!, "UNKNOWN_MEMBER_ID"],
  ["unknown instance", "stable", ({ stage }) => stage.leave([["", "other"]])[0]!, "UNKNOWN_MEMBER_ID"],
  ["fenced", "static", ({ stage }) => stage.leave([["x", INSTANCE]])[0]!, "FENCED_INSTANCE_ID"],
  ["by instance", "static", ({ stage }) => stage.leave([["", INSTANCE]])[0]!, "NONE"],
  ["by id and instance", "static", ({ stage, id }) => stage.leave([[id, INSTANCE]])[0]!, "NONE"],
  ["by id", "stable", ({ stage, id }) => stage.leave([[id, null]])[0]!, "NONE"],
  ["an id that was given out", "none", ({ stage }) => stage.leave([[stage.join("").body!.memberId, null]])[0]!, "NONE"],
];

function commit(epoch: number, memberId?: string, instanceId: string | null = null): Row[2] {
  return ({ stage, id }) =>
    stage.probe.state.classic!.judgeCommit({ memberId: memberId ?? id, instanceId, epoch, version: 9, partitions: [] });
}

const COMMITS: Row[] = [
  ["from outside, empty", "empty", commit(-1, ""), "NONE"],
  ["from outside, with members", "stable", commit(-1, ""), "UNKNOWN_MEMBER_ID"],
  ["a member that does not say its generation", "stable", commit(-1), "ILLEGAL_GENERATION"],
  ["unknown", "stable", commit(1, "x"), "UNKNOWN_MEMBER_ID"],
  ["fenced", "static", commit(1, "x", INSTANCE), "FENCED_INSTANCE_ID"],
  ["older generation", "completing", commit(1), "ILLEGAL_GENERATION"],
  ["completing", "completing", commit(2), "REBALANCE_IN_PROGRESS"],
  ["preparing", "preparing", commit(1), "NONE"],
  ["stable", "stable", commit(1), "NONE"],
];

for (const [api, rows] of Object.entries({ JOINS, SYNCS, HEARTBEATS, LEAVES, COMMITS })) {
  for (const [what, scene, does, error] of rows) {
    Deno.test(`${api.toLowerCase()}, ${scene} group: ${what}: ${error}`, () => {
      assertEquals(does(scenes[scene]!()), error);
    });
  }
}
