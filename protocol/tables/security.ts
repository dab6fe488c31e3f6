/**
 * Who may do what, and how much of it: SASL, access control lists, quotas, SCRAM credentials.
 *
 * @module
 */

import { api, row } from "../schema.ts";

/** SaslHandshake (key 17): agrees on a mechanism. Never flexible. */
export const saslHandshake = api(17, "SaslHandshake", "0-1", "none", {
  mechanism: "string",
}, {
  errorCode: "int16",
  mechanisms: "string[]",
});

/** SaslAuthenticate (key 36): one step of the mechanism (KIP-152). */
export const saslAuthenticate = api(36, "SaslAuthenticate", "0-2", "2+", {
  authBytes: "bytes",
}, {
  errorCode: "int16",
  errorMessage: "string? =null",
  authBytes: "bytes",
  sessionLifetimeMs: "int64 1+ ignorable =0",
});

/** DescribeAcls (key 29). */
export const describeAcls = api(29, "DescribeAcls", "1-3", "2+", {
  resourceTypeFilter: "int8",
  resourceNameFilter: "string?",
  patternTypeFilter: "int8 1+ =3",
  principalFilter: "string?",
  hostFilter: "string?",
  operation: "int8",
  permissionType: "int8",
}, {
  throttleTimeMs: "int32 =0",
  errorCode: "int16",
  errorMessage: "string? =null",
  resources: [{
    resourceType: "int8",
    resourceName: "string",
    patternType: "int8 1+ =3",
    acls: [{
      principal: "string",
      host: "string",
      operation: "int8",
      permissionType: "int8",
    }],
  }],
});

/** CreateAcls (key 30). */
export const createAcls = api(30, "CreateAcls", "1-3", "2+", {
  creations: [{
    resourceType: "int8",
    resourceName: "string",
    resourcePatternType: "int8 1+ =3",
    principal: "string",
    host: "string",
    operation: "int8",
    permissionType: "int8",
  }],
}, {
  throttleTimeMs: "int32 =0",
  results: [{
    errorCode: "int16",
    errorMessage: "string? =null",
  }],
});

/** DeleteAcls (key 31). */
export const deleteAcls = api(31, "DeleteAcls", "1-3", "2+", {
  filters: [{
    resourceTypeFilter: "int8",
    resourceNameFilter: "string?",
    patternTypeFilter: "int8 1+ =3",
    principalFilter: "string?",
    hostFilter: "string?",
    operation: "int8",
    permissionType: "int8",
  }],
}, {
  throttleTimeMs: "int32 =0",
  filterResults: [{
    errorCode: "int16",
    errorMessage: "string? =null",
    matchingAcls: [{
      errorCode: "int16",
      errorMessage: "string? =null",
      resourceType: "int8",
      resourceName: "string",
      patternType: "int8 1+ =3",
      principal: "string",
      host: "string",
      operation: "int8",
      permissionType: "int8",
    }],
  }],
});

/** Whom a quota is for: a null name stands for the default of that type. */
const quotaEntity = row({
  entityType: "string",
  entityName: "string?",
});

/** DescribeClientQuotas (key 48). */
export const describeClientQuotas = api(48, "DescribeClientQuotas", "0-1", "1+", {
  components: [{
    entityType: "string",
    matchType: "int8",
    match: "string?",
  }],
  strict: "bool",
}, {
  throttleTimeMs: "int32 =0",
  errorCode: "int16",
  errorMessage: "string? =null",
  entries: ["?", {
    entity: [quotaEntity],
    values: [{
      key: "string",
      value: "float64",
    }],
  }],
});

/** AlterClientQuotas (key 49). */
export const alterClientQuotas = api(49, "AlterClientQuotas", "0-1", "1+", {
  entries: [{
    entity: [quotaEntity],
    ops: [{
      key: "string",
      value: "float64",
      remove: "bool",
    }],
  }],
  validateOnly: "bool",
}, {
  throttleTimeMs: "int32 =0",
  entries: [{
    errorCode: "int16",
    errorMessage: "string? =null",
    entity: [quotaEntity],
  }],
});

/** DescribeUserScramCredentials (key 50). Null or no users mean all of them. */
export const describeUserScramCredentials = api(50, "DescribeUserScramCredentials", "0", "0+", {
  users: ["?", {
    name: "string",
  }],
}, {
  throttleTimeMs: "int32 =0",
  errorCode: "int16",
  errorMessage: "string? =null",
  results: [{
    user: "string",
    errorCode: "int16",
    errorMessage: "string? =null",
    credentialInfos: [{
      mechanism: "int8",
      iterations: "int32",
    }],
  }],
});

/** AlterUserScramCredentials (key 51). */
export const alterUserScramCredentials = api(51, "AlterUserScramCredentials", "0", "0+", {
  deletions: [{
    name: "string",
    mechanism: "int8",
  }],
  upsertions: [{
    name: "string",
    mechanism: "int8",
    iterations: "int32",
    salt: "bytes",
    saltedPassword: "bytes",
  }],
}, {
  throttleTimeMs: "int32 =0",
  results: [{
    user: "string",
    errorCode: "int16",
    errorMessage: "string? =null",
  }],
});
