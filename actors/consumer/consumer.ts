/**
 * The consumer actor: a client that reads topics, alone or as a member of a group.
 *
 *     subscribe ─▶ member ─▶ assigned ─▶ positions ─▶ fetches ─▶ buffers ─▶ polls
 *     assign ───────────────────┘
 *
 * Every turn ends by looking at what there is to do: who is to be asked for what, who can be answered, when to look again. So no
 * handler has to know what another one waits for.
 *
 * Invariant: a partition is read and handed out only while it is assigned and the listener has heard of it; what comes back from a
 * broker counts only for the state that it was asked in.
 *
 * @module
 */
import { type Actor, type Handlers, LATER } from "../actor.ts";
import { configProblem } from "./config.ts";
import { autoCommit, commit, commitBeforeGoing, commitOwned, lookForCommits } from "./committing.ts";
import { lookForCoordinator } from "./coordinator.ts";
import { lookForFetches } from "./fetching.ts";
import { lookForMetadata, wantMetadata } from "./metadata.ts";
import { answerPoll, endPoll, poll } from "./polling.ts";
import { answerPositions, EARLIEST, LATEST, lookForPositions, notAssigned } from "./positions.ts";
import {
  CONSUMER,
  type ConsumerArgs,
  type ConsumerProtocol,
  type Outcome,
  type SeekTo,
  type TopicPartition,
} from "./protocol.ts";
import { answerListener, handled, join, leave, lookForRebalance, tellMembership, tellTopics } from "./rebalancing.ts";
import { AssignedPartition, type Need } from "./assigned_partition.ts";
import { Consumer, type ConsumerDeps, type Out } from "./state.ts";
import { committable, failed, FINE, keyOf, nameOf, type Position } from "./values.ts";

export type { ConsumerDeps } from "./state.ts";

const ENDING = failed("INVALID_REQUEST", "The consumer is about to leave or to close.");
const NO_GROUP = failed(
  "INVALID_GROUP_ID",
  "Without a groupId there is nothing to subscribe or to commit with: assign.",
);

/** The consumer actor. */
export function consumer(deps: ConsumerDeps): Actor<ConsumerProtocol, Consumer, ConsumerArgs> {
  return {
    kind: CONSUMER.kind,
    supervision: { restarts: 0, then: "stop" }, // as a client whose process has died: its partitions go to others

    start(args, out) {
      const problem = configProblem(args.config);
      if (problem !== undefined) throw new RangeError(problem);
      return new Consumer(args, deps, deps.openNetwork(out.self), out, { pump, metadataChanged, tell: tellMembership });
    },

    on: ON,

    stopped(consumer) {
      consumer.isOver = true;
      consumer.network.close();
    },
  };
}

type On = Handlers<ConsumerProtocol, Consumer>;
type Part<V extends keyof On> = Pick<On, V>;

/** Records, and where they are read. */
const RECORDS: Part<"poll" | "commit" | "committed" | "seek" | "position" | "pause" | "resume" | "lag"> = {
  poll(consumer, request, out) {
    if (consumer.closing !== undefined) return { ...ENDING, records: [] };
    poll(consumer, request, out.asker());
    return LATER;
  },
  commit(consumer, { offsets, onlyOwned = false }, out) {
    if (consumer.config.groupId === null) return NO_GROUP;
    const odd = offsets?.find(({ offset }) => !isOffset(offset));
    if (odd !== undefined) {
      return failed("INVALID_REQUEST", `${keyOf(odd)}: ${odd.offset} is no offset that can be committed.`);
    }
    const asker = out.asker();
    const then = (outcome: Outcome) => consumer.out.reply(asker, outcome);
    if (offsets !== null && onlyOwned) commitOwned(consumer, offsets, then);
    else commit(consumer, { what: offsets === null ? "handedOut" : { offsets, owned: false }, then });
    return LATER;
  },
  committed(consumer, partitions, out) {
    const { config } = consumer;
    if (config.groupId === null) return { ...NO_GROUP, offsets: [] };
    const dueMs = consumer.now() + config.requestTimeoutMs;
    const question = { partitions, asker: out.asker(), dueMs, isAsking: false, retryAtMs: 0, attempts: 0 };
    consumer.questions.push(question);
    return LATER;
  },
  seek(consumer, { partitions, to }) {
    const place = placeOf(to);
    if (place === undefined) return failed("INVALID_REQUEST", `There is no place ${JSON.stringify(to)}.`);
    return forEach(consumer, partitions, (partition) => {
      if (!("offset" in place)) return partition.seek(place);
      const { setbacks = partition.setbacks } = to as { setbacks?: number };
      const offset = Math.min(place.offset, partition.standsTo(setbacks));
      if (offset >= 0) partition.seek({ ...place, offset });
    });
  },
  position(consumer, named, out) {
    const key = keyOf(named);
    if (!consumer.partitions.has(key)) return { ...notAssigned(key), offset: -1 };
    consumer.wanting.push({ key, asker: out.asker(), dueMs: consumer.now() + consumer.config.requestTimeoutMs });
    return LATER;
  },
  pause: (consumer, partitions) => forEach(consumer, partitions, (partition) => partition.isPaused = true),
  resume: (consumer, partitions) => forEach(consumer, partitions, (partition) => partition.isPaused = false),
  lag: (consumer) =>
    [...consumer.partitions.values()].map((partition) => {
      const { position, readableEnd } = partition;
      const isKnown = position !== undefined && readableEnd >= 0;
      return { ...nameOf(partition), records: isKnown ? Math.max(0, readableEnd - position.offset) : -1 };
    }),
};

