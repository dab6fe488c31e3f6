/**
 * Serves the files of a folder over HTTP, as a web host would serve this checkout to a program that imports it by URL.
 *
 * @module
 */

/** A folder that is being served; it stops when it is disposed of. */
export interface ServedTree extends AsyncDisposable {
  /** Where the folder is, with a slash at the end: `new URL("mod.ts", tree.url)`. */
  readonly url: URL;
  /** The paths that were asked for so far and are there, from the folder, in order. */
  readonly served: readonly string[];
  /** The paths that were asked for so far and are not there. */
  readonly missing: readonly string[];
}

/** Deno refuses a module whose type it does not know, and takes the type over what the name says. */
const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".md": "text/markdown; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".ts": "application/typescript; charset=utf-8",
  ".tsx": "text/tsx; charset=utf-8",
  ".wasm": "application/wasm",
};

/**
 * Serves `root` on a free port of the loopback address.
 *
 * @param root a `file:` URL that ends in a slash; this checkout when left out
 */
export function serveTree(root: URL = new URL("../../", import.meta.url)): ServedTree {
  const served: string[] = [];
  const missing: string[] = [];
  const answer = async (request: Request): Promise<Response> => {
    const path = decodeURIComponent(new URL(request.url).pathname).slice(1);
    const file = new URL(path.split("/").map(encodeURIComponent).join("/"), root);
    try {
      if (!file.href.startsWith(root.href)) throw new Deno.errors.NotFound(path);
      const body = await Deno.readFile(file);
      served.push(path);
      const type = TYPES[/\.\w+$/.exec(path)?.[0] ?? ""] ?? "application/octet-stream";
      return new Response(body, { headers: { "content-type": type } });
    } catch {
      missing.push(path);
      return new Response(`${path} is not here`, { status: 404 });
    }
  };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  return {
    url: new URL(`http://127.0.0.1:${server.addr.port}/`),
    served,
    missing,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
