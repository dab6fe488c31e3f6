/**
 * The window into a broker: health, metrics, a small REST interface, and one page that shows them live.
 *
 * | path | answer |
 * | --- | --- |
 * | `/` | the page |
 * | `/healthz` | 200 while the process runs |
 * | `/readyz` | 200 once the broker serves, else 503 |
 * | `/metrics` | Prometheus text |
 * | `/api/cluster`, `/api/topics`, `/api/actors` | JSON |
 *
 * Read-only: nothing here changes the cluster.
 *
 * @module
 */
// deno-lint-ignore no-import-prefix -- a program that imports mod.ts by URL has no import map of ours
import { Hono } from "npm:hono@^4.13.0";
import { PAGE, PAGE_POLICY } from "./page.ts";
import { exposition, EXPOSITION_TYPE } from "./prometheus.ts";
import type { ConsoleSource } from "./source.ts";

/** Answers one HTTP request. */
export type Fetch = (request: Request) => Response | Promise<Response>;

/**
 * The console over a source.
 *
 * @param source where what it shows comes from
 * @param isHost whether a request may name this host: a page from elsewhere that has had its own name point here must not read
 * along (DNS rebinding)
 * @returns a function from request to response, for any HTTP server
 */
export function consoleApp(source: ConsoleSource, isHost: (host: string) => boolean = () => true): Fetch {
  const app = new Hono();
  app.use(async (context, next) => {
    const { hostname } = new URL(context.req.url);
    if (isHost(hostname)) return await next();
    return context.json({ error: `This console is not ${hostname}: open it under an address of this machine.` }, 421);
  });
  app.get("/", (context) => context.html(PAGE, 200, { "content-security-policy": PAGE_POLICY }));
  app.get("/healthz", (context) => context.text("ok\n"));
  app.get("/readyz", async (context) => {
    return await source.ready() ? context.text("ready\n") : context.text("not ready\n", 503);
  });
  app.get("/metrics", async (context) => {
    return context.body(exposition(await source.metrics()), 200, { "content-type": EXPOSITION_TYPE });
  });
  app.get("/api/cluster", async (context) => context.json(await source.cluster()));
  app.get("/api/topics", async (context) => context.json(await source.topics()));
  app.get("/api/actors", (context) => context.json(source.actors()));
  app.notFound((context) => context.json({ error: `There is nothing at ${context.req.path}.`, paths: PATHS }, 404));
  app.onError((error, context) => context.json({ error: error.message }, 503));
  return (request) => app.fetch(request);
}

const PATHS = ["/", "/healthz", "/readyz", "/metrics", "/api/cluster", "/api/topics", "/api/actors"];