/** What is read. */
const CHOICE: Part<"subscribe" | "assign" | "unsubscribe" | "assignment" | "alive"> = {
  subscribe(consumer, to) {
    if (consumer.leaving !== undefined || consumer.closing !== undefined) return ENDING;
    if (consumer.config.groupId === null) return NO_GROUP;
    const { failure, coordinator } = consumer;
    if (failure !== undefined && failure !== coordinator.failure) return failure; // it would own what no poll brings
    if (consumer.mode === "assigned") return failed("INVALID_REQUEST", "Partitions are assigned: unsubscribe first.");
    consumer.subscription = "pattern" in to
      ? { topics: [], pattern: to.pattern }
      : { topics: [...new Set(to.topics)], pattern: null };
    consumer.mode = "subscribed";
    wantMetadata(consumer, true);
    join(consumer);
    return FINE;
  },
  assign(consumer, wanted) {
    if (consumer.leaving !== undefined || consumer.closing !== undefined) return ENDING;
    if (consumer.mode === "subscribed") {
      return failed("INVALID_REQUEST", "Topics are subscribed to: unsubscribe first.");
    }
    const { partitions, config } = consumer;
    const keys = new Set(wanted.map(keyOf));
    const going = new Set([...partitions.keys()].filter((key) => !keys.has(key)));
    if (config.enableAutoCommit) commitBeforeGoing(consumer, going);
    for (const key of partitions.keys()) if (!keys.has(key)) partitions.delete(key);
    for (const one of wanted) {
      if (!partitions.has(keyOf(one))) partitions.set(keyOf(one), new AssignedPartition(nameOf(one)));
    }
    consumer.mode = wanted.length === 0 ? "none" : "assigned";
    wantMetadata(consumer, true);
    return FINE;
  },
  unsubscribe(consumer, _, out) {
    const asker = out.asker();
    leave(consumer, () => consumer.out.reply(asker, FINE));
    return LATER;
  },
  assignment,
  alive(consumer, offsets) {
    if (consumer.config.delivery === "at-least-once") autoCommit(consumer, { offsets, owned: true });
    consumer.tell({ type: "polled" });
    return assignment(consumer);
  },
};

function assignment({ partitions }: Consumer): TopicPartition[] {
  return [...partitions.values()].filter(({ isLeaving }) => !isLeaving).map(nameOf);
}

/** What the listener says, how it ends, and what it tells itself. */
const REST: Part<"nextRebalance" | "handled" | "close" | "describe" | "tick"> = {
  nextRebalance(consumer, { after }, out) {
    consumer.rebalances.hasListener = true;
    consumer.rebalances.listener = { asker: out.asker(), after };
    answerListener(consumer);
    return LATER;
  },
  handled: (consumer, { number }) => handled(consumer, number),
  close(consumer, { timeoutMs }, out) {
    if (consumer.closing !== undefined) return ENDING;
    consumer.closing = out.asker();
    endPoll(consumer);
    out.timer("close", Math.max(0, timeoutMs), "tick", "close");
    leave(consumer, () => end(consumer, FINE));
    return LATER;
  },
  describe: (consumer) => describe(consumer),
  tick(consumer, what) {
    consumer.timerMs = Infinity;
    if (what === "close") {
      end(consumer, failed("REQUEST_TIMED_OUT", "The group was not left in time: its session ends."));
    }
  },
};

const ON = thenPump({ ...RECORDS, ...CHOICE, ...REST });

/**
 * The same handlers, each of which ends by doing what is due. Before it begins time is looked at: whoever asks after a standstill hears of a
 * consumer that has lost what it had.
 */
