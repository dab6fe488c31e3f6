import { assert, assertEquals } from "@std/assert";
import { BrokerProcess } from "../../../server/broker_process.ts";

Deno.test("a broker process says where it serves, and ends cleanly when asked", async () => {
  const dir = await Deno.makeTempDir({ prefix: "samsa, test " }); // a comma and blanks, as folders have them
  try {
    const config = new Map([["num.partitions", "3"]]);
    const broker = BrokerProcess.start({ id: 4, port: 0, httpPort: 0, dir, rack: "r 1", config });
    const ready = await Promise.race([broker.ready, broker.ended]);
    assert(ready instanceof Map, `it ended with ${ready}`);
    assertEquals(ready.get("data"), dir);
    const [hostname, port] = ready.get("bootstrap").split(":");
    (await Deno.connect({ hostname, port: Number(port) })).close();
    assertEquals(await broker.stop(), 0);
    assertEquals(await broker.stop(), 0);
    assertEquals(await broker.ended, 0);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a broker process that cannot start ends with a code that is not 0, and is never ready", async () => {
  const config = new Map([["no.such.config", "1"]]);
  const broker = BrokerProcess.start({ id: 1, port: 0, httpPort: 0, config });
  let ready = false;
  broker.ready.then(() => ready = true);
  assertEquals([await broker.ended, ready], [1, false]);
});

Deno.test("without a folder the data is in memory", async () => {
  const broker = BrokerProcess.start({ id: 2, port: 0, httpPort: 0, config: new Map() });
  assertEquals((await broker.ready).get("data"), "memory");
  assertEquals(await broker.stop(), 0);
});
