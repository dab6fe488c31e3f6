/**
 * Tells a use of a global from a local name, a property or a type that happens to be spelt the same.
 *
 * The linter hands plugins a syntax tree without scopes, so this walks up from an identifier and looks at what each
 * enclosing node declares. The invariant: a name that any enclosing scope binds is never taken for the global.
 *
 * @module
 */

type Node = Deno.lint.Node;

/** Any node, seen as named fields: the shapes differ per type, the fields asked for here do not. */
type Fields = { readonly type: string } & Readonly<Record<string, unknown>>;

/** Parents in which an identifier is a name in the world of types, or names something without using it. */
const NOT_A_USE: ReadonlySet<string> = new Set([
  "TSTypeReference",
  "TSQualifiedName",
  "TSTypeQuery",
  "TSTypePredicate",
  "TSTypeParameter",
  "TSInterfaceHeritage",
  "TSClassImplements",
  "TSInterfaceDeclaration",
  "TSTypeAliasDeclaration",
  "TSEnumMember",
  "TSModuleDeclaration",
  "TSNamedTupleMember",
  "TSImportType",
  "MetaProperty",
  "LabeledStatement",
  "BreakStatement",
  "ContinueStatement",
  "ImportSpecifier",
  "ImportDefaultSpecifier",
  "ImportNamespaceSpecifier",
  "ExportAllDeclaration",
]);

const boundBy = new WeakMap<object, ReadonlySet<string>>();

/** Whether `id` uses a global: not a key, not a type, and not bound by any enclosing scope. */
export function isGlobalUse(id: Deno.lint.Identifier, ancestors: readonly Node[]): boolean {
  const parent = id.parent as unknown as Fields | undefined;
  if (!parent || NOT_A_USE.has(parent.type) || isKey(id, parent)) return false;
  return !ancestors.some((node) => bindings(node as unknown as Fields).has(id.name));
}

function isKey(id: Deno.lint.Identifier, parent: Fields): boolean {
  if (parent.type === "MemberExpression") return parent.property === id && parent.computed !== true;
  if (parent.type === "ExportSpecifier") {
    const declaration = parent.parent as Fields | undefined;
    return parent.local !== id || Boolean(declaration?.source);
  }
  return parent.key === id && parent.computed !== true;
}

function bindings(node: Fields): ReadonlySet<string> {
  const known = boundBy.get(node);
  if (known) return known;
  const names = new Set<string>();
  for (const parameter of list(node.params)) addPattern(parameter, names);
  for (const parameter of list(node.parameters)) addPattern(parameter, names);
  for (const statement of statements(node)) addDeclaration(statement, names);
  if (node.type === "CatchClause") addPattern(node.param, names);
  if (node.type === "FunctionExpression" || node.type === "ClassExpression") addPattern(node.id, names);
  boundBy.set(node, names);
  return names;
}

/** The statements and loop heads whose declarations can be seen from inside `node`. */
function statements(node: Fields): readonly unknown[] {
  switch (node.type) {
    case "Program":
    case "BlockStatement":
    case "StaticBlock":
    case "TSModuleBlock":
      return list(node.body);
    case "SwitchStatement":
      return list(node.cases).flatMap((arm) => list((arm as Fields).consequent));
    case "ForStatement":
      return [node.init];
    case "ForInStatement":
    case "ForOfStatement":
      return [node.left];
    default:
      return [];
  }
}

function addDeclaration(value: unknown, names: Set<string>): void {
  const node = value as Fields | null | undefined;
  switch (node?.type) {
    case "VariableDeclaration":
      for (const declarator of list(node.declarations)) addPattern((declarator as Fields).id, names);
      break;
    case "FunctionDeclaration":
    case "TSDeclareFunction":
    case "ClassDeclaration":
    case "TSEnumDeclaration":
    case "TSModuleDeclaration":
      addPattern(node.id, names);
      break;
    case "ImportDeclaration":
      for (const specifier of list(node.specifiers)) addPattern((specifier as Fields).local, names);
      break;
    case "ExportNamedDeclaration":
    case "ExportDefaultDeclaration":
      addDeclaration(node.declaration, names);
      break;
  }
}

function addPattern(value: unknown, names: Set<string>): void {
  const node = value as Fields | null | undefined;
  switch (node?.type) {
    case "Identifier":
      names.add(node.name as string);
      break;
    case "AssignmentPattern":
      addPattern(node.left, names);
      break;
    case "RestElement":
      addPattern(node.argument, names);
      break;
    case "ArrayPattern":
      for (const element of list(node.elements)) addPattern(element, names);
      break;
    case "ObjectPattern":
      for (const property of list(node.properties)) addPattern(property, names);
      break;
    case "Property":
      addPattern(node.value, names);
      break;
    case "TSParameterProperty":
      addPattern(node.parameter, names);
      break;
  }
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
