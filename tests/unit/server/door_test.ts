import { assertEquals, assertThrows } from "@std/assert";
import type { BrokerOptions } from "../../../server/broker_options.ts";
import { type Door, openDoor } from "../../../server/door.ts";
import { realEnv } from "../../../server/env.ts";
import { nodePortOf } from "../../../server/voters.ts";
import { freePorts } from "../../helpers/ports.ts";

function open(options: BrokerOptions): Door {
  return openDoor(options, { env: realEnv(), incarnationId: crypto.randomUUID(), clusterId: () => "" });
}

function isBound(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return false;
  } catch {
    return true;
  }
}

function voters(...ports: readonly number[]) {
  return ports.map((port, index) => ({ id: index + 1, host: "127.0.0.1", port }));
}

Deno.test("a broker that is alone has no door", async () => {
  const door = open({ id: 7, port: 9092 });
  assertEquals([door.endpoint, door.transport.node], [{ host: "127.0.0.1", port: 0 }, 7]);
  await door.close();
});

Deno.test("a voter's door is where the voters say that it is, any other's above its Kafka port, or where it was told", async () => {
  const [own, other, third, given] = freePorts(4);
  const list = voters(own!, other!, third!);
  for (
    const [options, port] of [
      [{ id: 1, port: 9092, voters: list }, own],
      [{ id: 9, port: given! - 10_000, voters: list }, given],
      [{ id: 9, port: 0, nodePort: given!, voters: list }, given],
      [{ id: 9, port: 0, nodePort: given! }, given],
    ] as const
  ) {
    const door = open(options);
    assertEquals(door.endpoint, { host: "127.0.0.1", port: port! });
    assertEquals(isBound(port!), true);
    await door.close();
    assertEquals(isBound(port!), false);
  }
});

Deno.test("a voter behind another port than its own is known under the one that the others know", async () => {
  const [own, other, third, given] = freePorts(4);
  const door = open({ id: 2, nodePort: given!, voters: voters(other!, own!, third!) });
  assertEquals([door.endpoint.port, isBound(given!), isBound(own!)], [own, true, false]);
  await door.close();
});

Deno.test("who listens everywhere is reached where it is advertised", async () => {
  const [port] = freePorts(1);
  const door = open({ host: "0.0.0.0", nodePort: port!, advertised: { host: "kafka.example", port: 9092 } });
  assertEquals(door.endpoint, { host: "kafka.example", port: port! });
  await door.close();
});

Deno.test("a port that cannot be had is said", () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  assertThrows(() => open({ nodePort: port }), Error, `Port ${port} on 127.0.0.1 is in use`);
  listener.close();
  assertThrows(() => nodePortOf(55_536), Error, "no port 10000 above the Kafka port 55536");
  assertEquals([nodePortOf(0), nodePortOf(1), nodePortOf(55_535)], [0, 10_001, 65_535]);
});
