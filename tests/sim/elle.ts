/**
 * Rings of operations each of which must have come before the next: what Elle calls cycles.
 *
 *     ww        its record is right behind the other's in the log of a key
 *     wr        it has read what the other wrote
 *     process   the other was over before it began, in the same process
 *     realtime  the other was over before it began, by the clock of the run (a send that promises nothing is never over)
 *
 * A transaction is one node, for it happens as a whole. Nothing else does: every single send is a node, and all reads of one operation are
 * one, so that only transactions can make a ring of ww and wr alone. Anti-dependencies (rw) are left out, as in Jepsen's Kafka checker.
 *
 * Who was over before whom is said through barriers, nodes in a chain: operation ─over─▶ barrier ─▶ barrier ─▶ operation that begins. So
 * the graph has as many edges as the history has events, and Tarjan's algorithm, without recursion, finds all rings in linear time.
 *
 * @module
 */
import { describe, type Key, type Operation, type Value } from "./operations.ts";
import type { CheckOptions, CycleRule, Problems } from "./rules/check.ts";
import type { Versions } from "./rules/versions.ts";

type Kind = "ww" | "wr" | "process" | "realtime";

/** What a ring is called by what it is made of: the first that fits. */
const LADDER: readonly { readonly rule: CycleRule; readonly kinds: readonly Kind[] }[] = [
  { rule: "G0", kinds: ["ww"] },
  { rule: "G1c", kinds: ["wr", "ww"] },
  { rule: "G0-process", kinds: ["process", "ww"] },
  { rule: "G1c-process", kinds: ["wr", "process", "ww"] },
  { rule: "G0-realtime", kinds: ["realtime", "ww"] },
  { rule: "G1c-realtime", kinds: ["wr", "realtime", "ww"] },
];

/** G0 and G1c, with `-process` and `-realtime`. */
export function findCycles(
  operations: readonly Operation[],
  versions: Versions,
  { wwDeps = true, interleave = true }: CheckOptions,
  problems: Problems,
): void {
  // Transactions may interleave, so that their writes have no order among themselves; whoever reads them still comes after them.
  const isApart = wwDeps && interleave && operations.some(({ f }) => f === "txn");
  if (isApart) search(operations.filter(({ f }) => f !== "txn"), versions, true, problems);
  search(operations, versions, wwDeps && !isApart, problems);
}

function search(operations: readonly Operation[], versions: Versions, wwDeps: boolean, problems: Problems): void {
  const kinds = (all: readonly Kind[]): readonly Kind[] => wwDeps ? all : all.filter((kind) => kind !== "ww");
  if (!hasCycle(new Graph(operations, versions, kinds(["wr", "realtime", "ww"])))) return;
  const told = new Set<Operation>();
  for (const rung of LADDER) {
    const graph = new Graph(operations, versions, kinds(rung.kinds));
    for (const cycle of cycles(graph)) {
      if (cycle.some(({ operation }) => told.has(operation))) continue;
      for (const { operation } of cycle) told.add(operation);
      problems.add(rung.rule, undefined, () => tell(cycle));
    }
  }
}

interface Step {
  readonly operation: Operation;
  /** How it leads to the next. */
  readonly kind: Kind;
}

function tell(cycle: readonly Step[]): string {
  const steps = cycle.slice(0, 8).map(({ operation, kind }) => `${describe(operation)} —${kind}→ `);
  return `a ring of ${cycle.length} operations: ${steps.join("")}${cycle.length > 8 ? "… " : ""}the first again.`;
}

/** Operations as numbers, and what leads to what. */
class Graph {
  /** Operations by node; none for barriers. */
  readonly operations: Operation[] = [];
  size = 0;
  readonly edges: Edges = new Edges();
  readonly #writeNodes = new Map<Key, Map<Value, number>>();
  /** The nodes of operation `i` are from `#first[i]` up to `#first[i + 1]`. */
  readonly #first: number[] = [];

  constructor(all: readonly Operation[], versions: Versions, kinds: readonly Kind[]) {
    for (const operation of all) this.#addNodes(operation);
    this.size = this.operations.length;
    this.#first.push(this.size);
    if (kinds.includes("wr")) this.#linkReads(all);
    if (kinds.includes("ww")) this.#linkWrites(versions);
    if (kinds.includes("process")) this.#linkTimes(all, "process");
    if (kinds.includes("realtime")) this.#linkTimes(all, "realtime");
  }

