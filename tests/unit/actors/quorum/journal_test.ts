import { assertEquals, assertThrows } from "@std/assert";
import type { Answer, Message } from "../../../../actors/actor.ts";
import type { QuorumProtocol } from "../../../../actors/quorum/protocol.ts";
import { QuorumJournal } from "../../../../actors/quorum/journal.ts";
import type { Result } from "../../../../lib/env.ts";
import { entry } from "./harness.ts";

/** A journal that begins at 10, what it asked for, and how to answer. */
function journal() {
  const requests: Message<QuorumProtocol, "append">[] = [];
  const settles: ((answer: Answer<boolean>) => void)[] = [];
  const append = (request: Message<QuorumProtocol, "append">, settle: (answer: Answer<boolean>) => void) => {
    requests.push(request);
    settles.push(settle);
  };
  return { journal: new QuorumJournal({ epoch: 3, baseOffset: 10, append }), requests, settles };
}

const COMMITTED = { ok: true, value: true } as const;

Deno.test("one turn is one batch, at the end of those before it", () => {
  const { journal: j, requests } = journal();
  j.recover();
  assertEquals(j.append([[entry("a"), entry("b")], [entry("c")]]), 13);
  assertEquals(j.append([[entry("d")]]), 14);
  assertEquals(requests, [
    { epoch: 3, baseOffset: 10, records: [entry("a"), entry("b"), entry("c")] },
    { epoch: 3, baseOffset: 13, records: [entry("d")] },
  ]);
});

Deno.test("durable is what is committed", () => {
  const { journal: j, settles } = journal();
  const heard: [number, boolean][] = [];
  const wait = (position: number) => j.whenDurable(position, ({ ok }: Result<void>) => heard.push([position, ok]));
  wait(10);
  wait(j.append([[entry("a")]]));
  wait(j.append([[entry("b")]]));
  assertEquals(heard, [[10, true]]);
  settles[0]!(COMMITTED);
  assertEquals(heard, [[10, true], [11, true]]);
  settles[1]!(COMMITTED);
  wait(12);
  assertEquals(heard, [[10, true], [11, true], [12, true], [12, true]]);
});

for (
  const [what, answer] of [
    ["refused", { ok: true, value: false }],
    ["of which nobody knows", { ok: false, failure: "crashed" }],
  ] as const
) {
  Deno.test(`after an append that was ${what} nothing is durable any more`, () => {
    const { journal: j, settles } = journal();
    const heard: boolean[] = [];
    for (let at = 0; at < 2; at++) j.whenDurable(j.append([[entry("a")]]), ({ ok }) => heard.push(ok));
    settles[0]!(answer);
    settles[1]!(COMMITTED);
    assertEquals(heard, [false, false]);
    j.whenDurable(10, ({ ok }) => heard.push(ok));
    assertEquals(heard, [false, false, false]);
    assertThrows(() => j.append([[entry("b")]]), Error, "may not be committed");
  });
}

Deno.test("a turn that decides nothing is durable when all before it is", () => {
  const { journal: j, requests, settles } = journal();
  const end = j.append([[entry("a")]]);
  assertEquals([j.append([[]]), requests.length], [end, 1]);
  let durable = false;
  j.whenDurable(end, () => durable = true);
  assertEquals(durable, false);
  settles[0]!(COMMITTED);
  assertEquals(durable, true);
});

Deno.test("a closed journal says nothing more", () => {
  const { journal: j, settles } = journal();
  let heard = false;
  j.whenDurable(j.append([[entry("a")]]), () => heard = true);
  j.close();
  settles[0]!(COMMITTED);
  assertEquals(heard, false);
});
