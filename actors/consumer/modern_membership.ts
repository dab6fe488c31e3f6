/**
 * A member of a group of the new protocol (KIP-848): one heartbeat says everything, and is answered with what the member is to have.
 *
 *     apart ──epoch 0──▶ member ──heartbeats──▶ member ──leave: -1, static -2──▶ ended
 *       ▲                  │  └──not polled: -1, static -2──▶ away ──polled──▶ apart
 *       └──fenced, unknown, not heard for a session: all is lost──┘
 *
 *     answer: what it is to have ──less──▶ revoke ──handled──▶ heartbeat at once, without it ──more──▶ assign
 *
 * Invariants: what it reports as its own is all that it uses and all that it has been told to use, be the topic's name known or not, so
 * nothing is given away that it may begin to use; one heartbeat is under way at a time; after one that was not answered
 * everything is said again.
 *
 * @module
 */
import type { Random } from "../../lib/prng.ts";
import { randomUuid, ZERO_UUID } from "../../lib/uuid.ts";
import { type ErrorName, errorName, ERRORS } from "../../protocol/errors.ts";
import type { Response } from "../../protocol/schema.ts";
import type { consumerGroupHeartbeat } from "../../protocol/tables/consumer_groups.ts";
import type {
  MakeMembership,
  Membership,
  MembershipAction,
  MembershipEvent,
  MembershipResponse,
} from "./membership.ts";
import {
  type Body,
  type Config,
  goodbyeOf,
  heartbeatOf,
  type Said,
  type Subscription,
  verdictOn,
} from "./modern_heartbeat.ts";
import { Holdings } from "./modern_holdings.ts";
import { Pace } from "./modern_pace.ts";
import type { TopicPartition } from "./protocol.ts";

type Answer = Response<typeof consumerGroupHeartbeat>;

/** A heartbeat that is not answered yet. */
interface Sent {
  readonly body: Body;
  readonly atMs: number;
  readonly subscription: Subscription;
}

/** Makes a member of a group of the new protocol. */
export const modernMembership: MakeMembership = (config, random) => new ModernMembership(config, random);

class ModernMembership implements Membership {
  readonly memberId: string;
  readonly #config: Config;
  readonly #holdings = new Holdings();
  readonly #pace: Pace;

  #phase: "apart" | "member" | "away" | "leaving" | "ended" = "apart";
  /** 0 while it is to join. */
  #epoch = 0;
  #nowMs = 0;
  #actions: MembershipAction[] = [];
  #subscription: Subscription | undefined;
  #isCoordinatorKnown = false;

  /** In the order in which they will be answered; more than one only when the last of them leaves. */
  readonly #sent: Sent[] = [];
  /** What the coordinator knows for certain: nothing after a heartbeat of which the answer is lost. */
  #said: Said | undefined;
  /** How often it was forgotten since it was known. */
  #losses = 0;
  #lookUpAtMs = 0;
  #hadPattern = false;

  constructor(config: Config, random: Random) {
    this.#config = config;
    this.#pace = new Pace(config, random);
    this.memberId = randomUuid(random.bytes(16));
  }

  get epoch(): number {
    return this.#epoch > 0 ? this.#epoch : -1;
  }

  get owned(): readonly TopicPartition[] {
    return this.#holdings.owned;
  }

