import { assertEquals } from "@std/assert";
import { CONTROLLER, type ControllerArgs } from "../../../../actors/controller/protocol.ts";
import { begin, entry, fetchOf, lead, type Node } from "./harness.ts";

const REF = "1/controller/controller";

/** What was done with controllers since the record was last taken. */
function done({ p }: Node): unknown[] {
  return p.take().flatMap((done): unknown[] => {
    if (done.type === "spawn") return [["spawn", done.kind, done.name]];
    return done.type === "stop" ? [["stop", done.ref]] : [];
  });
}

/** A leader with a controller, and everything committed. */
function leader(): { node: Node; epoch: number } {
  const node = begin();
  const epoch = lead(node);
  node.p.ask("fetch", fetchOf({ epoch, endOffset: 2 }));
  return { node, epoch };
}

const SPAWN = ["spawn", CONTROLLER.kind, "controller"];

Deno.test("the controller is spawned when everything is committed, with an image of all of it", () => {
  const node = begin({ state: { epoch: 2 }, log: [1, 2] });
  const epoch = lead(node);
  assertEquals(done(node), []);
  node.p.ask("fetch", fetchOf({ epoch, endOffset: 2, lastEpoch: 2 }));
  assertEquals(done(node), [], "a majority has all but the record of this epoch");
  node.p.ask("fetch", fetchOf({ epoch, endOffset: 3 }));
  const spawned = node.p.take().find(({ type }) => type === "spawn") as { args: ControllerArgs };
  assertEquals([spawned.args.epoch, spawned.args.image.offset], [epoch, 3]);
  assertEquals(spawned.args.image, node.p.state.image);
});

Deno.test("it is stopped when leadership is lost, and another comes only when it has ended", () => {
  const { node, epoch } = leader();
  assertEquals(done(node), [SPAWN]);
  node.p.tell("beginEpoch", { leaderId: 2, epoch: epoch + 1 });
  assertEquals(done(node), [["stop", REF]]);
  node.p.terminate("2/quorum/quorum");
  const again = lead(node);
  node.p.ask("fetch", fetchOf({ epoch: again, endOffset: 3 }));
  assertEquals(done(node), []);
  assertEquals(node.p.ask("append", { epoch: again, baseOffset: 3, records: [entry("late")] }).reply, false);
  node.p.terminate(REF);
  assertEquals(done(node), [SPAWN]);
});

Deno.test("after a crash the next one is spawned once everything is committed that was appended", () => {
  const { node, epoch } = leader();
  node.p.ask("append", { epoch, baseOffset: 2, records: [entry("a")] });
  done(node);
  node.p.terminate(REF);
  assertEquals(done(node), []);
  assertEquals(node.p.ask("append", { epoch, baseOffset: 3, records: [entry("late")] }).reply, false);
  node.p.ask("fetch", fetchOf({ epoch, endOffset: 3 }));
  const spawned = node.p.take().find(({ type }) => type === "spawn") as { args: ControllerArgs };
  assertEquals(spawned.args.image.offset, 3);
});

Deno.test("one that crashes again and again is spawned ever later, and then another node has to try", () => {
  const { node } = leader();
  const waits: number[] = [];
  for (let crash = 1; crash <= 4; crash++) {
    node.p.terminate(REF);
    done(node);
    let waitedMs = 0;
    while (node.p.state.controller === undefined) {
      node.p.advance(10);
      node.p.ask("fetch", fetchOf({ epoch: node.p.state.epoch, endOffset: node.p.state.log.endOffset }));
      waitedMs += 10;
    }
    waits.push(waitedMs);
  }
  assertEquals(waits, [0, 50, 100, 200]);
  node.p.take();
  node.p.terminate(REF);
  assertEquals(node.p.state.role.type, "unattached");
  assertEquals(node.p.asks.filter(({ verb }) => verb === "endEpoch").map(({ to }) => to), [
    "2/quorum/quorum",
    "3/quorum/quorum",
  ]);
});

Deno.test("alone, it has to go on trying", () => {
  const node = begin({ voters: [1], state: null });
  for (let crash = 1; crash <= 8; crash++) {
    node.p.terminate(REF);
    node.p.advance(5_000);
  }
  assertEquals([node.p.state.role.type, node.p.state.controller?.stopping], ["leader", false]);
});
