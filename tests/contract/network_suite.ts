/**
 * What every network of a client must do, whatever carries its bytes: one suite, given a network of its kind.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Lane, type Network, NetworkError, type NodeAddress } from "../../actors/consumer/network.ts";

/** What a broker does with a request: answers it, closes the connection, or neither. */
export type Behaviour = (frame: Uint8Array, connection: number) => Uint8Array | "close" | undefined;

/** A network of some kind under test, and brokers that it reaches. */
export interface NetworkStage {
  readonly network: Network;
  /** A broker that behaves so; connections are numbered as they come. */
  serve(behaviour: Behaviour): Promise<NodeAddress> | NodeAddress;
  /** How many connections the brokers have. */
  connections(): number;
  /** Where nobody is. */
  readonly nowhere: NodeAddress;
  /** Lets time pass, as far as the network's timeouts go. */
  pass(ms: number): void;
  /** Waits until the condition holds. */
  until(condition: () => boolean): void | Promise<void>;
  /** Waits until nothing more can arrive. */
  settle(): void | Promise<void>;
  close(): void | Promise<void>;
}

/** Declares the suite's tests for one kind of network. */
export function networkSuite(name: string, open: () => NetworkStage | Promise<NetworkStage>): void {
  for (const [what, body] of Object.entries(cases)) {
    Deno.test(`${name}: ${what}`, async () => {
      const stage = await open();
      try {
        await body(stage);
      } finally {
        await stage.close();
      }
    });
  }
}

const PATIENCE_MS = 60_000;

/** A request that was sent, and what came of it. */
class Asked {
  /** The answer as a text, or why there is none. */
  outcome: string | undefined;
  settled = 0;

