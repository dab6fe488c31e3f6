import { assertEquals } from "@std/assert";
import { SeededRandom } from "../../../../../lib/prng.ts";
import { World } from "./world.ts";

const ASSIGNORS = [["range"], ["roundrobin"], ["sticky"], ["cooperative-sticky"], ["range", "cooperative-sticky"]];

/** Whatever happens to the members of a group: no partition is used by two, and afterwards each is used by one. */
function live(seed: number): void {
  const random = new SeededRandom(seed);
  const world = new World();
  const partitionAssignors = random.pick(ASSIGNORS);
  world.topics.set("u", 3);
  const isMixed = random.chance(1, 2);
  const add = () => {
    const topics = isMixed ? random.pick([["t"], ["t", "u"], ["u"]]) : ["t"];
    const instance = random.chance(1, 3) ? `i${random.below(3)}` : null;
    const isFree = instance !== null && !world.clients.some((one) => one.isAlive && one.instance === instance);
    world.add({ partitionAssignors, groupInstanceId: isFree ? instance : null }, topics);
  };
  for (let count = 1 + random.below(4); count > 0; count--) add();
  for (let round = 0; round < 12; round++) {
    world.listenerMs = random.pick([0, 0, 100, 2_000]);
    world.advance(random.pick([40, 500, 4_000, 12_000]));
    const alive = world.clients.filter(({ isAlive }) => isAlive);
    const one = alive.length > 0 ? random.pick(alive) : undefined;
    switch (random.below(11)) {
      case 0:
        if (alive.length < 6) add();
        break;
      case 1:
        one?.end("crashed");
        break;
      case 2:
        one?.tell({ type: "leave" });
        break;
      case 3:
        if (one) one.isCut = !one.isCut;
        break;
      case 4:
        if (one) one.isPolling = !one.isPolling;
        break;
      case 5:
        one?.tell({ type: "subscribed", topics: random.pick([["t"], ["t", "u"]]), pattern: null });
        break;
      case 6:
        world.topics.set("t", world.topics.get("t")! + 1);
        world.publish();
        break;
      case 7:
        world.restartGroup(random.pick([0, 1_000]));
        break;
      case 8:
        world.stall();
        break;
      case 9:
        world.flow();
        break;
      case 10:
        if (one) one.isStill = !one.isStill;
        break;
    }
  }
  world.listenerMs = 0;
  world.flow();
  for (const client of world.clients) Object.assign(client, { isCut: false, isStill: false, isPolling: true });
  const last = world.add({ partitionAssignors }, ["t", "u"]);
  world.advance(100_000);
  const used = Object.values(world.used()).flat().sort();
  const all = [...world.topics].flatMap(([topic, count]) => Array.from({ length: count }, (_, n) => `${topic}-${n}`));
  assertEquals(used, all.sort(), `seed ${seed}: ${last.name} and others share everything`);
  assertEquals(world.stage.state, "Stable");
}

for (const partitionAssignors of [["range"], ["cooperative-sticky"]]) {
  Deno.test(`${partitionAssignors}: who stood still asks what it was given, and a coordinator that loads does not say that it holds`, () => {
    const world = new World();
    const [a, b] = [world.add({ partitionAssignors }), world.add({ partitionAssignors })];
    while (a.sent.at(-1) !== "sync") world.advance(50);
    a.isStill = true; // its sync is answered, and the answer waits in its socket
    world.advance(25_000); // it is put out, and the other has everything
    assertEquals(b.using.size, 6);
    world.restartGroup(1_000);
    a.isStill = false;
    world.advance(20_000); // nothing is used by two
    assertEquals([a.using.size, b.using.size], [3, 3]);
  });
}

Deno.test("whatever happens to members, no partition is used by two, and in the end each is by one", () => {
  for (let seed = 0; seed < 250; seed++) {
    try {
      live(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});
