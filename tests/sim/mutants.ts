/**
 * All mutants of the cluster, by what they break.
 *
 * `deno task sim:mutants` hunts them; each must be found by the simulator within its budget, or say why it is not.
 *
 * @module
 */
import { CONTROLLER_MUTANTS } from "./mutants/controller.ts";
import type { Mutant } from "./mutants/mutant.ts";
import { PARTITION_MUTANTS } from "./mutants/partition.ts";
import { QUORUM_MUTANTS } from "./mutants/quorum.ts";
import { STORAGE_MUTANTS } from "./mutants/storage.ts";

export { type Mutant, type Patch, patched, patchesOf } from "./mutants/mutant.ts";

/** Every mutant. */
export const MUTANTS: readonly Mutant[] = [
  ...PARTITION_MUTANTS,
  ...CONTROLLER_MUTANTS,
  ...QUORUM_MUTANTS,
  ...STORAGE_MUTANTS,
];
