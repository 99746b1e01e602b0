// The modules of Node that workflow code may use, with what agentcmd offers of each. What touches the machine (fs,
// child_process, os, the environment) works inside step.run only; the rest everywhere. Any other module of Node is
// missing here because it does nothing there.

// ---- fs

declare module "node:fs" {
  export type PathLike = string | URL | Uint8Array;
  export type Mode = number | string;
  type Data = string | ArrayBuffer | ArrayBufferView;
  type TextOptions = BufferEncoding | { encoding: BufferEncoding; flag?: string };
  type BytesOptions = { encoding?: null; flag?: string } | null;
  type WriteOptions = BufferEncoding | { encoding?: BufferEncoding | null; flag?: string; mode?: Mode } | null;
  type AppendOptions = BufferEncoding | { encoding?: BufferEncoding | null; mode?: Mode } | null;
  type MakeOptions = Mode | { recursive?: boolean; mode?: Mode } | null;
  type NameOptions = BufferEncoding | { encoding?: BufferEncoding | null; recursive?: boolean; withFileTypes?: false } | null;
  type EntryOptions = { recursive?: boolean; withFileTypes: true };
  type RemoveOptions = { recursive?: boolean; force?: boolean };
  type CopyOptions = { recursive?: boolean; force?: boolean; errorOnExist?: boolean };
  type Time = Date | number | string;
  type Done<T> = (error: NodeJS.ErrnoException | null, value: T) => void;
  type DoneEmpty = (error: NodeJS.ErrnoException | null) => void;

  interface Kind {
    isFile(): boolean;
    isDirectory(): boolean;
    isSymbolicLink(): boolean;
    isFIFO(): boolean;
    isSocket(): boolean;
    isCharacterDevice(): boolean;
    isBlockDevice(): boolean;
  }
  export interface Stats extends Kind {
    readonly dev: number;
    readonly ino: number;
    readonly mode: number;
    readonly nlink: number;
    readonly uid: number;
    readonly gid: number;
    readonly rdev: number;
    readonly size: number;
    readonly blksize: number;
    readonly blocks: number;
    readonly atimeMs: number;
    readonly mtimeMs: number;
    readonly ctimeMs: number;
    readonly birthtimeMs: number;
    readonly atime: Date;
    readonly mtime: Date;
    readonly ctime: Date;
    readonly birthtime: Date;
  }
  export interface Dirent extends Kind {
    readonly name: string;
    readonly parentPath: string;
    readonly path: string;
  }

  interface Constants {
    readonly F_OK: 0;
    readonly X_OK: 1;
    readonly W_OK: 2;
    readonly R_OK: 4;
    readonly COPYFILE_EXCL: 1;
    readonly COPYFILE_FICLONE: 2;
    readonly O_RDONLY: 0;
    readonly O_WRONLY: 1;
    readonly O_RDWR: 2;
  }
  export const constants: Constants;
  export const F_OK: 0;
  export const X_OK: 1;
  export const W_OK: 2;
  export const R_OK: 4;

  interface Promises {
    readonly constants: Constants;
    readFile(path: PathLike, options: TextOptions): Promise<string>;
    readFile(path: PathLike, options?: BytesOptions): Promise<Buffer>;
    writeFile(path: PathLike, data: Data, options?: WriteOptions): Promise<void>;
    appendFile(path: PathLike, data: Data, options?: AppendOptions): Promise<void>;
    mkdir(path: PathLike, options?: MakeOptions): Promise<string | undefined>;
    readdir(path: PathLike, options: EntryOptions): Promise<Dirent[]>;
    readdir(path: PathLike, options?: NameOptions): Promise<string[]>;
    stat(path: PathLike): Promise<Stats>;
    lstat(path: PathLike): Promise<Stats>;
    access(path: PathLike, mode?: number): Promise<void>;
    rm(path: PathLike, options?: RemoveOptions): Promise<void>;
    unlink(path: PathLike): Promise<void>;
    rmdir(path: PathLike, options?: { recursive?: boolean }): Promise<void>;
    rename(from: PathLike, to: PathLike): Promise<void>;
    copyFile(from: PathLike, to: PathLike, mode?: number): Promise<void>;
    cp(from: PathLike, to: PathLike, options?: CopyOptions): Promise<void>;
    mkdtemp(prefix: string): Promise<string>;
    realpath(path: PathLike): Promise<string>;
    chmod(path: PathLike, mode: Mode): Promise<void>;
    symlink(target: PathLike, path: PathLike): Promise<void>;
    readlink(path: PathLike): Promise<string>;
    truncate(path: PathLike, length?: number): Promise<void>;
    utimes(path: PathLike, atime: Time, mtime: Time): Promise<void>;
  }
  export const promises: Promises;

