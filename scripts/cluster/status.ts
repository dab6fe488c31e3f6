/**
 * What is said of a cluster while it runs: a block that is redrawn where there is a terminal, and a line per change where there is none.
 *
 * @module
 */
import type { ClusterStatus } from "../../console/source.ts";

/** One broker process, as its cluster sees it. */
export interface ProcessStatus {
  readonly id: number;
  /** The fields of its ready line, once it serves. */
  readonly ready: ReadonlyMap<string, string> | undefined;
  /** Its exit code, once it has ended. */
  readonly code: number | undefined;
  /** Whether the cluster has a broker with this id all the same: somebody has started one. */
  readonly isAgain: boolean;
}

/** The lines of the block. `cluster` is what some broker says, if one does. */
export function statusBlock(processes: readonly ProcessStatus[], cluster: ClusterStatus | undefined): string[] {
  const up = processes.filter(({ ready, code }) => ready !== undefined && code === undefined).length;
  const facts = [`${up} of ${processes.length} brokers up`];
  if (cluster !== undefined) {
    facts.unshift(controllerOf(cluster));
    facts.push(
      `${cluster.topics} topics, ${cluster.partitions} partitions`,
      `${cluster.underReplicatedPartitions} under-replicated, ${cluster.offlinePartitions} offline`,
    );
  }
  return ["", facts.join("   "), ...processes.map((process) => line(process, cluster))];
}

/** `controller 2, epoch 7`, or that there is none. */
export function controllerOf({ controllerId, controllerEpoch }: ClusterStatus): string {
  return controllerId < 0 ? "no controller" : `controller ${controllerId}, epoch ${controllerEpoch}`;
}

function line({ id, ready, code, isAgain }: ProcessStatus, cluster: ClusterStatus | undefined): string {
  const name = `  ${String(id).padStart(2)}  `;
  if (code !== undefined) return `${name}ended with exit code ${code}${isAgain ? ", started again by somebody" : ""}`;
  if (ready === undefined) return `${name}starting`;
  const fenced = cluster?.brokers.find((broker) => broker.id === id)?.fenced === true;
  const state = fenced ? "fenced" : cluster?.controllerId === id ? "up, controller" : "up";
  const http = ready.get("http") ?? "off";
  return `${name}${(ready.get("bootstrap") ?? "").padEnd(16)} ${state.padEnd(15)}${http === "off" ? "" : http}`
    .trimEnd();
}

/** Lines at the end of a terminal that are drawn over, with other lines passing above them. */
export class Block {
  readonly #write: (text: string) => void;
  readonly #columns: () => number;
  #lines: readonly string[] = [];

  /** @param columns how wide the terminal is now: a line that wrapped could not be drawn over */
  constructor(write: (text: string) => void, columns: () => number) {
    this.#write = write;
    this.#columns = columns;
  }

  /** Draws the block anew, if it has changed. */
  draw(lines: readonly string[]): void {
    const width = (this.#columns() || Infinity) - 1; // 0 where the terminal does not say
    const cut = lines.map((line) => line.slice(0, width));
    if (cut.join("\n") === this.#lines.join("\n")) return;
    const up = this.#up();
    this.#lines = cut;
    this.#write(up + cut.map((line) => `${line}\n`).join(""));
  }

  /** Prints lines above the block. */
  print(text: string): void {
    this.#write(`${this.#up()}${text}\n${this.#lines.map((line) => `${line}\n`).join("")}`);
  }

  /** Back to the block's first line, with everything from there on erased. */
  #up(): string {
    return this.#lines.length === 0 ? "" : `\x1b[${this.#lines.length}A\x1b[J`;
  }
}
