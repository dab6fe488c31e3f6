import { assertEquals } from "@std/assert";
import type { ClusterStatus } from "../../../../console/source.ts";
import { Block, controllerOf, statusBlock } from "../../../../scripts/cluster/status.ts";

const CLUSTER: ClusterStatus = {
  clusterId: "c",
  brokerId: 1,
  controllerId: 2,
  controllerEpoch: 7,
  quorum: null,
  metadataOffset: 7,
  brokers: [1, 2, 3].map((id) => ({ id, host: "h", port: id, rack: null, fenced: id === 3, epoch: 1 })),
  topics: 2,
  partitions: 9,
  offlinePartitions: 1,
  underReplicatedPartitions: 4,
  underMinIsrPartitions: 0,
  connections: 0,
  uptimeMs: 1,
};

const READY = new Map([["bootstrap", "127.0.0.1:9092"], ["http", "http://127.0.0.1:8092"]]);

Deno.test("the block says who controls, who is up, and what lacks replicas", () => {
  const processes = [
    { id: 1, ready: undefined, code: undefined, isAgain: false },
    { id: 2, ready: READY, code: undefined, isAgain: false },
    { id: 3, ready: READY, code: undefined, isAgain: false },
    { id: 4, ready: READY, code: 137, isAgain: false },
    { id: 5, ready: READY, code: 1, isAgain: true },
  ];
  assertEquals(statusBlock(processes, CLUSTER), [
    "",
    "controller 2, epoch 7   2 of 5 brokers up   2 topics, 9 partitions   4 under-replicated, 1 offline",
    "   1  starting",
    "   2  127.0.0.1:9092   up, controller http://127.0.0.1:8092",
    "   3  127.0.0.1:9092   fenced         http://127.0.0.1:8092",
    "   4  ended with exit code 137",
    "   5  ended with exit code 1, started again by somebody",
  ]);
});

Deno.test("before anybody answers, and without consoles, the block says what the processes say", () => {
  const ready = new Map([["bootstrap", "127.0.0.1:9092"], ["http", "off"]]);
  assertEquals(statusBlock([{ id: 1, ready, code: undefined, isAgain: false }], undefined), [
    "",
    "1 of 1 brokers up",
    "   1  127.0.0.1:9092   up",
  ]);
  assertEquals(controllerOf({ ...CLUSTER, controllerId: -1 }), "no controller");
});

/** A terminal as far as the block uses it: lines, a cursor that goes up, and erasing from there on. */
class Terminal {
  lines: string[] = [""];

  write(text: string): void {
    // deno-lint-ignore no-control-regex -- the escapes of a terminal
    for (const [part, up] of text.matchAll(/\x1b\[(\d+)A\x1b\[J|\n|[^\x1b\n]+/g)) {
      if (up !== undefined) this.lines = [...this.lines.slice(0, this.lines.length - 1 - Number(up)), ""];
      else if (part === "\n") this.lines.push("");
      else this.lines[this.lines.length - 1] += part;
    }
  }
}

Deno.test("a block is drawn over itself, and lines pass above it", () => {
  const terminal = new Terminal();
  const block = new Block((text) => terminal.write(text), () => 80);
  block.print("first");
  block.draw(["a", "b"]);
  assertEquals(terminal.lines, ["first", "a", "b", ""]);
  block.draw(["c"]);
  assertEquals(terminal.lines, ["first", "c", ""]);
  block.print("second");
  assertEquals(terminal.lines, ["first", "second", "c", ""]);
});

Deno.test("a block that has not changed is not drawn, and no line of it wraps", () => {
  const writes: string[] = [];
  const block = new Block((text) => writes.push(text), () => 5);
  block.draw(["123456"]);
  block.draw(["123456"]);
  assertEquals(writes, ["1234\n"]);
});
