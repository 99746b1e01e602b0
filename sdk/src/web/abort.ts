// AbortController and AbortSignal, with as much of an event target as they need.

import { afterwards, type Closure } from "../closures";
import { vm } from "../vm";

interface Listener {
  callback: unknown;
  once: boolean;
  /** Who added it: it is called as code of that owner. */
  owner: Closure | null;
}

export class AbortError extends Error {
  readonly code: string | number = 20;
  constructor(message = "This operation was aborted") {
    super(message);
    this.name = "AbortError";
  }
}

export class AbortSignal {
  aborted = false;
  reason: unknown = undefined;
  onabort: ((event: object) => void) | null = null;
  private listeners: Listener[] = [];

  addEventListener(type: string, callback: unknown, options?: { once?: boolean } | boolean): void {
    if (type !== "abort" || this.listeners.some((listener) => listener.callback === callback)) return;
    this.listeners.push({ callback, once: typeof options === "object" && options.once === true, owner: vm.owner });
  }

  removeEventListener(_type: string, callback: unknown): void {
    this.listeners = this.listeners.filter((listener) => listener.callback !== callback);
  }

  dispatchEvent(event: object): boolean {
    this.onabort?.(event);
    for (const { callback, once, owner } of [...this.listeners]) {
      if (once) this.removeEventListener("abort", callback);
      // What a closure does must not run as the body: it would draw on the run's chance, and a replay has no closures.
      if (owner && owner !== vm.owner) afterwards(owner, () => this.call(callback, event));
      else this.call(callback, event);
    }
    return true;
  }

  private call(callback: unknown, event: object): void {
    if (typeof callback === "function") callback.call(this, event);
    else (callback as { handleEvent?(event: object): void } | null)?.handleEvent?.(event);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  static abort(reason: unknown = new AbortError()): AbortSignal {
    const signal = new AbortSignal();
    abort(signal, reason);
    return signal;
  }

  static timeout(ms: number): AbortSignal {
    const signal = new AbortSignal();
    const error = new Error("The operation was aborted due to timeout");
    error.name = "TimeoutError";
    (globalThis as any).setTimeout(() => abort(signal, error), ms);
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const signal = new AbortSignal();
    for (const source of signals) {
      if (source.aborted) {
        abort(signal, source.reason);
        break;
      }
      source.addEventListener("abort", () => abort(signal, source.reason), { once: true });
    }
    return signal;
  }
}

function abort(signal: AbortSignal, reason: unknown): void {
  if (signal.aborted) return;
  signal.aborted = true;
  signal.reason = reason;
  signal.dispatchEvent({ type: "abort", target: signal });
}

export class AbortController {
  readonly signal = new AbortSignal();

  abort(reason: unknown = new AbortError()): void {
    abort(this.signal, reason);
  }
}
