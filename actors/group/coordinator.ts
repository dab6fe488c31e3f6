/**
 * The coordinator of groups: stands on the leader of one partition of `__consumer_offsets`, for one leader epoch of it.
 *
 *     loading ──read up to the goal──▶ active ──find──▶ group
 *        ▲                               │ ▲──write──── group
 *        └─────────── doubt ─────────────┘
 *
 * The rules are in its leaf modules: `loading` (reading the log), `writing` (batches), `groups_here` (its children), `topology` and
 * `group_config` (what groups are told of the cluster).
 *
 * Invariants: it never sends to a group, and never asks one: a group that waits for its writes handles nothing, and a coordinator that
 * waited for room in its mailbox could not answer them. Whatever the log may have that is not known here makes it load again.
 *
 * @module
 */
import type { Actor } from "../actor.ts";
import { LATER } from "../actor.ts";
import type { BrokerView } from "../broker/protocol.ts";
import { Coordinator, type CoordinatorDeps, type CoordinatorOutbox, report } from "./coordinator_state.ts";
import { groupConfigOf } from "./group_config.ts";
import { endAll, find, groupEnded, partitionsIn, retire, spawnAgain, spawnAll } from "./groups_here.ts";
import { isDeposing, read, retry } from "./loading.ts";
import { COORDINATOR, type CoordinatorArgs, type CoordinatorProtocol, OFFSETS_TOPIC } from "./protocol.ts";
import { NO_TOPOLOGY, topologyOf } from "./topology.ts";
import { giveUpWrites, type Problem, sendWrites, write, type WriteHooks } from "./writing.ts";

export type { Coordinator, CoordinatorDeps } from "./coordinator_state.ts";

/** One question for a newer view lasts so long; then it is put again. */
const SUBSCRIBE_PATIENCE_MS = 3_600_000;

/** How often it looks whether it still is one, while its broker is isolated. */
const CONFIRM_MS = 500;

/** The coordinator actor. */
export function coordinator(deps: CoordinatorDeps = {}): Actor<CoordinatorProtocol, Coordinator, CoordinatorArgs> {
  return {
    kind: COORDINATOR.kind,

    start(args, out) {
      const coordinator = new Coordinator(args, deps);
      subscribe(coordinator, -1, out);
      // Behind what groups of a former life have asked for: as long as this one loads, that is refused. Their terms may be the same as its own.
      out.send(out.self, "tick", "load");
      return coordinator;
    },

    on: {
      find,
      write,
      retire,

      groups({ phase, groups, dead }) {
        const here = [...groups.values()].filter(({ leaving }) => !leaving).map(({ ref }) => ref);
        return { error: phase === "loading" || dead.size > 0 ? "COORDINATOR_LOAD_IN_PROGRESS" : "NONE", groups: here };
      },

      news(coordinator, { groupId, term, after }, out) {
        const { news, groups, newsAskers } = coordinator;
        if (news !== undefined && news.version > after && groups.get(groupId)?.term === term) return news;
        newsAskers.set(groupId, out.asker());
        return LATER;
      },

      describe: ({ phase, term, reading, endOffset, groups }) => ({
        phase,
        term,
        endOffset: phase === "active" ? endOffset : reading?.offset ?? 0,
        groups: [...groups.keys()],
      }),

      tick(coordinator, what, out) {
        if (what === "write") sendWrites(coordinator, HOOKS, out);
        else if (what === "load") load(coordinator, out);
        else confirmAgain(coordinator, out);
      },
    },

    terminated(coordinator, ref, out) {
      groupEnded(coordinator, ref, out);
      if (coordinator.phase === "loading") activate(coordinator, out);
      else readTheDead(coordinator, out);
    },
  };
}

const HOOKS: WriteHooks = { doubt, settled: readTheDead };

/** Reads what there is to be read. */
function load(coordinator: Coordinator, out: CoordinatorOutbox): void {
  if (coordinator.phase === "active") return readTheDead(coordinator, out);
  read(coordinator, undefined, (coordinator, reading, out) => {
    coordinator.loaded = reading;
    activate(coordinator, out);
  }, out);
}

/** Begins to serve, once everything has been read, the last of the former groups has ended, and there is a view to be shown. */
function activate(coordinator: Coordinator, out: CoordinatorOutbox): void {
  const { loaded, ending, news } = coordinator;
  if (loaded === undefined || ending.size > 0 || news === undefined) return;
  coordinator.loaded = undefined;
  coordinator.phase = "active";
  coordinator.endOffset = loaded.offset;
  spawnAll(coordinator, loaded.words, out);
}