  export function existsSync(path: PathLike): boolean;
  export function readFileSync(path: PathLike, options: TextOptions): string;
  export function readFileSync(path: PathLike, options?: BytesOptions): Buffer;
  export function writeFileSync(path: PathLike, data: Data, options?: WriteOptions): void;
  export function appendFileSync(path: PathLike, data: Data, options?: AppendOptions): void;
  export function mkdirSync(path: PathLike, options?: MakeOptions): string | undefined;
  export function readdirSync(path: PathLike, options: EntryOptions): Dirent[];
  export function readdirSync(path: PathLike, options?: NameOptions): string[];
  export function statSync(path: PathLike, options: { throwIfNoEntry: false }): Stats | undefined;
  export function statSync(path: PathLike, options?: { throwIfNoEntry?: boolean }): Stats;
  export function lstatSync(path: PathLike): Stats;
  export function accessSync(path: PathLike, mode?: number): void;
  export function rmSync(path: PathLike, options?: RemoveOptions): void;
  export function unlinkSync(path: PathLike): void;
  export function rmdirSync(path: PathLike, options?: { recursive?: boolean }): void;
  export function renameSync(from: PathLike, to: PathLike): void;
  export function copyFileSync(from: PathLike, to: PathLike, mode?: number): void;
  export function cpSync(from: PathLike, to: PathLike, options?: CopyOptions): void;
  export function mkdtempSync(prefix: string): string;
  export function realpathSync(path: PathLike): string;
  export function chmodSync(path: PathLike, mode: Mode): void;
  export function symlinkSync(target: PathLike, path: PathLike): void;
  export function readlinkSync(path: PathLike): string;
  export function truncateSync(path: PathLike, length?: number): void;
  export function utimesSync(path: PathLike, atime: Time, mtime: Time): void;

  export function readFile(path: PathLike, options: TextOptions, done: Done<string>): void;
  export function readFile(path: PathLike, options: BytesOptions, done: Done<Buffer>): void;
  export function readFile(path: PathLike, done: Done<Buffer>): void;
  export function writeFile(path: PathLike, data: Data, options: WriteOptions, done: DoneEmpty): void;
  export function writeFile(path: PathLike, data: Data, done: DoneEmpty): void;
  export function appendFile(path: PathLike, data: Data, options: AppendOptions, done: DoneEmpty): void;
  export function appendFile(path: PathLike, data: Data, done: DoneEmpty): void;
  export function mkdir(path: PathLike, options: MakeOptions, done: Done<string | undefined>): void;
  export function mkdir(path: PathLike, done: Done<string | undefined>): void;
  export function readdir(path: PathLike, options: EntryOptions, done: Done<Dirent[]>): void;
  export function readdir(path: PathLike, options: NameOptions, done: Done<string[]>): void;
  export function readdir(path: PathLike, done: Done<string[]>): void;
  export function stat(path: PathLike, done: Done<Stats>): void;
  export function lstat(path: PathLike, done: Done<Stats>): void;
  export function access(path: PathLike, mode: number, done: DoneEmpty): void;
  export function access(path: PathLike, done: DoneEmpty): void;
  export function rm(path: PathLike, options: RemoveOptions, done: DoneEmpty): void;
  export function rm(path: PathLike, done: DoneEmpty): void;
  export function unlink(path: PathLike, done: DoneEmpty): void;
  export function rmdir(path: PathLike, done: DoneEmpty): void;
  export function rename(from: PathLike, to: PathLike, done: DoneEmpty): void;
  export function copyFile(from: PathLike, to: PathLike, mode: number, done: DoneEmpty): void;
  export function copyFile(from: PathLike, to: PathLike, done: DoneEmpty): void;
  export function cp(from: PathLike, to: PathLike, options: CopyOptions, done: DoneEmpty): void;
  export function cp(from: PathLike, to: PathLike, done: DoneEmpty): void;
  export function mkdtemp(prefix: string, done: Done<string>): void;
  export function realpath(path: PathLike, done: Done<string>): void;
  export function chmod(path: PathLike, mode: Mode, done: DoneEmpty): void;
  export function symlink(target: PathLike, path: PathLike, done: DoneEmpty): void;
  export function readlink(path: PathLike, done: Done<string>): void;
  export function truncate(path: PathLike, length: number, done: DoneEmpty): void;
  export function truncate(path: PathLike, done: DoneEmpty): void;
  export function utimes(path: PathLike, atime: Time, mtime: Time, done: DoneEmpty): void;

