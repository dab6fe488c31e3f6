import { assertEquals, assertStringIncludes } from "@std/assert";
import { serveTree } from "../../helpers/serve_tree.ts";

Deno.test("a foreign program can import a module of the checkout by URL", async () => {
  await using tree = serveTree();
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${folder}/main.ts`,
      `import { rootPath } from "${new URL(
        "scripts/lint/root_path.ts",
        tree.url,
      )}"; console.log(rootPath("lib/x.ts"));`,
    );
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", "--no-lock", `--allow-import=${tree.url.host}`, "main.ts"],
      cwd: folder,
      env: { DENO_DIR: `${folder}/deno`, NO_COLOR: "1" },
    }).output();
    assertEquals(new TextDecoder().decode(success ? stdout : stderr), "lib/x.ts\n");
    assertEquals(tree.served, ["scripts/lint/root_path.ts"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what is not in the tree is not served", async () => {
  const root = new URL("../../../lib/", import.meta.url);
  await using tree = serveTree(root);
  for (const path of ["nothing.ts", "", "%2e%2e/deno.json", "..%2fdeno.json", "%2Fetc%2Fpasswd"]) {
    const response = await fetch(new URL(path, tree.url));
    assertStringIncludes(await response.text(), "is not here");
    assertEquals(response.status, 404, path);
  }
  const response = await fetch(new URL("env.ts", tree.url));
  assertEquals(response.headers.get("content-type"), "application/typescript; charset=utf-8");
  assertEquals(await response.text(), await Deno.readTextFile(new URL("env.ts", root)));
  assertEquals(tree.served, ["env.ts"]);
});
