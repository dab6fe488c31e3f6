/**
 * What the controller of a large cluster takes: for a heartbeat, and when a broker is gone.
 *
 * @module
 */
import { refOf } from "../../../actors/address.ts";
import { BROKER } from "../../../actors/broker/protocol.ts";
import { fenceBroker, unfenceBroker } from "../../../actors/controller/brokers.ts";
import { controller } from "../../../actors/controller/controller.ts";
import { CONTROLLER, encodeRecord, type MetadataRecord, replay } from "../../../actors/controller/protocol.ts";
import { Controller } from "../../../actors/controller/state.ts";
import { MemoryJournal } from "../../../actors/memory_journal.ts";
import { decodeMetadata, encodeMetadataBatch } from "../../../actors/quorum/log.ts";
import { ActorSystem } from "../../../actors/system.ts";
import { VirtualEnv } from "../../../lib/virtual_clock.ts";
import { FrameReader, FrameWriter } from "../../../transport/frames.ts";
import { LocalHub } from "../../../transport/local.ts";
import type { Envelope } from "../../../transport/transport.ts";
import { imageOfSize, LARGE } from "./image.ts";
import { line, megabytes, millis, timed } from "./ledger.ts";

const ROUNDS = 2_000;
/** Of the node that the controller is on; it is no broker. */
const NODE = 0;

/** Prints what a heartbeat takes. */
export function measureHeartbeats(): void {
  const image = imageOfSize(LARGE);
  const env = new VirtualEnv(1);
  const transport = new LocalHub({ scheduler: env.scheduler }).join(NODE);
  const system = new ActorSystem({ node: NODE, env, transport, openJournal: () => new MemoryJournal() });
  system.register(controller({ properties: {} }));
  const ref = system.spawn(CONTROLLER, "controller", { epoch: 1, image });
  env.advance(0);
  const beats = [...image.brokers.values()].map(({ id: brokerId, epoch: brokerEpoch }) => ({
    brokerId,
    brokerEpoch,
    follower: refOf<never>(brokerId, BROKER.kind, "broker"),
    appliedOffset: image.offset,
    offline: [],
    wantShutDown: false,
  }));
  let answered = 0;
  const round = () => {
    for (const beat of beats) {
      system.askThen(ref, "heartbeat", beat, (answer) => answered += answer.ok && !answer.value.fenced ? 1 : 0);
    }
    env.advance(0);
  };
  for (let warm = 0; warm < ROUNDS; warm++) round();
  answered = 0;
  const { ms } = timed(() => {
    for (let left = ROUNDS; left > 0; left--) round();
  });
  if (answered !== 3 * ROUNDS * beats.length) throw new Error("a heartbeat was not answered as it should be");
  const microsEach = ms * 1_000 / (ROUNDS * beats.length);
  line("one heartbeat at the controller", `${microsEach.toFixed(1)} us`);
  const wire = wireMicros(beats[0]!, { error: "NONE", fenced: false, shouldShutDown: false });
  line("and from bytes, and its answer to bytes, without the socket", `${wire.toFixed(1)} us`);
  const perSecond = beats.length * 1_000 / 300;
  line("of a core, at 100 brokers x one in 300 ms", `${((microsEach + wire) * perSecond / 1e4).toFixed(2)} %`);
}

function wireMicros(question: unknown, answer: unknown): number {
  const [writer, reader] = [new FrameWriter(), new FrameReader(1 << 20)];
  const envelope = (body: unknown): Envelope => (
    { to: "1/controller/controller", from: "17/broker/broker", call: 4_711, verb: "heartbeat", body }
  );
  const count = 100_000;
  const asked = writer.envelope(envelope(question)).head.slice();
  const work = () => {
    for (let left = count; left > 0; left--) {
      reader.space().set(asked);
      reader.filled(asked.length);
      reader.next();
      writer.envelope(envelope(answer));
    }
  };
  work();
  return timed(work).ms * 1_000 / count;
}

/** Prints what it takes to fence a broker, and to take it in again. */
export function measureFencing(): void {
  const image = imageOfSize(LARGE);
  const fresh = () => new Controller(image, {});
  const { random } = new VirtualEnv(1);
  const gone = image.brokers.get(1)!;
  const settings = Array.from({ length: 5 }, () => fresh().setting({ random }));
  const { value: records, ms: decideMs } = timed(() => fenceBroker(settings.pop()!, gone), 5);
  const led = [...image.topics.values()].flatMap(({ partitions }) => partitions.filter(({ leader }) => leader === 1));
  line("it leads, it is in so many other ISRs", led.length, records.length - 1 - led.length);
  line("the controller decides", millis(decideMs));
  const states = Array.from({ length: 5 }, fresh);
  line("the controller replays", millis(timed(() => states.pop()!.replay(records), 5).ms));
  const encode = () => encodeMetadataBatch(records, { baseOffset: image.offset, epoch: 1, nowMs: 0 });
  const { value: batch, ms: encodeMs } = timed(encode, 5);
  line("records, bytes of their one batch, to bytes", records.length, megabytes(batch.length), millis(encodeMs));
  line("bytes of one record", encodeRecord(records.at(-1)!).length);
  const { value: heard, ms: decodeMs } = timed(() => decodeMetadata(batch), 5);
  line("every node: from bytes, and into each of its two images", millis(decodeMs), millis(replayMs(heard)));
  const state = fresh();
  state.replay(records);
  const { value: back, ms: backMs } = timed(() => unfenceBroker(state.setting({ random }), gone), 5);
  line("let in again: records, to decide (the ISRs follow, see rest)", back.length, millis(backMs));

  function replayMs(some: readonly MetadataRecord[]): number {
    return timed(() => replay(image, some), 5).ms;
  }
}
