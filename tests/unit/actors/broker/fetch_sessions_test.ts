import { assert, assertEquals } from "@std/assert";
import { type FetchPartition, type FetchPlan, FetchSessions } from "../../../../actors/broker/fetch_sessions.ts";
import { ZERO_UUID } from "../../../../lib/uuid.ts";

const partition = (topic: string, index = 0, topicId = ZERO_UUID): FetchPartition => ({
  topic,
  topicId,
  partition: index,
  fetchOffset: 0n,
  partitionMaxBytes: 1024,
  currentLeaderEpoch: -1,
  lastFetchedEpoch: -1,
});
let next = 41;
const random = () => ++next;
const QUIET = { error: false, records: 0, highWatermark: 5, logStartOffset: 0, diverging: false, redirected: false };

function plan(
  sessions: FetchSessions,
  sessionId: number,
  sessionEpoch: number,
  wanted: FetchPartition[],
  forgotten: FetchPartition[] = [],
): FetchPlan {
  const made = sessions.plan({ sessionId, sessionEpoch }, wanted, forgotten, random);
  assert(!("error" in made), "the session was refused");
  return made;
}

Deno.test("without a session everything asked for is fetched, every time", () => {
  const made = plan(new FetchSessions(), 0, -1, [partition("a"), partition("b")]);
  assertEquals([made.sessionId, made.partitions.length, made.session], [0, 2, undefined]);
});

Deno.test("an incremental fetch fetches all partitions of its session and tells only of news", () => {
  const sessions = new FetchSessions();
  const first = plan(sessions, 0, 0, [partition("a"), partition("b")]);
  assert(first.sessionId > 0);
  for (const wanted of first.partitions) assert(first.session!.tell(wanted, QUIET, true));
  const second = plan(sessions, first.sessionId, 1, []);
  assertEquals(second.partitions.map(({ topic }) => topic), ["a", "b"]);
  assertEquals(second.partitions.map((wanted) => second.session!.tell(wanted, QUIET, false)), [false, false]);
  const third = plan(sessions, first.sessionId, 2, []);
  const moved = { ...QUIET, highWatermark: 6 };
  assertEquals(third.partitions.map((wanted) => third.session!.tell(wanted, moved, false)), [true, true]);
});

Deno.test("an error is told, and its end too", () => {
  const sessions = new FetchSessions();
  const { session, partitions } = plan(sessions, 0, 0, [partition("a")]);
  assert(session!.tell(partitions[0]!, { ...QUIET, error: true }, false));
  assert(session!.tell(partitions[0]!, { ...QUIET, error: true }, false));
  assert(session!.tell(partitions[0]!, QUIET, false));
  assert(!session!.tell(partitions[0]!, QUIET, false));
});

Deno.test("a partition that was served goes to the back of the queue", () => {
  const sessions = new FetchSessions();
  const { sessionId, session, partitions } = plan(sessions, 0, 0, [partition("a"), partition("b")]);
  session!.tell(partitions[0]!, { ...QUIET, records: 10 }, false);
  assertEquals(plan(sessions, sessionId, 1, []).partitions.map(({ topic }) => topic), ["b", "a"]);
});

Deno.test("partitions are added, changed and forgotten", () => {
  const sessions = new FetchSessions();
  const { sessionId } = plan(sessions, 0, 0, [partition("a"), partition("b")]);
  const changed = { ...partition("b"), fetchOffset: 9n };
  const second = plan(sessions, sessionId, 1, [changed, partition("c")], [partition("a")]);
  assertEquals(second.partitions.map(({ topic, fetchOffset }) => [topic, fetchOffset]), [["b", 9n], ["c", 0n]]);
});

Deno.test("an unknown session, a wrong epoch and a mix of names and ids are refused as Kafka does", () => {
  const sessions = new FetchSessions();
  const { sessionId } = plan(sessions, 0, 0, [partition("a")]);
  const refuse = (id: number, epoch: number, wanted: FetchPartition[] = []) =>
    sessions.plan({ sessionId: id, sessionEpoch: epoch }, wanted, [], random);
  assertEquals(refuse(sessionId + 1, 1), { error: "FETCH_SESSION_ID_NOT_FOUND" });
  assertEquals(refuse(sessionId, 2), { error: "INVALID_FETCH_SESSION_EPOCH" });
  const byId = partition("", 0, "AAAAAAAAAAAAAAAAAAAAAg");
  assertEquals(refuse(sessionId, 1, [byId]), { error: "FETCH_SESSION_TOPIC_ID_ERROR" });
});

Deno.test("a session can be closed, and a connection keeps only a few", () => {
  const sessions = new FetchSessions();
  const opened = [1, 2, 3].map(() => plan(sessions, 0, 0, [partition("a")]).sessionId);
  const state = (id: number) => sessions.plan({ sessionId: id, sessionEpoch: 99 }, [], [], random);
  assertEquals(state(opened[0]!), { error: "FETCH_SESSION_ID_NOT_FOUND" });
  assertEquals(state(opened[2]!), { error: "INVALID_FETCH_SESSION_EPOCH" });
  plan(sessions, opened[2]!, -1, [partition("a")]);
  assertEquals(state(opened[2]!), { error: "FETCH_SESSION_ID_NOT_FOUND" });
});

Deno.test("where to read instead is always told", () => {
  const { session, partitions } = plan(new FetchSessions(), 0, 0, [partition("a")]);
  assert(session!.tell(partitions[0]!, QUIET, false));
  assert(!session!.tell(partitions[0]!, QUIET, false));
  assert(session!.tell(partitions[0]!, { ...QUIET, redirected: true }, false));
});
