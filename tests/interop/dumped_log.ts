/**
 * What DumpLogSegments says of the offsets in segments, and whether it may be so.
 *
 *     Dumping …/orders-0/00000000000000000100.log
 *     baseOffset: 100 lastOffset: 104 count: 5 …        batches: one behind the other; where a topic is compacted, at least none in another
 *     …
 *     Non-consecutive offsets in …/orders-0/00000000000000000100.log
 *       -1 is followed by 100                           said of every segment that does not begin at 0
 *       104 is followed by 117                          records are gone: so it is where a topic is compacted, and nowhere else
 *
 * @module
 */

const SEGMENT = /^Dumping (\S+\/(\d{20})\.log)$/gm;
const BATCH = /^baseOffset: (\d+) lastOffset: (\d+) count: (\d+) /gm;
const GAPS = /^Non-consecutive offsets in (\S+)\n((?:[ \t]+-?\d+ is followed by \d+(?:\n|$))+)/gm;
const GAP = /(-?\d+) is followed by (\d+)/g;

/** What DumpLogSegments printed, looked through. */
export interface DumpedOffsets {
  /** What must not be, a sentence each. */
  readonly problems: readonly string[];
  /** What it printed, without what it says of offsets that do not follow. */
  readonly rest: string;
}

/**
 * Judges the offsets of all segments that were dumped.
 *
 * @param isCompacted whether the segment is of a topic that is compacted
 */
export function judgeOffsets(printed: string, isCompacted: (file: string) => boolean): DumpedOffsets {
  const problems: string[] = [];
  const bases = new Map<string, number>();
  const sections = [...printed.matchAll(SEGMENT)];
  sections.forEach(({ 1: file, 2: digits, index }, number) => {
    bases.set(file!, Number(digits));
    problems.push(
      ...judgeBatches(file!, Number(digits), printed.slice(index, sections[number + 1]?.index), isCompacted),
    );
  });
  for (const { 1: file, 2: gaps } of printed.matchAll(GAPS)) {
    for (const [, from, to] of gaps!.matchAll(GAP)) {
      const base = bases.get(file!) ?? NaN;
      const isBeginning = Number(from) === -1 && (isCompacted(file!) ? Number(to) >= base : Number(to) === base);
      const isGone = Number(from) >= base && Number(to) > Number(from) && isCompacted(file!);
      if (!isBeginning && !isGone) problems.push(`In ${file} offset ${from} is followed by ${to}.`);
    }
  }
  return { problems, rest: printed.replaceAll(GAPS, "") };
}

function judgeBatches(file: string, base: number, section: string, isCompacted: (file: string) => boolean): string[] {
  const problems: string[] = [];
  const mayLack = isCompacted(file);
  let next = base;
  for (const [, from, to, count] of section.matchAll(BATCH)) {
    const [first, last] = [Number(from), Number(to)];
    if (mayLack ? first < next : first !== next) {
      problems.push(`In ${file} a batch begins at ${first} where ${next} must follow.`);
    }
    const offsets = last - first + 1;
    if (mayLack ? Number(count) > offsets : Number(count) !== offsets) {
      problems.push(`In ${file} the batch from ${first} to ${last} holds ${count} records.`);
    }
    next = last + 1;
  }
  return problems;
}
