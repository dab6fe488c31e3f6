/**
 * The assignors that there are, by the names under which groups ask for them (`group.consumer.assignors`).
 *
 * @module
 */
import type { Assignor } from "../assignor.ts";
import { rangeAssignor } from "./range.ts";
import { uniformAssignor } from "./uniform.ts";

/** By name. */
export const ASSIGNORS: ReadonlyMap<string, Assignor> = new Map(
  [uniformAssignor, rangeAssignor].map((assignor) => [assignor.name, assignor]),
);
