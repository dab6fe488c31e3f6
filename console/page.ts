/**
 * The console's one page: it asks the REST interface once a second and draws what it says. Nothing is loaded from elsewhere.
 *
 * @module
 */

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2321; --dim: #67706d; --line: #d9dedc; --back: #fbfcfb; --good: #19704c; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e5eae8; --dim: #93a09b; --line: #333b38; --back: #151918; --good: #5fc79a; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .5rem 1.5rem; border-bottom: 1px solid var(--line); padding-bottom: .75rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1rem; margin: 2rem 0 .5rem; }
dl { display: flex; flex-wrap: wrap; gap: .75rem 2rem; margin: 1rem 0; } dt { color: var(--dim); font-size: .8rem; } dd { margin: 0; font-size: 1.1rem; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; } th { color: var(--dim); font-weight: 500; font-size: .8rem; }
.number { text-align: right; } .good { color: var(--good); } .bad { color: var(--bad); } .dim { color: var(--dim); }
`;

const SCRIPT = `
const element = (name, text, className) => { const e = document.createElement(name); if (text !== undefined) e.textContent = text; if (className) e.className = className; return e; };
const bytes = (n) => { const units = ["B", "KiB", "MiB", "GiB", "TiB"]; let i = 0; while (n >= 1024 && i < 4) { n /= 1024; i++; } return (i ? n.toFixed(1) : n) + " " + units[i]; };
const duration = (ms) => { const s = Math.floor(ms / 1000); return s < 60 ? s + " s" : s < 3600 ? Math.floor(s / 60) + " min" : s < 86400 ? Math.floor(s / 3600) + " h" : Math.floor(s / 86400) + " d"; };
function table(id, columns, rows) {
  const t = document.getElementById(id), head = element("tr"), body = element("tbody");
  for (const [title, , className] of columns) head.append(element("th", title, className));
  for (const row of rows) { const r = element("tr"); for (const [, value, className, mark] of columns) r.append(element("td", String(value(row)), [className, mark && mark(row)].filter(Boolean).join(" "))); body.append(r); }
  if (rows.length === 0) { const r = element("tr"), d = element("td", "none", "dim"); d.colSpan = columns.length; r.append(d); body.append(r); }
  const h = element("thead"); h.append(head); t.replaceChildren(h, body);
}
function facts(cluster) {
  const list = document.getElementById("facts"); list.replaceChildren();
  for (const [name, value, bad] of [["brokers", cluster.brokers.length], ["controller", cluster.controllerId], ["topics", cluster.topics], ["partitions", cluster.partitions],
    ["offline", cluster.offlinePartitions, cluster.offlinePartitions > 0], ["under-replicated", cluster.underReplicatedPartitions, cluster.underReplicatedPartitions > 0],
    ["connections", cluster.connections], ["up", duration(cluster.uptimeMs)]]) {
    const item = element("div"); item.append(element("dt", name), element("dd", String(value), bad ? "bad" : "")); list.append(item);
  }
}
const brokerColumns = [["id", b => b.id], ["address", b => b.host + ":" + b.port], ["rack", b => b.rack ?? "–"], ["epoch", b => b.epoch, "number"], ["state", b => b.fenced ? "fenced" : "alive", "", b => b.fenced ? "bad" : "good"]];
const partitionColumns = [["topic", p => p.topic], ["partition", p => p.partition, "number"], ["leader", p => p.leader, "number", p => p.leader < 0 ? "bad" : ""], ["ISR", p => p.isr.join(" ") + " of " + p.replicas.join(" "), "", p => p.isr.length < p.replicas.length ? "bad" : ""],
  ["start", p => p.startOffset, "number"], ["high watermark", p => p.highWatermark, "number"], ["end", p => p.endOffset, "number"], ["size", p => bytes(p.sizeInBytes), "number"], ["state", p => p.offline ?? "online", "", p => p.offline ? "bad" : "good"]];
const actorColumns = [["actor", a => a.ref], ["state", a => a.state, "", a => a.state === "running" ? "good" : "bad"], ["mailbox", a => a.mailbox, "number"], ["messages", a => a.processed, "number"], ["restarts", a => a.restarts, "number", a => a.restarts > 0 ? "bad" : ""], ["last error", a => a.lastError ?? ""]];
const ROWS = 500;
async function get(path) { const response = await fetch(path); const body = await response.json(); if (!response.ok) throw new Error(body.error); return body; }
async function refresh() {
  const state = document.getElementById("state");
  try {
    const [cluster, topics, actors] = await Promise.all([get("api/cluster"), get("api/topics"), get("api/actors")]);
    document.getElementById("cluster").textContent = "cluster " + cluster.clusterId + ", broker " + cluster.brokerId;
    facts(cluster); table("brokers", brokerColumns, cluster.brokers);
    const partitions = topics.flatMap(t => t.partitions.map(p => ({ topic: t.name, ...p })));
    table("partitions", partitionColumns, partitions.slice(0, ROWS)); table("actors", actorColumns, actors.slice(0, ROWS));
    document.getElementById("more").textContent = [[partitions, "partitions"], [actors, "actors"]].filter(([l]) => l.length > ROWS).map(([l, n]) => "The first " + ROWS + " of " + l.length + " " + n + " are shown.").join(" ");
    state.textContent = "live"; state.className = "good";
  } catch (error) { state.textContent = "no answer: " + error.message; state.className = "bad"; }
  setTimeout(refresh, document.hidden ? 5000 : 1000);
}
refresh();
`;

/** The page. */
export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Samsa</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
<header><h1>Samsa</h1><span id="cluster" class="dim"></span><span id="state" class="dim">asking …</span></header>
<dl id="facts"></dl>
<h2>Brokers</h2><div class="scroll"><table id="brokers"></table></div>
<h2>Partitions</h2><div class="scroll"><table id="partitions"></table></div>
<h2>Actors</h2><div class="scroll"><table id="actors"></table></div>
<p id="more" class="dim"></p>
<script>${SCRIPT}</script>
</html>
`;

/** Nothing from elsewhere may run in the page, and nobody may frame it. */
export const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'";
