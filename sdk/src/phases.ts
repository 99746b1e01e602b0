// Phases without an async context. A step remembers the scope it was asked for in; when it is resolved, that
// scope is the current one again before any code that waited for it goes on (pending.ts). So phases may nest
// and run side by side.

import { failureOf } from "./errors";
import { join, partOf } from "./keys";
import { note, vm } from "./vm";

/** A phase as it runs. `path` is made of slugs and is part of keys; `phase` is made of ids as they were written. */
export interface Scope {
  path: string;
  phase: string;
  /** Set by step.phase(id) without a function: the phase of what follows in this scope. */
  marker: Scope | null;
}

export const root: Scope = { path: "", phase: "", marker: null };

let current = root;
let labels = new Map<string, string>();

export function enter(scope: Scope): void {
  current = scope;
}

export function currentScope(): Scope {
  return current;
}

/** Where a step asked for now belongs. */
export function here(): Scope {
  return current.marker ?? current;
}

/** Where code that logs is: a closure logs in the phase of its step. */
export function phaseNow(): string {
  return vm.owner ? vm.owner.phase : here().phase;
}

export function declarePhases(phases: { id: string; label: string }[]): void {
  labels = new Map(phases.map((phase) => [phase.id, phase.label]));
}

/** `ownPath` is given for the system's phases, whose ids are kept as they are. */
export function begin(id: string, label?: string, ownPath?: string): Scope {
  const above = current;
  const path = ownPath ?? join(above.path, partOf(above.path, id));
  const phase = join(above.phase, id);
  note({ c: "phase", state: "started", phase, label: label ?? labels.get(id) ?? id });
  return { path, phase, marker: null };
}

export function finish(scope: Scope): void {
  closeMarker(scope);
  note({ c: "phase", state: "completed", phase: scope.phase });
}

export function finishFailed(scope: Scope, thrown: unknown): void {
  closeMarker(scope, thrown);
  note({ c: "phase", state: "failed", phase: scope.phase, message: failureOf(thrown).message });
}

/** Ends the marked phase of a scope, if there is one. */
export function closeMarker(scope: Scope, ...thrown: [unknown?]): void {
  const marker = scope.marker;
  scope.marker = null;
  if (!marker) return;
  if (thrown.length > 0) finishFailed(marker, thrown[0]);
  else finish(marker);
}

export function mark(id: string): void {
  closeMarker(current);
  const scope = begin(id);
  current.marker = scope;
}

/** Runs `body` in a phase of its own; what follows is in the scope around it again. */
export function within<T>(scope: Scope, body: () => T | Promise<T>): Promise<T> {
  const outer = current;
  current = scope;
  let running: Promise<T>;
  try {
    running = Promise.resolve(body());
  } catch (thrown) {
    running = Promise.reject(thrown);
  }
  current = outer;
  return returningTo(
    outer,
    running.then(
      (value) => {
        finish(scope);
        return value;
      },
      (thrown) => {
        finishFailed(scope, thrown);
        throw thrown;
      },
    ),
  );
}

/** The reactions of a promise run in the order in which they were added, so this one runs right before the
 *  first that waits for it. */
export function returningTo<T>(scope: Scope, promise: Promise<T>): Promise<T> {
  const back = (): void => enter(scope);
  promise.then(back, back);
  return promise;
}
