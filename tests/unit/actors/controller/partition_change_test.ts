import { assert, assertEquals } from "@std/assert";
import { partitionAfter } from "../../../../actors/controller/draft.ts";
import { changePartition, type Circumstances, type Wish } from "../../../../actors/controller/partition_change.ts";
import type { PartitionImage } from "../../../../actors/controller/protocol.ts";
import { SeededRandom } from "../../../../lib/prng.ts";
import { newPartition } from "./setting.ts";

interface Given {
  readonly minIsr?: number;
  readonly live?: readonly number[];
  readonly active?: readonly number[];
}

function circumstances({ minIsr = 1, live = [1, 2, 3, 4, 5], active = live }: Given): Circumstances {
  return { minIsr, live: new Set(live), active: new Set(active) };
}

function partition(more: Partial<PartitionImage> = {}): PartitionImage {
  return newPartition(0, [1, 2, 3], { leaderEpoch: 5, partitionEpoch: 9, ...more });
}

/** What is no longer as before, once the wish has been carried out. */
function changed(old: PartitionImage, wish: Wish, given: Given = {}): Partial<PartitionImage> {
  const record = changePartition("t", old, wish, circumstances(given));
  if (record === undefined) return {};
  const next = partitionAfter(old, record);
  assertEquals(next.partitionEpoch, old.partitionEpoch + 1);
  const same = (name: keyof PartitionImage) => JSON.stringify(next[name]) === JSON.stringify(old[name]);
  const names = (Object.keys(next) as (keyof PartitionImage)[]).filter((name) =>
    name !== "partitionEpoch" && !same(name)
  );
  return Object.fromEntries(names.map((name) => [name, next[name]]));
}

const OFFLINE = partition({ isr: [], leader: -1 });

Deno.test("nothing to change, no record: not even for an ISR in another order", () => {
  assertEquals(changePartition("t", partition(), {}, circumstances({})), undefined);
  assertEquals(changePartition("t", partition(), { isr: [3, 2, 1] }, circumstances({})), undefined);
});

Deno.test("a smaller ISR alone begins no leader epoch", () => {
  assertEquals(changed(partition(), { isr: [2, 1] }), { isr: [1, 2] });
});

Deno.test("the first in order of preference that is in sync and active leads, in a new epoch", () => {
  assertEquals(changed(partition(), { isr: [2, 3] }), { isr: [2, 3], leader: 2, leaderEpoch: 6 });
  assertEquals(changed(partition(), { isr: [2, 3] }, { live: [3] }), { isr: [2, 3], leader: 3, leaderEpoch: 6 });
  assertEquals(changed(partition({ leader: 2 }), {}), {}, "a leader who may lead stays");
  assertEquals(changed(partition({ leader: 2 }), { preferred: true }), { leader: 1, leaderEpoch: 6 });
  assertEquals(changed(partition({ leader: 2 }), { preferred: true }, { live: [2, 3] }), {});
  assertEquals(changed(partition({ leader: 3, isr: [2, 3] }), { preferred: true }), {}, "who is not in sync does not");
});

Deno.test("a leader that is about to stop goes on only while nobody else can", () => {
  const given = { active: [3, 4, 5], live: [1, 3, 4, 5] };
  assertEquals(changed(partition({ isr: [1] }), {}, given), {});
  assertEquals(changed(partition({ isr: [1] }), { isr: [1, 3] }, given), { isr: [1, 3], leader: 3, leaderEpoch: 6 });
  assertEquals(
    changed(partition({ isr: [1] }), { unclean: true }, given),
    {},
    "least of all somebody who has lost records",
  );
  assertEquals(changed(partition({ isr: [1] }), {}, { live: [3], active: [3] }), { leader: -1, leaderEpoch: 6 });
});

