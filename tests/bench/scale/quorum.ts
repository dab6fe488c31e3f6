/**
 * How long a quorum takes to have another controller.
 *
 * @module
 */
import { line } from "./ledger.ts";
import { Town } from "./town.ts";

const SEEDS = 200;
/** Long enough for everything to have come to rest; the leader is lost at some time after it. */
const REST_MS = 2_000;
const WITHIN_MS = 1_000;

/** Prints how long the quorum is without a controller, in virtual time. */
export function measureElections(): void {
  line("virtual ms until another controller runs", "median", "p99", "longest");
  for (const voters of [3, 5]) {
    for (const [how, silently] of [["its process is gone", false], ["its machine falls silent", true]] as const) {
      const times = Array.from({ length: SEEDS }, (_, seed) => election(seed, voters, silently)).sort((a, b) => a - b);
      const at = (share: number) => times[Math.min(SEEDS - 1, Math.floor(share * SEEDS))]!.toFixed(1);
      line(`${voters} voters, ${how}`, at(0.5), at(0.99), at(1));
    }
  }
}

function election(seed: number, voters: number, silently: boolean): number {
  const town = new Town(seed, voters);
  town.form(voters);
  town.env.advance(REST_MS + town.env.random.split("when").below(WITHIN_MS));
  town.kill(town.controllerId, silently);
  const ms = town.until(() => town.controllerId !== -1, "another controller runs");
  town.end();
  return ms;
}
