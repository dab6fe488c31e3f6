/**
 * Members of groups as processes that are killed and stand still, and what their group was given, whoever of them got it.
 *
 * @module
 */
import { installClient } from "../interop/install.ts";
import { spawnTalker, type Talker } from "../interop/processes.ts";
import { confluentWriter } from "./writer.ts";

/** Which client a group has. */
export type MemberKind = "samsa" | "librdkafka" | "kafkajs";

/** A group to be. */
export interface GroupSpec {
  readonly groupId: string;
  readonly kind: MemberKind;
  readonly protocol: "classic" | "consumer";
  readonly members: number;
  /** Whether its first member is a static one. */
  readonly hasStatic: boolean;
}

/** How members of a kind are started. */
async function commandOf(kind: MemberKind): Promise<{ readonly command: string; readonly args: readonly string[] }> {
  const here = new URL(".", import.meta.url).pathname;
  if (kind === "samsa") {
    return { command: Deno.execPath(), args: ["run", "-A", "--no-check", `${here}samsa_member.ts`] };
  }
  if (kind === "kafkajs") {
    const { command } = await installClient("kafkajs");
    return { command, args: ["run", "-A", "--cached-only", "--no-check", `${here}kafkajs_member.ts`] };
  }
  const { command } = await confluentWriter();
  return { command, args: ["-B", "-u", `${here}confluent_member.py`] };
}

/** A group of processes. */
export class ChaosGroup {
  readonly spec: GroupSpec;
  /** What was given to any of them: `<writer>:<n>`, with how often. */
  readonly given: Map<string, number> = new Map();
  #members: Talker[] = [];
  readonly #start: (index: number) => Talker;

  private constructor(spec: GroupSpec, start: (index: number, hear: (line: string) => void) => Talker) {
    this.spec = spec;
    this.#start = (index) => start(index, (line) => this.#hear(line));
    this.#members = Array.from({ length: spec.members }, (_, index) => this.#start(index));
  }

  /** Starts its members. */
  static async open(spec: GroupSpec, bootstrap: string, topic: string): Promise<ChaosGroup> {
    const { command, args } = await commandOf(spec.kind);
    return new ChaosGroup(spec, (index, hear) => {
      const instance = index === 0 && spec.hasStatic ? `${spec.groupId}-static` : "-";
      return spawnTalker(command, [...args, bootstrap, topic, spec.groupId, instance, spec.protocol], hear);
    });
  }

  /** SIGKILL; another in its place is started by {@linkcode ChaosGroup.replace}. */
  async kill(index: number): Promise<void> {
    this.#members[index]!.signal("SIGKILL");
    await this.#members[index]!.ended;
  }

  replace(index: number): void {
    this.#members[index] = this.#start(index);
  }

  signal(index: number, signal: "SIGSTOP" | "SIGCONT"): void {
    this.#members[index]!.signal(signal);
  }

  /** Members that have ended although nobody killed them, with what they said last. */
  casualties(): string[] {
    return this.#members.flatMap((member, index) =>
      member.hasEnded() ? [`member ${index} of ${this.spec.groupId} has ended: ${member.tail().slice(0, 600)}`] : []
    );
  }

  /** What is missing of what was acknowledged. */
  lacks(acknowledged: Iterable<string>): string[] {
    const missing: string[] = [];
    for (const name of acknowledged) if (!this.given.has(name)) missing.push(name);
    return missing;
  }

  /** How many were given more than once. */
  get repeated(): number {
    let count = 0;
    for (const times of this.given.values()) if (times > 1) count++;
    return count;
  }

  close(): void {
    for (const member of this.#members) member.signal("SIGKILL");
  }

  #hear(line: string): void {
    const [what, ...names] = line.split(" ");
    if (what !== "V") return;
    for (const name of names) this.given.set(name, (this.given.get(name) ?? 0) + 1);
  }
}
