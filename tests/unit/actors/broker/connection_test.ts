import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encodeRequest } from "../../../../protocol/codec.ts";
import { errorName } from "../../../../protocol/errors.ts";
import type { Api } from "../../../../protocol/schema.ts";
import { apiVersions, metadata } from "../../../../protocol/tables/metadata.ts";
import { fetch, produce } from "../../../../protocol/tables/produce_fetch.ts";
import type { Exchange } from "../../../../actors/broker/handler.ts";
import { concat } from "../../../helpers/raw_client.ts";
import { viewOf } from "./api/fake_exchange.ts";
import { asksOracle, ClientStage } from "./client_stage.ts";

const MIB = 1 << 20;

/** A Fetch that answers at once with so many bytes. */
function brings(bytes: number) {
  return (_: unknown, exchange: Exchange<Api>) => {
    const partitions = [{ partitionIndex: 0, errorCode: 0, highWatermark: 0n, records: new Uint8Array(bytes) }];
    (exchange as unknown as Exchange<typeof fetch>).reply({ sessionId: 0, responses: [{ topic: "t", partitions }] });
  };
}

Deno.test("answers leave in the order of the requests, however they come", () => {
  const stage = new ClientStage();
  const ids = [stage.produce(), stage.produce(), stage.produce()];
  stage.decide(ids[2]!);
  stage.decide(ids[1]!);
  assertEquals(stage.socket.answered, []);
  stage.decide(ids[0]!);
  assertEquals(stage.socket.answered, ids);
  assertEquals(stage.socket.written.length, 1); // and together
});

Deno.test("a handler is told where the client is, without its port", () => {
  const stage = new ClientStage();
  let host: string | undefined;
  stage.scripts["ListOffsets"] = (_, exchange) => void (host = exchange.host);
  stage.listOffsets();
  assertEquals(host, "/far");
});

Deno.test("only Produce overlaps, and only with Produce", () => {
  const stage = new ClientStage();
  const [a, b, list, c] = [stage.produce(), stage.produce(), stage.listOffsets(), stage.produce()];
  assertEquals(stage.started, [a, b]);
  stage.decide(a);
  assertEquals(stage.started, [b]);
  stage.decide(b);
  assertEquals(stage.started, [list]);
  stage.decide(list);
  assertEquals(stage.started, [c]);
});

Deno.test("a Fetch holds up what comes after it", () => {
  const stage = new ClientStage();
  const [fetching, producing] = [stage.fetch(), stage.produce()];
  assertEquals(stage.started, [fetching]);
  stage.decide(fetching);
  assertEquals(stage.started, [producing]);
});

Deno.test("at most 32 Produce requests overlap", () => {
  const stage = new ClientStage();
  const ids = Array.from({ length: 40 }, () => stage.produce());
  assertEquals(stage.started, ids.slice(0, 32));
  stage.decide(ids[0]!);
  assertEquals(stage.started, ids.slice(1, 33));
});

Deno.test("nothing is started while too much is unsent; it goes on when the peer has taken it", () => {
  const stage = new ClientStage();
  stage.scripts["Fetch"] = brings(MIB);
  stage.fetch();
  const second = stage.apiVersions();
  assertEquals(stage.socket.answered, [1]);
  stage.fetch();
  stage.socket.drain();
  stage.probe.advance(0);
  assertEquals(stage.socket.answered, [1, second, 3]);
});

Deno.test("requests that wait for the first view are started when it comes", () => {
  const stage = new ClientStage({ hasView: false });
  const id = stage.apiVersions();
  assertEquals(stage.socket.answered, []);
  stage.learn(stage.view);
  assertEquals(stage.socket.answered, [id]);
});

Deno.test("ten thousand requests that waited and are answered at once leave in order, in few writes", () => {
  const stage = new ClientStage();
  const first = stage.fetch();
  const ids = Array.from({ length: 10_000 }, () => stage.apiVersions());
  stage.decide(first);
  for (let round = 0; round < 100 && stage.socket.unsent > 0; round++) {
    stage.socket.drain();
    stage.probe.advance(0);
  }
  assertEquals(stage.socket.answered, [first, ...ids]);
  assert(stage.socket.written.length < 20, `${stage.socket.written.length} writes`);
});

Deno.test("an unknown API, an unknown version, a body that does not decode and a torn header close the connection", () => {
  const cases: [number[], string][] = [
    [[0, 99, 0, 0, 0, 0, 0, 1, 0xff, 0xff], "API key 99"],
    [[0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff], "Metadata version 99"],
    [[0, 3, 0xff, 0xff, 0, 0, 0, 1, 0xff, 0xff], "Metadata version -1"],
    [[0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff], "Produce version 2; versions 3 to 11"],
    [[0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 9], "does not decode"],
    [[0, 3, 0], "does not decode"],
    [[], "does not decode"],
  ];
  for (const [bytes, reason] of cases) {
    const stage = new ClientStage();
    stage.frame(new Uint8Array(bytes));
    assert(stage.probe.stopped && stage.socket.closed, `${bytes} did not close the connection`);
    assertEquals(stage.socket.written, []);
    assertEquals(stage.refusals.length, 1);
    assertStringIncludes(stage.refusals[0]!, reason);
    assertStringIncludes(stage.refusals[0]!, "far:1: ");
  }
});

