import { assert, assertEquals, assertThrows } from "@std/assert";
import { Placement, type Site } from "../../../../actors/controller/placement.ts";
import { SeededRandom } from "../../../../lib/prng.ts";

function sites(...racks: readonly (string | null)[]): Site[] {
  return racks.map((rack, index) => ({ id: index + 1, rack, active: true, load: { leaders: 0, replicas: 0 } }));
}

function place(sites: readonly Site[], partitions: number, factor: number, random: SeededRandom): number[][] {
  return new Placement(sites, random).place(partitions, factor);
}

function counts(lists: readonly (readonly number[])[]): number[] {
  const count = new Map<number, number>();
  for (const id of lists.flat()) count.set(id, (count.get(id) ?? 0) + 1);
  return [...count.values()];
}

function spread(numbers: readonly number[]): number {
  return Math.max(...numbers) - Math.min(...numbers);
}

Deno.test("one broker takes everything", () => {
  assertEquals(place(sites(null), 3, 1, new SeededRandom(1)), [[1], [1], [1]]);
});

Deno.test("the same chance places alike, another chance begins elsewhere", () => {
  const firsts = new Set<number>();
  for (let seed = 0; seed < 40; seed++) {
    const placed = place(sites(null, null, null), 5, 2, new SeededRandom(seed));
    assertEquals(placed, place(sites(null, null, null), 5, 2, new SeededRandom(seed)));
    firsts.add(placed[0]![0]!);
  }
  assertEquals(firsts.size, 3);
});

Deno.test("the order in which brokers are named does not matter", () => {
  const all = sites(null, null, null);
  assertEquals(place(all.toReversed(), 5, 2, new SeededRandom(3)), place(all, 5, 2, new SeededRandom(3)));
});

Deno.test("by seed: replicas differ, racks are used as far as they go, leaders and replicas are even", () => {
  const random = new SeededRandom("placement");
  for (let round = 0; round < 200; round++) {
    const brokers = 1 + random.below(9);
    const racks = 1 + random.below(4);
    const all = sites(...Array.from({ length: brokers }, (_, at) => racks === 1 ? null : `r${at % racks}`));
    const factor = 1 + random.below(brokers);
    const placed = place(all, 1 + random.below(30), factor, random);
    const rackOf = new Map(all.map(({ id, rack }) => [id, rack ?? `broker ${id}`]));
    for (const replicas of placed) {
      assertEquals(new Set(replicas).size, factor);
      const used = new Set(replicas.map((id) => rackOf.get(id)));
      assertEquals(used.size, Math.min(factor, new Set(rackOf.values()).size));
    }
    const leaders = placed.map(([leader]) => [leader!]);
    if (placed.length >= brokers) assert(spread(counts(leaders)) <= 1, "leaders are even");
    if (racks === 1 && placed.length >= brokers) assert(spread(counts(placed)) <= 2, "replicas are even");
  }
});

Deno.test("what a broker has already counts, and so does what was placed before", () => {
  for (let seed = 0; seed < 20; seed++) {
    const [one, two, three] = sites(null, null, null) as [Site, Site, Site];
    const loaded = [
      { ...one, load: { leaders: 2, replicas: 4 } },
      { ...two, load: { leaders: 0, replicas: 5 } },
      three,
    ];
    const placement = new Placement(loaded, new SeededRandom(seed));
    const leaders = [...placement.place(2, 1), ...placement.place(2, 1)].flat();
    assertEquals(leaders.toSorted(), [2, 2, 3, 3], "four leaders make two for each");
    const [followed] = new Placement(loaded, new SeededRandom(seed)).place(1, 2);
    assertEquals(followed!.includes(3), true, "who has the fewest replicas follows, unless it leads");
  }
});

Deno.test("who is fenced leads nothing, and follows only where nobody else is left, whatever the racks and loads", () => {
  for (let seed = 0; seed < 20; seed++) {
    const all = sites("a", "a", "b").map((site) =>
      site.id === 3 ? { ...site, active: false } : { ...site, load: { leaders: 9, replicas: 9 } }
    );
    const placement = new Placement(all, new SeededRandom(seed));
    for (const replicas of placement.place(3, 2)) assertEquals(replicas.toSorted(), [1, 2]);
    for (const replicas of placement.place(3, 3)) assertEquals(replicas.indexOf(3), 2);
  }
  const nobody = new Placement(sites(null).map((site) => ({ ...site, active: false })), new SeededRandom(0));
  assertEquals([nobody.size, nobody.led], [1, false]);
  assertThrows(() => nobody.place(1, 1));
});
