// node:fs and node:fs/promises. Each operation is one effect, written once: here its arguments become those of
// EFFECTS.md and its value what Node returns; the three forms (promise, callback, synchronous) are made from it.

import { base64Decode, base64Encode, effect, effectSync } from "agentcmd-core";
import { bytesOf } from "../web/encoding";
import { Buffer } from "./buffer";

interface Call {
  name: string;
  args: object;
  give(value: any): unknown;
}

type Options = Record<string, any> | string | null | undefined;
type PathLike = string | { href: string } | Uint8Array;

const nothing = (): undefined => undefined;
const asIs = (value: unknown): unknown => value;

function pathOf(path: PathLike): string {
  if (typeof path === "string") return path;
  if (path instanceof Uint8Array) return Buffer.from(path).toString();
  if (typeof path?.href === "string" && path.href.startsWith("file:"))
    return decodeURIComponent((path as unknown as URLLike).pathname);
  throw Object.assign(new TypeError('The "path" argument must be a text, a Buffer or a file: URL'), {
    code: "ERR_INVALID_ARG_TYPE",
  });
}

interface URLLike {
  pathname: string;
}

function encodingOf(options: Options): string | undefined {
  const encoding = typeof options === "string" ? options : options?.encoding;
  return encoding === "buffer" ? undefined : (encoding ?? undefined);
}

function fieldsOf(options: Options): Record<string, any> {
  return typeof options === "object" && options !== null ? options : {};
}

function modeOf(mode: unknown): number | undefined {
  return typeof mode === "string" ? Number.parseInt(mode, 8) : (mode as number | undefined);
}

function dataOf(data: unknown, options: Options): { data: string; encoding: "utf8" | "base64" } {
  const encoding = encodingOf(options) ?? "utf8";
  if (data instanceof ArrayBuffer || ArrayBuffer.isView(data))
    return { data: base64Encode(bytesOf(data)), encoding: "base64" };
  if (typeof data !== "string") {
    throw Object.assign(new TypeError('The "data" argument must be a text or bytes'), { code: "ERR_INVALID_ARG_TYPE" });
  }
  if (/^utf-?8$/i.test(encoding)) return { data, encoding: "utf8" };
  return { data: base64Encode(Buffer.from(data, encoding)), encoding: "base64" };
}

class Kind {
  constructor(private readonly kind: string) {
    Object.defineProperty(this, "kind", { enumerable: false });
  }
  isFile(): boolean {
    return this.kind === "file";
  }
  isDirectory(): boolean {
    return this.kind === "dir";
  }
  isSymbolicLink(): boolean {
    return this.kind === "symlink";
  }
  isFIFO(): boolean {
    return this.kind === "fifo";
  }
  isSocket(): boolean {
    return this.kind === "socket";
  }
  isCharacterDevice(): boolean {
    return this.kind === "char";
  }
  isBlockDevice(): boolean {
    return this.kind === "block";
  }
}

class Stats extends Kind {
  constructor({ kind, ...fields }: Record<string, any>) {
    super(kind);
    Object.assign(this, fields);
    for (const name of ["atime", "mtime", "ctime", "birthtime"]) {
      (this as Record<string, unknown>)[name] = new Date(fields[`${name}Ms`]);
    }
  }
}

class Dirent extends Kind {
  readonly name: string;
  readonly parentPath: string;
  readonly path: string;

