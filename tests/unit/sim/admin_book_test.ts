import { assertEquals, assertStringIncludes } from "@std/assert";
import { emptyImage, type MetadataImage, type MetadataRecord, replay } from "../../../actors/controller/protocol.ts";
import { AdminBook, type SeenBroker } from "../../sim/admin_book.ts";
import { minIsrIn, topicIn } from "../../sim/admin_calls.ts";
import type { AdminRequest } from "../../sim/admin_requests.ts";

const CREATE = { f: "create", topic: "a", partitions: 1, replicationFactor: 2, configs: [] } as const;
const DELETE = { f: "delete", topic: "a" } as const;
const GROW = { f: "grow", topic: "a", count: 2 } as const;
const SET = { f: "configure", topic: "a", name: "min.insync.replicas", value: "2" } as const;
const MOVE = { f: "move", topic: "a", partition: 0, replicas: [2, 3] } as const;
const ELECT = { f: "elect", of: { topic: "a", partition: 0 }, isUnclean: false } as const;

function topic(topicId = "id-1"): MetadataRecord[] {
  return [{ type: "Topic", name: "a", topicId }, partition(0, topicId)];
}

function partition(partition: number, topicId = "id-1"): MetadataRecord {
  const nothing = { adding: [], removing: [], elr: [], lastKnownElr: [] };
  const epochs = { leaderEpoch: 0, partitionEpoch: 0 };
  return { type: "Partition", topicId, partition, replicas: [1, 2], isr: [1, 2], leader: 1, ...epochs, ...nothing };
}

function minIsr(value: string): MetadataRecord {
  return { type: "Config", resourceType: "topic", resourceName: "a", name: "min.insync.replicas", value };
}

/** What a reassignment to 2 and 3 begins with. */
const MOVING: MetadataRecord = {
  type: "PartitionChange",
  topicId: "id-1",
  partition: 0,
  replicas: [2, 3, 1],
  adding: [3],
  removing: [1],
};

/** A cluster of two brokers: what it has committed, who has applied it, and an administrator's book. */
class World {
  readonly images: MetadataImage[] = [emptyImage()];
  readonly problems: string[] = [];
  readonly applied = new Map<number, { offset: number; life: object }>();
  isBehind = false;
  readonly book: AdminBook;

  constructor(mayComeTwice = false) {
    this.book = new AdminBook({
      images: () => this.images,
      isBehind: () => this.isBehind,
      brokers: () => [...this.applied].map(([id, seen]): SeenBroker => ({ id, ...seen })),
      mayComeTwice,
      tell: (sentence) => this.problems.push(sentence),
    });
    for (const brokerId of [1, 2]) {
      this.applied.set(brokerId, { offset: 0, life: {} });
      const endpoint = { host: `h${brokerId}`, port: 1 };
      const rest = { endpoint, nodeEndpoint: endpoint, directoryId: `d${brokerId}`, rack: null };
      this.commit(
        { type: "RegisterBroker", brokerId, incarnationId: `i${brokerId}`, brokerEpoch: brokerId, ...rest },
        { type: "UnfenceBroker", brokerId, brokerEpoch: brokerId },
      );
    }
  }

  get image(): MetadataImage {
    return this.images.at(-1)!;
  }

  /** A batch is committed, and applied by those brokers. */
  commit(...records: MetadataRecord[]): this {
    this.images.push(replay(this.image, records));
    return this.apply(1, 2);
  }

  apply(...ids: number[]): this {
    for (const id of ids) {
      const seen = this.applied.get(id);
      if (seen !== undefined) seen.offset = this.image.offset;
    }
    return this;
  }

  /** As `commit`, but this broker has not applied it yet. */
  commitBut(id: number, ...records: MetadataRecord[]): this {
    const { offset } = this.image;
    this.commit(...records);
    this.applied.get(id)!.offset = offset;
    return this;
  }

  /** Asks, lets something be committed, and is answered. */
  does(request: AdminRequest, records: readonly MetadataRecord[], error: string, topicId = "id-1"): this {
    const asked = this.book.begin(request);
    if (records.length > 0) this.commit(...records);
    this.book.end(asked, { error: error as "NONE", topicId });
    return this;
  }

  /** Asks, and never hears of it. */
  asks(request: AdminRequest): this {
    this.book.begin(request);
    return this;
  }

  look(): string {
    this.book.close();
    return this.problems.join("\n");
  }
}