  const self: typeof import("node:fs");
  export default self;
}

declare module "node:fs/promises" {
  import { promises } from "node:fs";

  export const constants: typeof promises.constants;
  export const readFile: typeof promises.readFile;
  export const writeFile: typeof promises.writeFile;
  export const appendFile: typeof promises.appendFile;
  export const mkdir: typeof promises.mkdir;
  export const readdir: typeof promises.readdir;
  export const stat: typeof promises.stat;
  export const lstat: typeof promises.lstat;
  export const access: typeof promises.access;
  export const rm: typeof promises.rm;
  export const unlink: typeof promises.unlink;
  export const rmdir: typeof promises.rmdir;
  export const rename: typeof promises.rename;
  export const copyFile: typeof promises.copyFile;
  export const cp: typeof promises.cp;
  export const mkdtemp: typeof promises.mkdtemp;
  export const realpath: typeof promises.realpath;
  export const chmod: typeof promises.chmod;
  export const symlink: typeof promises.symlink;
  export const readlink: typeof promises.readlink;
  export const truncate: typeof promises.truncate;
  export const utimes: typeof promises.utimes;
  export default promises;
}

// ---- child_process

declare module "node:child_process" {
  import { EventEmitter } from "node:events";
  import { promisify } from "node:util";

  /** A process runs to its end, then its output arrives whole. */
  interface SpawnOptions {
    /** Relative to where the run works. */
    cwd?: string | URL;
    /** The whole environment; without it, that of host steps. */
    env?: NodeJS.ProcessEnv;
    /** In milliseconds. */
    timeout?: number;
    maxBuffer?: number;
    killSignal?: string;
    shell?: boolean | string;
    /** "inherit" shows the output as the step's, too. */
    stdio?: "pipe" | "inherit" | "ignore" | readonly unknown[];
    signal?: AbortSignal | import("agentcmd-workflows").CancelSignal;
  }
  interface InputOptions extends SpawnOptions {
    input?: string | ArrayBufferView;
  }
  type Text<O> = O & { encoding: BufferEncoding };
  type Bytes<O> = O & { encoding?: "buffer" | null };
  type MaybeText<O> = O & { encoding?: BufferEncoding };

  interface OutputStream extends EventEmitter {
    setEncoding(encoding: BufferEncoding): this;
    pipe<T>(target: T): T;
    resume(): this;
    [Symbol.asyncIterator](): AsyncGenerator<string | Buffer>;
  }
  interface InputStream extends EventEmitter {
    write(data: string | ArrayBufferView): boolean;
    end(data?: string | ArrayBufferView): this;
  }
  export class ChildProcess extends EventEmitter {
    private constructor();
    readonly stdout: OutputStream;
    readonly stderr: OutputStream;
    readonly stdin: InputStream;
    readonly pid: number | undefined;
    readonly exitCode: number | null;
    readonly signalCode: string | null;
    readonly killed: boolean;
    readonly spawnfile: string;
    kill(signal?: string): boolean;
    ref(): void;
    unref(): void;
  }

