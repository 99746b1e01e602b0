// What workflow code finds without importing it, besides the language and the SDK's names: the parts of the web and of
// Node that agentcmd offers, and nothing that it does not. In the body of a workflow console writes to the run's log
// once, and timers are durable; fetch, the environment and node:* that touch the machine work inside step.run only.

interface Console {
  log(...values: unknown[]): void;
  info(...values: unknown[]): void;
  debug(...values: unknown[]): void;
  dir(value: unknown, options?: unknown): void;
  table(...values: unknown[]): void;
  group(...values: unknown[]): void;
  groupCollapsed(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
  trace(...values: unknown[]): void;
  assert(holds: unknown, ...values: unknown[]): void;
  groupEnd(): void;
  time(label?: string): void;
  timeEnd(label?: string): void;
  timeLog(label?: string, ...values: unknown[]): void;
  count(label?: string): void;
  countReset(label?: string): void;
  clear(): void;
}
declare const console: Console;

declare const global: typeof globalThis;
declare const performance: { now(): number; readonly timeOrigin: number; mark(name: string): void; measure(name: string): void };

// ---- Timers

declare namespace NodeJS {
  interface Timeout {
    close(): this;
    ref(): this;
    unref(): this;
    hasRef(): boolean;
    [Symbol.toPrimitive](): number;
  }
  type Timer = Timeout;
  interface ErrnoException extends Error {
    code?: string;
    errno?: number;
    syscall?: string;
    path?: string;
    dest?: string;
  }
  interface ProcessEnv {
    [name: string]: string | undefined;
  }
}

declare function setTimeout(callback: (nothing: void) => void, delay?: number): NodeJS.Timeout;
declare function setTimeout<A extends unknown[]>(
  callback: (...args: A) => void,
  delay?: number,
  ...args: A
): NodeJS.Timeout;
declare function setInterval(callback: (nothing: void) => void, delay?: number): NodeJS.Timeout;
declare function setInterval<A extends unknown[]>(
  callback: (...args: A) => void,
  delay?: number,
  ...args: A
): NodeJS.Timeout;
/** In the body it is a microtask, which cannot be taken back. */
declare function setImmediate(callback: (nothing: void) => void): NodeJS.Timeout | undefined;
declare function setImmediate<A extends unknown[]>(callback: (...args: A) => void, ...args: A): NodeJS.Timeout | undefined;
declare function clearTimeout(timer?: NodeJS.Timeout | number | null): void;
declare function clearInterval(timer?: NodeJS.Timeout | number | null): void;
declare function clearImmediate(timer?: NodeJS.Timeout | number | null): void;
declare function queueMicrotask(callback: () => void): void;
declare function structuredClone<T>(value: T): T;

// ---- Events and cancellation

declare class Event {
  constructor(type: string, options?: { cancelable?: boolean });
  readonly type: string;
  readonly cancelable: boolean;
  readonly defaultPrevented: boolean;
  readonly target: unknown;
  preventDefault(): void;
  stopPropagation(): void;
  stopImmediatePropagation(): void;
}
type EventListener = ((event: Event) => void) | { handleEvent(event: Event): void };
declare class EventTarget {
  addEventListener(type: string, listener: EventListener | null, options?: { once?: boolean } | boolean): void;
  removeEventListener(type: string, listener: EventListener | null): void;
  dispatchEvent(event: Event): boolean;
}

type AbortListener = ((event: any) => void) | { handleEvent(event: any): void };
declare class AbortSignal {
  readonly aborted: boolean;
  readonly reason: any;
  onabort: ((event: any) => void) | null;
  addEventListener(type: "abort", listener: AbortListener, options?: { once?: boolean } | boolean): void;
  removeEventListener(type: "abort", listener: AbortListener): void;
  dispatchEvent(event: object): boolean;
  throwIfAborted(): void;
  static abort(reason?: unknown): AbortSignal;
  static timeout(ms: number): AbortSignal;
  static any(signals: Iterable<AbortSignal>): AbortSignal;
}
declare class AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}

// ---- Text and bytes

declare class TextEncoder {
  readonly encoding: "utf-8";
  encode(text?: string): OwnBytes;
  encodeInto(text: string, target: Uint8Array): { read: number; written: number };
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(input?: ArrayBufferView | ArrayBuffer, options?: { stream?: boolean }): string;
}
declare function btoa(text: string): string;
declare function atob(text: string): string;

type BufferEncoding =
  | "utf8"
  | "utf-8"
  | "hex"
  | "base64"
  | "base64url"
  | "latin1"
  | "binary"
  | "ascii"
  | "utf16le"
  | "utf-16le"
  | "ucs2"
  | "ucs-2";

