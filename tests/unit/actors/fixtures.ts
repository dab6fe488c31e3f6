/**
 * A small actor that does what a test tells it to, and a system in virtual time to run it in.
 *
 * @module
 */
import { type Actor, type Answer, type Asker, LATER, type Outbox, type Ref } from "../../../actors/actor.ts";
import { ActorSystem, type SystemOptions } from "../../../actors/system.ts";
import type { TraceEvent } from "../../../actors/trace.ts";
import { VirtualEnv } from "../../../lib/virtual_clock.ts";

export type PuppetRef = Ref<PuppetProtocol>;
export type PuppetOutbox = Outbox<PuppetProtocol, Puppet, never>;

/** Everything a puppet can be told. */
export interface PuppetProtocol {
  /** Runs this as the handler's body. */
  act(body: (puppet: Puppet, out: PuppetOutbox) => void): void;
  /** Writes it down, and replies with how many were written. */
  note(text: string): number;
  /** Keeps the asker for `answer`. */
  later(_: void): string;
  /** Answers everybody who waits. */
  answer(value: string): void;
}

export interface Puppet {
  readonly notes: string[];
  readonly askers: Asker<string>[];
  readonly answers: Answer<unknown>[];
}

export interface PuppetArgs {
  /** Runs in every start. */
  readonly start?: (out: Outbox<PuppetProtocol, Puppet>, state: Puppet) => void;
  /** Where it writes what happens to it, across lives. */
  readonly diary?: string[];
}

const diaries = new WeakMap<Puppet, string[]>();

/** A puppet, with whatever a test wants different. */
export function puppet(
  changes: Partial<Actor<PuppetProtocol, Puppet, PuppetArgs>> = {},
): Actor<PuppetProtocol, Puppet, PuppetArgs> {
  return {
    kind: "puppet",
    start(args, out) {
      const state: Puppet = { notes: [], askers: [], answers: [] };
      diaries.set(state, args.diary ?? []);
      args.diary?.push("start");
      args.start?.(out, state);
      return state;
    },
    on: {
      act: (state, body, out) => body(state, out as PuppetOutbox),
      note(state, text) {
        diaries.get(state)!.push(text);
        return state.notes.push(text);
      },
      later(state, _, out) {
        state.askers.push(out.asker());
        return LATER;
      },
      answer(state, value, out) {
        for (const asker of state.askers.splice(0)) out.reply(asker, value);
      },
    },
    terminated: (state, ref) => void diaries.get(state)!.push(`terminated ${ref}`),
    stopped: (state, why) => void diaries.get(state)!.push(why),
    ...changes,
  };
}

/** A system in virtual time with puppets registered, and its trace. */
export function stage(
  changes: Partial<Actor<PuppetProtocol, Puppet, PuppetArgs>> = {},
  options: Partial<SystemOptions> = {},
): {
  env: VirtualEnv;
  system: ActorSystem;
  spawn: (name: string, args?: PuppetArgs) => PuppetRef;
  trace: TraceEvent[];
} {
  const env = new VirtualEnv("puppets");
  const trace: TraceEvent[] = [];
  const system = new ActorSystem({ node: 1, env, trace: (event) => trace.push(event), ...options });
  const actor = puppet(changes);
  system.register(actor);
  return { env, system, trace, spawn: (name, args = {}) => system.spawn(actor, name, args) };
}

/** Asks from outside and collects the answers, in the order of their coming. */
export function collect<T>(): { settle: (answer: Answer<T>) => void; answers: (T | string)[] } {
  const answers: (T | string)[] = [];
  return { answers, settle: (answer) => void answers.push(answer.ok ? answer.value : answer.failure) };
}
