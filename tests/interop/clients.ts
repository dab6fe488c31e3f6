/**
 * The clients of a run: each opened once, and one among them who helps the others.
 *
 * @module
 */
import type { Client } from "./client.ts";
import { openClient } from "./open_client.ts";
import type { Target } from "./target.ts";

/** Which client helps where the one being tried cannot, by preference. */
const CLERKS = ["confluent", "franz-go", "java", "kafka-python"];

/** Opens clients when they are first asked for and closes them together. */
export class Clients {
  readonly #open = new Map<string, Promise<Client>>();

  constructor(readonly target: Target) {}

  /** The client of this name, opened once. */
  get(name: string): Promise<Client> {
    const client = this.#open.get(name) ?? openClient(name, this.target.bootstrap);
    this.#open.set(name, client);
    return client;
  }

  /** Ends all agents. */
  async close(): Promise<void> {
    for (const client of this.#open.values()) await client.then((open) => open.close(), () => {});
  }
}

/** What the suite cannot do without is not to be had on this machine. */
export class NotInstalled extends Error {}

/** Opens the one that helps. */
export async function findClerk(target: Target): Promise<Client> {
  const errors: string[] = [];
  for (const name of CLERKS) {
    try {
      return await openClient(name, target.bootstrap);
    } catch (error) {
      errors.push(String(error));
    }
  }
  throw new NotInstalled(
    `None of ${CLERKS.join(", ")} can be installed, and without one of them nothing can be looked at: ${errors}`,
  );
}
