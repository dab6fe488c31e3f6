/**
 * What runs in the console's page: draws tables from the REST interface. Text from the cluster becomes text nodes, never markup.
 *
 *     column = [title, value of a row, class, mark of a row]     a row that has `children` opens into them
 *
 * @module
 */

/** JavaScript for the browser. */
export const SCRIPT = `
"use strict";
const PERIOD_MS = 1000, HIDDEN_PERIOD_MS = 5000, ROWS_MAX = 500;
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
const byId = (id) => document.getElementById(id);
const sum = (list, value) => list.reduce((total, item) => total + value(item), 0);
const count = (n) => n.toLocaleString("en");

function bytes(n) {
  let unit = 0;
  while (n >= 1024 && unit < UNITS.length - 1) { n /= 1024; unit++; }
  return (unit > 0 ? n.toFixed(1) : n) + " " + UNITS[unit];
}

function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) if (seconds >= size) return Math.floor(seconds / size) + " " + unit;
  return seconds + " s";
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** How fast things grow, from one look to the next. */
const seen = new Map();
let now = 0;
function rate(key, value) {
  const last = seen.get(key);
  seen.set(key, { value, at: now });
  return last === undefined || now <= last.at ? "" : count(Math.max(0, Math.round((value - last.value) * 1000 / (now - last.at))));
}

/** What the reader has opened or closed; else what is not well is open. */
const opened = new Map();

function draw(id, columns, rows) {
  const focused = document.activeElement && document.activeElement.dataset.key;
  const head = element("tr"), body = element("tbody");
  for (const [title, , className] of columns) head.append(element("th", title, className));
  for (const row of rows.slice(0, ROWS_MAX)) {
    const isOpen = row.children && (opened.get(row.key) ?? row.bad);
    body.append(line(columns, row, isOpen));
    if (!isOpen) continue;
    for (const child of row.children.slice(0, ROWS_MAX)) body.append(line(columns, child));
    if (row.children.length > ROWS_MAX) body.append(rest(columns, row.children.length));
  }
  if (rows.length > ROWS_MAX) body.append(rest(columns, rows.length));
  const header = element("thead");
  header.append(head);
  byId(id).replaceChildren(header, body);
  if (focused) for (const button of byId(id).querySelectorAll("button")) if (button.dataset.key === focused) button.focus();
}

function line(columns, row, isOpen) {
  const made = element("tr", undefined, row.isChild ? "child" : "");
  columns.forEach(([, value, className, mark], at) => {
    const cell = element("td", undefined, [className, mark && mark(row)].filter(Boolean).join(" "));
    cell.append(at === 0 && row.children ? opener(row, value(row), isOpen) : String(value(row) ?? ""));
    made.append(cell);
  });
  return made;
}

function opener(row, text, isOpen) {
  const button = element("button", text);
  button.dataset.key = row.key;
  button.setAttribute("aria-expanded", String(Boolean(isOpen)));
  button.onclick = () => { opened.set(row.key, !isOpen); show(); };
  return button;
}

function rest(columns, length) {
  const made = element("tr"), cell = element("td", "the first " + ROWS_MAX + " of " + count(length), "dim");
  cell.colSpan = columns.length;
  made.append(cell);
  return made;
}

const good = (row) => row.bad ? "bad" : "good";
const TOPIC_COLUMNS = [
  ["topic", (row) => row.name],
  ["partitions", (row) => row.leader, "number"],
  ["in sync", (row) => row.inSync, "number", (row) => row.behind ? "bad" : ""],
  ["offsets", (row) => row.offsets, "number"],
  ["records", (row) => count(row.records), "number"],
  ["new/s", (row) => row.rate, "number"],
  ["size", (row) => bytes(row.size), "number"],
  ["state", (row) => row.state, "", good],
];
const BROKER_COLUMNS = [
  ["address", (broker) => broker.host + ":" + broker.port],
  ["id", (broker) => broker.id, "number"],
  ["epoch", (broker) => broker.epoch, "number"],
  ["controller", (broker) => broker.isController ? "active" : ""],
  ["rack", (broker) => broker.rack ?? "–"],
  ["state", (broker) => broker.fenced ? "fenced" : "alive", "", (broker) => broker.fenced ? "bad" : "good"],
];
const ACTOR_COLUMNS = [
  ["actor", (row) => row.name],
  ["mailbox", (row) => count(row.mailbox), "number"],
  ["messages", (row) => count(row.processed), "number"],
  ["new/s", (row) => row.rate, "number"],
  ["restarts", (row) => count(row.restarts), "number", (row) => row.restarts > 0 ? "bad" : ""],
  ["state", (row) => row.state, "", good],
  ["last error", (row) => row.error, "error"],
];

function partitionRow(topic, p) {
  const behind = p.underReplicated, key = "p/" + topic.name + "/" + p.partition;
  return {
    isChild: true, name: "partition " + p.partition + (p.isHere ? "" : " (elsewhere)"), leader: p.leader < 0 ? "no leader" : "leader " + p.leader,
    inSync: p.isr.join(" ") + (behind ? " of " + p.replicas.join(" ") : ""), behind,
    offsets: count(p.startOffset) + " – " + count(p.highWatermark), records: Math.max(0, p.highWatermark - p.startOffset),
    rate: rate(key, p.endOffset), size: p.isHere ? p.sizeInBytes : 0,
    state: partitionState(p), bad: p.leader < 0 || p.offline !== null || p.underMinIsr,
  };
}

function partitionState(p) {
  if (p.leader < 0) return "no leader";
  if (p.offline !== null) return p.offline;
  if (p.underMinIsr) return "too few in sync";
  return p.adding.length + p.removing.length > 0 ? "moving" : "online";
}

function topicRow(topic) {
  const children = topic.partitions.map((partition) => partitionRow(topic, partition));
  const bad = children.filter((child) => child.bad).length, all = topic.partitions;
  return {
    key: "t/" + topic.name, children, name: topic.name, leader: count(all.length),
    inSync: sum(all, (p) => p.isr.length) + " of " + sum(all, (p) => p.replicas.length), behind: children.some((child) => child.behind),
    records: sum(children, (child) => child.records), rate: rate("t/" + topic.name, sum(all, (p) => p.endOffset)),
    size: sum(children, (child) => child.size), state: bad > 0 ? bad + " not well" : "online", bad: bad > 0,
  };
}

function actorRow(actor) {
  return {
    isChild: true, name: actor.ref, mailbox: actor.mailboxDepth, processed: actor.processed, rate: rate("a/" + actor.ref, actor.processed),
    restarts: actor.restarts, state: actor.blockedOn ? "waits for " + actor.blockedOn : actor.state, bad: actor.state !== "running",
    error: actor.lastError,
  };
}

function kindRows(actors) {
  const kinds = Map.groupBy(actors, (actor) => actor.kind);
  return [...kinds].map(([kind, list]) => {
    const children = list.map(actorRow), bad = children.filter((child) => child.bad).length;
    return {
      key: "k/" + kind, children, name: kind + (list.length > 1 ? " × " + count(list.length) : ""),
      mailbox: sum(children, (child) => child.mailbox), processed: sum(children, (child) => child.processed),
      rate: rate("k/" + kind, sum(list, (actor) => actor.processed)), restarts: sum(children, (child) => child.restarts),
      state: bad > 0 ? bad + " not running" : "running", bad: bad > 0, error: "",
    };
  });
}

function facts(cluster, topics) {
  const list = byId("facts");
  list.replaceChildren();
  const size = sum(topics, (topic) => sum(topic.partitions, (p) => p.isHere ? p.sizeInBytes : 0));
  const all = cluster.brokers.length, alive = cluster.brokers.filter((broker) => !broker.fenced).length;
  for (const [name, value, bad] of [
    ["controller", cluster.controllerId < 0 ? "none" : cluster.controllerId, cluster.controllerId < 0],
    ["epoch", count(cluster.controllerEpoch)], ["this node", cluster.quorum ? cluster.quorum.role : "unknown", !cluster.quorum],
    ["brokers", alive < all ? count(alive) + " of " + count(all) : count(all), alive < all],
    ["topics", count(cluster.topics)], ["partitions", count(cluster.partitions)],
    ["offline", count(cluster.offlinePartitions), cluster.offlinePartitions > 0],
    ["under-replicated", count(cluster.underReplicatedPartitions), cluster.underReplicatedPartitions > 0],
    ["under min ISR", count(cluster.underMinIsrPartitions), cluster.underMinIsrPartitions > 0],
    ["size here", bytes(size)], ["connections", count(cluster.connections)], ["up", duration(cluster.uptimeMs)],
  ]) {
    const item = element("div");
    item.append(element("dt", name), element("dd", value, bad ? "bad" : ""));
    list.append(item);
  }
}

function hint(cluster, topics) {
  byId("first").hidden = topics.length > 0;
  const broker = cluster.brokers.find((each) => !each.fenced);
  if (broker) byId("hint").textContent = "echo hello | kcat -P -b " + broker.host + ":" + broker.port + " -t hello";
}

async function get(path) {
  const response = await fetch(path), body = await response.json();
  if (!response.ok) throw new Error(body.error);
  return body;
}

let tables = [];
function show() {
  for (const [id, columns, rows] of tables) draw(id, columns, rows);
}

let timer, asking = false;
async function refresh() {
  if (asking) return;
  asking = true;
  clearTimeout(timer);
  const state = byId("state");
  try {
    const [cluster, topics, actors] = await Promise.all([get("api/cluster"), get("api/topics"), get("api/actors")]);
    now = performance.now();
    byId("cluster").textContent = "cluster " + cluster.clusterId + " · broker " + cluster.brokerId;
    facts(cluster, topics);
    hint(cluster, topics);
    tables = [
      ["topics", TOPIC_COLUMNS, topics.map(topicRow).sort((a, b) => a.name < b.name ? -1 : 1)],
      ["brokers", BROKER_COLUMNS, cluster.brokers.map((broker) => ({ ...broker, isController: broker.id === cluster.controllerId }))],
      ["actors", ACTOR_COLUMNS, kindRows(actors)],
    ];
    show();
    for (const [key, { at }] of seen) if (at < now) seen.delete(key); // gone since the last look
    state.textContent = "live";
    state.className = "good";
  } catch (error) {
    state.textContent = "no answer: " + error.message;
    state.className = "bad";
  }
  asking = false;
  timer = setTimeout(refresh, document.hidden ? HIDDEN_PERIOD_MS : PERIOD_MS);
}
document.onvisibilitychange = () => { if (!document.hidden) refresh(); };
refresh();
`;
