import { assertEquals } from "@std/assert";
import { Harness, LEADS } from "./harness.ts";
import { ReplicaCluster } from "./cluster.ts";

const SILENCE_MS = 2_000;

interface Over {
  readonly role?: Record<string, unknown>;
  readonly config?: Record<string, unknown>;
}

/** A leader of three, all in sync, that has heard both followers a moment ago. */
function leader(over: Over = {}): Harness {
  const h = new Harness({ role: { ...LEADS.role, ...over.role }, config: { ...LEADS.config, ...over.config } });
  for (const id of [2, 3]) h.pull(id);
  h.probe.advance(10);
  return h;
}

/** The same, whose broker does not hear from the controller. */
function isolated(over: Over = {}): Harness {
  const h = leader(over);
  h.probe.tell("isolation", { isolated: true, silenceMs: SILENCE_MS });
  return h;
}

const confirm = (h: Harness) => h.probe.ask("confirm", { leaderEpoch: 5 });
const nowMs = (h: Harness) => h.probe.env.clock.monotonic();

Deno.test("a leader without followers may speak at once", () => {
  assertEquals(confirm(new Harness()).reply, "NONE");
});

Deno.test("a leader may speak when all in sync have pulled after the question: before, they may have turned to another", () => {
  const h = leader();
  const parked = [2, 3].map((id) => h.pull(id, { leaderMs: 3 }));
  const asked = confirm(h);
  assertEquals(parked.map(({ reply }) => [reply?.error, reply?.leaderMs]), [["NONE", 10], ["NONE", 10]]);
  h.pull(2);
  assertEquals(asked.reply, undefined, "one of them may lead");
  h.pull(3);
  assertEquals(asked.reply, "NONE");
});

Deno.test("a pull that was under way when the question came, or comes a second time, does not count", () => {
  const h = leader();
  h.probe.advance(10);
  const asked = confirm(h);
  h.pull(3);
  const late = h.pull(2, { leaderMs: 19 });
  assertEquals([late.reply?.leaderMs, asked.reply], [20, undefined], "it is let go at once, to come again");
  h.pull(2, { leaderMs: 19 });
  assertEquals(asked.reply, undefined);
  const next = h.pull(2, { leaderMs: 20 });
  assertEquals([asked.reply, next.reply], ["NONE", undefined], "and now it waits for records");
});

Deno.test("who waits for another follower lets this one wait", () => {
  const h = leader();
  const asked = confirm(h);
  assertEquals([h.pull(2, { leaderMs: nowMs(h) }).reply, asked.reply], [undefined, undefined]);
});

Deno.test("several questions wait together, and none longer than two waits of a pull", () => {
  const h = leader();
  h.probe.advance(1);
  const first = confirm(h);
  h.probe.advance(100);
  const second = confirm(h);
  for (const id of [2, 3]) h.pull(id, { leaderMs: 50 });
  assertEquals([first.reply, second.reply], ["NONE", undefined]);
  h.probe.advance(999);
  assertEquals(second.reply, undefined);
  h.probe.advance(1);
  assertEquals(second.reply, "REQUEST_TIMED_OUT", "it may well lead");
  const alone = isolated();
  const third = confirm(alone);
  alone.probe.advance(1_000);
  assertEquals(third.reply, "NOT_LEADER_OR_FOLLOWER", "its broker is isolated: it had better not");
});

Deno.test("who asks is told when another leads, when the disk fails, and when nobody has been heard for long", () => {
  const led = leader();
  led.probe.advance(1);
  const toOther = confirm(led);
  led.assume({ leader: 2, leaderEpoch: 6 });
  assertEquals(toOther.reply, "NOT_LEADER_OR_FOLLOWER");

  const failing = leader();
  failing.append();
  failing.probe.advance(1);
  const toNobody = confirm(failing);
  failing.endFlush(Object.assign(new Error("broken"), { name: "DiskError", code: "EIO" }));
  assertEquals(toNobody.reply, "KAFKA_STORAGE_ERROR");

  const silent = isolated({ config: { replicaFetchWaitMaxMs: 5_000 } });
  silent.probe.advance(9_000);
  const toSilence = confirm(silent);
  assertEquals(toSilence.reply, undefined);
  silent.probe.advance(989).tell("isolation", { isolated: true, silenceMs: SILENCE_MS });
  assertEquals(toSilence.reply, undefined);
  silent.probe.advance(1).tell("isolation", { isolated: true, silenceMs: SILENCE_MS });
  assertEquals(toSilence.reply, "NOT_LEADER_OR_FOLLOWER");
});

Deno.test("alone in its ISR it may speak only if nobody else can be elected", () => {
  const alone = new Harness({ role: { ...LEADS.role, isr: [1] } });
  alone.probe.advance(60_000).tell("isolation", { isolated: true, silenceMs: SILENCE_MS });
  assertEquals(confirm(alone).reply, "NONE");
  alone.pull(2);
  assertEquals(alone.describe().maximalIsr, [1, 2]);
  alone.probe.advance(1);
  assertEquals(confirm(alone).reply, undefined, "it may have been taken into the ISR");
  const few = { role: { isr: [1] }, config: { minInsyncReplicas: 2 } };
  assertEquals(confirm(isolated(few)).reply, "NOT_LEADER_OR_FOLLOWER", "there may be eligible leaders");
  const inTouch = new Harness({ ...few, role: { ...LEADS.role, ...few.role } });
  assertEquals(confirm(inTouch).reply, "NONE", "which the controller would tell it");
});

Deno.test("of real replicas: as long as the others follow it may speak, and never after the first of them has another leader", () => {
  let replaced = 0;
  for (let seed = 1; seed <= 10; seed++) {
    const cluster = new ReplicaCluster({
      seed,
      newsMaxMs: 1_500,
      faults: { duplicationPerMillion: 300_000, delayMeanMicros: 20_000 },
    });
    const [first, ...others] = cluster.nodes;
    cluster.advance(2_000);
    const ask = (): { reply?: unknown } => {
      const asked: { reply?: unknown } = {};
      const settle = (answer: { ok: boolean; value?: unknown }) => void (asked.reply = answer.value);
      first!.system!.askThen(first!.ref, "confirm", { leaderEpoch: 0 }, settle, 5_000);
      return asked;
    };
    const asked = ask();
    cluster.advance(300);
    assertEquals(asked.reply, "NONE", `seed ${seed}`);
    cluster.controller.fence(1);
    for (let time = 0; time < 150; time++) {
      const isFollowed = others.every(({ live: { role } }) => role.leader === 1);
      const question = ask();
      cluster.advance(10);
      if (isFollowed || first!.live.role.leader !== 1) continue;
      replaced++;
      cluster.advance(1_100);
      assertEquals(
        question.reply === "NONE",
        false,
        `seed ${seed}: it spoke after node ${cluster.leader?.id} had begun to lead`,
      );
    }
    cluster.stop();
  }
  assertEquals(replaced > 5, true, `${replaced}`);
});
