/**
 * Serves the console over HTTP.
 *
 * @module
 */
import { consoleApp } from "./app.ts";
import type { ConsoleSource } from "./source.ts";

/** A console that listens. */
export interface ConsoleServer {
  readonly port: number;
  /** Stops listening and waits for requests in flight. */
  close(): Promise<void>;
}

/**
 * Listens on `hostname:port` (0 takes any free port).
 *
 * @throws {Deno.errors.AddrInUse} when the port is taken
 */
export function serveConsole(hostname: string, port: number, source: ConsoleSource): ConsoleServer {
  const app = consoleApp(source, isLoopback(hostname) ? isLoopback : undefined);
  const server = Deno.serve({ hostname, port, onListen: () => {} }, app);
  return { port: server.addr.port, close: () => server.shutdown() };
}

/** Whether a host can only mean this machine. Who listens there is called by such names, whatever DNS says of others. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}
