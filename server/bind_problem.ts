/**
 * Why a port could not be bound, in words that say what to do.
 *
 * @module
 */

/** One sentence for the error that listening on `host:port` has met. */
export function bindProblem(host: string, port: number, error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) {
    return `Port ${port} on ${host} is in use: stop the program that has it, or choose another port.`;
  }
  if (error instanceof Deno.errors.NotCapable) return error.message;
  const reason = error instanceof Error ? error.message : String(error);
  return `Cannot listen on ${host}:${port} (${reason}): choose an address of this machine and a port that may be used.`;
}
