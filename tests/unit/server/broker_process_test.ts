import { assert, assertEquals } from "@std/assert";
import { brokerCommand, BrokerProcess, quoted } from "../../../server/broker_process.ts";

Deno.test("a broker process says where it serves, and ends cleanly when asked", async () => {
  const dir = await Deno.makeTempDir({ prefix: "samsa, test " }); // a comma and blanks, as folders have them
  try {
    const config = new Map([["num.partitions", "3"]]);
    const broker = BrokerProcess.start({ id: 4, port: 0, httpPort: 0, dir, rack: "r 1", config });
    const ready = await Promise.race([broker.ready, broker.ended]);
    assert(ready instanceof Map, `it ended with ${ready}`);
    assertEquals(ready.get("data"), dir);
    const [hostname, port] = ready.get("bootstrap").split(":");
    (await Deno.connect({ hostname, port: Number(port) })).close();
    assertEquals(await broker.stop(), 0);
    assertEquals(await broker.stop(), 0);
    assertEquals(await broker.ended, 0);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a broker process that cannot start ends with a code that is not 0, and is never ready", async () => {
  const config = new Map([["no.such.config", "1"]]);
  const broker = BrokerProcess.start({ id: 1, port: 0, httpPort: 0, config });
  let ready = false;
  broker.ready.then(() => ready = true);
  assertEquals([await broker.ended, ready], [1, false]);
});

Deno.test("without a folder the data is in memory", async () => {
  const broker = BrokerProcess.start({ id: 2, port: 0, httpPort: 0, config: new Map() });
  assertEquals((await broker.ready).get("data"), "memory");
  assertEquals(await broker.stop(), 0);
});

Deno.test("the command line of a broker has everything that it was planned with, and can be pasted", async () => {
  const voters = [{ id: 1, host: "127.0.0.1", port: 19092 }, { id: 2, host: "127.0.0.1", port: 19093 }];
  const config = new Map([["listeners", "it's $HOME"]]);
  const words = brokerCommand({ id: 2, port: 9093, httpPort: 0, nodePort: 19093, voters, dir: "/tmp/a b", config });
  const [program, run, ...rest] = words;
  assertEquals([program, run], [Deno.execPath(), "run"]);
  const at = rest.findIndex((word) => word.endsWith("/scripts/broker.ts"));
  assertEquals(rest.slice(0, at), [
    "--no-prompt",
    "--allow-net=127.0.0.1",
    "--allow-read=/tmp/a b",
    "--allow-write=/tmp/a b",
  ]);
  assertEquals(rest.slice(at + 1), [
    ...["--id", "2", "--port", "9093", "--http-port", "0", "--node-port", "19093"],
    ...["--voters", "1@127.0.0.1:19092,2@127.0.0.1:19093", "--dir=/tmp/a b", "--config=listeners=it's $HOME"],
  ]);
  const shell = new Deno.Command("sh", { args: ["-c", `printf '%s\\n' ${quoted(words)}`] });
  const { stdout } = await shell.output();
  assertEquals(new TextDecoder().decode(stdout).trimEnd().split("\n"), words);
});

Deno.test("what a broker says can be had instead of being passed on", async () => {
  const said: string[] = [];
  const config = new Map([["no.such.config", "1"]]);
  const broker = BrokerProcess.start({ id: 1, port: 0, httpPort: 0, config, print: (line) => said.push(line) });
  assertEquals(await broker.ended, 1);
  assertEquals(said.length, 1);
  assert(said[0]!.includes("no.such.config"));
});