  constructor(entry: { name: string; parent: string; kind: string }) {
    super(entry.kind);
    this.name = entry.name.replace(/^.*\//s, "");
    this.parentPath = entry.parent;
    this.path = entry.parent;
  }
}

function readFile(path: PathLike, options?: Options): Call {
  const encoding = encodingOf(options);
  const isUtf8 = encoding !== undefined && /^utf-?8$/i.test(encoding);
  const give = (value: string): unknown => {
    if (isUtf8) return value;
    const buffer = Buffer.from(base64Decode(value));
    return encoding === undefined ? buffer : buffer.toString(encoding);
  };
  return { name: "fs.readFile", args: { path: pathOf(path), encoding: isUtf8 ? "utf8" : "base64" }, give };
}

function writeFile(path: PathLike, data: unknown, options?: Options): Call {
  const { flag, mode } = fieldsOf(options);
  return {
    name: "fs.writeFile",
    args: { path: pathOf(path), ...dataOf(data, options), flag, mode: modeOf(mode) },
    give: nothing,
  };
}

function appendFile(path: PathLike, data: unknown, options?: Options): Call {
  return {
    name: "fs.appendFile",
    args: { path: pathOf(path), ...dataOf(data, options), mode: modeOf(fieldsOf(options).mode) },
    give: nothing,
  };
}

function mkdir(path: PathLike, options?: Options | number): Call {
  const { recursive, mode } = typeof options === "number" ? { recursive: undefined, mode: options } : fieldsOf(options);
  return {
    name: "fs.mkdir",
    args: { path: pathOf(path), recursive, mode: modeOf(mode) },
    give: (value) => value ?? undefined,
  };
}

function readdir(path: PathLike, options?: Options): Call {
  const { recursive, withFileTypes } = fieldsOf(options);
  const give = (entries: { name: string; parent: string; kind: string }[]): unknown =>
    entries.map((entry) => (withFileTypes ? new Dirent(entry) : entry.name));
  return { name: "fs.readdir", args: { path: pathOf(path), recursive }, give };
}

function statOf(name: string) {
  return (path: PathLike): Call => ({ name, args: { path: pathOf(path) }, give: (value) => new Stats(value) });
}

function ofPath(name: string, give: Call["give"] = nothing) {
  return (path: PathLike): Call => ({ name, args: { path: pathOf(path) }, give });
}

function fromTo(name: string) {
  return (from: PathLike, to: PathLike): Call => ({
    name,
    args: { from: pathOf(from), to: pathOf(to) },
    give: nothing,
  });
}

function seconds(time: unknown): number {
  return time instanceof Date ? time.getTime() : Number(time) * 1000;
}

const operations: Record<string, (...args: any[]) => Call> = {
  readFile,
  writeFile,
  appendFile,
  mkdir,
  readdir,
  stat: statOf("fs.stat"),
  lstat: statOf("fs.lstat"),
  access: (path, mode) => ({ name: "fs.access", args: { path: pathOf(path), mode }, give: nothing }),
  rm: (path, options) => ({
    name: "fs.rm",
    args: { path: pathOf(path), recursive: options?.recursive, force: options?.force },
    give: nothing,
  }),
  unlink: ofPath("fs.unlink"),
  rmdir: (path, options) => (options?.recursive ? operations.rm!(path, options) : ofPath("fs.rmdir")(path)),
  rename: fromTo("fs.rename"),
  copyFile: (from, to, mode) => ({
    name: "fs.copyFile",
    args: { from: pathOf(from), to: pathOf(to), exclusive: ((mode ?? 0) & 1) === 1 },
    give: nothing,
  }),
  cp: (from, to, options) => ({
    name: "fs.cp",
    args: {
      from: pathOf(from),
      to: pathOf(to),
      recursive: options?.recursive,
      force: options?.force,
      errorOnExist: options?.errorOnExist,
    },
    give: nothing,
  }),
  mkdtemp: (prefix) => ({ name: "fs.mkdtemp", args: { prefix: pathOf(prefix) }, give: asIs }),
  realpath: ofPath("fs.realpath", asIs),
  chmod: (path, mode) => ({ name: "fs.chmod", args: { path: pathOf(path), mode: modeOf(mode) }, give: nothing }),
  symlink: (target, path) => ({
    name: "fs.symlink",
    args: { target: pathOf(target), path: pathOf(path) },
    give: nothing,
  }),
  readlink: ofPath("fs.readlink", asIs),
  truncate: (path, length) => ({
    name: "fs.truncate",
    args: { path: pathOf(path), length: length ?? 0 },
    give: nothing,
  }),
  utimes: (path, atime, mtime) => ({
    name: "fs.utimes",
    args: { path: pathOf(path), atimeMs: seconds(atime), mtimeMs: seconds(mtime) },
    give: nothing,
  }),
};

const constants = {
  F_OK: 0,
  X_OK: 1,
  W_OK: 2,
  R_OK: 4,
  COPYFILE_EXCL: 1,
  COPYFILE_FICLONE: 2,
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
};
export const promises: Record<string, unknown> = { constants };
export const fs: Record<string, unknown> = { constants, promises, Stats, Dirent, ...constants };

for (const [name, operation] of Object.entries(operations)) {
  const ask = async (...args: unknown[]): Promise<unknown> => {
    const call = operation(...args);
    return call.give(await effect(`fs.${name}()`, call.name, call.args));
  };
  promises[name] = ask;
  fs[name] = (...args: unknown[]): void => {
    const callback = args.pop();
    if (typeof callback !== "function")
      throw new TypeError(`fs.${name} needs a callback; fs.promises.${name} does not`);
    ask(...args).then(
      (value) => callback(null, value),
      (error) => callback(error),
    );
  };
  fs[`${name}Sync`] = (...args: unknown[]): unknown => {
    const call = operation(...args);
    return call.give(effectSync(`fs.${name}Sync()`, call.name, call.args));
  };
}

const statSync = fs.statSync as (path: PathLike) => unknown;
fs.statSync = (path: PathLike, options?: { throwIfNoEntry?: boolean }): unknown => {
  try {
    return statSync(path);
  } catch (error) {
    if (options?.throwIfNoEntry === false && (error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
};
fs.existsSync = (path: PathLike): boolean => {
  try {
    effectSync("fs.existsSync()", "fs.access", { path: pathOf(path) });
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === undefined) throw error;
    return false;
  }
};
fs.default = fs;
promises.default = promises;