function thenPump(handlers: On): On {
  type Any = (consumer: Consumer, message: unknown, out: Out) => unknown;
  const pumping = Object.entries(handlers).map(([verb, handle]) => {
    const all: Any = (consumer, message, out) => {
      consumer.out = out;
      if (!consumer.isOver) lookForRebalance(consumer, consumer.now());
      const reply = (handle as Any)(consumer, message, out);
      pump(consumer);
      return reply;
    };
    return [verb, all];
  });
  return Object.fromEntries(pumping);
}

function forEach(
  consumer: Consumer,
  named: readonly TopicPartition[],
  task: (partition: AssignedPartition) => void,
): Outcome {
  const missing = named.find((one) => !consumer.partitions.has(keyOf(one)));
  if (missing !== undefined) return notAssigned(keyOf(missing));
  for (const one of named) task(consumer.partitions.get(keyOf(one))!);
  return FINE;
}

/** Where that is; undefined for what is no place. */
function placeOf(to: SeekTo): Position | Need | undefined {
  if (to === "committed") return { by: "committed" };
  if (to === "beginning") return { by: "timestamp", timestamp: EARLIEST };
  if (to === "end") return { by: "timestamp", timestamp: LATEST };
  if (typeof to !== "object") return undefined;
  if ("timestamp" in to) {
    const timestamp = Math.ceil(Math.max(0, to.timestamp)); // from then on: of whole milliseconds the next one
    return Number.isSafeInteger(timestamp) ? { by: "timestamp", timestamp } : undefined;
  }
  return isOffset(to.offset) ? { offset: to.offset, leaderEpoch: -1 } : undefined;
}

function isOffset(offset: number): boolean {
  return Number.isSafeInteger(offset) && offset >= 0;
}

/** Does whatever is due, and sets the timer for what comes next. */
function pump(consumer: Consumer): void {
  if (consumer.isPumping || consumer.isOver) return;
  consumer.isPumping = true;
  const nowMs = consumer.now();
  lookForRebalance(consumer, nowMs);
  const duesMs = [answerPoll(consumer, nowMs), lookForCommits(consumer, nowMs)];
  if (consumer.batch?.state === "ready") duesMs.push(answerPoll(consumer, nowMs));
  duesMs.push(lookForPositions(consumer, nowMs));
  duesMs.push(answerPositions(consumer, nowMs));
  duesMs.push(lookForFetches(consumer, nowMs));
  duesMs.push(lookForCoordinator(consumer, nowMs), lookForMetadata(consumer, nowMs));
  const { wakeAtMs, dueMs } = consumer.rebalances;
  wakeUp(consumer, Math.min(...duesMs, wakeAtMs, dueMs), nowMs);
  consumer.isPumping = false;
}

function wakeUp(consumer: Consumer, atMs: number, nowMs: number): void {
  if (atMs === consumer.timerMs || consumer.isOver) return;
  consumer.timerMs = atMs;
  if (atMs === Infinity) consumer.out.cancel("pump");
  else consumer.out.timer("pump", Math.max(1, atMs - nowMs), "tick", "fetch");
}

function metadataChanged(consumer: Consumer): void {
  if (consumer.membership !== undefined) tellTopics(consumer);
}

function end(consumer: Consumer, outcome: Outcome): void {
  if (consumer.isOver) return;
  consumer.isOver = true;
  if (consumer.closing !== undefined) consumer.out.reply(consumer.closing, outcome);
  consumer.out.stop();
}

function describe(consumer: Consumer) {
  const { membership, partitions } = consumer;
  const all = [...partitions.values()];
  const known = all.flatMap((one) => one.position === undefined ? [] : committable(one, one.position));
  return {
    memberId: membership?.memberId ?? "",
    epoch: membership?.epoch ?? -1,
    state: stateOf(consumer),
    owned: all.filter(({ isUsable }) => isUsable).map(nameOf),
    positions: known,
    bufferedRecords: all.reduce((sum, { buffer }) => sum + buffer.recordCount, 0),
  };
}

function stateOf(consumer: Consumer): ReturnType<ConsumerProtocol["describe"]>["state"] {
  if (consumer.isOver || consumer.closing !== undefined) return "closed";
  if (consumer.failure !== undefined) return "failed";
  if (consumer.mode !== "subscribed") return consumer.mode === "assigned" ? "assigned" : "unsubscribed";
  if ((consumer.membership?.epoch ?? -1) < 0) return "joining";
  return consumer.rebalances.current === undefined ? "stable" : "reconciling";
}
