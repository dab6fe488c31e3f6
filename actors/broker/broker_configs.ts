/**
 * Configs as a broker sees them: what has been set, by whom, and what therefore counts.
 *
 * @module
 */
import type { MetadataImage } from "../controller/protocol.ts";
import { problemsOfProperties } from "../../protocol/configs/change.ts";
import { booleanOf, type ConfigLayers, numberOf, resolveBrokerConfig } from "../../protocol/configs/resolve.ts";
import type { BrokerView } from "./protocol.ts";

/** Of a view, what its configs depend on. Without an image, only what the broker was started with counts. */
export type ConfigView = Pick<BrokerView, "brokerId" | "properties"> & { readonly image?: MetadataImage | undefined };

/** Everything that has been set for this broker, and for a topic if one is named. */
export function layersOf({ brokerId, properties, image }: ConfigView, topic?: string): ConfigLayers {
  const configs = image?.configs;
  return {
    topic: topic === undefined ? undefined : configs?.get(`topic/${topic}`),
    broker: configs?.get(`broker/${brokerId}`),
    brokers: configs?.get("broker/"),
    properties,
  };
}

/** Values that were looked up, kept for as long as the view that they hold for: some are wanted at every request. */
const known = new WeakMap<ConfigView, Map<string, number | boolean>>();

/** A whole number among the broker configs, as it counts now. Values beyond the safe integers become the largest of them. */
export function brokerInt(view: ConfigView, name: string): number {
  return remembered(view, name, () => numberOf(resolveBrokerConfig(name, layersOf(view))));
}

/** A truth among the broker configs, as it counts now. */
export function brokerBoolean(view: ConfigView, name: string): boolean {
  return remembered(view, name, () => booleanOf(resolveBrokerConfig(name, layersOf(view))));
}

function remembered<T extends number | boolean>(view: ConfigView, name: string, resolve: () => T): T {
  let values = known.get(view);
  if (values === undefined) known.set(view, values = new Map());
  let value = values.get(name) as T | undefined;
  if (value === undefined) values.set(name, value = resolve());
  return value;
}

/**
 * Checks what a broker is to be started with.
 *
 * @throws {Error} with a sentence for each unknown name and each value that is not valid
 */
export function checkBrokerProperties(properties: Readonly<Record<string, string>>): void {
  const problems = problemsOfProperties(properties);
  if (problems.length > 0) throw new Error(problems.join(" "));
}
