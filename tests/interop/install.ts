/**
 * Brings the clients that the suite drives onto the machine, each from its own ordinary registry; steps that find their
 * work done do nothing.
 *
 * @module
 */
import { installKafka } from "./kafka.ts";
import { cacheFolder, installPackages, makeOnce } from "./packages.ts";
import { isOnPath, mustRun } from "./processes.ts";

/** The versions that the suite is pinned to; the npm ones are named again in the agents' imports. */
const VERSIONS = {
  "confluent-kafka": "2.16.1",
  "kafka-python": "3.0.12",
  go: "1.26.0",
} as const;

const CLIENTS = new URL("clients/", import.meta.url).pathname;

/** How a client's agent is started; the bootstrap address follows as the last argument. */
export interface AgentCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/** What has to be there for each client; each step returns how its agent is started. */
const STEPS: Record<string, () => Promise<AgentCommand>> = {
  kcat: async () => {
    if (!await isOnPath("kcat")) await installPackages("kcat");
    return { command: "kcat", args: [] };
  },
  kafkajs: () => installScript("kafkajs.ts"),
  platformatic: () => installScript("platformatic.ts"),
  "kafka-python": () => installPython("kafka_python.py"),
  confluent: () => installPython("confluent.py"),
  "franz-go": installGo,
  java: installJava,
  samsa: () => installScript("samsa.ts"),
};

/** The names of all clients. */
export const CLIENT_NAMES: readonly string[] = Object.keys(STEPS);

/** Installs one client and returns how its agent is started. */
export function installClient(name: string): Promise<AgentCommand> {
  const step = STEPS[name];
  if (step === undefined) throw new Error(`There is no client "${name}"; there are ${CLIENT_NAMES.join(", ")}.`);
  return step();
}

async function installScript(file: string): Promise<AgentCommand> {
  const path = CLIENTS + file;
  await mustRun(Deno.execPath(), ["cache", path], { timeoutMs: 300_000 });
  return { command: Deno.execPath(), args: ["run", "-A", "--cached-only", path] };
}

let python: Promise<string> | undefined;

async function installPython(file: string): Promise<AgentCommand> {
  // The codecs are what kafka-python calls for snappy, lz4 and zstd.
  const packages = [
    `confluent-kafka==${VERSIONS["confluent-kafka"]}`,
    `kafka-python==${VERSIONS["kafka-python"]}`,
    "lz4==4.4.5",
    "python-snappy==0.7.3",
    "zstandard==0.25.0",
  ];
  python ??= makeOnce(`python-${(await digestOf(packages.join())).slice(0, 12)}`, async (folder) => {
    const venv = () => mustRun("python3", ["-m", "venv", "--clear", folder]);
    await venv().catch(async () => {
      await installPackages("python3-venv");
      await venv();
    });
    const pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check", ...packages];
    await mustRun(`${folder}/bin/python3`, pip, { timeoutMs: 300_000 });
  });
  return { command: `${await python}/bin/python3`, args: ["-B", "-u", CLIENTS + file] };
}

async function installGo(): Promise<AgentCommand> {
  const sources = ["go.mod", "go.sum", "main.go", "admin.go", "groups.go"].map((name) =>
    Deno.readTextFile(`${CLIENTS}go/${name}`)
  );
  const digest = (await digestOf((await Promise.all(sources)).join(""))).slice(0, 12);
  const folder = await makeOnce(`franz-go-${digest}`, async (folder) => {
    const env = { GOFLAGS: "-mod=readonly", CGO_ENABLED: "0" };
    const go = await findGo();
    await mustRun(go, ["build", "-o", `${folder}/agent`, "."], { cwd: `${CLIENTS}go`, env, timeoutMs: 600_000 });
  });
  return { command: `${folder}/agent`, args: [] };
}

/**
 * A Go that can build franz-go: the one on the PATH if it is new enough or can bring a newer one by itself (1.21 and later
 * do); else, as with Debian 12's 1.19, the wanted one as the module `golang.org/toolchain` through the Go proxy.
 */
async function findGo(): Promise<string> {
  if (!await isOnPath("go")) await installPackages("golang-go");
  const minor = Number(/go1\.(\d+)/.exec(await mustRun("go", ["version"]))?.[1]);
  if (minor >= 21) return "go";
  const machine = Deno.build.arch === "aarch64" ? "arm64" : "amd64";
  const toolchain = `golang.org/toolchain@v0.0.1-go${VERSIONS.go}.linux-${machine}`;
  const download = await mustRun("go", ["mod", "download", "-json", toolchain], {
    cwd: cacheFolder(),
    env: { GOFLAGS: "-mod=mod", GO111MODULE: "on" },
    timeoutMs: 600_000,
  });
  const root: string = JSON.parse(download).Dir;
  // Module files come without the right to be run.
  await mustRun("chmod", ["-R", "a+x", `${root}/bin`, `${root}/pkg/tool`]);
  return `${root}/bin/go`;
}

async function installJava(): Promise<AgentCommand> {
  const { classpath, quietLogging } = await installKafka();
  const sources = ["JavaAgent.java", "JavaGroups.java"].map((name) => CLIENTS + name);
  const texts = await Promise.all(sources.map((source) => Deno.readTextFile(source)));
  const digest = (await digestOf(texts.join(""))).slice(0, 12);
  const classes = await makeOnce(`java-${digest}`, async (folder) => {
    await mustRun("javac", ["-nowarn", "-cp", classpath, "-d", folder, ...sources]);
  });
  const machine = [
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    `-Dlog4j2.configurationFile=${quietLogging}`,
  ];
  return { command: "java", args: [...machine, "-cp", `${classes}:${classpath}`, "JavaAgent"] };
}

async function digestOf(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

if (import.meta.main) {
  let failed = 0;
  for (const name of CLIENT_NAMES) {
    try {
      await installClient(name);
      console.log(`installed ${name}`);
    } catch (error) {
      failed++;
      console.log(`cannot install ${name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  Deno.exit(failed === 0 ? 0 : 1);
}