  #addNodes(operation: Operation): void {
    this.#first.push(this.operations.length);
    const isWhole = operation.f === "txn";
    for (const { key, value } of operation.sends) {
      let nodes = this.#writeNodes.get(key);
      if (nodes === undefined) this.#writeNodes.set(key, nodes = new Map());
      nodes.set(value, isWhole ? this.#first.at(-1)! : this.operations.length);
      if (!isWhole) this.operations.push(operation);
    }
    if (isWhole || operation.reads.size > 0) this.operations.push(operation);
  }

  #linkReads(all: readonly Operation[]): void {
    all.forEach((operation, i) => {
      const node = this.#first[i + 1]! - 1;
      for (const [key, records] of operation.reads) {
        const writers = this.#writeNodes.get(key);
        if (writers === undefined) continue;
        for (const [, value] of records) {
          const writer = writers.get(value);
          if (writer !== undefined && writer !== node) this.edges.add(writer, node, "wr");
        }
      }
    });
  }

  #linkWrites({ logs }: Versions): void {
    for (const [key, log] of logs) {
      const writers = this.#writeNodes.get(key);
      if (writers === undefined) continue;
      let before: number | undefined;
      for (let index = 0; index < log.length; index++) {
        if (log.conflicts.has(log.offsetAt(index))) before = undefined;
        else if (log.firstIndexOf(log.valueAt(index)) === index) {
          const writer = writers.get(log.valueAt(index));
          if (before !== undefined && writer !== undefined && writer !== before) this.edges.add(before, writer, "ww");
          before = writer;
        }
      }
    }
  }

  /** Whoever was over leads through the barriers to whoever begins afterwards, of all or of its own process. */
  #linkTimes(all: readonly Operation[], kind: "process" | "realtime"): void {
    const events = eventsOf(all);
    /** The last barrier, by process; whether anybody has begun behind it. */
    const barriers = new Map<number, { node: number; isUsed: boolean }>();
    for (const event of events) {
      const index = event >> 1;
      const operation = all[index]!;
      const chain = kind === "process" ? operation.process : 0;
      let barrier = barriers.get(chain);
      const isEnd = (event & 1) === 1;
      if (isEnd && (barrier === undefined || barrier.isUsed)) {
        const next = { node: this.size++, isUsed: false };
        if (barrier !== undefined) this.edges.add(barrier.node, next.node, kind);
        barriers.set(chain, barrier = next);
      }
      if (barrier === undefined) continue;
      if (!isEnd) barrier.isUsed = true;
      for (let node = this.#first[index]!; node < this.#first[index + 1]!; node++) {
        if (isEnd) this.edges.add(node, barrier.node, kind);
        else this.edges.add(barrier.node, node, kind);
      }
    }
  }
}

/** Invocations (2i) and completions (2i + 1) in the order in which they came. */
function eventsOf(all: readonly Operation[]): Float64Array {
  let places = 0;
  for (const { begun, ended } of all) places = Math.max(places, begun + 1, ended === Infinity ? 0 : ended + 1);
  const events = new Float64Array(places).fill(-1);
  all.forEach((operation, i) => {
    const { begun, ended } = operation;
    events[begun] = 2 * i;
    if (ended !== Infinity && isOver(operation)) events[ended] = 2 * i + 1;
  });
  return events.filter((event) => event >= 0);
}

/**
 * Whether what ended has happened by then. What a send wrote that promises nothing may have been lost since, and another attempt of
 * it, which took longer, may yet write it.
 */
function isOver({ sends, promise }: Operation): boolean {
  return sends.length === 0 || promise === "durable";
}

const KINDS: readonly Kind[] = ["ww", "wr", "process", "realtime"];

/** A list of edges that grows, and their index by the node that they begin at. */
class Edges {
  #from = new Int32Array(1024);
  #to = new Int32Array(1024);
  #kind = new Uint8Array(1024);
  #count = 0;

