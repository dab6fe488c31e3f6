import { assertEquals } from "@std/assert";
import type { NetworkError } from "../../../actors/consumer/network.ts";
import { tcpNetwork } from "../../../client/tcp_network.ts";
import { VirtualEnv } from "../../../lib/virtual_clock.ts";

Deno.test({
  name: "a connection that is not made yet is given up with its network, and keeps no program from ending",
  sanitizeOps: true, // which sees what is still being dialed
  sanitizeResources: true,
  async fn() {
    // Nobody takes its connections, so that no more are made than it keeps waiting.
    using full = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
    const network = tcpNetwork(new VirtualEnv().clock);
    const to = { host: "127.0.0.1", port: full.addr.port };
    const ends = (["control", "coordinator", "fetch"] as const).map((lane) =>
      new Promise<string>((resolve) => {
        network.request(to, lane, [new Uint8Array(4)], 60_000, (result) => {
          resolve(result.ok ? "answered" : (result.error as NetworkError).message);
        });
      })
    );
    network.close();
    const given = `127.0.0.1:${to.port}: the network was closed.`;
    assertEquals(await Promise.all(ends), [given, given, given]);
  },
});
