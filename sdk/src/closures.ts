// Closures of step.run: the only code that may touch the world. Each is an owner of its own, with the real clock,
// real chance and plain timers, and reaches the world through effects that the driver performs.

import { type Failure, failureOf, OutsideStepError } from "./errors";
import { decode, encode } from "./json";
import { isOpen } from "./pending";
import { enterAs, vm } from "./vm";

/** What a closure is given. */
export interface ClosureContext {
  attempt: number;
  lastProgress: unknown;
  progress(details: unknown): Promise<void>;
}

export type Body = (context: ClosureContext) => unknown;

export class Closure {
  ended = false;
  /** Read once, then kept: two reads in one closure agree. */
  env: Record<string, string> | undefined;
  /** JSON text of what was said last and is not sent yet, and the promise for all that is on its way. */
  private unsent: string | undefined;
  private sending: Promise<void> | undefined;

  constructor(
    readonly key: string,
    readonly name: string,
    readonly attempt: number,
    readonly phase: string,
    /** Of a probe (probes.ts): what its value says, as the driver reads it. */
    readonly verdict?: (value: unknown) => unknown,
  ) {}

  /** Ends it with an error: its own, or one that none of its promises would carry, as of a timer's callback. */
  fail(thrown: unknown): void {
    end(this, { failure: failureOf(thrown) });
  }

  /** One message at a time is on its way; of those that come meanwhile only the last is sent. */
  report(details: unknown): Promise<void> {
    const what = `progress() of step.run("${this.name}")`;
    if (vm.owner !== this) throw new Error(`${what} was called outside its closure`);
    closureFor(what);
    this.unsent = encode(details, `${what} was given`);
    return (this.sending ??= this.send(what));
  }

  private async send(what: string): Promise<void> {
    try {
      while (this.unsent !== undefined) {
        const details = this.unsent;
        this.unsent = undefined;
        await effect(what, "progress", { details });
      }
    } finally {
      this.sending = undefined;
    }
  }
}

interface Registered {
  name: string;
  phase: string;
  body: Body;
}

const registered = new Map<string, Registered>();

export function register(key: string, name: string, phase: string, body: Body): void {
  registered.set(key, { name, phase, body });
}

export function forget(key: string): void {
  registered.delete(key);
}

/** Of a step that was just scheduled: since then the body may have given it up. */
export function beginFirst(key: string): void {
  if (isOpen(key)) beginClosure(key, 1);
}

/** `progress`: JSON text of what the attempt before said last; null where it said nothing. */
export function beginClosure(key: string, attempt: number, progress = "null"): void {
  const what = registered.get(key);
  if (!what) throw new Error(`There is no closure ${key} to begin`);
  const closure = new Closure(key, what.name, attempt, what.phase);
  const said = decode(progress);
  const context: ClosureContext = {
    attempt,
    lastProgress: said === null ? undefined : said,
    progress: (details) => closure.report(details),
  };
  begin(closure, () => what.body(context));
}

/** Runs `body` as the closure's code; what it comes to ends the closure. */
export function begin(closure: Closure, body: () => unknown): void {
  enterAs(closure);
  try {
    const value = body();
    if (value instanceof Promise || typeof (value as PromiseLike<unknown> | null)?.then === "function") {
      (value as PromiseLike<unknown>).then(
        (settled) => succeed(closure, settled),
        (thrown) => closure.fail(thrown),
      );
    } else succeed(closure, value);
  } catch (thrown) {
    closure.fail(thrown);
  }
}

function succeed(closure: Closure, value: unknown): void {
  let output: string;
  try {
    const answer = closure.verdict ? closure.verdict(value) : value;
    output = encode(answer, `step.run("${closure.name}") returned`);
  } catch (thrown) {
    closure.fail(thrown);
    return;
  }
  end(closure, { output });
}

function end(closure: Closure, how: { output: string } | { failure: Failure }): void {
  if (closure.ended) return;
  closure.ended = true;
  if (effects.size > 0) {
    for (const [id, effect] of effects) {
      if (effect.closure === closure) cancelEffect(id);
    }
  }
  const probe = closure.verdict ? { probe: true } : {};
  vm.host.closureEnded(JSON.stringify({ key: closure.key, attempt: closure.attempt, ...probe, ...how }));
}

interface Waiting {
  closure: Closure;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

const effects = new Map<number, Waiting>();
let lastEffect = 0;

/** The closure that runs, or the error that tells the body to use one. `what` is the call as the user wrote it. */
export function closureFor(what: string): Closure {
  const closure = vm.owner;
  if (!closure) throw new OutsideStepError(what);
  if (closure.ended)
    throw new Error(`${what} was called after step.run("${closure.name}") had ended: an await is missing`);
  return closure;
}

export interface EffectInProgress {
  id: number;
  value: Promise<any>;
}

export function beginEffect(what: string, name: string, args: object): EffectInProgress {
  const closure = closureFor(what);
  const id = ++lastEffect;
  const value = new Promise<any>((resolve, reject) => effects.set(id, { closure, resolve, reject }));
  vm.host.effect(closure.key, closure.attempt, id, name, JSON.stringify(args));
  return { id, value };
}

export function effect(what: string, name: string, args: object): Promise<any> {
  return beginEffect(what, name, args).value;
}

/** Runs `work` as code of the closure, in an entry of its own. */
export function afterwards(closure: Closure, work: () => void): void {
  if (closure.ended) return;
  const running = vm.owner;
  vm.owner = closure;
  const run = (): void => {
    if (!closure.ended) work();
  };
  // Refused when the step is over already; the closure may go on all the same.
  beginEffect("AbortSignal", "timer", { ms: 0 }).value
    .then(run, run)
    .catch((thrown) => closure.fail(thrown));
  vm.owner = running;
}

export function effectSync(what: string, name: string, args: object): any {
  const closure = closureFor(what);
  const answer = JSON.parse(vm.host.effectSync(closure.key, closure.attempt, name, JSON.stringify(args)));
  if (answer.error) throw hostError(answer.error);
  return answer.ok;
}

export function effectAnswered(id: number, ok: boolean, json: string): void {
  const effect = effects.get(id);
  if (!effect) return;
  effects.delete(id);
  enterAs(effect.closure);
  const value = JSON.parse(json);
  if (ok) effect.resolve(value);
  else effect.reject(hostError(value));
}

/** Its answer is not waited for any more; the promise stays as it is. */
export function cancelEffect(id: number): void {
  const effect = effects.get(id);
  if (!effect) return;
  effects.delete(id);
  vm.host.effect(effect.closure.key, effect.closure.attempt, ++lastEffect, "cancel", JSON.stringify({ id }));
}

/** As Node's: an Error with code, errno, syscall and path. */
function hostError(value: Record<string, unknown>): Error {
  const Kind = value.name === "TypeError" ? TypeError : Error;
  const error = new Kind(String(value.message));
  const { name: _name, message: _message, ...rest } = value;
  if (value.name === "AbortError") error.name = "AbortError";
  return Object.assign(error, rest);
}
