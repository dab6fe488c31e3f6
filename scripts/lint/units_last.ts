/**
 * `samsa/units-last`: a duration says its unit, and says it last: `sessionTimeoutMs`.
 *
 * Looks only at names that are declared as a `number` and that can be nothing but a duration, so that it is hardly ever
 * wrong.
 *
 * @module
 */

const DURATION = /(?:timeout|interval|delay|duration|backoff|latency)$/i;
const UNIT_FIRST = /^(?:ms|millis|micros|nanos|secs|seconds)[A-Z]/;

/** What a type can be written after. */
interface Named {
  readonly type: string;
  readonly name?: unknown;
  readonly key?: { readonly name?: unknown };
}

/** The rule. */
export const unitsLast: Deno.lint.Rule = {
  create(context) {
    return {
      TSNumberKeyword(node) {
        const annotation = node.parent as { type: string; parent?: Named };
        const named = annotation.type === "TSTypeAnnotation" ? annotation.parent : undefined;
        if (!named) return;
        const name = named.type === "Identifier" ? named.name : named.key?.name;
        if (typeof name !== "string" || !(DURATION.test(name) || UNIT_FIRST.test(name))) return;
        context.report({
          node,
          message: `'${name}' must say its unit at its end`,
          hint: DURATION.test(name)
            ? `call it ${name}Ms, if milliseconds it is`
            : "put the unit last, as in sessionTimeoutMs",
        });
      },
    };
  },
};
