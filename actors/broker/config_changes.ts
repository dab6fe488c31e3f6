/**
 * Changing configs on behalf of a client: the one way for AlterConfigs and IncrementalAlterConfigs.
 *
 * @module
 */
import { errorCode } from "../../protocol/errors.ts";
import type { ConfigChange, ConfigResourceType, ErrorResult } from "../controller/protocol.ts";
import { controllerFailure } from "./asking.ts";
import type { Exchange } from "./handler.ts";
import type { Api } from "../../protocol/schema.ts";

/** Kafka's numbers of the resources that have configs. */
export const CONFIG_RESOURCES = { topic: 2, broker: 4, brokerLogger: 8 } as const;

/** How long the controller may take: the requests name no time of their own. Kafka's request.timeout.ms. */
const TIMEOUT_MS = 30_000;

/** One resource of a request: its changes, or why they cannot be read. */
export interface ResourceChange {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly operations: ConfigChange["operations"] | string;
}

/** One resource of a response. */
export interface ResourceResponse {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly resourceType: number;
  readonly resourceName: string;
}

/** Asks the controller to change what can be changed; the responses come in the order of the resources. */
export function changeConfigs<T extends Api>(
  exchange: Exchange<T>,
  resources: readonly ResourceChange[],
  { replaceAll, validateOnly }: { readonly replaceAll: boolean; readonly validateOnly: boolean },
  then: (responses: ResourceResponse[]) => void,
): void {
  const results: (ErrorResult | undefined)[] = resources.map(refusalOf);
  const changes = resources.filter((_, index) => results[index] === undefined).map(
    ({ resourceType, resourceName, operations }): ConfigChange => ({
      resourceType: typeOf(resourceType)!,
      resourceName,
      operations: operations as ConfigChange["operations"],
      replaceAll,
    }),
  );
  const conclude = (results: readonly ErrorResult[]) =>
    then(results.map(({ error, message }, index) => {
      const { resourceType, resourceName } = resources[index]!;
      return { errorCode: errorCode(error), errorMessage: message, resourceType, resourceName };
    }));
  if (changes.length === 0) return conclude(results as ErrorResult[]);
  exchange.askController("alterConfigs", { changes, validateOnly }, (answer) => {
    let next = 0;
    const answered = () => answer.ok ? answer.value[next++]! : controllerFailure(answer.failure);
    conclude(results.map((result) => result ?? answered()));
  }, TIMEOUT_MS);
}

function refusalOf({ resourceType, operations }: ResourceChange): ErrorResult | undefined {
  if (resourceType === CONFIG_RESOURCES.brokerLogger) {
    return { error: "INVALID_REQUEST", message: "This broker has no loggers whose level could be set." };
  }
  if (typeOf(resourceType) === undefined) {
    return { error: "INVALID_REQUEST", message: `Resources of type ${resourceType} have no configs here.` };
  }
  return typeof operations === "string" ? { error: "INVALID_REQUEST", message: operations } : undefined;
}

function typeOf(resourceType: number): ConfigResourceType | undefined {
  if (resourceType === CONFIG_RESOURCES.topic) return "topic";
  return resourceType === CONFIG_RESOURCES.broker ? "broker" : undefined;
}
