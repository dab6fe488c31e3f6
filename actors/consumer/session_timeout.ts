/**
 * How long the sessions of the new protocol last: asked of each coordinator before anything else is asked of it.
 *
 *     coordinator found ──DescribeConfigs: broker, group──▶ the shortest of what it says ──▶ membership
 *                       └──heartbeat──▶ …    (behind it, on the same connection: whoever is a member knows)
 *
 * A coordinator that does not say (it is not allowed to, or is none of the kind) leaves it at the consumer's own `sessionTimeoutMs`.
 *
 * @module
 */
import { errorCode } from "../../protocol/errors.ts";
import type { Response } from "../../protocol/schema.ts";
import { describeConfigs } from "../../protocol/tables/configs.ts";
import { call } from "./calls.ts";
import type { KnownNode } from "./metadata.ts";
import type { Consumer } from "./state.ts";

/** Kinds of resources, as DescribeConfigs numbers them. */
const BROKER = 4;
const GROUP = 32;
/** What all groups have, and what one group may have instead. */
const OF_BROKER = "group.consumer.session.timeout.ms";
const OF_GROUP = "consumer.session.timeout.ms";

/** Asks a coordinator how long its sessions are; to be called before it is asked for anything else. */
export function askSessionTimeout(consumer: Consumer, to: KnownNode): void {
  const { config, coordinator } = consumer;
  if (config.groupId === null || config.groupProtocol !== "consumer") return;
  const resources = [
    { resourceType: BROKER, resourceName: String(to.id), configurationKeys: [OF_BROKER] },
    { resourceType: GROUP, resourceName: config.groupId, configurationKeys: [OF_GROUP] },
  ];
  call(consumer, {
    to,
    lane: "control",
    api: describeConfigs,
    body: () => ({ resources }),
    timeoutMs: config.requestTimeoutMs,
    then(result) {
      const timeoutMs = result.ok ? shortest(result.body) : undefined;
      if (timeoutMs === undefined || coordinator.node !== to) return;
      coordinator.sessionMs = timeoutMs;
      consumer.tell({ type: "session", timeoutMs });
    },
  });
}

function shortest({ results }: Response<typeof describeConfigs>): number | undefined {
  const configs = results.flatMap(({ errorCode: code, configs }) => code === errorCode("NONE") ? configs : []);
  const times = configs.filter(({ name }) => name === OF_BROKER || name === OF_GROUP).map(({ value }) => Number(value));
  const usable = times.filter((timeMs) => timeMs >= 1);
  return usable.length === 0 ? undefined : Math.min(...usable);
}