/** Uint8Array over memory that is not shared, whether or not this TypeScript tells the two apart. */
type OwnBytes = ReturnType<Uint8Array["slice"]>;
interface Buffer extends OwnBytes {
  toString(encoding?: BufferEncoding, start?: number, end?: number): string;
  toJSON(): { type: "Buffer"; data: number[] };
  equals(other: Uint8Array): boolean;
  compare(other: Uint8Array): number;
  /** Shares the memory, unlike that of Uint8Array. */
  slice(start?: number, end?: number): Buffer;
  subarray(start?: number, end?: number): Buffer;
  copy(target: Uint8Array, at?: number, start?: number, end?: number): number;
  write(text: string, encoding?: BufferEncoding): number;
  write(text: string, offset: number, encoding?: BufferEncoding): number;
  write(text: string, offset: number, length: number, encoding?: BufferEncoding): number;
  fill(value: string | number | Uint8Array, start?: number, end?: number, encoding?: BufferEncoding): this;
  fill(value: string, encoding: BufferEncoding): this;
  indexOf(value: string | number | Uint8Array, from?: number, encoding?: BufferEncoding): number;
  indexOf(value: string, encoding: BufferEncoding): number;
  includes(value: string | number | Uint8Array, from?: number, encoding?: BufferEncoding): boolean;
  includes(value: string, encoding: BufferEncoding): boolean;
  readUInt8(offset?: number): number;
  readInt8(offset?: number): number;
  readUInt16LE(offset?: number): number;
  readUInt16BE(offset?: number): number;
  readInt16LE(offset?: number): number;
  readInt16BE(offset?: number): number;
  readUInt32LE(offset?: number): number;
  readUInt32BE(offset?: number): number;
  readInt32LE(offset?: number): number;
  readInt32BE(offset?: number): number;
  readBigUInt64LE(offset?: number): bigint;
  readBigUInt64BE(offset?: number): bigint;
  readBigInt64LE(offset?: number): bigint;
  readBigInt64BE(offset?: number): bigint;
  readFloatLE(offset?: number): number;
  readFloatBE(offset?: number): number;
  readDoubleLE(offset?: number): number;
  readDoubleBE(offset?: number): number;
  writeUInt8(value: number, offset?: number): number;
  writeInt8(value: number, offset?: number): number;
  writeUInt16LE(value: number, offset?: number): number;
  writeUInt16BE(value: number, offset?: number): number;
  writeInt16LE(value: number, offset?: number): number;
  writeInt16BE(value: number, offset?: number): number;
  writeUInt32LE(value: number, offset?: number): number;
  writeUInt32BE(value: number, offset?: number): number;
  writeInt32LE(value: number, offset?: number): number;
  writeInt32BE(value: number, offset?: number): number;
  writeBigUInt64LE(value: bigint, offset?: number): number;
  writeBigUInt64BE(value: bigint, offset?: number): number;
  writeBigInt64LE(value: bigint, offset?: number): number;
  writeBigInt64BE(value: bigint, offset?: number): number;
  writeFloatLE(value: number, offset?: number): number;
  writeFloatBE(value: number, offset?: number): number;
  writeDoubleLE(value: number, offset?: number): number;
  writeDoubleBE(value: number, offset?: number): number;
}
interface BufferConstructor {
  readonly prototype: Buffer;
  from(text: string, encoding?: BufferEncoding): Buffer;
  from(memory: ArrayBuffer, offset?: number, length?: number): Buffer;
  from(bytes: ArrayLike<number> | Iterable<number> | { type: "Buffer"; data: number[] }): Buffer;
  alloc(size: number, fill?: string | number | Uint8Array, encoding?: BufferEncoding): Buffer;
  allocUnsafe(size: number): Buffer;
  isBuffer(value: unknown): value is Buffer;
  isEncoding(name: unknown): name is BufferEncoding;
  byteLength(value: string | ArrayBuffer | ArrayBufferView, encoding?: BufferEncoding): number;
  concat(list: readonly Uint8Array[], length?: number): Buffer;
  compare(a: Uint8Array, b: Uint8Array): -1 | 0 | 1;
  [Symbol.hasInstance](value: unknown): value is Buffer;
}
declare const Buffer: BufferConstructor;

declare const crypto: {
  getRandomValues<T extends ArrayBufferView>(array: T): T;
  randomUUID(): string;
  readonly subtle: {
    digest(algorithm: string | { name: string }, data: ArrayBuffer | ArrayBufferView): Promise<ArrayBuffer>;
  };
};

// ---- URL and fetch