Deno.test("who leaves an ISR that is too small then is eligible, as long as it is", () => {
  const min2 = { minIsr: 2 };
  assertEquals(changed(partition(), { isr: [1, 2] }, min2), { isr: [1, 2] }, "large enough without it");
  assertEquals(changed(partition(), { isr: [1] }, min2), { isr: [1], elr: [2, 3] });
  const small = partition({ isr: [1], elr: [2, 3] });
  assertEquals(changed(small, { isr: [1, 2] }, min2), { isr: [1, 2], elr: [] });
  assertEquals(changed(small, { isr: [1, 2] }, { minIsr: 3 }), { isr: [1, 2], elr: [3] });
  assertEquals(changed(small, {}, { minIsr: 1 }), { elr: [] }, "min.insync.replicas has been made smaller");
  assertEquals(
    changed(partition(), { isr: [1, 2] }, { minIsr: 9 }),
    { isr: [1, 2], elr: [3] },
    "of all replicas, at most",
  );
});

Deno.test("the last one in sync leaves, is eligible, and leads again when it is back", () => {
  const given = { live: [4, 5] };
  const left = { isr: [], elr: [1], leader: -1, leaderEpoch: 6, lastKnownElr: [1] };
  assertEquals(changed(partition({ isr: [1] }), { isr: [] }, given), left);
  const gone = partition({ ...left });
  assertEquals(changed(gone, {}, { live: [2, 3] }), {}, "nobody else may");
  assertEquals(changed(gone, {}), { isr: [1], elr: [], leader: 1, leaderEpoch: 7, lastKnownElr: [] });
});

Deno.test("an ELR is elected from when the ISR is empty, not before", () => {
  const elr = partition({ isr: [1], elr: [2, 3] });
  assertEquals(changed(elr, {}, { minIsr: 2, live: [2, 3] }), { leader: -1, leaderEpoch: 6 });
  const led = { isr: [2], elr: [1, 3], leader: 2, leaderEpoch: 6 };
  assertEquals(changed(elr, { isr: [] }, { minIsr: 2, live: [2, 3] }), led);
  const alone = { isr: [2], elr: [], leader: 2, leaderEpoch: 6 };
  assertEquals(changed(elr, { isr: [] }, { minIsr: 1, live: [2, 3] }), alone, "one is enough: nobody else counts");
});

Deno.test("the last known leader leads when nobody is known to be complete, unless it has lost everything", () => {
  const old = partition({ ...OFFLINE, lastKnownElr: [2] });
  const led = { isr: [2], leader: 2, leaderEpoch: 6, lastKnownElr: [] };
  assertEquals(changed(old, {}), led);
  assertEquals(changed(old, {}, { live: [1, 3] }), {});
  assertEquals(changed({ ...old, elr: [3] }, {}, { live: [2] }), {}, "somebody is known to be complete");
  assertEquals(changed(old, { lost: { id: 2, empty: true } }), { lastKnownElr: [] });
  assertEquals(changed(old, { lost: { id: 2, empty: false } }), led);
  assertEquals(changed(partition({ ...OFFLINE, lastKnownElr: [] }), {}), {});
});

Deno.test("an unclean leader is alone in sync, and only by leave", () => {
  assertEquals(changed(OFFLINE, {}), {});
  assertEquals(changed(OFFLINE, { unclean: true }, { live: [2, 3] }), { isr: [2], leader: 2, leaderEpoch: 6 });
  assertEquals(changed(OFFLINE, { unclean: true }, { live: [4] }), {}, "one that has a replica");
  const eligible = partition({ isr: [], leader: -1, elr: [1] });
  assertEquals(changed(eligible, { unclean: true }, { live: [3], minIsr: 2 }), {
    isr: [3],
    elr: [],
    leader: 3,
    leaderEpoch: 6,
  });
  assertEquals(changed(eligible, { unclean: true }).leader, 1, "a complete one comes first");
});

Deno.test("who may have lost records leaves ISR and ELR; who was the last leader is remembered, unless it is empty", () => {
  const lost = { id: 1, empty: false };
  assertEquals(changed(partition({ isr: [1], elr: [2] }), { lost }, { minIsr: 2, live: [3] }), {
    isr: [],
    leader: -1,
    leaderEpoch: 6,
    lastKnownElr: [1],
  });
  assertEquals(changed(partition({ isr: [1] }), { lost: { id: 1, empty: true } }, { live: [3] }), {
    isr: [],
    leader: -1,
    leaderEpoch: 6,
  });
  assertEquals(changed(partition({ isr: [2], elr: [1, 3], leader: 2 }), { lost }, { minIsr: 2 }), { elr: [3] });
});

