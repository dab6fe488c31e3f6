/**
 * Offsets and timestamps between the wire's int64 and the safe integers that the broker counts with.
 *
 * @module
 */

/**
 * An int64 as a safe integer. What lies beyond ±2^53 is clamped to the nearest safe integer: no log reaches there, so such an
 * offset is out of range either way, and stays out of range.
 */
export function toOffset(value: bigint): number {
  if (value > MAX) return Number.MAX_SAFE_INTEGER;
  return value < MIN ? Number.MIN_SAFE_INTEGER : Number(value);
}

const MAX = BigInt(Number.MAX_SAFE_INTEGER);
const MIN = BigInt(Number.MIN_SAFE_INTEGER);
