/**
 * Where a broker's processor time goes: V8's sampling profiler, asked through the inspector, and its heaviest functions.
 *
 * @module
 */

/** A CPU profile as V8 writes it and browsers' developer tools read it; only what is used here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

const SAMPLING_MICROSECONDS = 200;

/** Profiles a process while something else goes on. */
export class Profiler {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #id = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const { id, result, error } = JSON.parse(data);
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(new Error(`The inspector refused: ${error.message}`));
    };
  }

  /** Connects to the inspector at `host:port`. */
  static async connect(inspector: string): Promise<Profiler> {
    const [target] = await (await fetch(`http://${inspector}/json`)).json();
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error(`The inspector at ${inspector} does not answer.`));
    });
    const profiler = new Profiler(socket);
    await profiler.#call("Profiler.enable");
    await profiler.#call("Profiler.setSamplingInterval", { interval: SAMPLING_MICROSECONDS });
    return profiler;
  }

  /** Does the work and returns what it returned, and the profile of the time that it took. */
  async during<T>(work: () => Promise<T>): Promise<{ result: T; profile: CpuProfile }> {
    await this.#call("Profiler.start");
    const result = await work();
    const { profile } = await this.#call("Profiler.stop") as { profile: CpuProfile };
    return { result, profile };
  }

  close(): void {
    this.#socket.close();
  }

  #call(method: string, params: Record<string, unknown> = {}): Promise<unknown> {
    const id = ++this.#id;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject });
    this.#socket.send(JSON.stringify({ id, method, params }));
    return promise;
  }
}

/** A function and the time that was spent in it, not in what it called. */
export interface SelfTime {
  /** Name, file and line; in brackets what is no function: `(program)` is native code and system calls between them. */
  readonly place: string;
  readonly seconds: number;
  /** Of the time in which the thread was not idle. */
  readonly share: number;
}

/** The functions of a profile by their self time, the heaviest first. */
export function selfTimes(profile: CpuProfile, root: URL): SelfTime[] {
  const places = new Map(profile.nodes.map(({ id, callFrame }) => [id, placeOf(callFrame, root)]));
  const seconds = new Map<string, number>();
  profile.samples.forEach((id, index) => {
    const place = places.get(id)!;
    seconds.set(place, (seconds.get(place) ?? 0) + (profile.timeDeltas[index] ?? 0) / 1e6);
  });
  const idle = seconds.get("(idle)") ?? 0;
  seconds.delete("(idle)");
  const busy = [...seconds.values()].reduce((sum, value) => sum + value, 0);
  return [
    { place: "(idle)", seconds: idle, share: 0 },
    ...[...seconds].map(([place, value]) => ({ place, seconds: value, share: value / busy }))
      .sort((a, b) => b.seconds - a.seconds),
  ];
}

function placeOf({ functionName, url, lineNumber }: CpuProfile["nodes"][number]["callFrame"], root: URL): string {
  if (url === "") return functionName === "" ? "(anonymous)" : functionName;
  const file = url.startsWith(root.href) ? url.slice(root.href.length) : url;
  return `${functionName === "" ? "(anonymous)" : functionName} ${file}:${lineNumber + 1}`;
}

/** The heaviest functions as text, one per line. */
export function heaviest(times: readonly SelfTime[], count: number): string {
  return times.slice(0, count + 1)
    .map(({ place, seconds, share }) =>
      `${(share * 100).toFixed(1).padStart(6)} % ${seconds.toFixed(3).padStart(8)} s  ${place}`
    )
    .join("\n");
}
