/**
 * DescribeCluster (key 60), versions 0–2: the cluster's id, its brokers, and a broker that takes the controller's requests
 * (KIP-700).
 *
 * v1 endpoint types (KIP-919): only brokers (1) are to be had here; asking for controllers (2) is MISMATCHED_ENDPOINT_TYPE, for
 * anything else UNSUPPORTED_ENDPOINT_TYPE. v2 shows fenced brokers to those who ask for them (KIP-1073).
 *
 * @module
 */
import { errorCode } from "../../../protocol/errors.ts";
import { describeCluster as table } from "../../../protocol/tables/cluster.ts";
import { handler } from "../handler.ts";
import { CLUSTER_OPERATIONS, controllerId, liveBrokers, OPERATIONS_NOT_ASKED } from "../view.ts";

const BROKERS = 1;
const CONTROLLERS = 2;

/** Serves DescribeCluster. */
export const describeCluster = handler(table, 0, 2, (request, exchange) => {
  const { view } = exchange;
  const { endpointType } = request;
  if (endpointType !== BROKERS) {
    const error = endpointType === CONTROLLERS ? "MISMATCHED_ENDPOINT_TYPE" : "UNSUPPORTED_ENDPOINT_TYPE";
    const errorMessage =
      `This is a broker (endpoint type ${BROKERS}); it cannot list endpoints of type ${endpointType}.`;
    return exchange.reply({ errorCode: errorCode(error), errorMessage, endpointType, clusterId: "", brokers: [] });
  }
  const brokers = request.includeFencedBrokers
    ? [...view.image.brokers.values()].sort((a, b) => a.id - b.id)
    : liveBrokers(view);
  exchange.reply({
    errorCode: 0,
    endpointType,
    clusterId: view.image.clusterId,
    controllerId: controllerId(view),
    brokers: brokers.map(({ id, endpoint, rack, fenced }) => (
      { brokerId: id, host: endpoint.host, port: endpoint.port, rack, isFenced: exchange.version >= 2 && fenced }
    )),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : OPERATIONS_NOT_ASKED,
  });
});