  /** Of a command that ended badly. */
  export interface ExecException extends Error {
    code?: number | string;
    killed?: boolean;
    signal?: string | null;
    cmd?: string;
  }
  type ExecDone<T> = (error: (ExecException & { stdout: T; stderr: T }) | null, stdout: T, stderr: T) => void;
  type Ended<T> = Promise<{ stdout: T; stderr: T }>;

  interface Exec {
    (command: string, done?: ExecDone<string>): ChildProcess;
    (command: string, options: SpawnOptions & { encoding: "buffer" | null }, done?: ExecDone<Buffer>): ChildProcess;
    (command: string, options: MaybeText<SpawnOptions>, done?: ExecDone<string>): ChildProcess;
    readonly [promisify.custom]: {
      (command: string, options: SpawnOptions & { encoding: "buffer" | null }): Ended<Buffer>;
      (command: string, options?: MaybeText<SpawnOptions>): Ended<string>;
    };
  }
  export const exec: Exec;

  interface ExecFile {
    (file: string, done?: ExecDone<string>): ChildProcess;
    (file: string, args: readonly string[], done?: ExecDone<string>): ChildProcess;
    (file: string, args: readonly string[], options: MaybeText<SpawnOptions>, done?: ExecDone<string>): ChildProcess;
    (file: string, options: MaybeText<SpawnOptions>, done?: ExecDone<string>): ChildProcess;
    readonly [promisify.custom]: {
      (file: string, args?: readonly string[], options?: MaybeText<SpawnOptions>): Ended<string>;
      (file: string, options?: MaybeText<SpawnOptions>): Ended<string>;
    };
  }
  export const execFile: ExecFile;

