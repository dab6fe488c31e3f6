import { assertEquals } from "@std/assert";

// The stand-ins are typed by hand-kept declarations: a name that the real code does not have would pass the type check
// and be undefined when the test that uses it runs.
for (const name of ["assert", "path", "streams"]) {
  Deno.test(`@std/${name} has everything that its declarations promise`, async () => {
    const folder = new URL(`../../../deps/std_${name}/`, import.meta.url);
    const declarations = await Deno.readTextFile(new URL("mod.d.ts", folder));
    const promised = [...declarations.matchAll(/^export (?:declare )?(?:abstract )?(?:function|const|class) (\w+)/gm)]
      .map((match) => match[1]!);
    const module: Record<string, unknown> = await import(new URL("mod.ts", folder).href);
    assertEquals(promised.length > 5, true, "no declarations were found");
    assertEquals(promised.filter((value) => module[value] === undefined), []);
  });
}
