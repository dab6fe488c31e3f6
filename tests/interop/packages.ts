/**
 * A cache folder and what fills it: Debian's packages and Maven's artifacts.
 *
 * Every step is idempotent: what is there is left alone, what is made is made beside its place and renamed into it, so that
 * an interrupted or a parallel installation leaves nothing half done.
 *
 * @module
 */
import { isOnPath, mustRun } from "./processes.ts";

/** The folder that holds what is installed: `SAMSA_CACHE`, or `.cache/interop` in the checkout. */
export function cacheFolder(): string {
  const folder = Deno.env.get("SAMSA_CACHE") ?? new URL("../../.cache/interop", import.meta.url).pathname;
  Deno.mkdirSync(folder, { recursive: true });
  return folder;
}

let packageLists: Promise<unknown> | undefined;
let packageTurn: Promise<unknown> = Promise.resolve();

/** Installs Debian packages, one call after the other, because apt takes a lock. */
export function installPackages(...names: string[]): Promise<void> {
  const turn = packageTurn.then(async () => {
    if (!await isOnPath("apt-get")) {
      throw new Error(`Please install ${names.join(", ")}: this machine has no apt-get to do it with.`);
    }
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    packageLists ??= mustRun("apt-get", ["update", "-q"], { timeoutMs: 300_000 });
    await packageLists;
    await mustRun("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...names], { env, timeoutMs: 600_000 });
  });
  packageTurn = turn.catch(() => {});
  return turn;
}

/** Makes a folder in the cache by filling one beside it and renaming; returns its path, at once when it is there. */
export async function makeOnce(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const place = `${cacheFolder()}/${name}`;
  if (await exists(place)) return place;
  const beside = await Deno.makeTempDir({ dir: cacheFolder(), prefix: "making-" });
  try {
    await fill(beside);
    await Deno.rename(beside, place);
  } catch (error) {
    await Deno.remove(beside, { recursive: true }).catch(() => {});
    // Another run may have been quicker: its folder is as good as ours.
    if (!await exists(place)) throw error;
  }
  return place;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Copies Maven artifacts (`group:artifact:version`) and what they need into a folder of jars; returns that folder. */
export function installMaven(name: string, artifacts: readonly string[]): Promise<string> {
  const versions = artifacts.map((artifact) => artifact.split(":")[2]);
  return makeOnce(`${name}-${versions[0]}-libs`, async (folder) => {
    if (!await isOnPath("mvn")) await installPackages("maven");
    const pom = await Deno.makeTempDir({ prefix: "samsa-pom-" });
    await Deno.writeTextFile(`${pom}/pom.xml`, pomOf(artifacts));
    const copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", `-DoutputDirectory=${folder}`];
    await mustRun("mvn", ["-q", "-B", "-f", `${pom}/pom.xml`, ...copy], { timeoutMs: 600_000 });
    await Deno.remove(pom, { recursive: true });
  });
}

function pomOf(artifacts: readonly string[]): string {
  const dependencies = artifacts.map((artifact) => {
    const [group, id, version] = artifact.split(":");
    return `<dependency><groupId>${group}</groupId><artifactId>${id}</artifactId><version>${version}</version></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>samsa</groupId><artifactId>interop</artifactId><version>1</version>
<dependencies>${dependencies.join("\n")}</dependencies></project>\n`;
}