  export function spawn(file: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
  export function spawn(file: string, options?: SpawnOptions): ChildProcess;

  export function execSync(command: string, options: Text<InputOptions>): string;
  export function execSync(command: string, options?: Bytes<InputOptions>): Buffer;
  export function execFileSync(file: string, args: readonly string[], options: Text<InputOptions>): string;
  export function execFileSync(file: string, args?: readonly string[], options?: Bytes<InputOptions>): Buffer;
  export function execFileSync(file: string, options: Text<InputOptions>): string;
  export function execFileSync(file: string, options: Bytes<InputOptions>): Buffer;

  /** The streams are null where the process could not be started; `error` says why. */
  export interface SpawnSyncReturns<T> {
    pid: number;
    status: number | null;
    signal: string | null;
    stdout: T;
    stderr: T;
    output: [null, T, T] | null;
    error?: NodeJS.ErrnoException;
  }
  export function spawnSync(file: string, args: readonly string[], options: Text<InputOptions>): SpawnSyncReturns<string>;
  export function spawnSync(file: string, args?: readonly string[], options?: Bytes<InputOptions>): SpawnSyncReturns<Buffer>;
  export function spawnSync(file: string, options: Text<InputOptions>): SpawnSyncReturns<string>;
  export function spawnSync(file: string, options: Bytes<InputOptions>): SpawnSyncReturns<Buffer>;

  const self: typeof import("node:child_process");
  export default self;
}

// ---- path, os, url

declare module "node:path" {
  namespace path {
    interface ParsedPath {
      root: string;
      dir: string;
      base: string;
      ext: string;
      name: string;
    }
    interface Path {
      readonly sep: "/";
      readonly delimiter: ":";
      readonly posix: Path;
      normalize(path: string): string;
      join(...paths: string[]): string;
      resolve(...paths: string[]): string;
      relative(from: string, to: string): string;
      dirname(path: string): string;
      basename(path: string, suffix?: string): string;
      extname(path: string): string;
      parse(path: string): ParsedPath;
      format(parsed: Partial<ParsedPath>): string;
      isAbsolute(path: string): boolean;
      toNamespacedPath(path: string): string;
    }
  }
  const path: path.Path;
  export = path;
}

declare module "node:os" {
  export const EOL: "\n";
  export const devNull: "/dev/null";
  export const constants: { readonly signals: Record<"SIGHUP" | "SIGINT" | "SIGQUIT" | "SIGKILL" | "SIGTERM", number> };
  export function platform(): string;
  export function type(): string;
  export function release(): string;
  export function version(): string;
  export function arch(): string;
  export function machine(): string;
  export function hostname(): string;
  export function homedir(): string;
  export function tmpdir(): string;
  export function endianness(): "LE" | "BE";
  export function cpus(): { model: string; speed: number }[];
  export function availableParallelism(): number;
  export function totalmem(): number;
  export function freemem(): number;
  export function uptime(): number;
  export function loadavg(): [number, number, number];
  export function userInfo(): { username: string; uid: number; gid: number; shell: string; homedir: string };
  const self: typeof import("node:os");
  export default self;
}

declare module "node:url" {
  const OurURL: typeof URL;
  const OurURLSearchParams: typeof URLSearchParams;
  export { OurURL as URL, OurURLSearchParams as URLSearchParams };
  export function fileURLToPath(url: string | URL): string;
  export function pathToFileURL(file: string): URL;
  export function format(url: URL | string): string;
  export function parse(text: string, parseQuery?: boolean): {
    protocol: string | null;
    slashes: boolean | null;
    auth: string | null;
    host: string | null;
    hostname: string | null;
    port: string | null;
    pathname: string | null;
    search: string | null;
    query: string | Record<string, string> | null;
    hash: string | null;
    path: string | null;
    href: string;
  };
  export function resolve(from: string, to: string): string;
  const self: typeof import("node:url");
  export default self;
}

// ---- crypto, buffer

declare module "node:crypto" {
  type Data = string | ArrayBufferView;
  interface Digest {
    update(data: Data, encoding?: BufferEncoding): this;
    digest(encoding: BufferEncoding): string;
    digest(): Buffer;
    copy(): Digest;
  }
  export function createHash(algorithm: string): Digest;
  export function createHmac(algorithm: string, key: Data): Digest;
  export function hash(algorithm: string, data: Data, encoding?: BufferEncoding): string;
  export function getHashes(): string[];
  export function randomBytes(count: number): Buffer;
  export function randomBytes(count: number, done: (error: null, bytes: Buffer) => void): void;
  export function randomInt(max: number): number;
  export function randomInt(min: number, max: number): number;
  export function randomFillSync<T extends ArrayBufferView>(array: T): T;
  export function randomUUID(): string;
  export function getRandomValues<T extends ArrayBufferView>(array: T): T;
  export function timingSafeEqual(a: ArrayBufferView, b: ArrayBufferView): boolean;
  export const webcrypto: typeof crypto;
  const self: typeof import("node:crypto");
  export default self;
}

declare module "node:buffer" {
  const OurBuffer: typeof Buffer;
  type OurBuffer = Buffer;
  const ourAtob: typeof atob;
  const ourBtoa: typeof btoa;
  export { OurBuffer as Buffer, ourAtob as atob, ourBtoa as btoa };
  export const constants: { readonly MAX_LENGTH: number; readonly MAX_STRING_LENGTH: number };
  export const kMaxLength: number;
  const self: typeof import("node:buffer");
  export default self;
}

// ---- events, util, timers, process, assert

declare module "node:events" {
  type Listener = (...args: any[]) => void;
  class EventEmitter {
    static readonly EventEmitter: typeof EventEmitter;
    static defaultMaxListeners: number;
    /** Resolves with the arguments of the next such event, rejects with an error event. */
    static once(emitter: EventEmitter, name: string | symbol): Promise<any[]>;
    on(name: string | symbol, listener: Listener): this;
    addListener(name: string | symbol, listener: Listener): this;
    prependListener(name: string | symbol, listener: Listener): this;
    once(name: string | symbol, listener: Listener): this;
    off(name: string | symbol, listener: Listener): this;
    removeListener(name: string | symbol, listener: Listener): this;
    removeAllListeners(name?: string | symbol): this;
    emit(name: string | symbol, ...args: any[]): boolean;
    listeners(name: string | symbol): Listener[];
    listenerCount(name: string | symbol): number;
    eventNames(): (string | symbol)[];
    setMaxListeners(count: number): this;
    getMaxListeners(): number;
  }
  export { EventEmitter };
  export const once: typeof EventEmitter.once;
  export default EventEmitter;
}

declare module "node:util" {
  interface InspectOptions {
    depth?: number | null;
  }
  export function inspect(value: unknown, options?: InspectOptions): string;
  export namespace inspect {
    const custom: unique symbol;
  }
  export function format(...values: unknown[]): string;
  export function isDeepStrictEqual(a: unknown, b: unknown): boolean;
  export function promisify<F>(call: { readonly [promisify.custom]: F }): F;
  export function promisify<A extends unknown[], T>(
    call: (...args: [...args: A, done: (error: any, value: T) => void]) => void,
  ): (...args: A) => Promise<T>;
  export function promisify<A extends unknown[]>(
    call: (...args: [...args: A, done: (error?: any) => void]) => void,
  ): (...args: A) => Promise<void>;
  export namespace promisify {
    const custom: unique symbol;
  }
  export function callbackify<A extends unknown[], T>(
    call: (...args: A) => Promise<T>,
  ): (...args: [...args: A, done: (error: any, value: T) => void]) => void;
  export function deprecate<F>(call: F, message?: string, code?: string): F;
  export function debuglog(section: string): { (...values: unknown[]): void; readonly enabled: false };
  export const debug: typeof debuglog;
  export function inherits(child: Function, parent: Function): void;
  export function stripVTControlCharacters(text: string): string;
  export function styleText(style: string | readonly string[], text: string): string;
  export const types: {
    isDate(value: unknown): value is Date;
    isRegExp(value: unknown): value is RegExp;
    isPromise(value: unknown): value is Promise<unknown>;
    isMap(value: unknown): value is Map<unknown, unknown>;
    isSet(value: unknown): value is Set<unknown>;
    isNativeError(value: unknown): value is Error;
    isUint8Array(value: unknown): value is Uint8Array;
    isTypedArray(value: unknown): value is ArrayBufferView;
    isArrayBuffer(value: unknown): value is ArrayBuffer;
    isAnyArrayBuffer(value: unknown): value is ArrayBuffer;
    isAsyncFunction(value: unknown): boolean;
    isProxy(value: unknown): false;
  };
  const OurTextEncoder: typeof TextEncoder;
  const OurTextDecoder: typeof TextDecoder;
  export { OurTextDecoder as TextDecoder, OurTextEncoder as TextEncoder };
  const self: typeof import("node:util");
  export default self;
}

declare module "node:timers/promises" {
  interface Options {
    signal?: AbortSignal | import("agentcmd-workflows").CancelSignal;
  }
  interface TimerPromises {
    setTimeout(delay?: number): Promise<void>;
    setTimeout<T>(delay: number | undefined, value: T, options?: Options): Promise<T>;
    setImmediate(): Promise<void>;
    setImmediate<T>(value: T): Promise<T>;
    readonly scheduler: { wait(delay: number, options?: Options): Promise<void>; yield(): Promise<void> };
  }
  const self: TimerPromises;
  export const setTimeout: TimerPromises["setTimeout"];
  export const setImmediate: TimerPromises["setImmediate"];
  export const scheduler: TimerPromises["scheduler"];
  export default self;
}

declare module "node:timers" {
  const ourSetTimeout: typeof setTimeout;
  const ourSetInterval: typeof setInterval;
  const ourSetImmediate: typeof setImmediate;
  const ourClearTimeout: typeof clearTimeout;
  const ourClearInterval: typeof clearInterval;
  const ourClearImmediate: typeof clearImmediate;
  export {
    ourClearImmediate as clearImmediate,
    ourClearInterval as clearInterval,
    ourClearTimeout as clearTimeout,
    ourSetImmediate as setImmediate,
    ourSetInterval as setInterval,
    ourSetTimeout as setTimeout,
  };
  export const promises: typeof import("node:timers/promises").default;
  const self: typeof import("node:timers");
  export default self;
}

declare module "node:process" {
  const self: Process;
  export const env: Process["env"];
  export const cwd: Process["cwd"];
  export const platform: Process["platform"];
  export const arch: Process["arch"];
  export const argv: Process["argv"];
  export const stdout: Process["stdout"];
  export const stderr: Process["stderr"];
  export const nextTick: Process["nextTick"];
  export const hrtime: Process["hrtime"];
  export default self;
}

declare module "node:assert" {
  type Message = string | Error;
  type Matcher = RegExp | Function | object;
  function assert(value: unknown, message?: Message): asserts value;
  namespace assert {
    class AssertionError extends Error {
      constructor(options: { message?: string; actual?: unknown; expected?: unknown; operator?: string });
      readonly code: "ERR_ASSERTION";
      readonly generatedMessage: boolean;
      readonly actual: unknown;
      readonly expected: unknown;
      readonly operator: string;
    }
    function ok(value: unknown, message?: Message): asserts value;
    function equal(actual: unknown, expected: unknown, message?: Message): void;
    function notEqual(actual: unknown, expected: unknown, message?: Message): void;
    function strictEqual<T>(actual: unknown, expected: T, message?: Message): asserts actual is T;
    function notStrictEqual(actual: unknown, expected: unknown, message?: Message): void;
    function deepEqual(actual: unknown, expected: unknown, message?: Message): void;
    function deepStrictEqual<T>(actual: unknown, expected: T, message?: Message): asserts actual is T;
    function notDeepStrictEqual(actual: unknown, expected: unknown, message?: Message): void;
    function match(text: string, pattern: RegExp, message?: Message): void;
    function doesNotMatch(text: string, pattern: RegExp, message?: Message): void;
    function throws(call: () => unknown, matcher?: Matcher, message?: Message): void;
    function rejects(
      call: Promise<unknown> | (() => Promise<unknown>),
      matcher?: Matcher,
      message?: Message,
    ): Promise<void>;
    function fail(message?: Message): never;
    function ifError(value: unknown): asserts value is null | undefined;
    function strict(value: unknown, message?: Message): asserts value;
  }
  export = assert;
}

// ---- The same under their older names

declare module "fs" {
  export * from "node:fs";
  export { default } from "node:fs";
}
declare module "fs/promises" {
  export * from "node:fs/promises";
  export { default } from "node:fs/promises";
}
declare module "child_process" {
  export * from "node:child_process";
  export { default } from "node:child_process";
}
declare module "path" {
  import path = require("node:path");
  export = path;
}
declare module "node:path/posix" {
  import path = require("node:path");
  export = path;
}
declare module "path/posix" {
  import path = require("node:path");
  export = path;
}
declare module "os" {
  export * from "node:os";
  export { default } from "node:os";
}
declare module "url" {
  export * from "node:url";
  export { default } from "node:url";
}
declare module "crypto" {
  export * from "node:crypto";
  export { default } from "node:crypto";
}
declare module "buffer" {
  export * from "node:buffer";
  export { default } from "node:buffer";
}
declare module "events" {
  export * from "node:events";
  export { default } from "node:events";
}
declare module "util" {
  export * from "node:util";
  export { default } from "node:util";
}
declare module "timers" {
  export * from "node:timers";
  export { default } from "node:timers";
}
declare module "timers/promises" {
  export * from "node:timers/promises";
  export { default } from "node:timers/promises";
}
declare module "process" {
  export * from "node:process";
  export { default } from "node:process";
}
declare module "assert" {
  import assert = require("node:assert");
  export = assert;
}
declare module "node:assert/strict" {
  import assert = require("node:assert");
  export = assert;
}
declare module "assert/strict" {
  import assert = require("node:assert");
  export = assert;
}
