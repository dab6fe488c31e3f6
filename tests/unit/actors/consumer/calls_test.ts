import { assertEquals } from "@std/assert";
import { Versions } from "../../../../actors/consumer/versions.ts";
import { concatenate } from "../../../../lib/bytes.ts";
import { encodeResponse } from "../../../../protocol/codec.ts";
import { apiVersions, metadata } from "../../../../protocol/tables/metadata.ts";
import { fetch, produce } from "../../../../protocol/tables/produce_fetch.ts";
import { address, Stage, T0 } from "./consumer_stage.ts";

Deno.test("the newest version that both sides know is spoken, and none that one of them does not", () => {
  const versions = new Versions();
  assertEquals([versions.knows(address(1)), versions.pick(address(1), fetch)], [false, undefined]);
  versions.learn(address(1), [{ apiKey: 1, minVersion: 4, maxVersion: 99 }, {
    apiKey: 3,
    minVersion: 90,
    maxVersion: 99,
  }]);
  assertEquals([versions.pick(address(1), fetch), versions.pick(address(1), fetch, 12)], [17, 12]);
  assertEquals(versions.pick(address(1), metadata), undefined); // it serves newer ones only
  assertEquals(versions.pick(address(1), produce), undefined); // a consumer does not
  assertEquals(versions.pick(address(2), fetch), undefined);
  versions.forget(address(1));
  assertEquals(versions.knows(address(1)), false);
});

Deno.test("a broker is asked once which versions it serves, before anything else", () => {
  const stage = new Stage({ auto: false, saysVersions: false });
  stage.probe.ask("assign", [T0]);
  assertEquals(stage.waiting.map(({ api, version, lane }) => [api.name, version, lane]), [[
    "ApiVersions",
    3,
    "control",
  ]]);
  assertEquals(stage.one(apiVersions).body.clientSoftwareName, "samsa");
  stage.answer(apiVersions, stage.versions());
  assertEquals(stage.waiting.map(({ api }) => api.name), ["Metadata"]);
});

Deno.test("a broker that is too old for the question is asked in the words of version 0", () => {
  const stage = new Stage({ auto: false, saysVersions: false });
  stage.probe.ask("assign", [T0]);
  const { correlationId } = stage.one(apiVersions);
  const refusal = { errorCode: 35, apiKeys: [] };
  stage.settle(stage.one(apiVersions), concatenate(encodeResponse(apiVersions, 0, correlationId, refusal)).slice(4));
  assertEquals(stage.one(apiVersions).version, 0);
  stage.answer(apiVersions, stage.versions());
  assertEquals(stage.waiting.map(({ api }) => api.name), ["Metadata"]);
});

Deno.test("who cannot be reached may be another one when it is back: it is asked for its versions again", () => {
  const stage = new Stage({ auto: false, saysVersions: false });
  stage.probe.ask("assign", [T0]);
  stage.answer(apiVersions, stage.versions());
  stage.settle(stage.one(metadata), "closed");
  stage.probe.advance(200);
  assertEquals(stage.waiting.map(({ api }) => api.name), ["ApiVersions"]);
});

Deno.test("bytes that are no answer are as good as none, and so is the connection that they came over", () => {
  for (const garbage of [new Uint8Array([0, 0, 0, 2, 9]), new Uint8Array(0)]) {
    const stage = new Stage({ auto: false });
    stage.probe.ask("assign", [T0]);
    stage.settle(stage.one(metadata), garbage);
    assertEquals(stage.disconnected, [address(1)]);
    stage.probe.advance(200);
    assertEquals(stage.all(metadata).length, 1);
  }
  const stage = new Stage({ auto: false });
  stage.probe.ask("assign", [T0]);
  const exchange = stage.one(metadata);
  const body = stage.metadata();
  const other = concatenate(encodeResponse(metadata, exchange.version, exchange.correlationId + 1, body)).slice(4);
  stage.settle(exchange, other); // the answer to something else
  assertEquals(stage.disconnected, [address(1)]);
});
