/** A broker whose own actors cannot be kept alive says so, instead of looking alive. */
import { assertMatch } from "@std/assert";
import { startBroker } from "../../server/broker.ts";
import { eventually } from "../helpers/patience.ts";

for (const ref of ["1/broker/broker", "1/quorum/quorum"]) {
  Deno.test(`a broker that has lost ${ref} for good has failed, with the reason`, async () => {
    const broker = await startBroker({ id: 1 });
    let reason: string | undefined;
    broker.failed.then((sentence) => reason = sentence);
    await eventually(() => {
      if (broker.actors().some((actor) => actor.ref === ref && actor.state === "running")) broker.system.kill(ref);
      return reason !== undefined;
    }, "the actor to be given up");
    assertMatch(reason!, new RegExp(`^Broker 1 cannot go on: ${ref} was given up`));
    await broker.stop();
  });
}
