/**
 * Members of groups as processes that are killed, stand still and leave.
 *
 * What a member says, a line each, is all that is known of it:
 *
 * ```
 * A <generation> <member id> <partition>,…         these are its own now (generation "-" where its client does not tell)
 * R <partition>,…                                  they are not any more: it has given them back
 * L <partition>,…                                  they are not any more: the group has gone on without it
 * V <partition> <first>-<last> <writer>:<n> …      it was given these records
 * ```
 * @module
 */
import { installClient } from "../interop/install.ts";
import { spawnTalker, type Talker } from "../interop/processes.ts";
import { GroupLedger, staticInstanceOf } from "./group_ledger.ts";
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

/** Starts the member with a number. */
type StartMember = (index: number, hear: (line: string) => void) => Talker;

/** A process that was started as a member. */
interface MemberProcess {
  readonly talker: Talker;
  /** `<number of the member>.<which process it is>` */
  readonly name: string;
  /** It was told to end. */
  isExpendable: boolean;
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
  readonly ledger: GroupLedger;
  readonly #start: StartMember;
  readonly #members: MemberProcess[];
  #started = 0;
  #isClosed = false;

  private constructor(spec: GroupSpec, start: StartMember) {
    this.spec = spec;
    this.ledger = new GroupLedger(spec.groupId);
    this.#start = start;
    this.#members = Array.from({ length: spec.members }, (_, index) => this.#spawn(index));
  }

  /** Starts its members. */
  static async open(spec: GroupSpec, bootstrap: string, topic: string): Promise<ChaosGroup> {
    const { command, args } = await commandOf(spec.kind);
    return new ChaosGroup(spec, (index, hear) => {
      const instance = index === 0 && spec.hasStatic ? staticInstanceOf(spec.groupId) : "-";
      return spawnTalker(command, [...args, bootstrap, topic, spec.groupId, instance, spec.protocol], hear);
    });
  }

  /** SIGKILL; another in its place is started by {@linkcode ChaosGroup.replace}. */
  async kill(index: number): Promise<void> {
    const member = this.#members[index]!;
    this.ledger.note(member.name, "is killed");
    member.isExpendable = true;
    member.talker.signal("SIGKILL");
    await member.talker.ended;
  }

  /** Lets it close its consumer and end; false when it has not ended by then. */
  async leave(index: number, patienceMs: number): Promise<boolean> {
    const member = this.#members[index]!;
    this.ledger.note(member.name, "is told to leave");
    member.isExpendable = true;
    await member.talker.close();
    const tooLate = Promise.withResolvers<false>();
    const timer = setTimeout(() => tooLate.resolve(false), patienceMs);
    const hasLeft = await Promise.race([member.talker.ended.then(() => true), tooLate.promise]);
    clearTimeout(timer);
    return hasLeft;
  }

  replace(index: number): void {
    this.#members[index] = this.#spawn(index);
  }

  signal(index: number, signal: "SIGSTOP" | "SIGCONT"): void {
    const { name, talker } = this.#members[index]!;
    this.ledger.note(name, signal === "SIGSTOP" ? "stands still" : "goes on");
    talker.signal(signal);
  }

  /** What its members have said beside what they were given. */
  tails(): string[] {
    return this.#members.flatMap(({ name, talker }) => {
      const tail = talker.tail().trim().slice(-600);
      return tail === "" ? [] : [`member ${name} of ${this.spec.groupId} said last: ${tail}`];
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const { talker } of this.#members) talker.signal("SIGKILL");
  }

  #spawn(index: number): MemberProcess {
    const name = `${index}.${++this.#started}`;
    const talker = this.#start(index, (line) => this.#hear(name, line));
    const member: MemberProcess = { talker, name, isExpendable: false };
    this.ledger.note(name, "is started");
    talker.ended.then(({ code }) => this.#ended(member, code));
    return member;
  }

  #ended({ name, talker, isExpendable }: MemberProcess, code: number): void {
    if (this.#isClosed) return;
    this.ledger.note(name, `has ended with ${code}`);
    if (isExpendable) return;
    const said = talker.tail().slice(-1_500);
    this.ledger.problems.push(`member ${name} of ${this.spec.groupId} has ended by itself: ${said}`);
  }

  #hear(member: string, line: string): void {
    const [what, ...words] = line.split(" ");
    if (what === "V") return this.ledger.handedOut(member, Number(words[0]), words[1]!, words.slice(2));
    const partitions = (words.at(-1) ?? "").split(",").filter((word) => word !== "").map(Number);
    if (what === "R") this.ledger.revoked(member, partitions);
    if (what === "L") this.ledger.lost(member, partitions);
    if (what !== "A") return;
    const generation = words[0] === "-" ? undefined : Number(words[0]);
    this.ledger.assigned(member, generation, words[1]!, partitions);
  }
}
