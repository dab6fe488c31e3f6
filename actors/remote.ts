/**
 * Speaks with the actors of other nodes, over a transport that may lose, repeat and reorder.
 *
 *     a message    to, from, its name, its body; `call` when a reply is wanted
 *     $reply       `call`, the reply            $failed      `call`, why there is none
 *     $watch       to: whom, from: who          $unwatch     the same
 *     $terminated  from: who has stopped, to: who watched
 *
 * Invariant: a lost envelope costs an ask its deadline, and a watch until the link comes up again; it never makes either wrong. An ask
 * that comes twice is taken once: the second time it might do what it was refused the first, and only the refusal would be heard.
 *
 * @module
 */
import type { Envelope, PeerEvent, Transport } from "../transport/transport.ts";
import type { Answer, AskFailure } from "./actor.ts";
import { nodeOf, refOf } from "./address.ts";
import { type Alarms, Callback } from "./alarms.ts";
import { Ask, type Asks } from "./asks.ts";
import { Letter } from "./mailbox.ts";
import type { Watches } from "./watches.ts";

/** How long an ask from another node may stay unanswered before it is forgotten here; its asker gives up far sooner. */
const REMOTE_ASK_MAX_MS = 600_000;
/** When a node that is up has no room for news of watches, they are sent again after this. */
const CONTROL_RETRY_MS = 100;
/** So many asks of a node are remembered, to know them if they come again. */
const ASKS_REMEMBERED = 4_096;

/** What this needs of the system. */
export interface RemoteHost {
  readonly asks: Asks;
  readonly watches: Watches;
  readonly alarms: Alarms;
  /** Whether there is such a process here. */
  has(ref: string): boolean;
  /** Delivers, unless the mailbox is full: a sender on another node cannot be made to wait. */
  deliver(to: string, letter: Letter): void;
  deadLetter(to: string, letter: Letter, reason: string): void;
}

/** One node's door to the others. */
export class Remote {
  readonly #host: RemoteHost;
  readonly #transport: Transport;
  /** Nodes whose process is known to be gone. */
  readonly #gone = new Set<number>();
  /** Nodes that are up, each with the news of watches for which it had no room. */
  readonly #up = new Map<number, Envelope[]>();
  /** Asks that were taken, by node, oldest first. */
  readonly #taken = new Map<number, Set<number>>();
  readonly #retry: Callback = new Callback(() => this.#sendAgain());
  #closed = false;

