/**
 * The console's one page: it asks the REST interface once a second and draws what it says. Nothing is loaded from elsewhere.
 *
 * Topics and kinds of actors are rows that open into their partitions and actors; what is not well opens by itself.
 *
 * @module
 */
import { SCRIPT } from "./page_script.ts";

const STYLE = `
:root {
  color-scheme: light dark;
  --ink: #1c2321; --dim: #66706c; --line: #dfe4e2; --faint: #f1f4f3; --back: #fcfdfc; --good: #19704c; --bad: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9e7; --dim: #94a19c; --line: #2c3431; --faint: #1c2220; --back: #141817; --good: #5fc79a; --bad: #ff8a80; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1.25rem; }
h1 { font-size: 1.5rem; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 1.05rem; margin: 2.25rem 0 .25rem; }
#state { margin-left: auto; }
#state::before { content: "●"; margin-right: .4rem; font-size: .7rem; vertical-align: .1rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); gap: 1px; margin: 1.25rem 0 0; border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
dl div { box-shadow: 0 0 0 1px var(--line); padding: .6rem .9rem; }
dt { color: var(--dim); font-size: .8rem; } dd { margin: 0; font-size: 1.25rem; }
dd, td { font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .75rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--dim); font-weight: 500; font-size: .8rem; }
th:first-child, td:first-child { padding-left: 0; width: 40%; min-width: 13rem; white-space: normal; overflow-wrap: anywhere; }
th:last-child, td:last-child { padding-right: 0; }
.child td { background: var(--faint); border-bottom-color: transparent; padding-top: .15rem; padding-bottom: .15rem; font-size: .9rem; }
.child td:first-child { padding-left: 1.2rem; }
button { all: unset; cursor: pointer; padding-left: 1.2rem; }
button::before { content: "▸"; display: inline-block; width: 1.2rem; margin-left: -1.2rem; color: var(--dim); }
button[aria-expanded=true]::before { content: "▾"; }
button:focus-visible, a:focus-visible { outline: 2px solid var(--good); outline-offset: 2px; border-radius: 2px; }
.number { text-align: right; } .good { color: var(--good); } .bad { color: var(--bad); } .dim { color: var(--dim); }
.error { white-space: normal; overflow-wrap: anywhere; min-width: 12rem; }
code { font: .9em ui-monospace, monospace; background: var(--faint); padding: .15rem .4rem; border-radius: .25rem; }
footer { margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--line); display: flex; flex-wrap: wrap; gap: 1.25rem; font-size: .9rem; }
a { color: inherit; }
`;

/** The page. */
export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Samsa</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
<header><h1>Samsa</h1><span id="cluster" class="dim"></span><span id="state" class="dim" role="status">asking …</span></header>
<dl id="facts"></dl>
<h2>Topics</h2><div class="scroll"><table id="topics"></table></div>
<p id="first" class="dim" hidden>There are no topics yet. Make one by writing to it: <code id="hint"></code></p>
<h2>Brokers</h2><div class="scroll"><table id="brokers"></table></div>
<h2>Actors</h2><div class="scroll"><table id="actors"></table></div>
<footer class="dim"><a href="metrics">metrics</a><a href="api/cluster">api/cluster</a><a href="api/topics">api/topics</a><a href="api/actors">api/actors</a><a href="healthz">healthz</a><a href="readyz">readyz</a></footer>
<script>${SCRIPT}</script>
</html>
`;

/** Nothing from elsewhere may run in the page, and nobody may frame it. */
export const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'";
