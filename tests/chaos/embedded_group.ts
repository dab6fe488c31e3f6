/**
 * Members of a group that are consumers within a cluster's own process.
 *
 * @module
 */
import {
  type Cluster,
  type Consumer,
  ConsumerError,
  type ConsumerOptions,
  type ConsumerRecord,
  type TopicPartition,
} from "../../mod.ts";
import { pollOn } from "../helpers/poll_on.ts";
import { GroupLedger } from "./group_ledger.ts";

interface Member {
  readonly name: string;
  readonly consumer: Consumer;
  readonly reading: Promise<void>;
  /** It was told to end. */
  isExpendable: boolean;
}

/** A group of consumers. */
export class EmbeddedGroup {
  readonly ledger: GroupLedger;
  readonly #cluster: Cluster;
  readonly #options: ConsumerOptions;
  readonly #members: Member[];
  readonly #text = new TextDecoder();
  #started = 0;

  constructor(cluster: Cluster, options: ConsumerOptions, members: number) {
    this.ledger = new GroupLedger(options.groupId!);
    this.#cluster = cluster;
    this.#options = options;
    this.#members = Array.from({ length: members }, (_, index) => this.#spawn(index));
  }

  /** Kills its actor; another in its place is started by {@linkcode EmbeddedGroup.replace}. */
  kill(index: number): void {
    const member = this.#members[index]!;
    this.ledger.note(member.name, "is killed");
    member.isExpendable = true;
    this.#cluster.kill(member.consumer.ref);
  }

  pause(index: number): void {
    const { name, consumer } = this.#members[index]!;
    this.ledger.note(name, "stands still");
    this.#cluster.pause(consumer.ref);
  }

  resume(index: number): void {
    const { name, consumer } = this.#members[index]!;
    this.ledger.note(name, "goes on");
    this.#cluster.resume(consumer.ref);
  }

  async leave(index: number): Promise<void> {
    const member = this.#members[index]!;
    this.ledger.note(member.name, "is told to leave");
    member.isExpendable = true;
    await member.consumer.close();
    await member.reading;
  }

  replace(index: number): void {
    this.#members[index] = this.#spawn(index);
  }

  async close(): Promise<void> {
    for (const member of this.#members) member.isExpendable = true;
    await Promise.all(this.#members.map(async ({ consumer, reading }) => {
      await consumer.close({ timeoutMs: 1_000 });
      await reading;
    }));
  }

  #spawn(index: number): Member {
    const name = `${index}.${++this.#started}`;
    this.ledger.note(name, "is started");
    const consumer = this.#cluster.consumer({
      ...this.#options,
      name: `${this.ledger.groupId}-${name}`,
      assigned: (partitions) => this.ledger.assigned(name, undefined, name, numbers(partitions)),
      revoked: (partitions) => this.ledger.revoked(name, numbers(partitions)),
      lost: (partitions) => this.ledger.lost(name, numbers(partitions)),
    });
    const member: Member = { name, consumer, reading: this.#read(name, consumer, () => member), isExpendable: false };
    return member;
  }

  async #read(name: string, consumer: Consumer, member: () => Member): Promise<void> {
    try {
      for (;;) {
        const records = await pollOn(consumer, { timeoutMs: 500 });
        for (const [partition, some] of Map.groupBy(records, (record) => record.partition)) {
          this.#handOut(name, partition, some);
        }
      }
    } catch (error) {
      if (member().isExpendable && error instanceof ConsumerError) return;
      this.ledger.problems.push(`member ${name} of ${this.ledger.groupId} has failed: ${error}`);
    }
  }

  #handOut(name: string, partition: number, records: readonly ConsumerRecord[]): void {
    const names = records.map(({ value }) => this.#text.decode(value!));
    this.ledger.handedOut(name, partition, `${records[0]!.offset}-${records.at(-1)!.offset}`, names);
  }
}

function numbers(partitions: readonly TopicPartition[]): number[] {
  return partitions.map(({ partition }) => partition);
}