declare class URLSearchParams {
  constructor(init?: string | Record<string, string> | Iterable<[string, string]> | URLSearchParams);
  readonly size: number;
  append(name: string, value: string): void;
  set(name: string, value: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  delete(name: string, value?: string): void;
  sort(): void;
  forEach(callback: (value: string, name: string, params: URLSearchParams) => void): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
  toString(): string;
}
declare class URL {
  constructor(url: string | URL, base?: string | URL);
  static canParse(url: string, base?: string): boolean;
  static parse(url: string, base?: string): URL | null;
  href: string;
  readonly origin: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  readonly searchParams: URLSearchParams;
  hash: string;
  toString(): string;
  toJSON(): string;
}

type HeadersInit = Headers | [string, string][] | Record<string, string> | Iterable<[string, string]>;
declare class Headers {
  constructor(init?: HeadersInit | null);
  append(name: string, value: string): void;
  set(name: string, value: string): void;
  get(name: string): string | null;
  getSetCookie(): string[];
  has(name: string): boolean;
  delete(name: string): void;
  forEach(callback: (value: string, name: string, headers: Headers) => void): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

type BodyInit = string | URLSearchParams | ArrayBuffer | ArrayBufferView;
/** What Request and Response share. A body is whole when it arrives; there are no streams. */
interface Body {
  readonly headers: Headers;
  readonly body: null;
  readonly bodyUsed: boolean;
  bytes(): Promise<OwnBytes>;
  text(): Promise<string>;
  json(): Promise<any>;
  arrayBuffer(): Promise<ArrayBuffer>;
}
interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit | null;
  redirect?: "follow" | "manual" | "error";
  signal?: AbortSignal | import("agentcmd-workflows").CancelSignal | null;
}
interface Request extends Body {
  readonly url: string;
  readonly method: string;
  readonly redirect: string;
  readonly signal: AbortSignal | null;
  clone(): Request;
}
declare const Request: { readonly prototype: Request; new (input: string | URL | Request, init?: RequestInit): Request };
interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
}
interface Response extends Body {
  readonly status: number;
  readonly statusText: string;
  readonly ok: boolean;
  readonly url: string;
  readonly redirected: boolean;
  readonly type: "default";
  clone(): Response;
}
declare const Response: {
  readonly prototype: Response;
  new (body?: BodyInit | null, init?: ResponseInit): Response;
  json(value: unknown, init?: ResponseInit): Response;
  error(): Response;
};
/** Inside step.run only. */
declare function fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;

// ---- process

interface ProcessOutput {
  /** A line of the run's log. */
  write(text: unknown): boolean;
  end(text?: unknown): boolean;
  readonly fd: number;
  readonly isTTY: false;
  readonly columns: number;
}
interface Process {
  /** The environment of host steps: inside step.run only. What is changed in it stays in that closure. */
  readonly env: NodeJS.ProcessEnv;
  /** Where the run works. */
  cwd(): string;
  /** Not available: return from the workflow, or throw. */
  exit(code?: number): never;
  abort(): never;
  chdir(folder: string): never;
  kill(pid: number, signal?: string | number): never;
  readonly platform: "linux";
  readonly arch: "x64";
  readonly pid: number;
  readonly ppid: number;
  title: string;
  readonly argv: string[];
  readonly argv0: string;
  readonly execArgv: string[];
  readonly execPath: string;
  readonly version: string;
  readonly versions: { readonly node: string };
  readonly release: { readonly name: string };
  exitCode: number | string | undefined;
  readonly stdout: ProcessOutput;
  readonly stderr: ProcessOutput;
  nextTick<A extends unknown[]>(callback: (...args: A) => void, ...args: A): void;
  hrtime: { (previous?: [number, number]): [number, number]; bigint(): bigint };
  uptime(): number;
  umask(): number;
  memoryUsage(): { rss: number; heapTotal: number; heapUsed: number; external: number; arrayBuffers: number };
  cpuUsage(): { user: number; system: number };
  emitWarning(warning: unknown): void;
  /** No event ever comes. */
  on(event: string | symbol, listener: (...args: any[]) => void): this;
  once(event: string | symbol, listener: (...args: any[]) => void): this;
  off(event: string | symbol, listener: (...args: any[]) => void): this;
  addListener(event: string | symbol, listener: (...args: any[]) => void): this;
  removeListener(event: string | symbol, listener: (...args: any[]) => void): this;
  removeAllListeners(event?: string | symbol): this;
  emit(event: string | symbol, ...args: unknown[]): false;
  listeners(event: string | symbol): [];
  listenerCount(event: string | symbol): 0;
}
declare const process: Process;
