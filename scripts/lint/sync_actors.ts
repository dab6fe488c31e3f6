/**
 * `samsa/sync-actors`: handlers run to completion, so nothing in a kind of actor may wait.
 *
 * What takes time is asked for through the outbox and comes back as a message; that keeps an actor deterministic and
 * free of re-entrancy.
 *
 * @module
 */
import { rootPath } from "./root_path.ts";

const INSTEAD = "ask for it through the outbox and handle the answer as a message";

/** The rule. */
export const syncActors: Deno.lint.Rule = {
  create(context) {
    if (!/^actors\/[^/]+\//.test(rootPath(context.filename))) return {};
    const refuse = (node: Deno.lint.Node, what: string): void =>
      context.report({ node, message: `${what} has no place in an actor: handlers are synchronous`, hint: INSTEAD });
    const refuseAsync = (node: Deno.lint.Node & { async: boolean }): void => {
      if (node.async) refuse(node, "an async function");
    };
    return {
      FunctionDeclaration: refuseAsync,
      FunctionExpression: refuseAsync,
      ArrowFunctionExpression: refuseAsync,
      AwaitExpression: (node) => refuse(node, "'await'"),
      ForOfStatement(node) {
        if (node.await) refuse(node, "'for await'");
      },
      Identifier(node) {
        if (node.name === "Promise" || node.name === "PromiseLike") refuse(node, `'${node.name}'`);
      },
      CallExpression(node) {
        const { callee } = node;
        if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier" || callee.computed) return;
        if (callee.property.name === "then") refuse(callee.property, "'.then()'");
      },
    };
  },
};
