/**
 * Small values that all parts of a consumer share.
 *
 * @module
 */
import type { Result } from "../../lib/env.ts";
import { type ErrorName, ERRORS } from "../../protocol/errors.ts";
import type { OffsetAndMetadata, Outcome, TopicPartition } from "./protocol.ts";

/** Where the next record is to be read, and the epoch of the one before it (-1 when unknown). */
export interface Position {
  readonly offset: number;
  readonly leaderEpoch: number;
}

/** What is settled with nothing. */
export const OK: Result<void> = { ok: true, value: undefined };

/** All went well. */
export const FINE: Outcome = { error: "NONE", message: null };

/** It did not. */
export function failed(error: ErrorName, message: string): Outcome {
  return { error, message };
}

/** The text that stands for a partition in maps. */
export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

/** A partition and nothing else. */
export function nameOf({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}

/** An offset as it is committed when nobody says anything of metadata. */
export function committable(of: TopicPartition, { offset, leaderEpoch }: Position): OffsetAndMetadata {
  return { topic: of.topic, partition: of.partition, offset, leaderEpoch, metadata: "" };
}

/** The outcome that an error of Kafka's stands for. */
export function outcomeOf(error: ErrorName, message: string | null = null): Outcome {
  return error === "NONE" ? FINE : { error, message: message ?? ERRORS[error].sentence };
}
