import { assertEquals } from "@std/assert";
import { exposition } from "../../../console/prometheus.ts";
import type { RequestServed } from "../../../actors/broker/connection.ts";
import { gauge, RequestMetrics } from "../../../server/metrics.ts";

function served(api: string, durationMs: number): RequestServed {
  return { api, version: 1, durationMs, requestBytes: 10, responseBytes: 20 };
}

/** The lines of one family, without its head. */
function family(metrics: RequestMetrics, name: string): string[] {
  const found = metrics.collect().filter((metric) => metric.name === name);
  return exposition(found).split("\n").slice(2, -1);
}

Deno.test("requests and their bytes are counted by API", () => {
  const metrics = new RequestMetrics();
  for (const api of ["Fetch", "Produce", "Fetch"]) metrics.observe(served(api, 1));
  assertEquals(family(metrics, "samsa_requests_total"), [
    'samsa_requests_total{api="Fetch"} 2',
    'samsa_requests_total{api="Produce"} 1',
  ]);
  assertEquals(family(metrics, "samsa_request_bytes_total")[0], 'samsa_request_bytes_total{api="Fetch"} 20');
  assertEquals(family(metrics, "samsa_response_bytes_total")[0], 'samsa_response_bytes_total{api="Fetch"} 40');
});

Deno.test("times go into buckets that each count all below them; what is longer than the last is in +Inf only", () => {
  const metrics = new RequestMetrics();
  for (const durationMs of [0, 0.5, 0.6, 1, 10_000, 10_001]) metrics.observe(served("A", durationMs));
  const lines = family(metrics, "samsa_request_seconds");
  const at = (le: string) => lines.find((line) => line.includes(`le="${le}"`))!.split(" ").at(-1);
  assertEquals([at("0.0005"), at("0.001"), at("5"), at("10"), at("+Inf")], ["2", "4", "4", "5", "6"]);
  assertEquals(lines.slice(-2), [
    'samsa_request_seconds_sum{api="A"} 20.0031',
    'samsa_request_seconds_count{api="A"} 6',
  ]);
});

Deno.test("refused connections are counted, from zero", () => {
  const metrics = new RequestMetrics();
  assertEquals(family(metrics, "samsa_connections_refused_total"), ["samsa_connections_refused_total 0"]);
  metrics.refused();
  assertEquals(family(metrics, "samsa_connections_refused_total"), ["samsa_connections_refused_total 1"]);
});

Deno.test("a gauge has one value, or samples", () => {
  assertEquals(gauge("n", "N", 3).samples, [{ labels: {}, value: 3 }]);
  const samples = [{ labels: { kind: "a" }, value: 1 }];
  assertEquals(gauge("n", "N", samples), { name: "n", help: "N", type: "gauge", samples });
});