  constructor(host: RemoteHost, transport: Transport) {
    this.#host = host;
    this.#transport = transport;
    transport.onReceive((envelope) => this.#receive(envelope));
    transport.onPeer((event) => this.#peer(event));
  }

  /** Sends a letter; when that is known at once to be in vain, it is a dead letter. */
  send(to: string, letter: Letter): void {
    const envelope: Envelope = {
      to,
      from: letter.from === "" ? refOf(this.#transport.node, "$outside", "") : letter.from,
      call: letter.ask === null ? 0 : this.#host.asks.numberOf(letter.ask),
      verb: letter.verb,
      body: letter.body,
    };
    if (!this.#carry(envelope)) this.#host.deadLetter(to, letter, "its node cannot be reached");
  }

  /** Answers an ask by its number; a reply that cannot be carried is left to the asker's deadline. */
  reply(from: string, asker: string, number: number, answer: Answer<unknown>): void {
    this.#carry({
      to: asker,
      from,
      call: number,
      verb: answer.ok ? "$reply" : "$failed",
      body: answer.ok ? answer.value : answer.failure,
    });
  }

  /** Asks the other node to tell of the end of `ref`. */
  watch(ref: string): void {
    if (this.#gone.has(nodeOf(ref)!)) this.#host.watches.ended(ref);
    else this.#control("$watch", ref);
  }

  unwatch(ref: string): void {
    this.#control("$unwatch", ref);
  }

  /** Says and hears nothing any more. The transport itself belongs to whoever made it. */
  close(): void {
    this.#closed = true;
    this.#up.clear();
    this.#host.alarms.unset(this.#retry);
  }

  /** Nobody would ask again for news of watches: while their link stands, they wait until they can be sent. */
  #control(verb: string, to: string, from: string = refOf(this.#transport.node, "$watches", "")): void {
    const envelope: Envelope = { to, from, call: 0, verb, body: undefined };
    const unsent = this.#up.get(nodeOf(to)!);
    if (unsent === undefined || unsent.length === 0) {
      if (this.#carry(envelope) || unsent === undefined) return;
      this.#host.alarms.set(this.#retry, CONTROL_RETRY_MS);
    }
    unsent.push(envelope); // behind what waits already, so that a watch and its end stay in order
  }

  #sendAgain(): void {
    let waiting = false;
    for (const unsent of this.#up.values()) {
      while (unsent.length > 0 && this.#carry(unsent[0]!)) unsent.shift();
      waiting ||= unsent.length > 0;
    }
    if (waiting) this.#host.alarms.set(this.#retry, CONTROL_RETRY_MS);
  }

  #carry(envelope: Envelope): boolean {
    const node = nodeOf(envelope.to);
    return node !== undefined && !this.#closed && this.#transport.send(node, envelope);
  }

  #receive(envelope: Envelope): void {
    if (this.#closed) return;
    const { to, from, call, verb, body } = envelope;
    const { asks, watches } = this.#host;
    switch (verb) {
      case "$reply":
      case "$failed": {
        const ask = asks.byNumber(call);
        if (ask === undefined) return;
        return verb === "$reply" ? asks.reply(ask, body) : asks.fail(ask, body as AskFailure);
      }
      case "$watch":
        if (!this.#host.has(to)) return this.#control("$terminated", from, to);
        return void watches.add(to, from, () => this.#control("$terminated", from, to));
      case "$unwatch":
        return void watches.remove(to, from);
      case "$terminated":
        return watches.ended(from);
    }
    if (call !== 0 && !this.#isNew(nodeOf(from)!, call)) return;
    const ask = call === 0 ? null : new RemoteAsk(asks, to, verb, (answer) => this.reply(to, from, call, answer));
    if (ask !== null) asks.open(ask, REMOTE_ASK_MAX_MS);
    this.#host.deliver(to, new Letter(from, verb, body, ask));
  }

  /** Whether an ask has not come before. */
  #isNew(node: number, call: number): boolean {
    let taken = this.#taken.get(node);
    if (taken === undefined) this.#taken.set(node, taken = new Set());
    if (taken.has(call)) return false;
    taken.add(call);
    if (taken.size > ASKS_REMEMBERED) { for (const oldest of taken) return taken.delete(oldest); }
    return true;
  }

  #peer(event: PeerEvent): void {
    if (this.#closed) return;
    const { asks, watches } = this.#host;
    const theirs = watches.refs().filter((ref) => nodeOf(ref) === event.node);
    this.#up.delete(event.node); // with a link, news of watches are lost: both sides hear of the next one and watch anew
    if (event.type === "up") {
      this.#gone.delete(event.node);
      this.#up.set(event.node, []);
      for (const ref of theirs) this.#control("$watch", ref); // the first may have been lost with the link
    } else if (event.refused) {
      this.#gone.add(event.node);
      asks.failNode(event.node);
      for (const ref of theirs) watches.ended(ref);
    }
  }
}

/** An ask by another node, answered over the wire. */
class RemoteAsk extends Ask {
  readonly #answer: (answer: Answer<unknown>) => void;

  constructor(asks: Asks, to: string, verb: string, answer: (answer: Answer<unknown>) => void) {
    super(asks, to, verb);
    this.#answer = answer;
  }

  override deliver(answer: Answer<unknown>): void {
    this.#answer(answer);
  }
}