  add(from: number, to: number, kind: Kind): void {
    if (this.#count === this.#from.length) {
      this.#from = grown(this.#from, new Int32Array(2 * this.#count));
      this.#to = grown(this.#to, new Int32Array(2 * this.#count));
      this.#kind = grown(this.#kind, new Uint8Array(2 * this.#count));
    }
    this.#from[this.#count] = from;
    this.#to[this.#count] = to;
    this.#kind[this.#count++] = KINDS.indexOf(kind);
  }

  /** The edges of node `n` are from `start[n]` up to `start[n + 1]`. */
  index(size: number): { readonly start: Int32Array; readonly to: Int32Array; readonly kind: Uint8Array } {
    const start = new Int32Array(size + 1);
    for (let i = 0; i < this.#count; i++) start[this.#from[i]! + 1]!++;
    for (let n = 0; n < size; n++) start[n + 1]! += start[n]!;
    const next = start.slice();
    const to = new Int32Array(this.#count);
    const kind = new Uint8Array(this.#count);
    for (let i = 0; i < this.#count; i++) {
      const at = next[this.#from[i]!]!++;
      to[at] = this.#to[i]!;
      kind[at] = this.#kind[i]!;
    }
    return { start, to, kind };
  }
}

function grown<A extends Int32Array | Uint8Array>(from: A, to: A): A {
  to.set(from);
  return to;
}

type Index = ReturnType<Edges["index"]>;

function hasCycle(graph: Graph): boolean {
  const { sizes } = components(graph.size, graph.edges.index(graph.size));
  return sizes.some((size) => size > 1);
}

/** One short ring in each strongly connected component that has one. */
function* cycles(graph: Graph): Generator<Step[]> {
  const index = graph.edges.index(graph.size);
  const { componentOf, sizes } = components(graph.size, index);
  const done = new Set<number>();
  for (let node = 0; node < graph.operations.length; node++) {
    const component = componentOf[node]!;
    if (sizes[component]! < 2 || done.has(component)) continue;
    done.add(component);
    yield ringThrough(node, graph, index, componentOf);
  }
}

/** The shortest way from a node back to itself within its component. */
function ringThrough(start: number, graph: Graph, index: Index, componentOf: Int32Array): Step[] {
  const cameBy = new Map<number, { readonly from: number; readonly kind: Kind }>();
  const queue = [start];
  for (const node of queue) {
    for (let at = index.start[node]!; at < index.start[node + 1]!; at++) {
      const next = index.to[at]!;
      if (componentOf[next] !== componentOf[start] || cameBy.has(next)) continue;
      cameBy.set(next, { from: node, kind: KINDS[index.kind[at]!]! });
      queue.push(next);
    }
    if (cameBy.has(start)) break;
  }
  const steps: Step[] = [];
  for (let node = start; steps.length === 0 || node !== start;) {
    const { from, kind } = cameBy.get(node)!;
    if (from < graph.operations.length) steps.unshift({ operation: graph.operations[from]!, kind });
    node = from;
  }
  return steps;
}

/** Tarjan: which strongly connected component each node is in, and how many nodes each component has. */
function components(size: number, { start, to }: Index): { componentOf: Int32Array; sizes: number[] } {
  const componentOf = new Int32Array(size).fill(-1);
  const sizes: number[] = [];
  const order = new Int32Array(size); // 0: not seen
  const low = new Int32Array(size);
  const next = start.slice();
  const open: number[] = []; // seen, in no component yet
  const path: number[] = [];
  let seen = 0;
  const enter = (node: number): void => {
    order[node] = low[node] = ++seen;
    open.push(node);
    path.push(node);
  };
  for (let root = 0; root < size; root++) {
    if (order[root] !== 0) continue;
    enter(root);
    while (path.length > 0) {
      const node = path.at(-1)!;
      if (next[node]! < start[node + 1]!) {
        const child = to[next[node]!++]!;
        if (order[child] === 0) enter(child);
        else if (componentOf[child] === -1) low[node] = Math.min(low[node]!, order[child]!);
        continue;
      }
      path.pop();
      const parent = path.at(-1);
      if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[node]!);
      if (low[node] !== order[node]) continue;
      let count = 0;
      for (let member = -1; member !== node; count++) {
        member = open.pop()!;
        componentOf[member] = sizes.length;
      }
      sizes.push(count);
    }
  }
  return { componentOf, sizes };
}
