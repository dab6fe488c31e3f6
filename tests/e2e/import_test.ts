/** mod.ts as a stranger imports it: by URL and by path, from a program that knows nothing of our configuration. */
import { assertEquals, assertMatch } from "@std/assert";
import { serveTree } from "../helpers/serve_tree.ts";

const PROGRAM = `
const { startCluster } = await import(Deno.args[0]);
await using cluster = await startCluster({ httpPort: 0 });
const { default: kafka } = await import("npm:kafkajs@2.2.4");
const client = new kafka.Kafka({ brokers: [cluster.bootstrap], logLevel: 0 });
const producer = client.producer();
await producer.connect();
const [{ baseOffset }] = await producer.send({ topic: "from-afar", messages: [{ value: "hello" }] });
await producer.disconnect();
console.log(baseOffset, cluster.actors().some(({ ref }) => ref === "1/replica/from-afar-0"));
`;

async function run(specifier: string, permissions: string[], cache: string): Promise<string> {
  const dir = await Deno.makeTempDir({ prefix: "samsa_import_" });
  try {
    await Deno.writeTextFile(`${dir}/main.ts`, PROGRAM);
    const command = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--allow-net=127.0.0.1",
        "--allow-env",
        "--allow-sys",
        ...permissions,
        "main.ts",
        specifier,
      ],
      cwd: dir,
      env: { DENO_DIR: cache, NO_COLOR: "1", KAFKAJS_NO_PARTITIONER_WARNING: "1" },
    });
    const { stdout, stderr } = await command.output();
    const said = new TextDecoder().decode(stdout).trim();
    return said === "" ? new TextDecoder().decode(stderr) : said;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("mod.ts can be imported by URL and by path from a program with no configuration of ours", async () => {
  const cache = await Deno.makeTempDir({ prefix: "samsa_cache_" });
  try {
    await using tree = serveTree();
    const host = new URL(tree.url).host;
    assertEquals(await run(new URL("mod.ts", tree.url).href, [`--allow-import=${host}`], cache), "0 true");
    const path = new URL("../../mod.ts", import.meta.url);
    const root = new URL("../../", import.meta.url).pathname;
    assertEquals(await run(path.href, [`--allow-read=${root}`], cache), "0 true");
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
});

Deno.test("scripts/broker.ts runs by URL, with its folder and its address and no other permission", async () => {
  const dir = await Deno.makeTempDir({ prefix: "samsa_url_" });
  try {
    await using tree = serveTree();
    const data = `${dir}/data`;
    const permissions = ["--allow-net=127.0.0.1", `--allow-read=${data}`, `--allow-write=${data}`];
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", `--allow-import=${new URL(tree.url).host}`, ...permissions],
        ...[new URL("scripts/broker.ts", tree.url).href, "--id", "1", "--port", "0", "--dir", data],
      ],
      cwd: dir,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    assertMatch(new TextDecoder().decode(value), /^ready id=1 bootstrap=127\.0\.0\.1:\d+ /);
    child.kill("SIGTERM");
    while (!(await reader.read()).done);
    assertEquals((await child.status).code, 0);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
