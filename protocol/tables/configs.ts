/**
 * Configurations read and changed. A resource is a topic (type 2), a broker (4), a broker's logger (8), client metrics (16)
 * or a group (32).
 *
 * @module
 */

import { api } from "../schema.ts";

/** DescribeConfigs (key 32). Null configuration keys mean all of them. */
export const describeConfigs = api(32, "DescribeConfigs", "1-4", "4+", {
  resources: [{
    resourceType: "int8",
    resourceName: "string",
    configurationKeys: "string[]?",
  }],
  includeSynonyms: "bool 1+ =false",
  includeDocumentation: "bool 3+ =false",
}, {
  throttleTimeMs: "int32 =0",
  results: [{
    errorCode: "int16",
    errorMessage: "string? =null",
    resourceType: "int8",
    resourceName: "string",
    configs: [{
      name: "string",
      value: "string?",
      readOnly: "bool",
      configSource: "int8 1+ ignorable =-1",
      isSensitive: "bool",
      synonyms: ["1+ ignorable", {
        name: "string",
        value: "string?",
        source: "int8",
      }],
      configType: "int8 3+ ignorable =0",
      documentation: "string? 3+ ignorable =null",
    }],
  }],
});

/** AlterConfigs (key 33): replaces all configurations of a resource. */
export const alterConfigs = api(33, "AlterConfigs", "0-2", "2+", {
  resources: [{
    resourceType: "int8",
    resourceName: "string",
    configs: [{
      name: "string",
      value: "string?",
    }],
  }],
  validateOnly: "bool",
}, {
  throttleTimeMs: "int32 =0",
  responses: [{
    errorCode: "int16",
    errorMessage: "string? =null",
    resourceType: "int8",
    resourceName: "string",
  }],
});

/** IncrementalAlterConfigs (key 44): sets (0), deletes (1), appends to (2) or subtracts from (3) single configurations (KIP-339). */
export const incrementalAlterConfigs = api(44, "IncrementalAlterConfigs", "0-1", "1+", {
  resources: [{
    resourceType: "int8",
    resourceName: "string",
    configs: [{
      name: "string",
      configOperation: "int8",
      value: "string?",
    }],
  }],
  validateOnly: "bool",
}, {
  throttleTimeMs: "int32 =0",
  responses: [{
    errorCode: "int16",
    errorMessage: "string? =null",
    resourceType: "int8",
    resourceName: "string",
  }],
});

/** ListConfigResources (key 74): which resources have configurations (KIP-1142); version 0 lists client metrics alone. */
export const listConfigResources = api(74, "ListConfigResources", "0-1", "0+", {
  resourceTypes: "int8[] 1+",
}, {
  throttleTimeMs: "int32 =0",
  errorCode: "int16",
  configResources: [{
    resourceName: "string",
    resourceType: "int8 1+ ignorable =16",
  }],
});