Deno.test("a reassignment is complete when all that stay are in sync, and whoever went begins a new epoch", () => {
  const moving = partition({ replicas: [3, 4, 1, 2], adding: [4], removing: [1, 2], leader: 3 });
  assertEquals(changed(moving, { isr: [1, 2, 3] }), {});
  assertEquals(changed(moving, { isr: [1, 2, 4] }, { live: [1, 2, 3, 4] }).replicas, undefined, "3 is not");
  assertEquals(changed(moving, { isr: [3, 4] }), {
    replicas: [3, 4],
    isr: [3, 4],
    adding: [],
    removing: [],
    leaderEpoch: 6,
  });
  assertEquals(changed({ ...moving, leader: 1 }, { isr: [1, 3, 4] }), {
    replicas: [3, 4],
    isr: [3, 4],
    adding: [],
    removing: [],
    leader: 3,
    leaderEpoch: 6,
  });
  const growing = partition({ replicas: [1, 2, 3, 4], adding: [4] });
  assertEquals(changed(growing, { isr: [1, 2, 3, 4] }), { isr: [1, 2, 3, 4], adding: [] });
  assertEquals(changed(growing, { isr: [1, 2, 4] }), { isr: [1, 2, 4] });
  const shrunk = { ...moving, isr: [3], elr: [1, 2] };
  assertEquals(changed(shrunk, { isr: [3, 4] }, { minIsr: 3 }).elr, [], "who has gone is not eligible");
});

Deno.test("replicas that come, or change places, begin no leader epoch", () => {
  assertEquals(changed(partition(), { replicas: [2, 1, 3] }), { replicas: [2, 1, 3] });
  assertEquals(changed(partition(), { replicas: [1, 2, 3, 4], adding: [4] }), { replicas: [1, 2, 3, 4], adding: [4] });
  assertEquals(changed(partition({ isr: [1, 2] }), { replicas: [1, 2] }), { replicas: [1, 2], leaderEpoch: 6 });
});

Deno.test("by seed: whatever is wished, a partition stays sound, and clean elections keep what is complete", () => {
  const random = new SeededRandom("partition changes");
  const some = (ids: readonly number[]) => ids.filter(() => random.below(2) === 0);
  for (let life = 0; life < 300; life++) {
    let now = newPartition(0, [1, 2, 3].slice(0, 1 + random.below(3)));
    const minIsr = 1 + random.below(3);
    for (let step = 0; step < 30; step++) {
      const live = some([1, 2, 3, 4]);
      const active = live.filter(() => random.below(4) > 0);
      const unclean = random.below(10) === 0;
      const lost = random.below(10) === 0 ? { lost: { id: 1 + random.below(4), empty: random.below(2) === 0 } } : {};
      const wish: Wish = random.below(8) === 0
        ? { replicas: [...now.replicas.filter((id) => id !== 4), 4], adding: [4], removing: some(now.replicas) }
        : { isr: some(now.replicas), unclean, preferred: random.below(3) === 0, ...lost };
      if (wish.replicas !== undefined && wish.removing!.includes(4)) continue;
      const record = changePartition("t", now, wish, circumstances({ minIsr, live, active }));
      if (record === undefined) continue;
      const next = partitionAfter(now, record); // asserts what always holds
      const enough = next.isr.length >= Math.min(minIsr, next.replicas.length);
      assert(!enough || next.elr.length === 0, "an ISR that is large enough leaves no ELR");
      assert(next.leader === -1 || next.lastKnownElr.length === 0, "a leader is known");
      assert(next.leader === -1 || live.includes(next.leader), "leaders are there");
      const complete = [...now.isr, ...now.elr, ...now.lastKnownElr, ...(wish.isr ?? [])];
      const { lost: loser, unclean: allowed = false } = wish;
      assert(
        allowed || next.leader === -1 || complete.includes(next.leader),
        "a clean leader was in sync, or eligible",
      );
      const mayLead = loser === undefined || allowed || now.lastKnownElr[0] === loser.id;
      assert(mayLead || next.leader !== loser?.id, "who has lost records does not lead");
      now = next;
    }
  }
});
