/**
 * All APIs by key: what can be decoded. What is served is another matter, and up to the broker's handlers.
 *
 * @module
 */

import type { Api, Versions } from "./schema.ts";
import * as cluster from "./tables/cluster.ts";
import * as configs from "./tables/configs.ts";
import * as consumerGroups from "./tables/consumer_groups.ts";
import * as groups from "./tables/groups.ts";
import * as metadata from "./tables/metadata.ts";
import * as produceFetch from "./tables/produce_fetch.ts";
import * as security from "./tables/security.ts";
import * as topics from "./tables/topics.ts";
import * as transactions from "./tables/transactions.ts";

const ALL: readonly Api[] = [
  cluster,
  configs,
  consumerGroups,
  groups,
  metadata,
  produceFetch,
  security,
  topics,
  transactions,
].flatMap((theme) => Object.values(theme) as Api[]).sort((a, b) => a.key - b.key);

/** The table of every API by its key, in the order of the keys. */
export const TABLES: ReadonlyMap<number, Api> = new Map(ALL.map((api) => [api.key, api]));

/** The APIs that a broker serves, by key, each with the versions that its handler understands. */
export type Served = ReadonlyMap<number, Versions>;

/** One row of the ApiVersions response. */
export interface ApiVersionsEntry {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

const PRODUCE = 0;

/**
 * The rows of the ApiVersions response, in the order of the keys.
 *
 * Produce claims to begin at version 0, though 0 to 2 are not served: librdkafka before 2.8 takes a higher beginning for
 * a broker that cannot compress, and sends everything uncompressed (KAFKA-18659).
 */
export function apiVersionsEntries(served: Served): ApiVersionsEntry[] {
  return [...served].sort(([a], [b]) => a - b).map(([apiKey, { min, max }]) => ({
    apiKey,
    minVersion: apiKey === PRODUCE ? 0 : min,
    maxVersion: max,
  }));
}