/** Of groups that have died, what they wrote is settled: reads what the log has of them. */
function readTheDead(coordinator: Coordinator, out: CoordinatorOutbox): void {
  const { dead, reading } = coordinator;
  if (dead.size === 0 || reading !== undefined) return;
  const groupIds = new Set([...dead].filter((groupId) => !coordinator.isWriting(groupId)));
  let restMs = Infinity;
  for (const groupId of groupIds) {
    const leftMs = (coordinator.resting.get(groupId)?.untilMs ?? 0) - out.monotonic();
    if (leftMs <= 0) continue;
    groupIds.delete(groupId);
    restMs = Math.min(restMs, leftMs);
  }
  if (groupIds.size === 0) return restMs === Infinity ? undefined : out.timer("load", restMs, "tick", "load");
  read(coordinator, groupIds, (coordinator, { words }, out) => {
    spawnAgain(coordinator, groupIds, words, out);
    readTheDead(coordinator, out);
  }, out);
}

/** A write may or may not be committed: what groups have applied for it may be wrong, and only the log knows. */
function doubt(coordinator: Coordinator, { error, message }: Problem, out: CoordinatorOutbox): void {
  const { isComplaining, args: { partition } } = coordinator;
  coordinator.isDeposed = isDeposing(error);
  if (!isComplaining && !coordinator.isDeposed) {
    coordinator.isComplaining = true;
    const why = message === null ? error : `${error}: ${message}`;
    report(coordinator, `${OFFSETS_TOPIC}-${partition} could not be written (${why}): its groups are read again.`, out);
  }
  startOver(coordinator, out);
}

/**
 * Its broker is isolated: as long as that lasts, it looks again and again whether it may still speak. One that goes on answering heartbeats
 * from memory, while another coordinator gives away what its members have, keeps these from ever hearing of that.
 */
function confirmAgain(coordinator: Coordinator, out: CoordinatorOutbox): void {
  if (!coordinator.isIsolated) return;
  const { phase, args: { replica, leaderEpoch } } = coordinator;
  out.timer("confirm", CONFIRM_MS, "tick", "confirm");
  if (phase === "loading") return; // which confirms it, too
  out.ask(replica, "confirm", { leaderEpoch }, (coordinator, answer, out) => {
    if (coordinator.phase === "loading" || !answer.ok || !isDeposing(answer.value)) return;
    coordinator.isDeposed = true;
    startOver(coordinator, out);
  });
}

/** Ends all groups and reads the log again, a little later. */
function startOver(coordinator: Coordinator, out: CoordinatorOutbox): void {
  coordinator.phase = "loading";
  giveUpWrites(coordinator, out);
  endAll(coordinator, out);
  retry(coordinator, out);
}

/** Asks for the newest view now, and for each newer one. */
function subscribe(coordinator: Coordinator, newerThan: number, out: CoordinatorOutbox): void {
  out.ask(coordinator.args.broker, "subscribe", { ref: out.self, newerThan }, (coordinator, answer, out) => {
    if (!answer.ok && answer.failure !== "timeout") return; // the broker ends, and this with it
    if (answer.ok) takeView(coordinator, answer.value, out);
    subscribe(coordinator, answer.ok ? answer.value.version : newerThan, out);
  }, SUBSCRIBE_PATIENCE_MS);
}

function takeView(coordinator: Coordinator, view: BrokerView, out: CoordinatorOutbox): void {
  if (view.isIsolated !== coordinator.isIsolated) {
    coordinator.isIsolated = view.isIsolated;
    confirmAgain(coordinator, out);
  }
  const { news } = coordinator;
  const topology = topologyOf(view.image, news?.topology ?? NO_TOPOLOGY);
  const config = news !== undefined && view.image.configs === coordinator.configs
    ? news.config
    : groupConfigOf(view, news?.config);
  coordinator.configs = view.image.configs;
  if (topology === news?.topology && config === news.config) return;
  coordinator.news = { version: (news?.version ?? 0) + 1, topology, config };
  for (const asker of coordinator.newsAskers.values()) out.reply(asker, coordinator.news);
  coordinator.newsAskers.clear();
  if (coordinator.phase === "loading") activate(coordinator, out);
  else if (partitionsIn(news?.topology) !== partitionsIn(topology)) startOver(coordinator, out); // other groups belong here now
}
