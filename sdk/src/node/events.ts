// node:events.

type Listener = (...args: any[]) => void;

export class EventEmitter {
  static EventEmitter = EventEmitter;
  static default = EventEmitter;
  static defaultMaxListeners = 10;
  private listenersOf: Map<string | symbol, Listener[]> | undefined;

  private map(): Map<string | symbol, Listener[]> {
    return (this.listenersOf ??= new Map());
  }

  on(name: string | symbol, listener: Listener): this {
    if (typeof listener !== "function") throw new TypeError('The "listener" argument must be of type function');
    this.map().set(name, [...this.listeners(name), listener]);
    return this;
  }

  addListener(name: string | symbol, listener: Listener): this {
    return this.on(name, listener);
  }

  prependListener(name: string | symbol, listener: Listener): this {
    this.map().set(name, [listener, ...this.listeners(name)]);
    return this;
  }

  once(name: string | symbol, listener: Listener): this {
    const wrapper = Object.assign(
      (...args: unknown[]) => {
        this.off(name, wrapper);
        listener.apply(this, args);
      },
      { listener },
    );
    return this.on(name, wrapper);
  }

  off(name: string | symbol, listener: Listener): this {
    const all = this.listeners(name);
    const at = all.findLastIndex(
      (other) => other === listener || (other as { listener?: Listener }).listener === listener,
    );
    if (at >= 0)
      this.map().set(
        name,
        all.filter((_, i) => i !== at),
      );
    return this;
  }

  removeListener(name: string | symbol, listener: Listener): this {
    return this.off(name, listener);
  }

  removeAllListeners(name?: string | symbol): this {
    if (name === undefined) this.map().clear();
    else this.map().delete(name);
    return this;
  }

  emit(name: string | symbol, ...args: unknown[]): boolean {
    const all = this.listeners(name);
    if (all.length === 0) {
      if (name === "error")
        throw args[0] instanceof Error ? args[0] : new Error(`Unhandled error event: ${String(args[0])}`);
      return false;
    }
    for (const listener of all) listener.apply(this, args);
    return true;
  }

  listeners(name: string | symbol): Listener[] {
    return this.map().get(name) ?? [];
  }

  listenerCount(name: string | symbol): number {
    return this.listeners(name).length;
  }

  eventNames(): (string | symbol)[] {
    return [...this.map().keys()].filter((name) => this.listenerCount(name) > 0);
  }

  setMaxListeners(): this {
    return this;
  }

  getMaxListeners(): number {
    return EventEmitter.defaultMaxListeners;
  }

  /** Resolves with the arguments of the next such event, rejects with an error event. */
  static once(emitter: EventEmitter, name: string | symbol): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void => {
        emitter.off(name, done);
        reject(error);
      };
      const done = (...args: unknown[]): void => {
        emitter.off("error", failed);
        resolve(args);
      };
      emitter.once(name, done);
      if (name !== "error") emitter.once("error", failed);
    });
  }
}