Deno.test("a refused request closes the connection only when those before it are answered, and starts nothing after it", () => {
  const stage = new ClientStage();
  const [a, b] = [stage.produce(), stage.produce()];
  stage.frame(new Uint8Array([0, 0, 0, 99, 0, 0, 0, 1, 0xff, 0xff])); // a Produce that nobody knows, so it may overlap
  stage.produce();
  assertEquals(stage.started, [a, b]);
  stage.decide(b);
  assert(!stage.socket.closed);
  stage.decide(a);
  assertEquals(stage.socket.answered, [a, b]);
  assert(stage.socket.closed && stage.probe.stopped);
  assertStringIncludes(stage.refusals.join(), "Produce version 99");
});

Deno.test("ApiVersions of any unknown version is answered in version 0 with the range of this API, and goes on", () => {
  const next = concat(encodeRequest(apiVersions, 5, 42, "newer", { clientSoftwareName: "newer" })).slice(4);
  const head = (version: number) => [0, 18, version >> 8 & 0xff, version & 0xff, 0, 0, 0, 42];
  for (const frame of [next, ...[99, 0x7fff, -1].map((version) => new Uint8Array([...head(version), 1, 2, 3]))]) {
    const stage = new ClientStage();
    stage.frame(frame);
    const { correlationId, body } = stage.answer(0, apiVersions, 0);
    assertEquals([correlationId, errorName(body.errorCode)], [42, "UNSUPPORTED_VERSION"]);
    assertEquals(body.apiKeys, [{ apiKey: 18, minVersion: 0, maxVersion: 4 }]);
    assertEquals(stage.socket.released, [frame.length]);
    stage.apiVersions();
    assertEquals(errorName(stage.answer(1, apiVersions, 0).body.errorCode), "NONE");
  }
});

Deno.test("a handler that throws stops this connection, sends nothing and closes the socket", () => {
  const stage = new ClientStage();
  stage.scripts["Metadata"] = (_, exchange) => {
    exchange.reply({} as never);
    throw new Error("bug");
  };
  stage.send(metadata, 9, { topics: [] });
  assert(stage.probe.stopped && stage.socket.closed);
  assertEquals(stage.probe.restarts, 0);
  assertEquals(stage.socket.written, []);
  assertEquals(stage.refusals, ["far:1: its actor crashed"]);
});

Deno.test("acks=0 is done without bytes, and does not hold up the answers after it", () => {
  const stage = new ClientStage();
  stage.scripts["Produce"] = (request, exchange) => {
    const { acks } = request as unknown as { acks: number };
    if (acks === 0) exchange.done();
    else asksOracle(request, exchange);
  };
  const first = stage.produce();
  stage.produce(0);
  const third = stage.produce();
  stage.decide(third);
  stage.decide(first);
  assertEquals(stage.socket.answered, [first, third]);
  assertEquals(stage.socket.released.length, 3);
});

Deno.test("a handler that closes instead of answering lets the others be answered first", () => {
  const stage = new ClientStage();
  stage.scripts["Produce"] = (request, exchange) => {
    const { acks } = request as unknown as { acks: number };
    if (acks === 0) exchange.close("acks=0 failed");
    else asksOracle(request, exchange);
  };
  const first = stage.produce();
  stage.produce(0);
  assert(!stage.socket.closed);
  stage.decide(first);
  assertEquals(stage.socket.answered, [first]);
  assert(stage.socket.closed);
  assertEquals(stage.refusals, ["far:1: acks=0 failed"]);
});

Deno.test("each request is released once, by the size of its frame, when it is answered", () => {
  const stage = new ClientStage();
  const id = stage.produce();
  assertEquals(stage.socket.released, []);
  stage.decide(id);
  stage.apiVersions();
  assertEquals(stage.socket.released, stage.served.map(({ requestBytes }) => requestBytes));
  assertEquals(stage.served.map(({ api, version }) => `${api} ${version}`), ["Produce 9", "ApiVersions 0"]);
  assert(stage.served.every(({ responseBytes, requestBytes }) => responseBytes > 4 && requestBytes > 8));
});

Deno.test("a request that is answered twice is answered once", () => {
  const stage = new ClientStage();
  stage.scripts["Metadata"] = (_, exchange) => {
    exchange.done();
    exchange.reply({} as never);
  };
  stage.send(metadata, 9, { topics: [] });
  assertEquals([stage.socket.answered, stage.served.length], [[], 1]);
});

Deno.test("requests that run see the newest view, and the next one is asked for", () => {
  const stage = new ClientStage();
  let seen: string[] = [];
  stage.scripts["Metadata"] = (request, exchange) => {
    exchange.ask("1/oracle/oracle" as never, "decide" as never, { correlation: exchange.clientId } as never, () => {
      seen = [...exchange.view.image.topics.keys()];
      asksOracle(request, exchange);
    });
  };
  const id = stage.send(metadata, 9, { topics: [] });
  const newer = { ...viewOf({ topics: ["t", "u"] }), version: 17 };
  stage.learn(newer);
  assertEquals(stage.probe.asks.find(({ verb }) => verb === "subscribe")!.message, {
    ref: stage.probe.ref,
    newerThan: 17,
  });
  stage.decide(id);
  assertEquals(seen, ["t", "u"]);
});

