/**
 * ApiVersions (key 18), versions 0–4: which APIs this broker serves, in which versions (KIP-35, 511, 584).
 *
 * A request of any version gets an answer: one that is too new gets a body of version 0 with UNSUPPORTED_VERSION and this
 * API's own range, which is how newer clients find an older broker (the connection sees to that). From version 3 on, a
 * client says who it is; a name that is not made of letters, digits, dots and dashes is refused with INVALID_REQUEST. It is also told which
 * features there are: `group.version` 1 is the consumer group protocol of KIP-848, without which clients do not try it.
 *
 * @module
 */
import { apiVersionsEntries } from "../../../protocol/api.ts";
import { errorCode } from "../../../protocol/errors.ts";
import { apiVersions } from "../../../protocol/tables/metadata.ts";
import type { ApiHandler } from "../handler.ts";
import { handler } from "../handler.ts";

const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

/** The API of KIP-848. */
const CONSUMER_GROUP_HEARTBEAT = 68;
const GROUP_FEATURE = { name: "group.version", minVersion: 0, maxVersion: 1 };

/** Lowest and highest version served. */
export const API_VERSIONS_RANGE = { min: 0, max: 4 } as const;

/** The handler that advertises `served`. */
export function apiVersionsHandler(
  served: ReadonlyMap<number, { readonly min: number; readonly max: number }>,
): ApiHandler<typeof apiVersions> {
  const apiKeys = apiVersionsEntries(served);
  const features = served.has(CONSUMER_GROUP_HEARTBEAT) ? [GROUP_FEATURE] : [];
  return handler(apiVersions, API_VERSIONS_RANGE.min, API_VERSIONS_RANGE.max, (request, exchange) => {
    const named = exchange.version < 3 ||
      (SOFTWARE.test(request.clientSoftwareName) && SOFTWARE.test(request.clientSoftwareVersion));
    exchange.reply({
      errorCode: errorCode(named ? "NONE" : "INVALID_REQUEST"),
      apiKeys: named ? apiKeys : [],
      throttleTimeMs: 0,
      supportedFeatures: named ? features : [],
      finalizedFeatures: named ? features.map(asFinalized) : [],
      finalizedFeaturesEpoch: BigInt(exchange.view.image.offset),
    });
  });
}

/** What is there is in use, from the first level on. */
function asFinalized({ name, maxVersion }: typeof GROUP_FEATURE) {
  return { name, minVersionLevel: 1, maxVersionLevel: maxVersion };
}
