/**
 * The way of consumer actors to simulated brokers: the production network for clients, over simulated sockets.
 *
 * It listens in: which heartbeats were answered with "all is well", since from that follows how long a member cannot have been put out.
 *
 * @module
 */
import type { Lane, Network, NodeAddress } from "../../actors/consumer/network.ts";
import { LaneNetwork, type Wire, type WireEnd } from "../../client/lane_network.ts";
import type { Env, Settle } from "../../lib/env.ts";
import { concatenate } from "../../lib/bytes.ts";
import { decodeResponse } from "../../protocol/codec.ts";
import { Framer } from "../../protocol/frame.ts";
import { consumerGroupHeartbeat } from "../../protocol/tables/consumer_groups.ts";
import { heartbeat } from "../../protocol/tables/groups.ts";
import type { SimulatedSocket } from "./sockets.ts";
import { ClientLink } from "./client_links.ts";
import type { World } from "./world.ts";

/** Nobody answers for so long: the address is given up. */
const CONNECT_TIMEOUT_MS = 1_000;

/** A heartbeat that was answered without an error. */
export interface Answered {
  /** The node that was asked. */
  readonly node: number;
  readonly askedMs: number;
  /** New protocol: what the member is to have, if that was said; null when it was not. */
  readonly assignment: readonly { readonly topicId: string; readonly partitions: readonly number[] }[] | null;
}

/** A network of a client. */
export class SimulatedClientNetwork implements Network {
  readonly #lanes: LaneNetwork;
  readonly #link = new ClientLink();
  readonly #world: World;
  readonly #hear: (answered: Answered) => void;

  /** @param env the client's own */
  constructor(world: World, env: Env, hear: (answered: Answered) => void) {
    this.#world = world;
    this.#hear = hear;
    world.clientLinks.add(this.#link);
    this.#lanes = new LaneNetwork((to, end) => new SimulatedWire(world, this.#link, nodeOf(to), end), env.clock);
  }

  request(
    to: NodeAddress,
    lane: Lane,
    frame: readonly Uint8Array[],
    timeoutMs: number,
    done: Settle<Uint8Array>,
  ): void {
    const api = apiOf(frame[0]!);
    if (api === undefined) return this.#lanes.request(to, lane, frame, timeoutMs, done);
    const askedMs = this.#world.now();
    this.#lanes.request(to, lane, frame, timeoutMs, (result) => {
      if (result.ok) this.#heard(nodeOf(to), askedMs, api, result.value);
      done(result);
    });
  }

  disconnect(to: NodeAddress, lane?: Lane): void {
    this.#lanes.disconnect(to, lane);
  }

  close(): void {
    this.#world.clientLinks.delete(this.#link);
    this.#lanes.close();
  }

  #heard(node: number, askedMs: number, { key, version }: { key: number; version: number }, frame: Uint8Array): void {
    if (key === heartbeat.key) {
      if (decodeResponse(heartbeat, version, frame).body.errorCode === 0) {
        this.#hear({ node, askedMs, assignment: null });
      }
      return;
    }
    const { errorCode, assignment } = decodeResponse(consumerGroupHeartbeat, version, frame).body;
    if (errorCode === 0) this.#hear({ node, askedMs, assignment: assignment?.topicPartitions ?? null });
  }
}

/** The key and version of a request, if it is a heartbeat. */
function apiOf(head: Uint8Array): { readonly key: number; readonly version: number } | undefined {
  const [key, version] = [head[4]! << 8 | head[5]!, head[6]! << 8 | head[7]!];
  return key === heartbeat.key || key === consumerGroupHeartbeat.key ? { key, version } : undefined;
}

function nodeOf({ host }: NodeAddress): number {
  return Number(host.slice(host.indexOf("-") + 1));
}

/** One connection. */
class SimulatedWire implements Wire {
  readonly #end: WireEnd;
  readonly #framer = new Framer();
  #unsent: Uint8Array[] = [];
  #socket: SimulatedSocket | undefined;
  #isOver = false;

  constructor(world: World, link: ClientLink, node: number, end: WireEnd) {
    this.#end = end;
    const side = { bytes: (chunk: Uint8Array) => this.#bytes(chunk), closed: () => this.#closed("the peer closed") };
    const calm = world.env.clock.after(CONNECT_TIMEOUT_MS, () => this.#closed("nobody answers"));
    world.connect(node, side, (socket) => {
      calm();
      if (this.#isOver) return socket?.hangUp();
      if (socket === undefined) return this.#closed("nobody is there");
      this.#socket = socket;
      end.opened();
      for (const bytes of this.#unsent.splice(0)) socket.send(bytes);
    }, link);
  }

  send(chunks: readonly Uint8Array[]): void {
    const bytes = concatenate(chunks);
    if (this.#socket === undefined) this.#unsent.push(bytes);
    else this.#socket.send(bytes);
  }

  close(): void {
    this.#isOver = true;
    this.#socket?.hangUp();
  }

  #bytes(chunk: Uint8Array): void {
    for (const frame of this.#framer.feed(chunk)) if (!this.#isOver) this.#end.frame(frame);
  }

  #closed(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end.closed(reason);
  }
}