  handle(event: MembershipEvent, nowMs: number): readonly MembershipAction[] {
    if (this.#phase === "ended") return [];
    this.#nowMs = nowMs;
    this.#actions = [];
    this.#take(event);
    this.#proceed();
    return this.#actions;
  }

  #take(event: MembershipEvent): void {
    switch (event.type) {
      case "time":
        return;
      case "subscribed":
        if (this.#subscription === undefined) this.#pace.polled(this.#nowMs);
        this.#subscription = event;
        this.#pace.isUrgent = true;
        return;
      case "metadata":
        return this.#holdings.know(
          [...event.topics].flatMap(([name, { id }]) => id === ZERO_UUID ? [] : [[id, name] as const]),
        );
      case "coordinator":
        this.#isCoordinatorKnown = event.isKnown;
        return;
      case "session":
        return this.#pace.sessionsLast(event.timeoutMs);
      case "response":
        return this.#responseCame(event.response);
      case "failed":
        return this.#requestFailed();
      case "handled":
        // Others wait for what has been given up.
        if (this.#holdings.handled()) this.#pace.isUrgent = true;
        return;
      case "polled":
        this.#pace.polled(this.#nowMs);
        if (this.#phase === "away") this.#startOver();
        return;
      case "fenced":
        return this.#pace.ask(this.#nowMs); // perhaps; a heartbeat knows for certain
      case "leave":
        return this.#leave();
    }
  }

  /** Does what is due, and says when to come back. */
  #proceed(): void {
    if (this.#phase === "ended") return;
    this.#judgeTime();
    if (this.#phase === "member") this.#reconcile();
    if (this.#canBeat() && this.#nowMs >= this.#pace.dueMs) this.#beat();
    this.#wake();
  }

  // Time.

  #judgeTime(): void {
    if (this.#phase !== "member" && this.#phase !== "apart") return;
    // It may have been put out by now, and somebody else may use what it had.
    if (this.#epoch > 0 && this.#nowMs >= this.#pace.sessionEndMs) this.#lose();
    if (this.#subscription !== undefined && this.#nowMs >= this.#pace.pollEndMs) this.#goAway();
  }

  /** The application does not ask for records: others shall have them. It comes back with the next poll. */
  #goAway(): void {
    this.#sayGoodbye();
    this.#lose();
    this.#phase = "away";
  }

  #wake(): void {
    let atMs = Infinity;
    const at = (candidateMs: number) => atMs = Math.min(atMs, candidateMs);
    if (this.#phase === "member" || this.#phase === "apart") {
      if (this.#epoch > 0) at(this.#pace.sessionEndMs);
      if (this.#subscription !== undefined) at(this.#pace.pollEndMs);
      if (this.#canBeat()) at(this.#pace.dueMs);
      if (this.#phase === "member" && this.#holdings.hasUnknown) at(this.#lookUpAtMs);
    }
    if (atMs !== Infinity) this.#actions.push({ type: "wake", atMs: Math.max(atMs, this.#nowMs) });
  }

  // What it has.

  #reconcile(): void {
    const change = this.#holdings.next();
    if (change !== undefined) this.#actions.push(change);
    if (!this.#holdings.hasUnknown || this.#nowMs < this.#lookUpAtMs) return;
    // Topics that were made a moment ago: their names are to be asked for.
    this.#lookUpAtMs = this.#nowMs + this.#config.retryBackoffMaxMs;
    this.#actions.push({ type: "lookUp", topics: this.#subscription?.topics ?? [] });
  }

  /** Whatever it had may be somebody else's: it joins again, as the same member. */
  #lose(): void {
    const change = this.#holdings.lose();
    if (change !== undefined) this.#actions.push(change);
    this.#startOver();
  }

  #startOver(): void {
    this.#phase = "apart";
    this.#epoch = 0;
    this.#said = undefined;
    this.#pace.isUrgent = true;
  }

  // Heartbeats.

  #canBeat(): boolean {
    if (!this.#isCoordinatorKnown || this.#sent.length > 0 || this.#subscription === undefined) return false;
    // Before it joins it has to be through with what it has lost.
    return this.#phase === "member" || this.#phase === "apart" && this.#holdings.isSettled;
  }

  #beat(): void {
    const subscription = this.#subscription!;
    if (subscription.pattern !== null) this.#hadPattern = true;
    this.#pace.said();
    this.#send(heartbeatOf(this.#config, this.memberId, {
      epoch: this.#epoch,
      subscription,
      owned: this.#holdings.rows(),
      takesPatternBack: this.#hadPattern && this.#epoch > 0,
    }, this.#said));
  }

  #send(body: Body): void {
    this.#sent.push({ body, atMs: this.#nowMs, subscription: this.#subscription! });
    const request = { api: "consumerHeartbeat", body } as const;
    this.#actions.push({ type: "request", request, timeoutMs: this.#pace.patienceMs });
  }

  #responseCame(response: MembershipResponse): void {
    if (response.api !== "consumerHeartbeat") return;
    const sent = this.#sent.shift();
    if (sent === undefined) return;
    if (this.#phase === "leaving") return this.#endIfSaid();
    // It has gone, or has given itself up, since it asked: what it is told is of before. That holds, too, when it wants to join anew by now:
    // the goodbye, which is behind what it asked, ends what that has got.
    if (this.#isGoing) return;
    if (sent.body.memberEpoch !== this.#epoch || this.#phase === "away") return;
    const error = errorName(response.body.errorCode);
    if (error === "NONE") this.#accepted(sent, response.body);
    else this.#refused(sent, error, response.body.errorMessage);
  }

  #accepted({ body, atMs, subscription }: Sent, answer: Answer): void {
    this.#phase = "member";
    this.#epoch = answer.memberEpoch;
    this.#pace.heard(atMs, answer.heartbeatIntervalMs);
    if (body.memberEpoch > 0) this.#losses = 0;
    this.#said = {
      subscription,
      owned: body.topicPartitions === null ? this.#said?.owned ?? "" : JSON.stringify(body.topicPartitions),
    };
    if (answer.assignment === null) return;
    this.#holdings.assign(answer.assignment.topicPartitions);
    // The coordinator may want to hear that something is given up that this member was never told of: the answer was lost.
    this.#said = { subscription, owned: "" };
  }

  #refused({ body }: Sent, error: ErrorName, message: string | null): void {
    this.#said = undefined;
    const verdict = verdictOn(error, body);
    if (verdict === "final") return this.#fail(error, message);
    if (verdict === "forgotten") {
      this.#lose();
      if (this.#losses++ > 0) this.#pace.tryLater(this.#nowMs); // it joins again at once, but not time and again
      return;
    }
    if (verdict === "moved") {
      this.#isCoordinatorKnown = false;
      this.#actions.push({ type: "findCoordinator" });
    }
    this.#pace.tryLater(this.#nowMs);
  }

  #requestFailed(): void {
    const sent = this.#sent.shift();
    if (sent === undefined) return;
    if (this.#phase === "leaving") return this.#endIfSaid();
    this.#said = undefined; // it may have been heard, or not
    this.#pace.tryLater(this.#nowMs);
  }

  #fail(error: ErrorName, message: string | null): void {
    this.#end({ type: "fail", error, message: message ?? ERRORS[error].sentence });
  }

  // Leaving.

  #leave(): void {
    if (this.#phase === "leaving") return;
    if (this.#phase !== "away") this.#sayGoodbye();
    this.#phase = "leaving";
    this.#endIfSaid();
  }

  /** A static member is expected back: nobody else gets what it has, as long as its session lasts. */
  #sayGoodbye(): void {
    // A join that is under way makes it a member, too.
    const isMember = this.#epoch > 0 || this.#sent.length > 0;
    if (!isMember || !this.#isCoordinatorKnown) return;
    this.#send(goodbyeOf(this.#config, this.memberId));
  }

  /** A goodbye is not answered yet. */
  get #isGoing(): boolean {
    return this.#sent.some(({ body }) => body.memberEpoch < 0);
  }

  /** The answer does not matter: a member that is not heard of goes by itself. */
  #endIfSaid(): void {
    if (this.#isGoing) return;
    this.#end({ type: "left" });
  }

  #end(how: MembershipAction): void {
    this.#phase = "ended";
    this.#epoch = 0;
    this.#actions.push(how);
  }
}