Deno.test("a broker that crashes is asked again; one that is gone ends the connection", () => {
  const stage = new ClientStage();
  stage.probe.fail("subscribe", "crashed");
  stage.probe.fail("subscribe", "timeout");
  const [again] = stage.probe.asks.filter(({ verb }) => verb === "subscribe");
  assertEquals((again!.message as { newerThan: number }).newerThan, -1); // in its new life it counts anew
  assert(!stage.probe.stopped);
  stage.apiVersions();
  assertEquals(stage.socket.answered, [1]); // meanwhile it serves what it can
  stage.probe.fail("subscribe", "unreachable");
  assert(stage.probe.stopped && stage.socket.closed);
});

const IDLE = { "connections.max.idle.ms": "1000" };

Deno.test("a connection without requests is closed when it has been idle for connections.max.idle.ms", () => {
  const stage = new ClientStage({ view: viewOf({ properties: IDLE }) });
  stage.probe.advance(900);
  stage.apiVersions();
  stage.socket.drain();
  stage.probe.advance(999);
  assert(!stage.probe.stopped);
  stage.probe.advance(1);
  assert(stage.probe.stopped && stage.socket.closed);
  assertStringIncludes(stage.refusals.join(), "idle for 1000 ms");
});

Deno.test("a connection that waits for its answer is not idle; one whose peer takes nothing is", () => {
  const stage = new ClientStage({ view: viewOf({ properties: IDLE }) });
  const id = stage.produce();
  stage.probe.advance(5_000);
  assert(!stage.probe.stopped);
  stage.decide(id); // written, but never taken
  stage.probe.advance(999);
  assert(!stage.probe.stopped);
  stage.probe.advance(1_001);
  assert(stage.probe.stopped);
});

Deno.test("a negative connections.max.idle.ms never closes", () => {
  const stage = new ClientStage({ view: viewOf({ properties: { "connections.max.idle.ms": "-1" } }) });
  stage.probe.advance(100_000_000);
  assert(!stage.probe.stopped);
});

Deno.test("a limit that is taken away meanwhile no longer closes; a request that wants no answer is activity too", () => {
  const unlimited = new ClientStage({ view: viewOf({ properties: IDLE }) });
  unlimited.probe.advance(500);
  const next = viewOf({ topics: ["t"], properties: { "connections.max.idle.ms": "-1" } });
  unlimited.learn(next);
  unlimited.probe.advance(5_000);
  assert(!unlimited.probe.stopped);
  const quiet = new ClientStage({ view: viewOf({ properties: IDLE }) });
  quiet.scripts["Produce"] = (_, exchange) => exchange.done();
  quiet.probe.advance(900);
  quiet.produce(0);
  quiet.probe.advance(999);
  assert(!quiet.probe.stopped);
});

Deno.test("a peer that disconnects stops the connection; answers that come later are dropped", () => {
  const stage = new ClientStage();
  stage.produce();
  stage.probe.tell("disconnected", { reason: "gone" });
  assert(stage.probe.stopped && stage.socket.closed);
  assertEquals([stage.socket.written, stage.refusals], [[], []]);
});

Deno.test("what a request waits for elsewhere is called off when the connection ends, unless it was answered", () => {
  const stage = new ClientStage();
  const abandoned: string[] = [];
  stage.scripts["Produce"] = (request, exchange) => {
    exchange.whenAbandoned(() => abandoned.push(exchange.clientId!));
    asksOracle(request, exchange);
  };
  const [a, b, c] = [stage.produce(), stage.produce(), stage.produce()];
  stage.decide(b);
  stage.probe.tell("disconnected", { reason: "gone" });
  assertEquals(abandoned, [String(a), String(c)]);
});

Deno.test("a connection without a socket stops at once", () => {
  assert(new ClientStage({ hasView: false, hasSocket: false }).probe.stopped);
});

Deno.test("what was reserved for an answer is given back when the answer is written, and what was not needed before", () => {
  const stage = new ClientStage();
  stage.scripts["Fetch"] = (request, exchange) => {
    assertEquals(exchange.reserve(1000), 1000);
    exchange.giveBack(400);
    asksOracle(request, exchange);
  };
  const id = stage.fetch();
  assertEquals(stage.socket.reservedBytes, 600);
  stage.decide(id);
  assertEquals(stage.socket.reservedBytes, 0);
});

Deno.test("produce waits its turn behind another API even when Produce is in flight before that", () => {
  const stage = new ClientStage();
  stage.produce();
  stage.send(produce, 9, { acks: 1, timeoutMs: 1, topicData: [] });
  stage.fetch();
  stage.produce();
  assertEquals(stage.started, [1, 2]);
});
