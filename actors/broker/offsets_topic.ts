/**
 * How many replicas `__consumer_offsets` is made with.
 *
 * @module
 */
import { type ConfigLayers, numberOf, resolveBrokerConfig } from "../../protocol/configs/resolve.ts";

/** The config that says it. */
export const OFFSETS_FACTOR = "offsets.topic.replication.factor";

/**
 * What somebody has set is what it is to be: the controller refuses it as long as there are fewer brokers, and the client asks again. Kafka's
 * default is not for clusters that will never be as large, and these have a replica on each of their brokers.
 *
 * @param brokers how many are known to be there, or to come
 */
export function offsetsReplicas(layers: ConfigLayers, brokers: number): number {
  const factor = resolveBrokerConfig(OFFSETS_FACTOR, layers);
  const wanted = numberOf(factor);
  return factor.source === "DEFAULT" ? Math.min(wanted, brokers) : wanted;
}
