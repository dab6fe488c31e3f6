/**
 * What somebody may have meant: the known word that is nearest to one that is not.
 *
 * @module
 */

/** The most letters that may be wrong. */
const WRONG_MAX = 3;

/**
 * The known word that begins with `word`, or else the one that is made of it by changing the fewest letters: no more than
 * three, and no more than half of them.
 */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let found: string | undefined;
  let least = Math.min(WRONG_MAX, word.length / 2);
  for (const each of known) {
    const cost = word.length > 1 && each.startsWith(word) ? 0 : distance(word, each);
    if (cost > least || cost === least && found !== undefined) continue;
    found = each;
    least = cost;
  }
  return found;
}

/** How many letters have to be put in, taken out or changed to make `a` into `b` (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
