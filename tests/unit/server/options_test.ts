import { assertEquals } from "@std/assert";
import { hostPort, integer, pairs, path, port, text, toggle, voters } from "../../../server/flags.ts";
import { helpText, type OptionTable, parseOptions } from "../../../server/options.ts";

const TABLE = {
  id: integer({ help: "The broker's id", placeholder: "ID", min: 0, max: 100, required: true }),
  port: port({ help: "The listener's port", default: 9092, zero: "any free one" }),
  httpPort: port({ help: "The console's port", zero: "off", default: 8092 }),
  metricsPort: port({ help: "The metrics' port" }),
  dir: path({ help: "The data folder", placeholder: "DIR", default: "./samsa-data" }),
  rack: text({ help: "The rack", placeholder: "RACK" }),
  advertise: hostPort({ help: "What clients dial" }),
  config: pairs({ help: "A broker setting" }),
  ephemeral: toggle({ help: "Keep nothing" }),
};

Deno.test("voters are read with their ids and addresses, and what is no such list is refused", () => {
  const table = { voters: voters({ help: "Who votes" }) };
  const read = (text: string) => parseOptions(table, ["--voters", text]);
  assertEquals(read("1@a:19092,2147483647@[::1]:1"), {
    kind: "options",
    options: { voters: [{ id: 1, host: "a", port: 19092 }, { id: 2147483647, host: "::1", port: 1 }] },
  });
  for (
    const text of ["a:1", "1@a", "1@a:0", "1@a:70000", "x@a:1", "-1@a:1", "2147483648@a:1", "1@a:1,", "1@a:1;2@b:1", ""]
  ) {
    const parsed = read(text);
    assertEquals(parsed.kind === "wrong" && parsed.message.startsWith("--voters must be ID@HOST:PORT"), true, text);
  }
});

/** What is wrong with the command line `--id 1` followed by `args`; empty when nothing is. */
function complaint(...args: string[]): string {
  const parsed = parseOptions(TABLE, ["--id", "1", ...args]);
  return parsed.kind === "wrong" ? parsed.message : "";
}

Deno.test("every kind of flag is read, in both spellings", () => {
  const line = "--id 7 --port=0 --http-port 80 --dir /tmp/x --rack=a=b --advertise [::1]:9092 --ephemeral";
  const parsed = parseOptions(TABLE, [...line.split(" "), "--config", "a=1", "--config=b=x=y", "--config", "c="]);
  assertEquals(parsed, {
    kind: "options",
    options: {
      id: 7,
      port: 0,
      httpPort: 80,
      metricsPort: undefined,
      dir: "/tmp/x",
      rack: "a=b",
      advertise: { host: "::1", port: 9092 },
      config: new Map([["a", "1"], ["b", "x=y"], ["c", ""]]),
      ephemeral: true,
    },
  });
});

Deno.test("what is not given has its default, and the types say which may be missing", () => {
  const parsed = parseOptions(TABLE, ["--id", "7"]);
  if (parsed.kind !== "options") throw new Error("expected options");
  const { id, port, rack, advertise, config, ephemeral }: {
    id: number;
    port: number;
    rack: string | undefined;
    advertise: { host: string; port: number } | undefined;
    config: ReadonlyMap<string, string>;
    ephemeral: boolean;
  } = parsed.options;
  assertEquals([id, port, rack, advertise, [...config], ephemeral], [7, 9092, undefined, undefined, [], false]);
  // @ts-expect-error -- a flag without a default may be missing
  const required: string = parsed.options.rack;
  assertEquals(required, undefined);
});

Deno.test("a leading -- is skipped, since deno task passes it on", () => {
  assertEquals(parseOptions({ ephemeral: TABLE.ephemeral }, ["--", "--ephemeral"]), {
    kind: "options",
    options: { ephemeral: true },
  });
  assertEquals(complaint("--"), "-- is not a known flag: see --help for those that are.");
});

