/** The command-line programs as a user meets them: real processes, their lines, their exit codes. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { METADATA_REQUEST } from "../helpers/requests.ts";
import { createTopic, produceTexts, readAll } from "../helpers/kafka_calls.ts";
import { connectToLeader, look } from "../helpers/leaders.ts";
import { patiently } from "../helpers/patience.ts";
import { freePort } from "../helpers/ports.ts";
import { RawClient } from "../helpers/raw_client.ts";
import { ScriptProcess } from "../helpers/script_process.ts";

const BROKER = ["--id", "1", "--port", "0", "--http-port", "0"];

async function inFolder(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "samsa_cli_" });
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("a broker says that it is ready, and SIGTERM and SIGINT stop it cleanly with exit code 0", async () => {
  await inFolder(async (dir) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const broker = ScriptProcess.start("broker", [...BROKER, "--dir", dir], [dir]);
      const ready = await broker.line(/^ready /);
      assertMatch(ready, /^ready id=1 bootstrap=127\.0\.0\.1:\d+ data=\S+ http=off node=off$/);
      broker.kill(signal);
      assertEquals(await broker.ended, 0);
    }
  });
});

Deno.test("what was written survives a clean stop and a SIGKILL", async () => {
  await inFolder(async (dir) => {
    const written: string[] = [];
    for (const signal of ["SIGTERM", "SIGKILL", "SIGKILL", "SIGTERM"] as const) {
      const broker = ScriptProcess.start("broker", [...BROKER, "--dir", dir], [dir]);
      const bootstrap = /bootstrap=(\S+)/.exec(await broker.line(/^ready /))![1]!;
      {
        await using client = await RawClient.connect(bootstrap);
        if (written.length === 0) await createTopic(client, "kept");
        assertEquals((await readAll(client, "kept")).map(({ value }) => value), written);
        const value = `before ${signal} ${written.length}`;
        assertEquals((await produceTexts(client, "kept", [value])).baseOffset, written.length);
        written.push(value);
      }
      broker.kill(signal);
      await broker.ended;
    }
  });
});

const CLUSTER = ["--port", "0", "--http-port", "0"];

Deno.test("a cluster starts its brokers, prints what to paste, stops cleanly, and comes back with what it has", async () => {
  await inFolder(async (dir) => {
    for (const values of [["first"], ["first", "second"]]) {
      const cluster = ScriptProcess.start("cluster", [...CLUSTER, "--dir", dir], [dir], true);
      const ready = await cluster.line(/^ready /);
      assertMatch(ready, /bootstrap=127\.0\.0\.1:\d+,127\.0\.0\.1:\d+,127\.0\.0\.1:\d+ /);
      assertStringIncludes(ready, `data=${dir}`);
      const bootstraps = /bootstrap=(\S+)/.exec(ready)![1]!.split(",");
      assertStringIncludes(await cluster.line(/kcat/), `kcat -b ${bootstraps.join()} -P -t greetings && kcat `);
      if (values.length === 1) {
        await using client = await RawClient.connect(bootstraps[0]!);
        await createTopic(client, "kept", 1, {}, 3);
      }
      await using client = await patiently(connectToLeader(() => bootstraps, "kept", 0), "a leader");
      assertEquals((await produceTexts(client, "kept", [values.at(-1)!])).baseOffset, values.length - 1);
      assertEquals((await readAll(client, "kept")).map(({ value }) => value), values);
      cluster.kill("SIGTERM");
      assertEquals(await cluster.ended, 0);
    }
    // Alone it could elect itself: it needs the voters that it had.
    const broker = ScriptProcess.start("broker", [...BROKER, "--dir", `${dir}/1`], [dir]);
    assertEquals(await broker.ended, 1);
    assertStringIncludes(broker.errors, "belongs to a cluster in which 1,2,3 vote, says its quorum.properties, not 1");
  });
});

Deno.test("a broker that ends by itself ends nobody else, and its command line brings it back", async () => {
  const cluster = ScriptProcess.start("cluster", [...CLUSTER, "--ephemeral", "--show-commands"], [], true);
  const second = await cluster.line(/ --id 2 /);
  const bootstrap = /bootstrap=(\S+?),/.exec(await cluster.line(/^ready /))![1]!;
  const alive = async () => {
    await using client = await RawClient.connect(bootstrap);
    return (await look(client)).brokers.length;
  };
  assertEquals(await alive(), 3);
  await endProcessLike(second);
  assertEquals(await cluster.line(/has ended/), "Broker 2 has ended with exit code 137; 1, 3 go on.");
  assertEquals(await cluster.line(/comes back/), `It comes back with: ${second}`);
  await patiently(until(async () => await alive() === 2), "the others to notice");
  const shell = new Deno.Command("sh", {
    args: ["-c", `exec ${second}`],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  });
  const again = shell.spawn();
  await patiently(until(async () => await alive() === 3), "it to be back");
  cluster.kill("SIGTERM");
  assertEquals(await cluster.ended, 1); // one has failed
  again.kill("SIGKILL");
  await again.output();
});

Deno.test("a cluster whose brokers have all ended by themselves ends, and SIGINT ends one that only begins", async () => {
  const cluster = ScriptProcess.start("cluster", [...CLUSTER, "--ephemeral", "--config", "no.such=1"], [], true);
  assertEquals(await cluster.ended, 1);
  assertStringIncludes(cluster.output, "none is left");
  const early = ScriptProcess.start("cluster", [...CLUSTER, "--ephemeral", "--show-commands"], [], true);
  await early.line(/ --id 1 /); // its brokers are being started
  early.kill("SIGINT");
  assertEquals(await early.ended, 0);
});

/** Kills the process that was started with this command line. */
async function endProcessLike(commandLine: string): Promise<void> {
  const flags = commandLine.slice(commandLine.indexOf(" --id "));
  const { stdout } = await new Deno.Command("pgrep", { args: ["-f", "--", `broker.ts${flags}$`] }).output();
  const [pid, ...others] = new TextDecoder().decode(stdout).trim().split("\n");
  assertEquals(others, []);
  Deno.kill(Number(pid), "SIGKILL");
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!await condition());
}