function created(mayComeTwice = false): World {
  return new World(mayComeTwice).does(CREATE, topic(), "NONE");
}

const REMOVE: MetadataRecord = { type: "RemoveTopic", topicId: "id-1" };

Deno.test("what is answered is committed: then nothing is said", () => {
  const world = created().does(GROW, [partition(1)], "NONE").does(SET, [minIsr("2")], "NONE");
  world.does(ELECT, [], "ELECTION_NOT_NEEDED").does(MOVE, [MOVING], "NONE").does(CREATE, [], "TOPIC_ALREADY_EXISTS");
  world.does(GROW, [], "INVALID_PARTITIONS").does(SET, [], "NONE").does(MOVE, [], "NONE");
  assertEquals(world.look(), "");
  world.does(DELETE, [REMOVE], "NONE").does(DELETE, [], "UNKNOWN_TOPIC_OR_PARTITION");
  assertEquals(world.does(CREATE, topic("id-2"), "NONE", "id-2").look(), "");
});

Deno.test("an answer comes before anything of it is committed", () => {
  const lies = (world: World, request: AdminRequest, error: string, topicId?: string) =>
    assertStringIncludes(world.does(request, [], error, topicId).look(), `was answered ${error}, and no metadata`);
  lies(new World(), CREATE, "NONE");
  lies(new World(), CREATE, "TOPIC_ALREADY_EXISTS");
  lies(created(), CREATE, "NONE", "another id");
  lies(created(), DELETE, "NONE");
  lies(created(), DELETE, "NONE", "an id that never was");
  lies(created(), GROW, "NONE");
  lies(created(), GROW, "INVALID_PARTITIONS");
  lies(created(), SET, "NONE");
  lies(created(), MOVE, "NONE");
  lies(
    new World().does(CREATE, [...topic(), MOVING], "NONE"),
    { ...MOVE, replicas: null },
    "NO_REASSIGNMENT_IN_PROGRESS",
  );
  const leads2 = { type: "PartitionChange", topicId: "id-1", partition: 0, leader: 2 } as const;
  lies(created().commit(leads2), ELECT, "NONE");
  lies(new World().does(CREATE, [...topic(), leads2], "NONE"), ELECT, "ELECTION_NOT_NEEDED");
});

Deno.test("a controller that does not know yet of its successor may refuse by what was so before, and by nothing else", () => {
  const gone = () => created().does(DELETE, [REMOVE], "NONE");
  assertEquals(gone().does(CREATE, [], "TOPIC_ALREADY_EXISTS").look(), "");
  assertStringIncludes(gone().does(CREATE, [], "NONE").look(), "was answered NONE, and no metadata");
  assertStringIncludes(gone().does(GROW, [], "INVALID_PARTITIONS").look(), "was answered INVALID_PARTITIONS");
});

Deno.test("an answer counts for what was so while it was asked, and not before or after", () => {
  const before = created().does(SET, [minIsr("2")], "NONE").does({ ...SET, value: "1" }, [minIsr("1")], "NONE");
  assertStringIncludes(before.does(SET, [], "NONE").look(), "was answered NONE");
  const during = created();
  const asked = during.book.begin(SET);
  during.commit(minIsr("2"));
  during.does({ ...SET, value: "1" }, [minIsr("1")], "NONE");
  during.book.end(asked, { error: "NONE" });
  assertEquals(during.look(), "");
  const after = created().does(SET, [], "NONE").commit(minIsr("2"));
  assertStringIncludes(after.look(), "was answered NONE");
});

Deno.test("what was answered is taken back by nobody", () => {
  const undone = (world: World, sentence: string) => assertStringIncludes(world.look(), sentence);
  undone(created().commit(REMOVE), `"delete a" is committed`);
  undone(
    created().does(SET, [minIsr("2")], "NONE").commit(minIsr("1")),
    `"set min.insync.replicas=1 of a" is committed`,
  );
  undone(created().commit(partition(1)), `"give a 2 partitions" is committed`);
  undone(created().commit(MOVING), `"move a-0 to 2,3" is committed`);
  undone(created().does(DELETE, [REMOVE], "NONE").commit(...topic("id-2")), `"create a with 1 partitions of 2"`);
  const another = new World().does({ ...CREATE, partitions: 2 }, topic(), "NONE");
  undone(another, `"create a with 1 partitions of 2" is committed`);
});

