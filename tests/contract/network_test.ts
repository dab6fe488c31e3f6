/** Every network under the one suite. */
import { assert } from "@std/assert";
import type { BrokerRef, ConnectionArgs, ConnectionProtocol } from "../../actors/broker/protocol.ts";
import { CONNECTION } from "../../actors/broker/protocol.ts";
import type { Actor } from "../../actors/actor.ts";
import type { NodeAddress } from "../../actors/consumer/network.ts";
import { ActorSystem } from "../../actors/system.ts";
import { type LocalBroker, localNetwork, LocalSockets } from "../../client/local_network.ts";
import { tcpNetwork } from "../../client/tcp_network.ts";
import { VirtualEnv } from "../../lib/virtual_clock.ts";
import { Framer } from "../../protocol/frame.ts";
import { eventually } from "../helpers/patience.ts";
import { type Behaviour, type NetworkStage, networkSuite } from "./network_suite.ts";

networkSuite("tcp", () => {
  const env = new VirtualEnv();
  const listeners: Deno.TcpListener[] = [];
  const conns = new Set<Deno.TcpConn>();
  const running: Promise<void>[] = [];

  async function talk(conn: Deno.TcpConn, behaviour: Behaviour, connection: number): Promise<void> {
    conns.add(conn);
    const framer = new Framer();
    try {
      for (let count; (count = await conn.read(framer.space())) !== null;) {
        for (const frame of framer.filled(count)) {
          const answer = behaviour(frame, connection);
          if (answer === "close") return conn.close();
          if (answer === undefined) continue;
          const bytes = sized(answer);
          for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
        }
      }
      conn.close();
    } catch {
      /* closed */
    } finally {
      conns.delete(conn);
    }
  }

  async function accept(listener: Deno.TcpListener, behaviour: Behaviour): Promise<void> {
    let count = 0;
    try {
      for await (const conn of listener) running.push(talk(conn, behaviour, ++count));
    } catch { /* closed */ }
  }

  const nobody = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const nowhere = { host: "127.0.0.1", port: nobody.addr.port };
  nobody.close();
  const network = tcpNetwork(env.clock);
  const stage: NetworkStage = {
    network,
    nowhere,
    serve(behaviour) {
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      listeners.push(listener);
      running.push(accept(listener, behaviour));
      return { host: "127.0.0.1", port: listener.addr.port };
    },
    connections: () => conns.size,
    pass: (ms) => env.advance(ms),
    until: (condition) => eventually(condition, "the network"),
    settle: () => new Promise((resolve) => setTimeout(resolve, 5)),
    async close() {
      network.close();
      for (const listener of listeners) listener.close();
      for (const conn of conns) {
        try {
          conn.close();
        } catch { /* closed already */ }
      }
      await Promise.all(running);
    },
  };
  return stage;
});

networkSuite("local", () => {
  const env = new VirtualEnv();
  const brokers = new Map<number, LocalBroker>();

  /** A broker whose connections behave so. */
  function serve(behaviour: Behaviour): NodeAddress {
    const port = brokers.size + 1;
    const sockets = new LocalSockets();
    const system = new ActorSystem({ node: port, env });
    let count = 0;
    const connection: Actor<ConnectionProtocol, { socketId: number; number: number }, ConnectionArgs> = {
      kind: CONNECTION.kind,
      start: ({ socketId }) => ({ socketId, number: ++count }),
      on: {
        frame({ socketId, number }, frame, out) {
          const answer = behaviour(frame, number);
          const socket = sockets.socket(socketId);
          out.call("answer", () => {
            socket?.release(frame.length);
            if (answer === "close") socket?.close();
            else if (answer !== undefined) socket?.write([sized(answer)], () => {});
          });
        },
        disconnected: (_, __, out) => out.stop(),
        idle: () => {},
        lookForController: () => {},
      },
    };
    system.register(connection);
    brokers.set(port, { system, broker: `${port}/broker/broker` as BrokerRef, sockets });
    return { host: "here", port };
  }

  const network = localNetwork(({ port }) => brokers.get(port), env);
  return {
    network,
    nowhere: { host: "here", port: 99 },
    serve,
    connections: () => [...brokers.values()].reduce((sum, { system }) => sum + system.actors().length, 0),
    pass: (ms) => env.advance(ms),
    until(condition) {
      env.advance(1);
      assert(condition(), "it did not come true");
    },
    settle: () => env.advance(0),
    close: () => network.close(),
  };
});

function sized(answer: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + answer.length);
  new DataView(bytes.buffer).setInt32(0, answer.length);
  bytes.set(answer, 4);
  return bytes;
}