Deno.test("the console answers at --http-port", async () => {
  const port = freePort();
  const broker = ScriptProcess.start(
    "broker",
    ["--id", "1", "--port", "0", "--ephemeral", "--http-port", String(port)],
    [],
  );
  const ready = await broker.line(/^ready /);
  assertStringIncludes(ready, `http=http://127.0.0.1:${port}`);
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, body: await response.text() };
  };
  await using client = await RawClient.connect(/bootstrap=(\S+)/.exec(ready)![1]!);
  await createTopic(client, "seen", 3);
  assertEquals((await get("/healthz")).status, 200);
  assertEquals((await get("/readyz")).status, 200);
  assertEquals((await get("/nowhere")).status, 404);
  assertMatch((await get("/")).body, /<title>Samsa<\/title>/);
  assertEquals(JSON.parse((await get("/api/cluster")).body).partitions, 3);
  assertEquals(JSON.parse((await get("/api/topics")).body)[0].partitions.length, 3);
  const actors: { ref: string }[] = JSON.parse((await get("/api/actors")).body);
  assert(actors.some(({ ref }) => ref === "1/replica/seen-2"));
  const metrics = (await get("/metrics")).body;
  assertMatch(metrics, /^samsa_requests_total\{api="CreateTopics"\} 1$/m);
  assertMatch(metrics, /^samsa_log_end_offset\{topic="seen",partition="2"\} 0$/m);
  await client.close();
  broker.kill("SIGTERM");
  assertEquals(await broker.ended, 0);
});

Deno.test("what is wrong is said in one sentence, with an exit code that is not 0", async () => {
  await inFolder(async (dir) => {
    const file = `${dir}/file`;
    await Deno.writeTextFile(file, "not a folder");
    const broken = `${dir}/broken.properties`;
    await Deno.writeTextFile(broken, "num.partitions=none\n");
    const cases: [string[], RegExp][] = [
      [[...BROKER, "--dir", dir, "--ports", "1"], /--ports is not a known flag: did you mean --port\?/],
      [[...BROKER], /--dir is missing/],
      [[...BROKER, "--dir", dir, "--ephemeral"], /exclude each other/],
      [["--id", "one", "--port", "0", "--dir", dir], /--id must be a whole number/],
      [["--id", "1", "--port", "70000", "--dir", dir], /--port must be a port/],
      [[...BROKER, "--dir", dir, "--config", "num.partitions=many"], /num\.partitions/],
      [[...BROKER, "--dir", dir, "--config", "num.partition=1"], /num\.partition\b/],
      [[...BROKER, "--dir", dir, "--properties", broken], /num\.partitions/],
      [[...BROKER, "--dir", dir, "--properties", `${dir}/absent`], /cannot be read/],
      [[...BROKER, "--dir", file], /file/],
    ];
    for (const [args, expected] of cases) {
      const broker = ScriptProcess.start("broker", args, [dir]);
      assertEquals(await broker.ended, 1, args.join(" "));
      assertMatch(broker.errors, expected);
      assert(!broker.errors.includes("    at "), `a stack trace: ${broker.errors}`);
      assertEquals(broker.errors.trim().split("\n").length, 1, broker.errors);
    }
  });
});

Deno.test("a locked folder, a folder of another broker and a port in use are refused by name", async () => {
  await inFolder(async (dir) => {
    const first = ScriptProcess.start("broker", [...BROKER, "--dir", dir], [dir]);
    const port = /bootstrap=\S+:(\d+)/.exec(await first.line(/^ready /))![1]!;
    const refuse = async (args: string[], expected: RegExp) => {
      const second = ScriptProcess.start("broker", args, [dir]);
      assertEquals(await second.ended, 1);
      assertMatch(second.errors, expected);
    };
    await refuse([...BROKER, "--dir", dir], /another|lock/);
    await refuse(["--id", "1", "--port", port, "--ephemeral"], new RegExp(`Port ${port} on 127.0.0.1 is in use`));
    await using client = await RawClient.connect(`127.0.0.1:${port}`);
    await client.exchange(METADATA_REQUEST); // the first is undisturbed
    await client.close();
    first.kill("SIGTERM");
    await first.ended;
    await refuse(["--id", "2", "--port", "0", "--dir", dir], /1/);
  });
});

Deno.test("--help lists every flag and exits with 0", async () => {
  for (const script of ["broker", "cluster"] as const) {
    const process = ScriptProcess.start(script, ["--help"], []);
    assertEquals(await process.ended, 0);
    for (const flag of ["--port", "--dir", "--ephemeral", "--http-port", "--rack", "--config"]) {
      assertStringIncludes(process.output, flag);
    }
  }
});
