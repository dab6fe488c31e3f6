import { assertEquals } from "@std/assert";
import { BROKER, type BrokerProtocol, type BrokerRef, type BrokerView } from "../../../actors/broker/protocol.ts";
import type { BrokerImage, ControllerRef } from "../../../actors/controller/protocol.ts";
import { emptyImage } from "../../../actors/controller/protocol.ts";
import { ActorSystem } from "../../../actors/system.ts";
import { VirtualEnv } from "../../../lib/virtual_clock.ts";
import { Leaving } from "../../../server/leaving.ts";

const TIMEOUT_MS = 5_000;

/** Node 1, whose broker says and does what a test wants. */
class Stage {
  readonly env = new VirtualEnv();
  readonly leaving: Leaving;
  brokers: Partial<BrokerImage>[] = [{ id: 1, epoch: 7, incarnationId: "own", fenced: false }];
  hasController = true;
  /** Answers the question whether the node may go. */
  mayGo: (epoch: number) => void = () => {};
  /** The epochs with which the node was let go. */
  readonly gone: number[] = [];

  constructor() {
    const system = new ActorSystem({ node: 1, env: this.env });
    const { ref } = system.port<BrokerProtocol>(BROKER.kind, "broker", (verb, _, answer) => {
      if (verb === "shutDown") this.mayGo = answer as (epoch: number) => void;
      else if (verb === "look") (answer as (view: BrokerView) => void)(this.#view());
    });
    const { clock } = this.env;
    this.leaving = new Leaving({ nodeId: 1, incarnationId: "own", system, broker: ref as BrokerRef, clock });
    this.leaving.drain(TIMEOUT_MS, (epoch) => this.gone.push(epoch));
    this.env.advance(0);
  }

  #view(): BrokerView {
    const brokers = new Map(this.brokers.map((broker) => [broker.id!, broker as BrokerImage]));
    const controller = this.hasController ? "2/controller/controller" as ControllerRef : undefined;
    return { brokerId: 1, controller, image: { ...emptyImage(), brokers } } as Partial<BrokerView> as BrokerView;
  }
}

Deno.test("a node goes when the controller lets it, and nobody else is about to go", () => {
  const stage = new Stage();
  stage.env.advance(1_000);
  assertEquals(stage.gone, []);
  stage.brokers.push({ id: 2, fenced: false, inControlledShutdown: false });
  stage.mayGo(7);
  stage.env.advance(0);
  assertEquals(stage.gone, [7]);
  stage.env.advance(60_000);
  assertEquals(stage.gone, [7]);
});

Deno.test("a node that may go waits for others that are about to go, until they may too", () => {
  const stage = new Stage();
  stage.brokers.push({ id: 2, fenced: false, inControlledShutdown: true });
  stage.brokers.push({ id: 3, fenced: true, inControlledShutdown: true });
  stage.mayGo(7);
  stage.env.advance(1_000);
  assertEquals(stage.gone, []);
  stage.brokers[1] = { id: 2, fenced: true, inControlledShutdown: true };
  stage.env.advance(20);
  assertEquals(stage.gone, [7]);
});

Deno.test("nobody is waited for longer than there is time", () => {
  const stage = new Stage();
  stage.brokers.push({ id: 2, fenced: false, inControlledShutdown: true });
  stage.env.advance(TIMEOUT_MS - 100);
  stage.mayGo(7);
  stage.env.advance(90);
  assertEquals(stage.gone, []);
  stage.env.advance(20);
  assertEquals(stage.gone, [7]);
  const silent = new Stage(); // its broker never answers
  silent.env.advance(TIMEOUT_MS + 200);
  assertEquals(silent.gone, [-1]);
});

Deno.test("a controller that nobody knows of is waited for only a little, and the own epoch is known all the same", () => {
  const stage = new Stage();
  stage.env.advance(1_000);
  stage.hasController = false;
  stage.env.advance(400);
  stage.hasController = true; // another one
  stage.env.advance(100);
  stage.hasController = false;
  stage.env.advance(450);
  assertEquals(stage.gone, []);
  stage.env.advance(150);
  assertEquals(stage.gone, [7]);
});

Deno.test("the epoch of an earlier life is not the own one", () => {
  const stage = new Stage();
  stage.brokers = [{ id: 1, epoch: 7, incarnationId: "earlier", fenced: true }];
  stage.hasController = false;
  stage.env.advance(1_000);
  assertEquals(stage.gone, [-1]);
});

Deno.test("whoever calls it off hears nothing more", () => {
  const stage = new Stage();
  stage.leaving.callOff();
  stage.mayGo(7);
  stage.env.advance(60_000);
  assertEquals(stage.gone, []);
});
