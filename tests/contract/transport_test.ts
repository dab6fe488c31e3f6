import { assert } from "@std/assert";
import { eventually } from "../helpers/patience.ts";
import { TcpStage } from "../helpers/tcp_stage.ts";
import { VirtualEnv } from "../../lib/virtual_clock.ts";
import { realEnv } from "../../server/env.ts";
import { LocalHub } from "../../transport/local.ts";
import { type NetworkFaults, SimulatedNetwork } from "../../transport/simulated.ts";
import { type TransportStage, transportSuite } from "./transport_suite.ts";

/** A stage in virtual time. */
function virtual(env: VirtualEnv, join: TransportStage["join"], queueMax: number, reliable: boolean): TransportStage {
  return {
    join,
    queueMax,
    reliable,
    until(condition) {
      for (let ms = 0; !condition(); ms++) {
        assert(ms < 10_000, "it did not come true");
        env.advance(1);
      }
    },
    settle: () => void env.run(),
    close: () => void env.run(),
  };
}

function simulated(seed: number, faults: Partial<NetworkFaults>): TransportStage {
  const env = new VirtualEnv(seed);
  const queueMax = 500;
  const network = new SimulatedNetwork({ clock: env.clock, random: env.random, faults: { ...faults, queueMax } });
  return virtual(env, (node) => network.join(node), queueMax, faults.lossPerMillion === undefined);
}

transportSuite("local, in virtual time", () => {
  const env = new VirtualEnv();
  const hub = new LocalHub({ scheduler: env.scheduler, queueMax: 500 });
  return virtual(env, (node) => hub.join(node), 500, true);
});

transportSuite("local, in real time", () => {
  const hub = new LocalHub({ scheduler: realEnv().scheduler, queueMax: 500 });
  const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 1));
  return {
    join: (node) => hub.join(node),
    queueMax: 500,
    reliable: true,
    async until(condition) {
      while (!condition()) await turn();
    },
    settle: turn,
    close: turn,
  };
});

transportSuite("tcp", () => {
  const stage = new TcpStage({ control: { bytesMax: 1 << 20, framesMax: 500 } });
  return {
    join: (node) => stage.join(node),
    queueMax: 500,
    reliable: true,
    until: (condition) => eventually(condition, "what the case expects"),
    settle: () => stage.settle(),
    close: () => stage.close(),
  };
});

transportSuite("simulated, without faults", () => simulated(1, {}));

for (const seed of [1, 2, 3, 4]) {
  const faults = { lossPerMillion: 200_000, duplicationPerMillion: 200_000, delayMeanMicros: 20_000 };
  transportSuite(`simulated, with faults, seed ${seed}`, () => simulated(seed, faults));
}
