import { assert, assertEquals, assertThrows } from "@std/assert";
import { serveConsole } from "../../../console/server.ts";
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
