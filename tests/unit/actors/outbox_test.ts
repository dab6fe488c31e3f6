import { assertEquals, assertThrows } from "@std/assert";
import { refOf } from "../../../actors/address.ts";
import { type OutboxHost, RecordingOutbox } from "../../../actors/outbox.ts";

const CHILD = { kind: "child" };

/** An outbox, and what is looked at in its array of effects. */
function watched(): { readonly out: RecordingOutbox; readonly looks: { count: number } } {
  const host = { childRef: (kind: string, name: string) => refOf(1, kind, name) } as Partial<OutboxHost> as OutboxHost;
  const looks = { count: 0 };
  const out = new RecordingOutbox("1/parent/p", host, false);
  const effects = new Proxy(out.effects, {
    get(target, key) {
      if (typeof key === "string" && /^\d+$/.test(key)) looks.count++;
      return Reflect.get(target, key);
    },
  });
  Object.defineProperty(out, "effects", { value: effects });
  return { out, looks };
}

Deno.test("a child is spawned once in a turn, and its name is not remembered beyond that", () => {
  const { out } = watched();
  out.open(null);
  assertEquals(out.spawn(CHILD, "a", undefined), "1/child/a");
  out.spawn(CHILD, "b", undefined);
  assertThrows(() => out.spawn(CHILD, "a", undefined), Error, "1/child/a was spawned twice in one turn");
  out.clear(); // it is for the host to know who is there
  out.open(null);
  assertEquals(out.spawn(CHILD, "a", undefined), "1/child/a");
});

Deno.test("to spawn a child does not depend on how much the turn does beside it", () => {
  const { out, looks } = watched();
  out.open(null);
  for (let at = 0; at < 100; at++) {
    const ref = out.spawn(CHILD, `${at}`, undefined);
    out.watch(ref);
  }
  assertEquals([out.length, looks.count], [200, 0]);
});
