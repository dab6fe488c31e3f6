/**
 * The house's own lint rules, run by `deno lint` (see `lint.plugins` in deno.json).
 *
 * @module
 */
import { moduleDoc } from "./module_doc.ts";
import { noAmbient } from "./no_ambient.ts";
import { shortFunction } from "./short_function.ts";
import { syncActors } from "./sync_actors.ts";
import { unitsLast } from "./units_last.ts";

/** The plugin: a rule `x` is reported, and switched off with `deno-lint-ignore`, as `samsa/x`. */
const plugin: Deno.lint.Plugin = {
  name: "samsa",
  rules: {
    "no-ambient": noAmbient,
    "sync-actors": syncActors,
    "module-doc": moduleDoc,
    "short-function": shortFunction,
    "units-last": unitsLast,
  },
};

export default plugin;
