/**
 * `samsa/module-doc`: every module opens with what it is.
 *
 * The first comment of a file is a JSDoc with `@module`; a shebang and line comments (linter directives, a licence) may
 * stand before it. Tests are read by their titles, and `deps/` holds other people's modules: both are left alone.
 *
 * @module
 */
import { rootPath } from "./root_path.ts";

const EXEMPT = /_test\.tsx?$|_bench\.ts$|\.d\.ts$|^deps\//;

/** The rule. */
export const moduleDoc: Deno.lint.Rule = {
  create(context) {
    if (EXEMPT.test(rootPath(context.filename))) return {};
    return {
      Program(node) {
        const opening = /^(?:#![^\n]*\n)?(?:\s|\/\/[^\n]*(?:\n|$))*\/\*\*([\s\S]*?)\*\//.exec(context.sourceCode.text);
        if (opening?.[1] !== undefined && /^\s*\*?\s*@module\b/m.test(opening[1])) return;
        const range: Deno.lint.Range = [node.range[0], node.range[0]];
        context.report({
          range,
          message: "a module must open with a JSDoc comment that ends in '@module'",
          hint: "say in one sentence what this file is, then the invariant that matters",
        });
      },
    };
  },
};
