/**
 * Waiting for what must happen, with an end to it: a test that waits for ever says nothing.
 *
 * @module
 */

/** As long as anything may take on a busy machine: who waits does so for what must happen, and never longer than it takes. */
export const PATIENCE_MS = 60_000;

/** The promise, or after a minute an error that says what was waited for. */
export async function patiently<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${PATIENCE_MS / 1000} s in vain for ${what}.`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, end]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves once a condition holds, which is looked at in every turn of the event loop. */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`Waited ${PATIENCE_MS / 1000} s in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Looks again and again until it holds; an error counts as "it does not yet". */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs: number = PATIENCE_MS,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  let last: unknown;
  while (performance.now() < endMs) {
    try {
      if (await holds()) return;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`In ${limitMs / 1000} s it did not come about that ${what}${last === undefined ? "" : `: ${last}`}`);
}
