/**
 * `samsa/short-function`: a function fits on one screen.
 *
 * @module
 */

/** The most lines that a function may take, from its first to its last. */
export const FUNCTION_LINES_MAX = 70;

/** The rule. */
export const shortFunction: Deno.lint.Rule = {
  create(context) {
    const measure = (node: Deno.lint.Node): void => {
      const [start, end] = node.range;
      const lines = context.sourceCode.text.slice(start, end).split("\n").length;
      if (lines <= FUNCTION_LINES_MAX) return;
      context.report({
        range: [start, start + 1],
        message: `this function takes ${lines} lines: ${FUNCTION_LINES_MAX} is the most`,
        hint: "cut a named part out of it",
      });
    };
    return { FunctionDeclaration: measure, FunctionExpression: measure, ArrowFunctionExpression: measure };
  },
};
