import { assert, assertEquals } from "@std/assert";
import { encodeRecord, type GroupRecord } from "../../../../actors/group/records.ts";
import { fits, howManyFit, sizeOf } from "../../../../actors/group/write_size.ts";
import { SeededRandom } from "../../../../lib/prng.ts";
import { encodeBatch } from "../../../../protocol/records.ts";

const EPOCH_MS = 1_700_000_000_000;

function offset(group: string, topic: string, metadata: string | null): GroupRecord {
  const value = metadata === null ? null : {
    offset: 2n ** 62n,
    leaderEpoch: 7,
    metadata,
    commitTimestamp: BigInt(EPOCH_MS),
    expireTimestamp: -1n,
  };
  return { type: "offset", group, topic, partition: 2 ** 31 - 1, value };
}

function classic(group: string, bytes: number): GroupRecord {
  const value = {
    protocolType: "consumer",
    generation: 1,
    protocol: "range",
    leader: "m",
    currentStateTimestamp: 0n,
    members: [{
      memberId: "m",
      groupInstanceId: null,
      clientId: "c",
      clientHost: "/h",
      rebalanceTimeout: 1,
      sessionTimeout: 1,
      subscription: new Uint8Array(bytes),
      assignment: new Uint8Array(0),
    }],
  };
  return { type: "classicGroup", group, value };
}

/** What the records take as one batch, as the coordinator writes it. */
function written(records: readonly GroupRecord[]): number {
  return encodeBatch(records.map((record) => ({ ...encodeRecord(record), timestamp: EPOCH_MS }))).length;
}

Deno.test("what is said to fit does, whatever the names are made of", () => {
  const random = new SeededRandom("sizes");
  const text = (length: number) => random.pick(["x", "é", "日", "\u{1F600}"]).repeat(random.below(length));
  for (let round = 0; round < 200; round++) {
    const records = Array.from(
      { length: 1 + random.below(20) },
      () =>
        random.chance(1, 5)
          ? classic(text(40), random.below(300))
          : offset(text(40), text(60), random.chance(1, 4) ? null : text(100)),
    );
    const limit = 200 + random.below(4_000);
    const count = howManyFit(records, limit);
    assert(count === 0 || written(records.slice(0, count)) <= limit, `${count} of ${records.length} in ${limit} bytes`);
    assertEquals(fits(records, limit), count === records.length);
  }
});

Deno.test("what would fit is not refused for much", () => {
  const records = Array.from({ length: 100 }, (_, at) => offset("a-group", `some-topic-${at}`, "日本語"));
  const exact = written(records);
  const estimated = records.reduce((bytes, record) => bytes + sizeOf(record), 61);
  assert(estimated >= exact && estimated - exact < 31 * records.length, `${estimated} for ${exact}`);
  assertEquals(howManyFit(records, estimated), records.length);
  assertEquals(howManyFit(records, estimated - 1), records.length - 1);
  assertEquals(howManyFit([], 0), 0);
});
