/**
 * The path of a linted file as the rules know it: from the root of the checkout, with forward slashes.
 *
 * @module
 */

const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** `/…/checkout/lib/heap.ts` → `lib/heap.ts`. A path that is relative already is returned as it is. */
export function rootPath(filename: string): string {
  const path = filename.replace(/^file:\/\//, "").replaceAll("\\", "/");
  return path.startsWith(ROOT) ? path.slice(ROOT.length) : path;
}
