/**
 * A coordinator under a probe, before a replica that is a list of batches in the test's hands.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { BrokerRef, BrokerView } from "../../../../actors/broker/protocol.ts";
import { type Coordinator, coordinator } from "../../../../actors/group/coordinator.ts";
import type { CoordinatorArgs, CoordinatorProtocol, GroupArgs, GroupNews } from "../../../../actors/group/protocol.ts";
import { encodeRecord, type GroupRecord } from "../../../../actors/group/records.ts";
import type { AppendRequest, FetchRequest, ReplicaRef } from "../../../../actors/partition/protocol.ts";
import { type Asked, type Probe, probe, type Question } from "../../../../actors/probe.ts";
import { concatenate } from "../../../../lib/bytes.ts";
import { readBatchHeader, stampOffset } from "../../../../protocol/batch.ts";
import { type BatchOptions, encodeBatch } from "../../../../protocol/records.ts";
import { viewOf } from "../broker/api/fake_exchange.ts";

/** The leader epoch of the coordinator. */
export const EPOCH = 7;

/** The record of a committed offset. */
export function offset(group: string, topic: string, offset: number): GroupRecord {
  const value = { offset: BigInt(offset), leaderEpoch: -1, metadata: "", commitTimestamp: 5n, expireTimestamp: -1n };
  return { type: "offset", group, topic, partition: 0, value };
}

/** It is taken back. */
export function forget(group: string, topic: string): GroupRecord {
  return { type: "offset", group, topic, partition: 0, value: null };
}

/** What a group's offsets are, in short: `topic@offset`. */
export function inShort(records: readonly GroupRecord[] | undefined): string[] | undefined {
  return records?.map((record) => record.type === "offset" ? `${record.topic}@${record.value?.offset}` : record.type);
}

interface Stored {
  readonly bytes: Uint8Array;
  readonly baseOffset: number;
  readonly nextOffset: number;
}

/** Coordinator 3 of broker 1, its replica, its broker, and the groups that it has spawned. */
export class CoordinatorStage {
  readonly probe: Probe<CoordinatorProtocol, Coordinator>;
  readonly reports: string[] = [];
  readonly batches: Stored[] = [];
  startOffset = 0;
  endOffset = 0;
  highWatermark = 0;
  leaderEpoch = EPOCH;
  /** What `confirm` and `fetch` say. */
  error = "NONE";
  /** At most so many batches are given at once. */
  batchesPerFetch = 1_000;
  /** How often the log was read from its start. */
  readings = 0;
  /** Groups that were spawned, in order. */
  readonly spawned: GroupArgs[] = [];
  /** Refs that were stopped, in order. */
  readonly stopped: string[] = [];

  constructor() {
    const args: CoordinatorArgs = {
      brokerId: 1,
      partition: 3,
      leaderEpoch: EPOCH,
      replica: "1/replica/__consumer_offsets-3" as ReplicaRef,
      broker: "1/broker/broker" as BrokerRef,
    };
    const actor = coordinator({ report: (sentence) => void this.reports.push(sentence) });
    this.probe = probe(actor, args, { name: "3" });
  }

  /** One that has read a log with these writes, and has been shown a view. */
  static active(...writes: readonly (readonly GroupRecord[])[]): CoordinatorStage {
    const stage = new CoordinatorStage();
    for (const write of writes) stage.store(write);
    stage.highWatermark = stage.endOffset;
    stage.show().read();
    assertEquals(stage.phase, "active");
    return stage;
  }

  get phase(): string {
    return this.probe.ask("describe", undefined).reply!.phase;
  }

  /** The broker shows a view. */
  show(view: BrokerView = viewOf()): this {
    this.probe.answer("subscribe", view);
    return this;
  }

  /** Puts a batch at the end of the log. It is not committed by that. */
  store(written: readonly GroupRecord[], options: BatchOptions = {}): void {
    this.append(encodeBatch(written.map(encodeRecord), { ...options, baseOffset: this.endOffset }));
  }

  /** Puts bytes at the end of the log that are a batch already. */
  append(bytes: Uint8Array): void {
    const baseOffset = this.endOffset;
    const nextOffset = this.endOffset = baseOffset + readBatchHeader(bytes).lastOffsetDelta + 1;
    this.batches.push({ bytes, baseOffset, nextOffset });
  }

