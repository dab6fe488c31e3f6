/**
 * Which version of each API to speak with each broker: the newest that it serves and that we know.
 *
 * Invariant: nothing is asked of a broker in a version that it has not said it serves; what it said is forgotten with its
 * connections, because it may be another version of it that comes back.
 *
 * @module
 */
import { describeConfigs } from "../../protocol/tables/configs.ts";
import { consumerGroupHeartbeat } from "../../protocol/tables/consumer_groups.ts";
import {
  findCoordinator,
  heartbeat,
  joinGroup,
  leaveGroup,
  offsetCommit,
  offsetFetch,
  syncGroup,
} from "../../protocol/tables/groups.ts";
import { metadata } from "../../protocol/tables/metadata.ts";
import { fetch, listOffsets } from "../../protocol/tables/produce_fetch.ts";
import type { Api } from "../../protocol/schema.ts";
import type { NodeAddress } from "./network.ts";

interface Range {
  readonly min: number;
  readonly max: number;
}

/** What we speak. Where a table has newer versions, those bring a consumer nothing. */
const OURS: ReadonlyMap<Api, Range> = new Map<Api, Range>([
  [metadata, { min: 4, max: 12 }],
  [fetch, { min: 4, max: 17 }],
  [listOffsets, { min: 2, max: 9 }],
  [findCoordinator, { min: 0, max: 6 }],
  [offsetCommit, { min: 2, max: 9 }], // from 10 on topics have ids only
  [offsetFetch, { min: 1, max: 9 }],
  [joinGroup, { min: 0, max: 9 }],
  [syncGroup, { min: 0, max: 5 }],
  [heartbeat, { min: 0, max: 4 }],
  [leaveGroup, { min: 0, max: 5 }],
  [consumerGroupHeartbeat, { min: 0, max: 1 }],
  [describeConfigs, { min: 1, max: 4 }],
]);

/** The text that stands for an address. */
export function addressKey({ host, port }: NodeAddress): string {
  return `${host}:${port}`;
}

/** What brokers have said of their versions. */
export class Versions {
  readonly #known = new Map<string, ReadonlyMap<number, Range>>();

  /** Whether that broker has said it. */
  knows(address: NodeAddress): boolean {
    return this.#known.has(addressKey(address));
  }

  learn(
    address: NodeAddress,
    apiKeys: readonly { readonly apiKey: number; readonly minVersion: number; readonly maxVersion: number }[],
  ): void {
    const ranges = apiKeys.map(({ apiKey, minVersion, maxVersion }) =>
      [apiKey, { min: minVersion, max: maxVersion }] as const
    );
    this.#known.set(addressKey(address), new Map(ranges));
  }

  forget(address: NodeAddress): void {
    this.#known.delete(addressKey(address));
  }

  /** The newest common version, not above `max`; undefined when there is none. */
  pick(address: NodeAddress, api: Api, max = Infinity): number | undefined {
    const theirs = this.#known.get(addressKey(address))?.get(api.key);
    const ours = OURS.get(api);
    if (theirs === undefined || ours === undefined) return undefined;
    const version = Math.min(theirs.max, ours.max, max);
    return version >= Math.max(theirs.min, ours.min) ? version : undefined;
  }
}
