import { assert, assertEquals, assertThrows } from "@std/assert";
import { isLoopback, serveConsole } from "../../../console/server.ts";
import type { ConsoleSource } from "../../../console/source.ts";

const SOURCE = { ready: () => Promise.resolve(true) } as ConsoleSource;

Deno.test("the console listens, answers, and lets go of its port", async () => {
  const server = serveConsole("127.0.0.1", 0, SOURCE);
  assert(server.port > 0);
  assertEquals(await (await fetch(`http://127.0.0.1:${server.port}/healthz`)).text(), "ok\n");
  assertThrows(() => serveConsole("127.0.0.1", server.port, SOURCE), Deno.errors.AddrInUse);
  await server.close();
  const again = serveConsole("127.0.0.1", server.port, SOURCE);
  await again.close();
});

Deno.test("a console on the loopback address answers to loopback's names only", async () => {
  const server = serveConsole("127.0.0.1", 0, SOURCE);
  const ask = async (host: string) => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    await conn.write(new TextEncoder().encode(`GET /healthz HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`));
    const answer = await new Response(conn.readable).text();
    return answer.slice(0, answer.indexOf("\r\n"));
  };
  assertEquals(await ask(`127.0.0.1:${server.port}`), "HTTP/1.1 200 OK");
  assertEquals(await ask(`localhost:${server.port}`), "HTTP/1.1 200 OK");
  assertEquals((await ask("attacker.example")).slice(0, 12), "HTTP/1.1 421");
  await server.close();
});

Deno.test("loopback is known by its names", () => {
  for (const host of ["localhost", "127.0.0.1", "127.8.0.1", "::1", "[::1]"]) assert(isLoopback(host), host);
  for (const host of ["127.0.0.1.example.com", "0.0.0.0", "10.0.0.1", "127.0.0.1:80", ""]) {
    assert(!isLoopback(host), host);
  }
});
