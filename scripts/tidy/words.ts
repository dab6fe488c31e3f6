/**
 * Words that must not be in the tree: traces of the machine it was made on, promises, and tests that are switched off.
 *
 * @module
 */

interface Ban {
  readonly what: RegExp;
  readonly why: string;
  /** Which files it is about; all when left out. */
  readonly files?: RegExp;
}

// Each expression is written so that it does not match its own source text.
const BANS: readonly Ban[] = [
  {
    what: /(?<![\w.*])\/(?:work|root|home\/\w+|tmp\/samsa)\/[\w.-]*/,
    why: "is a path of one machine: take it as an argument",
  },
  { what: /\bissue #?\d+/i, why: "points outside the project: say what is meant" },
  {
    what: /https?:\/\/[\w.-]*(?:registry|mirror|artifactory|nexus)[\w.-]*/,
    why: "is a host of one network: rely on the tool's default",
  },
  { what: /\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b/, why: "is a promise: do it, or name it in the documentation" },
  { what: /\.only\(|\bonly:\s*true\b/, why: "switches all other tests off", files: /^tests\/.*\.ts$/ },
  {
    what: /\bignore:\s*true\b|\.ignore\(/,
    why: "switches a test off: delete it or make it pass",
    files: /^tests\/.*\.ts$/,
  },
];

/** One sentence for every banned word in the text of the file at `path`, with its line. */
export function findBanned(path: string, text: string): string[] {
  const bans = BANS.filter(({ files }) => files?.test(path) ?? true);
  return text.split("\n").flatMap((line, index) =>
    bans.flatMap(({ what, why }) => {
      const match = what.exec(line);
      return match ? [`${path}:${index + 1}: '${match[0]}' ${why}`] : [];
    })
  );
}

/** One sentence for every script or test folder that a task of deno.json names and that is not there. */
export function findBrokenTasks(denoJson: string, files: readonly string[]): string[] {
  const tasks: Record<string, string | { command?: string }> = JSON.parse(denoJson).tasks ?? {};
  return Object.entries(tasks).flatMap(([name, task]) => {
    const command = (typeof task === "string" ? task : task.command ?? "").replace(/--ignore=\S+/g, "");
    return (command.match(/(?<![\w/])(?:scripts|tests)\/[\w./-]+/g) ?? [])
      .filter((path) => !files.some((file) => file === path || file.startsWith(`${path}/`)))
      .map((path) => `deno.json: the task '${name}' names ${path}, which is not there`);
  });
}
