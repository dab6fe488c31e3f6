import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { configOfSize, type Voter, voterCount, votersProblem } from "../../../server/voters.ts";
import { votersUnder } from "../../../server/voters_file.ts";

function voters(...ids: number[]): Voter[] {
  return ids.map((id) => ({ id, host: "h", port: 100 + id }));
}

Deno.test("one, three or five voters with ids and addresses of their own are fine", () => {
  for (const list of [voters(7), voters(1, 2, 3), voters(5, 4, 3, 2, 1)]) assertEquals(votersProblem(list), undefined);
});

Deno.test("what is wrong with a list of voters is said", () => {
  assertMatch(votersProblem(voters(1, 2))!, /There are 2 voters: 1, 3 or 5 can vote/);
  assertMatch(votersProblem(voters(1, 2, 3, 4))!, /There are 4 voters/);
  assertMatch(votersProblem(voters(1, 2, 3, 4, 5, 6, 7))!, /There are 7 voters/);
  assertMatch(votersProblem([])!, /There are 0 voters/);
  assertMatch(votersProblem(voters(1, 2, 1))!, /voter 1 is named twice/);
  assertMatch(votersProblem([...voters(1, 2), { id: 3, host: "h", port: 101 }])!, /Two voters are said to be at h:101/);
});

Deno.test("the first one, three or five brokers of a new cluster vote", () => {
  assertEquals([1, 2, 3, 4, 5, 6, 100].map(voterCount), [1, 1, 3, 3, 5, 5, 5]);
});

Deno.test("where fewer vote than groups are to have replicas, it is said how many that is", () => {
  const factor = (brokers: number, voters: number) => configOfSize(brokers, voters)["offsets.topic.replication.factor"];
  assertEquals([factor(1, 1), factor(2, 1), factor(3, 1), factor(9, 1)], [undefined, "2", "3", "3"]);
  assertEquals([factor(3, 3), factor(4, 3), factor(5, 5)], [undefined, undefined, undefined]);
});

Deno.test("who votes is written down once, and stays so whatever number of brokers is started later", async () => {
  const dir = await Deno.makeTempDir({ prefix: "samsa_voters_" });
  try {
    assertEquals(votersUnder(`${dir}/new/deep`, 4), [1, 2, 3]);
    assertEquals(votersUnder(`${dir}/new/deep`, 9), [1, 2, 3]);
    assertEquals(votersUnder(`${dir}/new/deep`, 3), [1, 2, 3]);
    assertThrows(() => votersUnder(`${dir}/new/deep`, 2), Error, "start at least 3 brokers");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a folder of one broker stays one in which that broker votes alone", async () => {
  const dir = await Deno.makeTempDir({ prefix: "samsa_voters_" });
  try {
    await Deno.mkdir(`${dir}/1`);
    await Deno.writeTextFile(`${dir}/1/meta.properties`, "version=1\n");
    assertEquals(votersUnder(dir, 3), [1]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a list of voters that cannot be understood, and a folder that is none, are said", async () => {
  const dir = await Deno.makeTempDir({ prefix: "samsa_voters_" });
  try {
    for (const text of ["", "voters=", "voters=1,b", "voters=0", "voter=1"]) {
      await Deno.writeTextFile(`${dir}/cluster.properties`, text);
      assertThrows(() => votersUnder(dir, 3), Error, "cannot be understood");
    }
    await Deno.writeTextFile(`${dir}/file`, "");
    assertThrows(() => votersUnder(`${dir}/file`, 3), Error, "cannot be used");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
