/**
 * `samsa/no-ambient`: outside the adapters nothing reaches for time, chance, disk or network by itself.
 *
 * That is what lets a whole cluster run on a virtual clock from a seed. Types may be named anywhere, since they are
 * gone when the program runs.
 *
 * @module
 */
import { mayName } from "./adapters.ts";
import { rootPath } from "./root_path.ts";
import { isGlobalUse } from "./scope.ts";

/** Each forbidden global, and what to use in its place. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  ["Deno", "take a Disk, a Transport or an Env as an argument"],
  ["Date", "take a Clock and call now()"],
  ["Temporal", "take a Clock and call now()"],
  ["performance", "take a Clock and call monotonic()"],
  ["setTimeout", "take a Clock and call after(), or ask for out.timer() in an actor"],
  ["setInterval", "take a Clock and call after() again when it fires"],
  ["setImmediate", "take a Scheduler and call later()"],
  ["queueMicrotask", "take a Scheduler and call soon()"],
  ["Math.random", "take a Random, which is seeded"],
  ["crypto", "take a Random, or the bytes themselves, as an argument"],
  ["fetch", "take what is needed as an argument: only adapters speak to the network"],
  ["WebSocket", "take a Transport as an argument"],
  ["Worker", "ask the system to spawn an actor"],
  ["AbortSignal.timeout", "take a Clock and call after()"],
  ["console", "take a Logger as an argument"],
  ["process", "take what is needed as an argument"],
  ["globalThis", "name the global itself, so that this rule can judge it"],
]);

/** Members of otherwise harmless globals. */
const MEMBERS: ReadonlySet<string> = new Set(["Math", "AbortSignal"]);

/** The rule. */
export const noAmbient: Deno.lint.Rule = {
  create(context) {
    const path = rootPath(context.filename);
    const refuse = (node: Deno.lint.Node, what: string, instead: string): void => {
      if (mayName(path, what)) return;
      context.report({
        node,
        message: `'${what}' is ambient: only the adapters may name it (scripts/lint/adapters.ts)`,
        hint: instead,
      });
    };
    const refuseModule = (node: Deno.lint.Node, specifier: unknown): void => {
      if (typeof specifier !== "string" || !specifier.startsWith("node:")) return;
      refuse(node, specifier, "import only the type, or take what is needed as an argument");
    };
    return {
      Identifier(id) {
        const what = MEMBERS.has(id.name) ? memberName(id) : id.name;
        const instead = INSTEAD.get(what);
        if (instead && isGlobalUse(id, context.sourceCode.getAncestors(id))) refuse(id, what, instead);
      },
      ImportDeclaration(node) {
        if (node.importKind !== "type") refuseModule(node, node.source.value);
      },
      ExportNamedDeclaration(node) {
        if (node.exportKind !== "type") refuseModule(node, node.source?.value);
      },
      ExportAllDeclaration(node) {
        if (node.exportKind !== "type") refuseModule(node, node.source.value);
      },
      ImportExpression(node) {
        if (node.source.type === "Literal") refuseModule(node, node.source.value);
      },
    };
  },
};

/** `Math.random` for the `Math` of `Math.random`, `Math["random"]` and `const { random } = Math`; else the bare name. */
function memberName(id: Deno.lint.Identifier): string {
  const parent = id.parent;
  if (parent.type === "MemberExpression" && parent.object === id) {
    const { property } = parent;
    if (property.type === "Literal") return `${id.name}.${property.value}`;
    return property.type === "Identifier" && !parent.computed ? `${id.name}.${property.name}` : id.name;
  }
  if (parent.type === "VariableDeclarator" && parent.id.type === "ObjectPattern") {
    for (const property of parent.id.properties) {
      if (property.type !== "Property" || property.key.type !== "Identifier") continue;
      const name = `${id.name}.${property.key.name}`;
      if (INSTEAD.has(name)) return name;
    }
  }
  return id.name;
}
