/**
 * The modules of the checkout and what each imports, as Deno itself reads them.
 *
 * `deno info --json` is asked about one made-up module that imports every file, so that comments, strings and type-only
 * imports are told apart by the real parser.
 *
 * @module
 */

/** One module, by its path from the root. */
export interface Module {
  /** With forward slashes: `lib/heap.ts`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

/** One specifier of a module. */
export interface Import {
  /** As it is written: `./heap.ts`, `npm:hono`. */
  readonly specifier: string;
  /** The path from the root, when it is a file of this checkout. */
  readonly path?: string;
  /** Whether only types are imported, so that nothing is left of it when the program runs. */
  readonly typesOnly: boolean;
}

/** What is used here of the answer of `deno info --json`. */
export interface Info {
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
    }[];
  }[];
}

/**
 * Reads the modules at `paths` (from `root`, a `file:` URL that ends in a slash).
 *
 * @throws {Error} when Deno cannot read one of them
 */
export async function readModules(root: URL, paths: readonly string[]): Promise<Module[]> {
  const everything = paths.map((path) => `import ${JSON.stringify(new URL(path, root).href)};`).join("");
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-npm", "--no-lock", `data:application/typescript,${encodeURIComponent(everything)}`],
    cwd: root,
  }).output();
  if (!success) throw new Error(`deno info failed: ${new TextDecoder().decode(stderr)}`);
  const texts = new Map(paths.map((path) => [path, Deno.readTextFileSync(new URL(path, root))]));
  return modulesOf(JSON.parse(new TextDecoder().decode(stdout)), root, texts);
}

/**
 * Joins what Deno says about each module with its text.
 *
 * @throws {Error} when Deno could not read one of them
 */
export function modulesOf(info: Info, root: URL, texts: ReadonlyMap<string, string>): Module[] {
  const inside = (specifier: string | undefined): string | undefined =>
    specifier?.startsWith(root.href) ? decodeURIComponent(specifier.slice(root.href.length)) : undefined;
  const known = new Map(info.modules.map((module) => [inside(module.specifier), module]));
  return [...texts].map(([path, text]) => {
    const module = known.get(path);
    if (!module || module.error) {
      throw new Error(`Deno cannot read ${path}: ${module?.error ?? "it is not in its answer"}`);
    }
    const imports = (module.dependencies ?? []).map(({ specifier, code, type }): Import => {
      const target = inside(code?.specifier ?? type?.specifier);
      return { specifier, ...(target === undefined ? {} : { path: target }), typesOnly: code === undefined };
    });
    return { path, text, imports };
  });
}

/** Every file under `root` but what is hidden, generated or not ours, as paths from the root in a stable order. */
export function listFiles(root: URL): string[] {
  const left = new Set([".git", ".cache", "node_modules", "coverage", "samsa-data", "deno.lock"]);
  const found: string[] = [];
  const visit = (folder: string): void => {
    for (const entry of Deno.readDirSync(new URL(folder === "" ? "." : folder, root))) {
      if (left.has(entry.name)) continue;
      if (entry.isDirectory) visit(`${folder}${entry.name}/`);
      else if (entry.isFile) found.push(`${folder}${entry.name}`);
    }
  };
  visit("");
  return found.sort();
}
