/**
 * A group: its offsets, and its members of the classic or of the new protocol, as one event-sourced actor.
 *
 *     records of the log ──fold──▶ state ──request──▶ part ──append──▶ fold, journal ──committed──▶ reply
 *                                    └──nothing of it any more──▶ retire
 *
 * It is started by its coordinator with what the log has of it, once: when it dies, its coordinator reads the log again and starts
 * another. What it says leaves when the records before it are committed; that is the runtime's doing. The parts do the rest.
 *
 * Invariant: once it has retired, it changes nothing and tells whoever asks to ask again. So it does while it is deleted, where that takes more
 * than one write: nobody may come in between, find half of it, and keep it from going.
 *
 * @module
 */
import { assert } from "../../lib/assert.ts";
import type { Actor, Handlers } from "../actor.ts";
import * as classic from "./classic/handlers.ts";
import { ASK_AGAIN, BY_CLIENTS, BY_ITSELF, type ClientVerb, type OwnVerb } from "./dispatch.ts";
import { fold } from "./fold.ts";
import * as modern from "./modern/handlers.ts";
import * as offsets from "./offsets/handlers.ts";
import { Offsets } from "./offsets/offsets.ts";
import { GROUP, type GroupArgs, type GroupProtocol } from "./protocol.ts";
import type { GroupRecord } from "./records.ts";
import type { Group, GroupDeps, GroupHandler, GroupOutbox, Part } from "./state.ts";

/** How long after something has happened it is looked whether the group still is anything. */
const IDLE_MS = 10_000;
/** One question for news lasts so long; then it is put again. */
const NEWS_PATIENCE_MS = 3_600_000;

/** The group actor. */
export function group(deps: GroupDeps = {}): Actor<GroupProtocol, Group, GroupArgs> {
  return {
    kind: GROUP.kind,
    supervision: { restarts: 0, then: "stop" }, // what it knew is read again, never trusted
    start: (args, out) => start(args, deps, out),
    on: { ...each(BY_CLIENTS, ofClient), ...each(BY_ITSELF, ofItself), idle } as Handlers<GroupProtocol, Group>,
    replay: (group, event) => fold(group, event as GroupRecord),
  };
}

function start(args: GroupArgs, deps: GroupDeps, out: GroupOutbox): Group {
  const records = args.takeRecords();
  assert(records !== undefined, `group "${args.groupId}" was started with what has been taken before`);
  const group: Group = {
    args,
    deps,
    news: args.news,
    offsets: new Offsets(args.groupId),
    classic: undefined,
    modern: undefined,
    retired: false,
    watched: false,
    graceUntilMs: records.length > 0 ? out.monotonic() + args.news.config.deposedMs : -Infinity,
    complainedAtMs: -Infinity,
  };
  for (const record of records) fold(group, record);
  offsets.begin(group, out);
  classic.begin(group, out);
  modern.begin(group, out);
  askForNews(group, out);
  watch(group, out);
  return group;
}

/** Every handler of a table, in a frame that all of them need. */
function each<T extends object>(table: T, frame: (verb: never, handle: never) => unknown): T {
  return Object.fromEntries(
    Object.entries(table).map(([verb, handle]) => [verb, frame(verb as never, handle as never)]),
  ) as T;
}

function ofClient<V extends ClientVerb>(verb: V, handle: GroupHandler<V>): GroupHandler<V> {
  return (group, message, out) => {
    if (group.retired || verb !== "remove" && group.offsets.removals.length > 0) return ASK_AGAIN[verb](message);
    watch(group, out);
    return handle(group, message, out);
  };
}

function ofItself<V extends OwnVerb>(_: V, handle: GroupHandler<V>): GroupHandler<V> {
  return (group, message, out) => {
    if (group.retired) return undefined as ReturnType<GroupHandler<V>>;
    watch(group, out);
    return handle(group, message, out);
  };
}

/** Sees to it that it is looked whether the group still is anything, some time after this. */
function watch(group: Group, out: GroupOutbox): void {
  if (group.watched) return;
  group.watched = true;
  out.timer("idle", IDLE_MS, "idle", undefined);
}

/** Handles `idle`. What was decided has been applied by now, and whatever is on its way to the log goes before the message. */
function idle(group: Group, _: void, out: GroupOutbox): void {
  group.watched = false;
  if (group.retired || !isNothing(group)) return;
  group.retired = true;
  const { coordinator, groupId, term } = group.args;
  out.send(coordinator, "retire", { groupId, term });
}

function isNothing({ offsets, classic, modern }: Group): boolean {
  const parts: readonly (Part | undefined)[] = [offsets, classic, modern];
  return parts.every((part) => part === undefined || part.isEmpty) && classic?.hasMembers !== true;
}

/** Asks for what is newer than what the group knows, again and again. */
function askForNews(group: Group, out: GroupOutbox): void {
  const { coordinator, groupId, term } = group.args;
  out.ask(coordinator, "news", { groupId, term, after: group.news.version }, (group, answer, out) => {
    if (!answer.ok && answer.failure !== "timeout") return; // the coordinator goes, and this group with it
    if (answer.ok) {
      const before = group.news;
      group.news = answer.value;
      if (!group.retired) {
        offsets.newsCame(group, before, out);
        classic.newsCame(group, before, out);
        modern.newsCame(group, before, out);
        watch(group, out);
      }
    }
    askForNews(group, out);
  }, NEWS_PATIENCE_MS);
}
