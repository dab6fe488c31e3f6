/**
 * The quorum actor: one node's replica of the metadata log, kept in step with the others by Raft.
 *
 * ```text
 *   controller ──append──▶ leader's log ──fetch──▶ followers' logs ──▶ committed ──▶ image ──▶ brokers
 *       ▲ spawned when everything is committed │
 *       └──────────────────────────────────────┘ stopped when leadership is lost
 * ```
 *
 * The rules are in the leaf modules: `election` who leads, `leading` and `following` how logs become the same, `enquiry` what a node
 * does that has lost its memory, `commit` what follows from what is committed. Here is which message goes where.
 *
 * @module
 */
import { type Actor, LATER } from "../actor.ts";
import { emptyImage } from "../controller/protocol.ts";
import { controllerEnded, spawnController } from "./active_controller.ts";
import { announce } from "./commit.ts";
import { answerVote, askForVotes, stand } from "./election.ts";
import { enquire, tellEnquirer } from "./enquiry.ts";
import { fetch } from "./following.ts";
import { advance, answerFetch, answerParked, append, checkQuorum, introduce } from "./leading.ts";
import { endOf } from "./log.ts";
import {
  QUORUM,
  type QuorumArgs,
  type QuorumDescription,
  type QuorumProtocol,
  type QuorumReplica,
} from "./protocol.ts";
import { addReader } from "./readers.ts";
import { giveUpResigning, handOver, resign, takeOver } from "./resigning.ts";
import { hear, heardFromLeader, loseLeader, quorumOf, soonMs, standIn } from "./roles.ts";
import { answerSnapshotFetch, decodeSnapshot } from "./snapshots.ts";
import { type Out, Quorum, type QuorumDeps } from "./state.ts";
import { timingsOf } from "./timings.ts";

/** An observer that has not fetched for so long is not shown any more. */
const OBSERVER_FORGOTTEN_MS = 300_000;

/** The actor, given the folder of its node. */
export function quorum(deps: QuorumDeps): Actor<QuorumProtocol, Quorum, QuorumArgs> {
  return {
    kind: QUORUM.kind,
    mailboxCapacity: 4_096,
    start: (args, out) => start(args, deps, out),
    on: {
      vote: answerVote,
      fetch: (quorum, request, out) => answerFetch(quorum, request, out, () => out.asker()),
      fetchSnapshot: answerSnapshotFetch,
      beginEpoch(quorum, { leaderId, epoch }, out) {
        hear(quorum, out, epoch, leaderId, leaderId);
        if (quorum.role.type === "follower" && quorum.role.leaderId === leaderId && epoch === quorum.epoch) {
          heardFromLeader(quorum, out);
        }
        return { epoch: quorum.epoch };
      },
      endEpoch: takeOver,
      enquire: (quorum, { replicaId }, out) => tellEnquirer(quorum, replicaId, out),
      follow: (quorum, { follower, fromOffset }, out) => addReader(quorum, follower, fromOffset, out),
      append: (quorum, request, out) => append(quorum, request, out, () => out.asker()),
      describe: (quorum, _, out) => describe(quorum, out),
      resign(quorum, { timeoutMs }, out) {
        resign(quorum, timeoutMs, out.asker(), out);
        return LATER;
      },
      tick,
    },
    terminated(quorum, ref, out) {
      if (ref === quorum.controller?.ref) {
        if (controllerEnded(quorum, out)) handOver(quorum, out);
      } else if (quorum.role.type === "follower" && ref === quorumOf(quorum.role.leaderId)) {
        loseLeader(quorum, out);
      } else quorum.readers.delete(ref);
    },
    stopped: ({ log }, why) => log.close(why === "stopped"),
  };
}

function start(args: QuorumArgs, deps: QuorumDeps, out: Out): Quorum {
  const { store } = deps;
  const log = store.open();
  const { cutBytes, cutReason } = log.recovery;
  if (cutBytes > 0) deps.report?.(`${log.name} cut ${cutBytes} bytes off its end at recovery. ${cutReason}`);
  const snapshot = store.newestSnapshot();
  const bytes = snapshot && store.readSnapshot(snapshot);
  const image = bytes === undefined ? emptyImage() : decodeSnapshot(bytes, snapshot!.endOffset);
  const quorum = new Quorum(args, deps, timingsOf(deps.properties), log, image);
  const stored = store.state();
  // Whoever only observes writes no epochs down.
  quorum.epoch = Math.max(0, stored?.epoch ?? 0, endOf(quorum).lastEpoch);
  quorum.votedFor = stored?.epoch === quorum.epoch ? stored.votedFor : -1;
  quorum.votesFrom = stored?.votesFrom ?? quorum.epoch + 1;
  announce(quorum, out);
  if (!quorum.isVoter) out.send(out.self, "tick", "fetch");
  else if (quorum.others.length === 0) {
    quorum.membership = "voting"; // there is nobody whom it could have promised anything
    stand(quorum, out);
  } else if (stored !== undefined) {
    quorum.membership = "voting";
    standIn(quorum, out, soonMs(quorum, out));
  } else {
    quorum.membership = "enquiring";
    enquire(quorum, out);
    out.timer("fetch", quorum.timings.retryBackoffMs, "tick", "fetch");
  }
  return quorum;
}

function tick(quorum: Quorum, what: string, out: Out): void {
  switch (what) {
    case "stand":
      return stand(quorum, out);
    case "ask":
      return askForVotes(quorum, out);
    case "lost":
      return quorum.role.type === "follower" ? loseLeader(quorum, out) : undefined;
    case "fetch":
      return fetch(quorum, out);
    case "flushed":
      return quorum.role.type === "leader" ? advance(quorum, out) : fetch(quorum, out);
    case "begin":
      return introduce(quorum, out);
    case "check":
      return checkQuorum(quorum, out);
    case "enquire":
      return enquire(quorum, out);
    case "handOver":
      return handOver(quorum, out);
    case "resigned":
      return giveUpResigning(quorum, out);
    case "spawn":
      quorum.controllerWaits = false;
      return spawnController(quorum, out);
    default: // park/<replica>
      if (quorum.role.type === "leader") answerParked(quorum, quorum.role, Number(what.slice("park/".length)), out);
  }
}

function describe(quorum: Quorum, out: Out): QuorumDescription {
  const { nodeId, epoch, leaderId, highWatermark, log, role, voters, membership } = quorum;
  const replicaOf = (replicaId: number): QuorumReplica => {
    if (replicaId === nodeId) {
      const nowMs = role.type === "leader" ? out.now() : -1;
      return { replicaId, endOffset: log.endOffset, lastFetchMs: nowMs, lastCaughtUpMs: nowMs };
    }
    const progress = role.type === "leader" ? role.replicas.get(replicaId) : undefined;
    return {
      replicaId,
      endOffset: progress?.endOffset ?? -1,
      lastFetchMs: progress?.lastFetchAtMs ?? -1,
      lastCaughtUpMs: progress?.lastCaughtUpAtMs ?? -1,
    };
  };
  const since = out.now() - OBSERVER_FORGOTTEN_MS;
  const observers = role.type !== "leader" ? [] : [...role.replicas]
    .filter(([id, { lastFetchAtMs }]) => !voters.includes(id) && lastFetchAtMs > since)
    .map(([id]) => id);
  return {
    nodeId,
    role: membership === "voting" ? role.type : "observer",
    epoch,
    leaderId,
    highWatermark,
    startOffset: log.startOffset,
    endOffset: log.endOffset,
    voters: voters.map(replicaOf),
    observers: observers.map(replicaOf),
  };
}
