/**
 * Which brokers of a cluster vote, written down in the folder that holds all their data: `cluster.properties`.
 *
 * Who votes is decided once, when the cluster is made. With another list those who hold what was committed could be outvoted by
 * those who do not.
 *
 * @module
 */
import { parseProperties } from "./properties.ts";
import { voterCount } from "./voters.ts";

const FILE = "cluster.properties";
const VOTERS = "voters";

/**
 * The ids of the brokers that vote in the cluster under `dir`, of brokers with the ids 1, 2, 3 …; a new cluster is given the first 1, 3 or
 * 5 of `brokers`, and that is written down.
 *
 * @throws {Error} with one sentence when the folder cannot be used, or fewer brokers are to be started than vote
 */
export function votersUnder(dir: string, brokers: number): readonly number[] {
  const voters = written(dir) ?? decide(dir, brokers);
  const missing = voters.filter((id) => id > brokers);
  if (missing.length === 0) return voters;
  throw new Error(
    `The brokers ${voters.join(", ")} vote in the cluster in ${dir}: start at least ${Math.max(...voters)} brokers, ` +
      `or choose another folder.`,
  );
}

function written(dir: string): readonly number[] | undefined {
  const text = readText(`${dir}/${FILE}`);
  if (text === undefined) return undefined;
  const properties = parseProperties(text);
  const list = properties.ok ? properties.values.get(VOTERS)?.split(",") ?? [] : [];
  if (list.length > 0 && list.every((id) => /^[1-9]\d{0,8}$/.test(id))) return list.map(Number);
  throw new Error(`${dir}/${FILE} cannot be understood: it must say ${VOTERS}= and the ids of the brokers that vote.`);
}

function decide(dir: string, brokers: number): readonly number[] {
  // A folder without the file is new, or of a time when there was one broker.
  const isOld = readText(`${dir}/1/meta.properties`) !== undefined;
  const count = isOld ? 1 : voterCount(brokers);
  const voters = Array.from({ length: count }, (_, index) => index + 1);
  try {
    Deno.mkdirSync(dir, { recursive: true });
    const beside = `${dir}/${FILE}.tmp`;
    Deno.writeTextFileSync(
      beside,
      `# The brokers that elect the controller: fixed once there is a cluster.\n${VOTERS}=${voters}\n`,
    );
    Deno.renameSync(beside, `${dir}/${FILE}`);
  } catch (error) {
    throw new Error(`The folder ${dir} cannot be used (${reasonOf(error)}): choose one that can be written to.`);
  }
  return voters;
}

function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw new Error(`${path} cannot be read (${reasonOf(error)}).`);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
