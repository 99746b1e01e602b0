// step.patched: tells runs that came by before a change of the code from those that come after it.

import { admit, idOf } from "./ask";
import { note, vm } from "./vm";

/** What the history of the run that is being replayed says. */
let marked = new Set<string>();
/** A run gets one answer for its whole life. */
const answers = new Map<string, boolean>();

export function useMarks(ids: string[]): void {
  marked = new Set(ids);
}

export function patched(first: unknown): boolean {
  const id = idOf("patched", first);
  admit(`step.patched("${id}")`);
  const known = answers.get(id);
  if (known !== undefined) return known;
  const answer = marked.has(id) || !vm.replaying;
  answers.set(id, answer);
  if (answer && !marked.has(id)) note({ c: "patch", id });
  return answer;
}
