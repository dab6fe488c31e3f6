import { assertEquals, assertThrows } from "@std/assert";
import { connect } from "../../../server/connect.ts";

Deno.test("addresses are host:port, with commas between them; nothing is sent before something is wanted", async () => {
  for (const bootstrap of ["localhost:9092", "a:1, b:65535", "[::1]:9092"]) await connect(bootstrap).close();
  for (const bootstrap of ["", "localhost", "a:1,", "a:65536", "::1:9092", "a:b", "a:-1"]) {
    assertThrows(() => connect(bootstrap), RangeError, "is no address: write host:port.");
  }
});

Deno.test("a consumer of a cluster that nobody runs waits, and can be closed", async () => {
  await using client = connect("127.0.0.1:1");
  const consumer = client.consumer({ groupId: "g", topics: ["t"] });
  assertEquals(await consumer.poll({ timeoutMs: 20 }), []);
  assertEquals(await consumer.assignment(), []);
  await consumer.close();
});