Deno.test("an unknown flag is refused, and the nearest known one is suggested", () => {
  assertEquals(complaint("--prot", "1"), "--prot is not a known flag: did you mean --port?");
  assertEquals(complaint("--httpport=1"), "--httpport is not a known flag: did you mean --http-port?");
  assertEquals(complaint("--adv", "x:1"), "--adv is not a known flag: did you mean --advertise?");
  assertEquals(complaint("-port", "1"), "-port is not a known flag: did you mean --port?");
  assertEquals(complaint("--PORT", "1"), "--PORT is not a known flag: did you mean --port?");
  assertEquals(complaint("--zookeeper", "x"), "--zookeeper is not a known flag: see --help for those that are.");
  assertEquals(complaint("--constructor"), "--constructor is not a known flag: see --help for those that are.");
  assertEquals(complaint("9092"), "'9092' belongs to no flag: everything is given as --flag value (see --help).");
});

Deno.test("a missing, surplus or repeated value is named", () => {
  assertEquals(complaint("--port"), "--port needs a value: write --port PORT.");
  assertEquals(complaint("--dir", "--ephemeral"), "--dir needs a value: write --dir DIR.");
  assertEquals(complaint("--ephemeral=yes"), "--ephemeral takes no value: write --ephemeral, or leave it out.");
  assertEquals(complaint("--port", "1", "--port=2"), "--port is given twice: give it once.");
  assertEquals(complaint("--ephemeral", "--ephemeral"), "--ephemeral is given twice: give it once.");
  assertEquals(parseOptions(TABLE, []), { kind: "wrong", message: "--id is missing: write --id ID." });
});

Deno.test("a value of the wrong type or out of range is refused with what would be right", () => {
  const id = (value: string) => parseOptions({ id: TABLE.id }, [`--id=${value}`]);
  for (const value of ["x", "", "-1", "101", "1.5", "0x10", "1e1", " 1", "9".repeat(40)]) {
    assertEquals(id(value), {
      kind: "wrong",
      message: `--id must be a whole number from 0 to 100, but got '${value}'.`,
    });
  }
  assertEquals(
    complaint("--port=70000"),
    "--port must be a port from 1 to 65535, or 0 (any free one), but got '70000'.",
  );
  assertEquals(complaint("--metrics-port=0"), "--metrics-port must be a port from 1 to 65535, but got '0'.");
  assertEquals(complaint("--dir="), "--dir must be a path, but got ''.");
  assertEquals(complaint("--rack", " "), "--rack must be something other than an empty text, but got ' '.");
  assertEquals(complaint("--config", "acks"), "--config must be NAME=VALUE, but got 'acks'.");
  assertEquals(complaint("--config", "=1"), "--config must be NAME=VALUE, but got '=1'.");
  assertEquals(
    complaint("--config", "a=1", "--config", "a=2"),
    "--config must be a name that is not given yet, but got 'a=2'.",
  );
  for (const value of ["localhost", "localhost:0", "localhost:x", ":9092", "a b:1", "::1:9092", "h:65536"]) {
    assertEquals(
      complaint("--advertise", value),
      `--advertise must be HOST:PORT with a port from 1 to 65535, for example localhost:9092, but got '${value}'.`,
    );
  }
});

Deno.test("help wins over everything else on the line, and is printed from the table", () => {
  assertEquals(parseOptions(TABLE, ["--nonsense", "--help"]).kind, "help");
  assertEquals(parseOptions(TABLE, ["-h"]).kind, "help");
  const table: OptionTable = { id: TABLE.id, dir: TABLE.dir, config: TABLE.config, ephemeral: TABLE.ephemeral };
  assertEquals(
    helpText("deno task broker", "Runs one broker.", table),
    `Usage: deno task broker --id ID [flags]

Runs one broker.

Flags:
  --id ID              The broker's id (required)
  --dir DIR            The data folder (default ./samsa-data)
  --config NAME=VALUE  A broker setting (may be repeated)
  --ephemeral          Keep nothing
  --help               Print this
`,
  );
});
