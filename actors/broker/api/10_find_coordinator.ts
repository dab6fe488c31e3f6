/**
 * FindCoordinator (key 10), versions 0–6: who coordinates a group, a transactional id or a share group.
 *
 * There are no coordinators yet, so each key is answered with COORDINATOR_NOT_AVAILABLE, as Kafka does until its internal topics
 * exist. Versions 0–3 name one key, from version 4 on there is one answer per key, which echoes the key (KIP-699); the
 * node is then -1 with an empty host and port -1. Version 6 adds share groups (KIP-932). An unknown key type is INVALID_REQUEST.
 *
 * @module
 */
import { errorCode } from "../../../protocol/errors.ts";
import { findCoordinator as table } from "../../../protocol/tables/groups.ts";
import { handler } from "../handler.ts";

const KEY_TYPES = ["group", "transactional id", "share group"];
const NOWHERE = { nodeId: -1, host: "", port: -1 };

/** Serves FindCoordinator. */
export const findCoordinator = handler(table, 0, 6, ({ keyType, coordinatorKeys }, exchange) => {
  const known = keyType >= 0 && keyType <= (exchange.version >= 6 ? 2 : 1);
  const error = {
    errorCode: errorCode(known ? "COORDINATOR_NOT_AVAILABLE" : "INVALID_REQUEST"),
    errorMessage: known
      ? `This broker does not coordinate any ${KEY_TYPES[keyType]} yet.`
      : `Key type ${keyType} is not known in version ${exchange.version}.`,
  };
  if (exchange.version < 4) return exchange.reply({ ...error, ...NOWHERE });
  exchange.reply({ coordinators: coordinatorKeys.map((key) => ({ key, ...NOWHERE, ...error })) });
});
