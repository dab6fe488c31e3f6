/**
 * The client-side assignors by their names, as `partition.assignment.strategy` has them.
 *
 * @module
 */
import type { ClassicAssignor } from "../membership.ts";
import { range } from "./range.ts";
import { roundRobin } from "./round_robin.ts";
import { cooperativeSticky, sticky } from "./sticky.ts";

/** Every assignor that there is. */
export const CLASSIC_ASSIGNORS: ReadonlyMap<string, ClassicAssignor> = new Map(
  [range, roundRobin, sticky, cooperativeSticky].map((assignor) => [assignor.name, assignor]),
);
