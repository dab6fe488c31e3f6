/**
 * All mutants of the cluster, by what they break.
 *
 * `deno task sim:mutants` hunts them; each must be found by the simulator within its budget, or say why it is not.
 *
 * @module
 */
import { CLEANER_MUTANTS } from "./mutants/cleaner.ts";
import { CONSUMER_MUTANTS } from "./mutants/consumer.ts";
import { CONTROLLER_MUTANTS } from "./mutants/controller.ts";
import { GROUP_MUTANTS } from "./mutants/group.ts";
import type { Mutant } from "./mutants/mutant.ts";
import { PARTITION_MUTANTS } from "./mutants/partition.ts";
import { QUORUM_MUTANTS } from "./mutants/quorum.ts";
import { STORAGE_MUTANTS } from "./mutants/storage.ts";

export { type Mutant, type Patch, patched, patchesOf } from "./mutants/mutant.ts";

/** It cannot be missed: if it survives, it is the simulator that is broken. */
const CANARY: Mutant = {
  name: "canary",
  guard: "Records are what was sent.",
  file: "protocol/records.ts",
  from: "export function encodeBatch(records: readonly NewRecord[], options: BatchOptions = {}): Uint8Array {",
  to: "export function encodeBatch(records: readonly NewRecord[], options: BatchOptions = {}): Uint8Array {\n" +
    "  if (records.length > 1) records = [...records].reverse();",
};

/** Every mutant. */
export const MUTANTS: readonly Mutant[] = [
  CANARY,
  ...PARTITION_MUTANTS,
  ...CONTROLLER_MUTANTS,
  ...QUORUM_MUTANTS,
  ...STORAGE_MUTANTS,
  ...GROUP_MUTANTS,
  ...CONSUMER_MUTANTS,
  ...CLEANER_MUTANTS,
];
