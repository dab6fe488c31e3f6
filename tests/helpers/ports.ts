/**
 * Ports for servers that come and go.
 *
 * @module
 */

/** A port below the range that the system hands out itself, so that nobody takes it while its server is down. */
export function freePort(): number {
  for (let port = 20_000 + Math.floor(Math.random() * 10_000);; port++) {
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch { /* taken */ }
  }
}

/** Several of them, no two the same. */
export function freePorts(count: number): number[] {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(freePort());
  return [...ports];
}
