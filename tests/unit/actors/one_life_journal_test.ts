import { assertEquals, assertThrows } from "@std/assert";
import type { Answer } from "../../../actors/actor.ts";
import { OneLifeJournal } from "../../../actors/one_life_journal.ts";

/** A journal whose events a test makes durable. */
class Played extends OneLifeJournal {
  readonly said: string[] = [];
  #end: number;

  constructor(committed = 0) {
    super(committed);
    this.#end = committed;
  }

  protected override write(events: readonly unknown[]): number {
    return this.#end += events.length;
  }

  protected override explain(position: number): string {
    return `${position} is lost`;
  }

  answer(position: number, answer: Answer<boolean>): void {
    this.settled(position, answer);
  }

  wait(position: number): this {
    this.whenDurable(position, (result) => this.said.push(result.ok ? `${position} ok` : result.error.message));
    return this;
  }
}

const YES: Answer<boolean> = { ok: true, value: true };

Deno.test("what is answered is durable, and all before; what it began with is from the start", () => {
  const journal = new Played(7);
  assertEquals([journal.append(["a", "b"]), journal.append(["c"])], [9, 10]);
  journal.wait(7).wait(8).wait(9).wait(10);
  assertEquals(journal.said, ["7 ok"]);
  journal.answer(9, YES);
  assertEquals(journal.said, ["7 ok", "8 ok", "9 ok"]);
  journal.answer(10, YES);
  assertEquals(journal.said.at(-1), "10 ok");
});

Deno.test("after a no, or no answer, nothing is durable that was not, whatever comes", () => {
  for (const answer of [{ ok: true, value: false }, { ok: false, failure: "timeout" }] as const) {
    const journal = new Played();
    journal.append(["a"]);
    journal.append(["b"]);
    journal.wait(1).wait(2).answer(1, answer);
    journal.answer(2, YES);
    assertEquals(journal.wait(1).said, ["1 is lost", "1 is lost", "1 is lost"]);
    assertThrows(() => journal.append(["c"]), Error, "1 is lost");
  }
});

Deno.test("one that was closed says nothing more, and takes nothing", () => {
  const journal = new Played();
  journal.append(["a"]);
  journal.wait(1).close();
  journal.answer(1, YES);
  assertEquals(journal.said, []);
  assertThrows(() => journal.append(["b"]));
});
