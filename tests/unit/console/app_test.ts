import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { consoleApp } from "../../../console/app.ts";
import type { ClusterStatus, ConsoleSource } from "../../../console/source.ts";

const CLUSTER: ClusterStatus = {
  clusterId: "c",
  brokerId: 1,
  controllerId: 1,
  controllerEpoch: 3,
  quorum: null,
  metadataOffset: 7,
  brokers: [],
  topics: 0,
  partitions: 0,
  offlinePartitions: 0,
  underReplicatedPartitions: 0,
  underMinIsrPartitions: 0,
  connections: 0,
  uptimeMs: 1,
};

/** A source that knows little. */
function source(changes: Partial<ConsoleSource> = {}): ConsoleSource {
  return {
    ready: () => Promise.resolve(true),
    cluster: () => Promise.resolve(CLUSTER),
    topics: () => Promise.resolve([]),
    actors: () => [],
    metrics: () => Promise.resolve([{ name: "n", help: "N", type: "gauge", samples: [{ labels: {}, value: 1 }] }]),
    ...changes,
  };
}

async function get(path: string, changes: Partial<ConsoleSource> = {}, method = "GET") {
  const response = await consoleApp(source(changes))(new Request(`http://here${path}`, { method }));
  const text = await response.text();
  return { status: response.status, type: response.headers.get("content-type"), headers: response.headers, text };
}

Deno.test("the process is healthy while it answers, and ready once the broker serves", async () => {
  assertEquals((await get("/healthz")).status, 200);
  assertEquals((await get("/healthz", { ready: () => Promise.resolve(false) })).status, 200);
  const ready = await get("/readyz");
  assertEquals([ready.status, ready.text], [200, "ready\n"]);
  const not = await get("/readyz", { ready: () => Promise.resolve(false) });
  assertEquals([not.status, not.text], [503, "not ready\n"]);
});

Deno.test("metrics are Prometheus text", async () => {
  const { status, type, text } = await get("/metrics");
  assertEquals([status, type], [200, "text/plain; version=0.0.4; charset=utf-8"]);
  assertEquals(text, "# HELP n N\n# TYPE n gauge\nn 1\n");
});

Deno.test("the interface answers with what the source says, as JSON", async () => {
  for (const [path, value] of [["/api/cluster", CLUSTER], ["/api/topics", []], ["/api/actors", []]] as const) {
    const { status, type, text } = await get(path);
    assertEquals([status, JSON.parse(text)], [200, value]);
    assertStringIncludes(type!, "application/json");
  }
});

Deno.test("a source that fails is 503 and a sentence, on every path that asks it", async () => {
  const fails = () => {
    throw new Error("The broker gave no answer (timeout).");
  };
  const rejects = () => Promise.reject(new Error("The broker gave no answer (timeout)."));
  const broken = { ready: rejects, cluster: rejects, topics: rejects, actors: fails, metrics: rejects };
  for (const path of ["/readyz", "/metrics", "/api/cluster", "/api/topics", "/api/actors"]) {
    const { status, text } = await get(path, broken);
    assertEquals([path, status, JSON.parse(text)], [path, 503, { error: "The broker gave no answer (timeout)." }]);
  }
});

Deno.test("elsewhere there is nothing, and the answer says what there is; nothing can be changed", async () => {
  for (const [path, method] of [["/nowhere", "GET"], ["/api", "GET"], ["/api/topics", "POST"], ["/", "DELETE"]]) {
    const { status, text } = await get(path!, {}, method);
    assertEquals(status, 404);
    const { error, paths } = JSON.parse(text);
    assertStringIncludes(error, path!);
    assert(paths.includes("/metrics"));
  }
});

Deno.test("the page loads nothing from elsewhere and may not be framed", async () => {
  const { status, type, headers, text } = await get("/");
  assertEquals(status, 200);
  assertMatch(type!, /^text\/html/);
  const policy = headers.get("content-security-policy")!;
  for (const rule of ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"]) {
    assertStringIncludes(policy, rule);
  }
  assert(!/(src|href)="(?!data:)([a-z]+:|\/)/.test(text), "the page refers to something elsewhere");
  assert(!text.includes("innerHTML"), "what clients name must not become markup");
});

Deno.test("the page's script is JavaScript", async () => {
  const { text } = await get("/");
  const [, script] = text.match(/<script>([\s\S]*)<\/script>/)!;
  new Function(script!); // throws a SyntaxError when it is not
});

Deno.test("a host that is not this one's reads nothing", async () => {
  const app = consoleApp(source(), (host) => host === "localhost");
  for (const [host, status] of [["localhost:8092", 200], ["localhost", 200], ["rebound.example:8092", 421]] as const) {
    assertEquals((await app(new Request(`http://${host}/api/cluster`))).status, status, host);
  }
});
