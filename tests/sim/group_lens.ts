/**
 * How the invariants see coordinators and groups: the states of their actors.
 *
 * @module
 */
import { parseRef, refOf } from "../../actors/address.ts";
import type { Ref } from "../../actors/actor.ts";
import type { Coordinator } from "../../actors/group/coordinator_state.ts";
import { COORDINATOR, GROUP } from "../../actors/group/protocol.ts";
import type { GroupRecord } from "../../actors/group/records.ts";
import type { Group, Part } from "../../actors/group/state.ts";
import type { ActorSystem } from "../../actors/system.ts";
import type { CoordinatorView, GroupView } from "./invariants/views.ts";

const coordinators = new WeakMap<Coordinator, CoordinatorView>();
const groups = new WeakMap<Group, GroupView>();

/** The coordinator of a partition on a node; the same object as long as it is the same life. */
export function coordinatorOf(
  system: ActorSystem | undefined,
  node: number,
  partition: number,
): CoordinatorView | undefined {
  const state = system?.stateOf(refOf(node, COORDINATOR.kind, String(partition))) as Coordinator | undefined;
  if (state === undefined) return undefined;
  let view = coordinators.get(state);
  if (view === undefined) coordinators.set(state, view = new CoordinatorLens(state));
  return view;
}

/** The group of this id on a node; the same object as long as it is the same life. */
export function groupOf(system: ActorSystem | undefined, node: number, groupId: string): GroupView | undefined {
  const ref = refOf<unknown>(node, GROUP.kind, groupId);
  const state = system?.stateOf(ref) as Group | undefined;
  if (system === undefined || state === undefined) return undefined;
  let view = groups.get(state);
  if (view === undefined) groups.set(state, view = new GroupLens(state, system, ref));
  return view;
}

class CoordinatorLens implements CoordinatorView {
  constructor(readonly state: Coordinator) {}

  get partition(): number {
    return this.state.args.partition;
  }

  get leaderEpoch(): number {
    return this.state.args.leaderEpoch;
  }

  get isActive(): boolean {
    return this.state.phase === "active";
  }

  get term(): number {
    return this.state.term;
  }

  groups(): readonly string[] {
    return [...this.state.groups.keys()];
  }

  termOf(groupId: string): number | undefined {
    return this.state.groups.get(groupId)?.term;
  }
}

class GroupLens implements GroupView {
  readonly #system: ActorSystem;
  readonly #ref: Ref<unknown>;

  constructor(readonly of: Group, system: ActorSystem, ref: Ref<unknown>) {
    this.#system = system;
    this.#ref = ref;
  }

  get groupId(): string {
    return this.of.args.groupId;
  }

  get partition(): number {
    return Number(parseRef(this.of.args.coordinator).name);
  }

  get term(): number {
    return this.of.args.term;
  }

  get isWriting(): boolean {
    return this.#system.isHeldBack(this.#ref);
  }

  get state(): string {
    return (this.of.modern ?? this.of.classic)?.state ?? "";
  }

  records(): readonly GroupRecord[] {
    const { offsets, classic, modern } = this.of;
    const parts: readonly (Part | undefined)[] = [offsets, classic, modern];
    return parts.flatMap((part) => part?.records() ?? []);
  }
}
