/**
 * Incremental fetch sessions (KIP-227): the partitions that a client fetches again and again, named once.
 *
 *     request            session id 0, epoch -1   no session: everything, every time
 *                        session id 0, epoch 0    everything, and open a session
 *                        session id n, epoch e    only what changed since epoch e-1
 *                        session id n, epoch -1   close session n; everything
 *
 * A session lives with its connection, which fetches one request at a time. A client whose session is gone gets
 * FETCH_SESSION_ID_NOT_FOUND and starts over; nothing is lost by forgetting one.
 *
 * @module
 */
import type { ErrorName } from "../../protocol/errors.ts";
import { ZERO_UUID } from "../../lib/uuid.ts";

/** One partition as a client wants it. */
export interface FetchPartition {
  /** As named in the request; "" when it is named by id. */
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly fetchOffset: bigint;
  readonly partitionMaxBytes: number;
  readonly currentLeaderEpoch: number;
  readonly lastFetchedEpoch: number;
}

/** A partition in a session, with what was last told of it. */
interface SessionPartition {
  request: FetchPartition;
  toldHighWatermark: number;
  toldLogStartOffset: number;
  /** An error was told; say so when it is over. */
  toldError: boolean;
}

/** What a fetch is about, once its session is known. */
export interface FetchPlan {
  readonly sessionId: number;
  readonly partitions: readonly FetchPartition[];
  /** Set for an incremental fetch: which partitions belong into the response, and remembering what was told. */
  readonly session: FetchSession | undefined;
}

/** One open session. */
export class FetchSession {
  readonly partitions: Map<string, SessionPartition> = new Map();
  epoch = 1;

  constructor(readonly id: number, readonly usesTopicIds: boolean) {}

  /** Takes over what a request adds, changes or forgets. */
  update(added: readonly FetchPartition[], forgotten: readonly Forgotten[]): void {
    for (const request of added) {
      const known = this.partitions.get(keyOf(request));
      if (known !== undefined) known.request = request;
      else {
        this.partitions.set(keyOf(request), {
          request,
          toldHighWatermark: -1,
          toldLogStartOffset: -1,
          toldError: false,
        });
      }
    }
    for (const gone of forgotten) this.partitions.delete(keyOf(gone));
  }

  /** Whether there is anything new to tell of a partition; remembers it as told. Partitions with records go to the end. */
  tell(
    request: FetchPartition,
    told: {
      readonly error: boolean;
      readonly records: number;
      readonly highWatermark: number;
      readonly logStartOffset: number;
      readonly diverging: boolean;
      readonly redirected: boolean;
    },
    always: boolean,
  ): boolean {
    const key = keyOf(request);
    const known = this.partitions.get(key);
    if (known === undefined) return true;
    const news = told.error || known.toldError || told.records > 0 || told.diverging || told.redirected ||
      told.highWatermark !== known.toldHighWatermark || told.logStartOffset !== known.toldLogStartOffset;
    known.toldError = told.error;
    known.toldHighWatermark = told.highWatermark;
    known.toldLogStartOffset = told.logStartOffset;
    if (told.records > 0 && !always) { // fairness: who was served goes to the back of the queue
      this.partitions.delete(key);
      this.partitions.set(key, known);
    }
    return news;
  }
}

/** A partition that a client no longer wants. */
export type Forgotten = Pick<FetchPartition, "topic" | "topicId" | "partition">;

/** At most so many sessions per connection, the oldest forgotten first; clients use one. */
const SESSIONS_MAX = 2;

/** The sessions of one connection. */
export class FetchSessions {
  readonly #sessions = new Map<number, FetchSession>();

  /** Decides what a request asks for. `random` is a number below 2^32 for a new session's id. */
  plan(
    request: { readonly sessionId: number; readonly sessionEpoch: number },
    wanted: readonly FetchPartition[],
    forgotten: readonly Forgotten[],
    random: () => number,
  ): FetchPlan | { readonly error: ErrorName } {
    const { sessionId, sessionEpoch } = request;
    if (sessionEpoch === -1 || sessionEpoch === 0) {
      if (sessionId !== 0) this.#sessions.delete(sessionId);
      if (sessionEpoch === -1 || wanted.length === 0) return { sessionId: 0, partitions: wanted, session: undefined };
      return this.#open(wanted, random);
    }
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return { error: "FETCH_SESSION_ID_NOT_FOUND" };
    if (sessionEpoch !== session.epoch) return { error: "INVALID_FETCH_SESSION_EPOCH" };
    if (wanted.some((partition) => (partition.topicId !== ZERO_UUID) !== session.usesTopicIds)) {
      return { error: "FETCH_SESSION_TOPIC_ID_ERROR" };
    }
    session.epoch = session.epoch === 0x7fffffff ? 1 : session.epoch + 1;
    session.update(wanted, forgotten);
    if (session.partitions.size === 0) { // nothing left: the client opens a new one when it needs one
      this.#sessions.delete(sessionId);
      return { sessionId: 0, partitions: [], session: undefined };
    }
    return { sessionId, partitions: [...session.partitions.values()].map(({ request }) => request), session };
  }

  #open(wanted: readonly FetchPartition[], random: () => number): FetchPlan {
    let id = 0;
    while (id === 0 || this.#sessions.has(id)) id = random() & 0x7fffffff;
    const session = new FetchSession(id, wanted[0]!.topicId !== ZERO_UUID);
    session.update(wanted, []);
    if (this.#sessions.size >= SESSIONS_MAX) this.#sessions.delete(this.#sessions.keys().next().value!);
    this.#sessions.set(id, session);
    return { sessionId: id, partitions: wanted, session };
  }

  /** Whether a full response is due (the first of a session). */
  static isFull(request: { readonly sessionEpoch: number }): boolean {
    return request.sessionEpoch <= 0;
  }
}

function keyOf({ topic, topicId, partition }: Forgotten): string {
  return `${topicId === ZERO_UUID ? topic : topicId}/${partition}`;
}