  /** Answers what the coordinator asks of its replica to read, until it asks nothing more or waits for a commit. */
  read(): this {
    while (this.#answerOne());
    return this.follow();
  }

  /** Answers what it asks of its replica to read, until it asks this. */
  readTo(verb: string): void {
    while (!this.probe.asks.some((question) => question.verb === verb)) this.#answerOne();
  }

  /** Everything in the log is committed, and the coordinator hears of it if it waits. */
  commitAll(): this {
    this.highWatermark = this.endOffset;
    return this.read();
  }

  /** What it waits for the replica to say, if anything. */
  get asked(): string | undefined {
    return this.probe.asks.find(({ verb }) => verb !== "subscribe")?.verb;
  }

  /** Appends that wait for an answer, oldest first. */
  get appends(): (Question & { readonly message: AppendRequest })[] {
    return this.probe.asks.filter(({ verb }) => verb === "append") as (Question & { message: AppendRequest })[];
  }

  /** The replica takes the oldest append if it comes at its place, and it is committed. */
  take(): this {
    const [{ message: { fence, records } }] = this.appends as [this["appends"][number]];
    const error = fence!.leaderEpoch !== this.leaderEpoch
      ? "FENCED_LEADER_EPOCH"
      : fence!.baseOffset !== this.endOffset
      ? "OFFSET_OUT_OF_RANGE"
      : "NONE";
    stampOffset(records, 0, this.endOffset, this.leaderEpoch);
    if (error === "NONE") this.append(records);
    this.highWatermark = this.endOffset;
    return this.answer(error);
  }

  /** The replica answers the oldest append. */
  answer(error: string, message: string | null = null): this {
    this.probe.answer("append", { error, message });
    return this.follow();
  }

  /** A group's journal writes what one turn decided. */
  write(groupId: string, ...written: readonly GroupRecord[]): Asked<boolean> {
    const term = this.probe.state.groups.get(groupId)?.term ?? -1;
    return this.writeIn(term, groupId, ...written);
  }

  writeIn(term: number, groupId: string, ...written: readonly GroupRecord[]): Asked<boolean> {
    return this.probe.ask("write", { groupId, term, records: written }, Infinity);
  }

  find(groupId: string, create = false) {
    const asked = this.probe.ask("find", { groupId, create });
    this.follow();
    return asked;
  }

  /** The error that `find` has for a group at once. */
  errorOf(groupId: string, create = false): string | undefined {
    return this.find(groupId, create).reply?.error;
  }

  /** What a group was last spawned with, which can be taken once. */
  args(groupId: string): GroupArgs {
    const args = this.spawned.findLast((args) => args.groupId === groupId);
    assert(args !== undefined, `group ${groupId} was not spawned`);
    return args;
  }

  /** What each group was spawned with since the last look, in short. */
  newGroups(): Record<string, string[] | undefined> {
    return Object.fromEntries(this.spawned.splice(0).map((args) => [args.groupId, inShort(args.takeRecords())]));
  }

  /** A group has ended, and nobody restarts it. */
  end(groupId: string): this {
    this.probe.terminate(`1/group/${groupId}`);
    return this.follow();
  }

  news(groupId: string, after: number): Asked<GroupNews> {
    return this.probe.ask("news", { groupId, term: this.probe.state.groups.get(groupId)!.term, after }, Infinity);
  }

  /** Takes down what the coordinator did. */
  follow(): this {
    for (const effect of this.probe.take()) {
      if (effect.type === "spawn") this.spawned.push(effect.args as GroupArgs);
      if (effect.type === "stop") this.stopped.push(effect.ref);
    }
    return this;
  }

  #answerOne(): boolean {
    const question = this.probe.asks.find(({ verb }) => verb !== "append" && verb !== "subscribe");
    if (question === undefined) return false;
    const answer = this.#answerTo(question);
    if (answer === undefined) return false;
    this.probe.answer(question, answer);
    return true;
  }

  #answerTo({ verb, message }: Question): unknown {
    const { error, startOffset, endOffset, highWatermark, leaderEpoch } = this;
    if (verb === "confirm") {
      return (message as { leaderEpoch: number }).leaderEpoch === leaderEpoch ? error : "FENCED_LEADER_EPOCH";
    }
    if (verb === "describe") return { error: "NONE", startOffset, endOffset, highWatermark, leaderEpoch };
    if (verb === "awaitData") return (message as { above: number }).above < highWatermark ? true : undefined;
    assertEquals(verb, "fetch");
    return { error, highWatermark, records: this.#fetch(message as FetchRequest) };
  }

  #fetch({ offset, currentLeaderEpoch, isolation }: FetchRequest): Uint8Array {
    assertEquals([currentLeaderEpoch, isolation], [EPOCH, "read_uncommitted"]);
    if (offset === this.startOffset) this.readings++;
    const readable = this.batches.filter(({ nextOffset }) => nextOffset > offset && nextOffset <= this.highWatermark);
    return concatenate(readable.slice(0, this.batchesPerFetch).map(({ bytes }) => bytes));
  }
}
