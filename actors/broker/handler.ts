/**
 * How one Kafka API is served: a table, the versions that work, and a function from request to reply.
 *
 * A handler is called in a turn of its connection. It may ask other actors; the continuations run in later turns of the same
 * connection, and `exchange` always speaks through the outbox of the turn that is running. It must reply exactly once, or
 * say that no reply is due (Produce with acks=0).
 *
 * @module
 */
import type { Api, Request, ResponseInput } from "../../protocol/schema.ts";
import type { Answer, Message, Ref, Reply, Verb } from "../actor.ts";
import type { ControllerProtocol } from "../controller/protocol.ts";
import type { FetchSessions } from "./fetch_sessions.ts";
import type { BrokerRef, BrokerView } from "./protocol.ts";

/** One request on its way to its reply. */
export interface Exchange<T extends Api> {
  readonly version: number;
  readonly clientId: string | null;
  /** Where the client is, as Kafka prints it: `/127.0.0.1`. */
  readonly host: string;
  /** The connection's own path, unique while it lives: a key for waits. */
  readonly connection: string;
  /** The cluster as this broker knows it now. */
  readonly view: BrokerView;
  readonly broker: BrokerRef;
  /** The connection's incremental fetch sessions. */
  readonly sessions: FetchSessions;
  /** Wall-clock milliseconds. */
  now(): number;
  monotonic(): number;
  /** A number below 2^32. */
  random(): number;
  /** Asks an actor; the answer comes back in a later turn. Default deadline 30 000 ms. */
  ask<Q, V extends Verb<Q>>(
    to: Ref<Q>,
    verb: V,
    message: Message<Q, V>,
    then: (answer: Answer<Reply<Q, V>>) => void,
    timeoutMs?: number,
  ): void;
  /**
   * Asks the active controller. While there is none, and when it turns out to be gone, this waits for another one as long as the
   * request allows (`timeoutMs`), and asks again what may be asked twice. What then fails has failed for good: "unreachable" if
   * there was nobody to be asked.
   */
  askController<V extends Verb<ControllerProtocol>>(
    verb: V,
    message: Message<ControllerProtocol, V>,
    then: (answer: Answer<Reply<ControllerProtocol, V>>) => void,
    timeoutMs: number,
  ): void;
  /**
   * Takes up to `bytes` of the memory that all connections share, until the answer has been sent; returns how many it got.
   * Whoever wants more than a little for an answer asks first.
   */
  reserve(bytes: number): number;
  /** Gives back what was reserved and not needed. */
  giveBack(bytes: number): void;
  /** Runs `task` if the connection closes before this is answered: the time to call off what waits elsewhere. */
  whenAbandoned(task: () => void): void;
  /** Answers the client. */
  reply(body: ResponseInput<T>): void;
  /** The client expects no answer. */
  done(): void;
  /** Closes the connection instead of answering, once all requests in flight are answered; the reason goes to the log. */
  close(reason: string): void;
}

/** One Kafka API as it is served. */
export interface ApiHandler<T extends Api = Api> {
  readonly api: T;
  /** Lowest and highest version served. */
  readonly min: number;
  readonly max: number;
  handle(request: Request<T>, exchange: Exchange<T>): void;
}

/** Declares a handler with its types read off the table. */
export function handler<T extends Api>(
  api: T,
  min: number,
  max: number,
  handle: (request: Request<T>, exchange: Exchange<T>) => void,
): ApiHandler<T> {
  return { api, min, max, handle };
}

/**
 * Asks several actors at once and goes on when all have answered, with the answers in the order of the questions.
 * With no questions it goes on at once.
 */
export function gather<A>(
  questions: readonly ((then: (answer: A) => void) => void)[],
  then: (answers: A[]) => void,
): void {
  const answers = new Array<A>(questions.length);
  let missing = questions.length;
  if (missing === 0) return then(answers);
  questions.forEach((question, index) =>
    question((answer) => {
      answers[index] = answer;
      if (--missing === 0) then(answers);
    })
  );
}

/** How many questions of one request are open at once: half of what waits in one mailbox. */
const OPEN_MAX = 512;

/**
 * Asks about each item and goes on when all have been answered, with the answers in the order of the items. However many a client
 * has named, few questions are open at a time, and everybody else has turns in between.
 */
export function gatherEach<Q, A>(
  items: readonly Q[],
  ask: (item: Q, then: (answer: A) => void) => void,
  then: (answers: A[]) => void,
): void {
  const answers = new Array<A>(items.length);
  let asked = 0;
  let open = 0;
  let isAsking = false;
  const askOn = () => {
    if (isAsking) return; // answered within the call: the loop goes on
    isAsking = true;
    while (asked < items.length && open < OPEN_MAX) {
      const index = asked++;
      open++;
      ask(items[index]!, (answer) => {
        answers[index] = answer;
        open--;
        askOn();
      });
    }
    isAsking = false;
    if (open === 0) then(answers);
  };
  askOn();
}

/** Groups partitions by their topics, both in the order in which they come first. */
export function byTopic<T extends { readonly topic: string }, R>(
  partitions: readonly T[],
  respond: (partition: T) => R,
): { readonly topic: string; readonly partitions: R[] }[] {
  const topics = new Map<string, R[]>();
  for (const partition of partitions) {
    const responses = topics.get(partition.topic);
    if (responses === undefined) topics.set(partition.topic, [respond(partition)]);
    else responses.push(respond(partition));
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}
