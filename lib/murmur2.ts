/**
 * MurmurHash2 (32 bit) as Kafka's default partitioner computes it: the same key must land on the same partition
 * whichever client produced it.
 *
 * @module
 */

const MULTIPLIER = 0x5bd1e995;
const SEED = 0x9747b28c;

/** Kafka's hash of a key, as int32. */
export function murmur2(key: Uint8Array): number {
  const length = key.length;
  const tail = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < tail; at += 4) {
    let word = key[at]! | (key[at + 1]! << 8) | (key[at + 2]! << 16) | (key[at + 3]! << 24);
    word = Math.imul(word, MULTIPLIER);
    word ^= word >>> 24;
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(word, MULTIPLIER);
  }
  const left = length - tail;
  if (left === 3) hash ^= key[tail + 2]! << 16;
  if (left >= 2) hash ^= key[tail + 1]! << 8;
  if (left >= 1) hash = Math.imul(hash ^ key[tail]!, MULTIPLIER);
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/** The partition, 0 to `partitionCount - 1`, that Kafka's clients send a record with this key to. */
export function partitionForKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}