  constructor(
    { network }: NetworkStage,
    to: NodeAddress,
    text: string,
    { lane = "control", timeoutMs = PATIENCE_MS }: { lane?: Lane; timeoutMs?: number } = {},
  ) {
    let returned = false;
    network.request(to, lane, frameOf(text), timeoutMs, (result) => {
      this.settled++;
      if (result.ok) {
        assert(returned, "it was answered before it was sent");
        this.outcome = decoder.decode(result.value);
      } else {
        assert(result.error instanceof NetworkError, String(result.error));
        this.outcome = `${result.error.code} ${result.error.sent ? "sent" : "unsent"}`;
      }
    });
    returned = true;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A frame with its size, in two chunks as an encoder may make them. */
function frameOf(text: string): Uint8Array[] {
  const body = encoder.encode(text);
  const size = new Uint8Array(4);
  new DataView(size.buffer).setInt32(0, body.length);
  return [size, body];
}

/** Answers with what was asked, and which connection it came over. */
const echo: Behaviour = (frame, connection) => encoder.encode(`${decoder.decode(frame)} over ${connection}`);

/** Answers, but for what begins with "never" or "close". */
const moody: Behaviour = (frame, connection) => {
  const text = decoder.decode(frame);
  if (text.startsWith("close")) return "close";
  return text.startsWith("never") ? undefined : echo(frame, connection);
};

const cases: Readonly<Record<string, (stage: NetworkStage) => Promise<void>>> = {
  "every request gets its own answer, in order, over one connection": async (stage) => {
    const to = await stage.serve(echo);
    const asked = Array.from({ length: 200 }, (_, at) => new Asked(stage, to, `${at}`));
    await stage.until(() => asked.every(({ outcome }) => outcome !== undefined));
    assertEquals(asked.map(({ outcome }) => outcome), asked.map((_, at) => `${at} over 1`));
  },

  "large frames come whole, both ways": async (stage) => {
    const to = await stage.serve((frame) => frame);
    const text = "x".repeat(3 << 20);
    const asked = new Asked(stage, to, text);
    await stage.until(() => asked.outcome !== undefined);
    assert(asked.outcome === text);
  },

  "a lane that waits holds up no other": async (stage) => {
    const to = await stage.serve(moody);
    const waits = new Asked(stage, to, "never", { lane: "fetch" });
    const control = new Asked(stage, to, "a", { lane: "control" });
    const coordinator = new Asked(stage, to, "b", { lane: "coordinator" });
    await stage.until(() => control.outcome !== undefined && coordinator.outcome !== undefined);
    assertEquals(waits.outcome, undefined);
    assertEquals(new Set([control.outcome?.at(-1), coordinator.outcome?.at(-1)]).size, 2);
  },

  "where nobody is, nothing was sent": async (stage) => {
    const asked = new Asked(stage, stage.nowhere, "a");
    await stage.until(() => asked.outcome !== undefined);
    assertEquals(asked.outcome, "refused unsent");
  },

  "after a timeout the connection is given up: others on it are told, and the next goes over another one": async (
    stage,
  ) => {
    const to = await stage.serve(moody);
    const before = new Asked(stage, to, "a");
    await stage.until(() => before.outcome !== undefined);
    const late = new Asked(stage, to, "never", { timeoutMs: 50 });
    const behind = new Asked(stage, to, "never", { timeoutMs: 500 });
    const other = new Asked(stage, to, "never", { lane: "fetch" });
    await stage.settle();
    stage.pass(50);
    await stage.until(() => late.outcome !== undefined);
    assertEquals([late, behind, other].map(({ outcome }) => outcome), ["timeout sent", "closed sent", undefined]);
    const next = new Asked(stage, to, "c");
    await stage.until(() => next.outcome !== undefined);
    assert(next.outcome !== "c over 1" && next.outcome!.startsWith("c over "));
  },

  "a broker that closes: all that wait are told once, and the next goes over another connection": async (stage) => {
    const to = await stage.serve(moody);
    const asked = ["never 1", "never 2", "close"].map((text) => new Asked(stage, to, text));
    await stage.until(() => asked.every(({ outcome }) => outcome !== undefined));
    assertEquals(asked.map(({ outcome }) => outcome), Array(3).fill("closed sent"));
    const next = new Asked(stage, to, "a");
    await stage.until(() => next.outcome !== undefined);
    assertEquals(next.outcome, "a over 2");
    stage.pass(2 * PATIENCE_MS);
    await stage.settle();
    assertEquals(asked.map(({ settled }) => settled), [1, 1, 1]);
  },

  "disconnecting gives up every lane to that address, and no other": async (stage) => {
    const [one, two] = [await stage.serve(moody), await stage.serve(moody)];
    const gone = (["control", "fetch"] as const).map((lane) => new Asked(stage, one, "never", { lane }));
    const stays = new Asked(stage, two, "never");
    await stage.settle();
    stage.network.disconnect(one);
    await stage.until(() => gone.every(({ outcome }) => outcome?.startsWith("closed")));
    await stage.until(() => stage.connections() === 1);
    assertEquals(stays.outcome, undefined);
  },

  "disconnecting a lane gives up no other": async (stage) => {
    const to = await stage.serve(moody);
    const gone = new Asked(stage, to, "never", { lane: "coordinator" });
    const stays = new Asked(stage, to, "never", { lane: "control" });
    await stage.settle();
    stage.network.disconnect(to, "coordinator");
    await stage.until(() => gone.outcome !== undefined);
    await stage.until(() => stage.connections() === 1);
    assertEquals([gone.outcome?.startsWith("closed"), stays.outcome], [true, undefined]);
  },

  "a network that is closed has told everybody, and takes nothing more": async (stage) => {
    const to = await stage.serve(moody);
    const waiting = new Asked(stage, to, "never");
    await stage.settle();
    stage.network.close();
    const late = new Asked(stage, to, "a");
    await stage.until(() => waiting.outcome !== undefined && late.outcome !== undefined);
    assert(waiting.outcome!.startsWith("closed"));
    await stage.until(() => stage.connections() === 0);
    assertEquals(late.outcome, "closed unsent");
  },
};