Deno.test("whoever has no answer, or one that says nothing, may have it done at any later time", () => {
  assertEquals(created().asks(DELETE).commit(REMOVE).commit(...topic("id-2")).problems, []);
  const late = created().does(DELETE, [], "REQUEST_TIMED_OUT").does(SET, [minIsr("2")], "NONE");
  assertEquals(late.commit(REMOVE).look(), "");
  assertEquals(created().asks({ ...SET, value: "1" }).does(SET, [minIsr("2")], "NONE").commit(minIsr("1")).look(), "");
  const moved = created().asks(MOVE).commit(MOVING).asks({ ...MOVE, replicas: null });
  const back = { type: "PartitionChange", topicId: "id-1", partition: 0 } as const;
  assertEquals(moved.commit({ ...back, replicas: [2, 1], adding: [], removing: [] }).look(), "");
});

Deno.test("whoever was refused, or never asked, does nothing later", () => {
  const refused = created().does({ ...GROW, count: 3 }, [], "INVALID_REPLICATION_FACTOR");
  assertStringIncludes(refused.commit(partition(1), partition(2)).look(), `"give a 3 partitions" is committed`);
  const world = created();
  world.book.withdraw(world.book.begin(DELETE));
  assertStringIncludes(world.commit(REMOVE).look(), `"delete a" is committed`);
});

Deno.test("what the network repeats may be done again", () => {
  const again = (mayComeTwice: boolean) =>
    created(mayComeTwice).does(DELETE, [REMOVE], "NONE").commit(...topic("id-2")).look();
  assertStringIncludes(again(false), "nobody who could have it asked for it");
  assertEquals(again(true), "");
});

Deno.test("while more is committed than can be seen, no answer is judged, and every request stays open", () => {
  const world = created();
  world.isBehind = true;
  world.does(DELETE, [], "NONE");
  world.isBehind = false;
  assertEquals(world.commit(REMOVE).look(), "");
});

Deno.test("what is answered is known to every broker that is let in", () => {
  const answered = (prepare: (world: World) => void) => {
    const world = new World();
    const asked = world.book.begin(CREATE);
    world.commitBut(2, ...topic());
    prepare(world);
    world.book.end(asked, { error: "NONE", topicId: "id-1" });
    return world.look();
  };
  assertStringIncludes(answered(() => {}), "was answered NONE, and broker 2, which is let in, has applied 4 of 6");
  assertEquals(answered((world) => world.apply(2)), "");
  // Who was put out meanwhile, or began anew, is not waited for.
  assertEquals(answered((world) => world.commitBut(2, { type: "FenceBroker", brokerId: 2, brokerEpoch: 2 })), "");
  assertEquals(answered((world) => world.applied.set(2, { offset: 0, life: {} })), "");
  assertEquals(answered((world) => world.applied.delete(2)), "");
});

Deno.test("a broker shows what it has applied, and nothing older", () => {
  const shows = (found: (world: World, old: MetadataImage) => string, prepare = (_: World) => {}) => {
    const world = created();
    const old = world.image;
    world.does(SET, [minIsr("2")], "NONE");
    const reading = world.book.look(1)!;
    world.does(GROW, [partition(1)], "NONE");
    prepare(world);
    const isConfig = found(world, old).includes("=");
    world.book.shown(reading, found(world, old), (image) => isConfig ? minIsrIn(image, "a") : topicIn(image, "a"));
    return world.look();
  };
  assertEquals(shows(({ image }) => topicIn(image, "a")), "");
  assertEquals(shows((_, old) => topicIn(old, "a")), "");
  assertEquals(shows(({ image }) => minIsrIn(image, "a")), "");
  assertStringIncludes(shows((_, old) => minIsrIn(old, "a")), "shows a has min.insync.replicas=undefined, and not");
  assertStringIncludes(shows(() => "no topic a"), "shows no topic a, and not a (id-1) 0: 1,2 isr 1,2 epoch 0");
  const restarted = (world: World) => void world.applied.set(1, { offset: 0, life: {} });
  assertEquals(shows((_, old) => minIsrIn(old, "a"), restarted), "");
  assertEquals(created().book.look(7), undefined);
});

Deno.test("a producer id is given out whose block is not committed", () => {
  const world = new World().commit({ type: "ProducerIds", brokerId: 1, nextProducerId: 1_000n });
  world.book.producerId(999n);
  assertEquals(world.look(), "");
  world.book.producerId(1_000n);
  assertEquals(world.look(), "the producer id 1000 was given out, and only those below 1000 are committed");
});
