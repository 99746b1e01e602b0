// node:buffer: Buffer as scripts use it.

import {
  base64Decode,
  base64Encode,
  hexEncode,
  latin1Decode,
  latin1Encode,
  utf8Decode,
  utf8Encode,
} from "agentcmd-core";
import { atob, btoa } from "../web/encoding";

const encodings = new Set([
  "utf8",
  "utf-8",
  "hex",
  "base64",
  "base64url",
  "latin1",
  "binary",
  "ascii",
  "utf16le",
  "utf-16le",
  "ucs2",
  "ucs-2",
]);

function bytesOfText(text: string, encoding = "utf8"): Uint8Array {
  switch (encoding.toLowerCase()) {
    case "utf8":
    case "utf-8":
      return utf8Encode(text);
    case "base64":
    case "base64url":
      return base64Decode(text);
    case "hex": {
      const digits = /^(?:[0-9a-f]{2})*/i.exec(text)![0];
      return Uint8Array.from({ length: digits.length / 2 }, (_, i) =>
        Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16),
      );
    }
    case "latin1":
    case "binary":
    case "ascii":
      return latin1Encode(text);
    case "utf16le":
    case "utf-16le":
    case "ucs2":
    case "ucs-2":
      return Uint8Array.from({ length: text.length * 2 }, (_, i) => (text.charCodeAt(i >> 1) >> (8 * (i & 1))) & 255);
    default:
      throw unknownEncoding(encoding);
  }
}

function unknownEncoding(encoding: string): TypeError {
  return Object.assign(new TypeError(`Unknown encoding: ${encoding}`), { code: "ERR_UNKNOWN_ENCODING" });
}

type Source = string | ArrayBuffer | ArrayLike<number> | Iterable<number> | { type: "Buffer"; data: number[] };

export class Buffer extends Uint8Array {
  static override from(source: any, ...rest: any[]): Buffer {
    const value = source as Source;
    if (typeof value === "string") return wrap(bytesOfText(value, rest[0] as string | undefined));
    if (value instanceof ArrayBuffer)
      return new Buffer(value, (rest[0] as number | undefined) ?? 0, rest[1] as number | undefined);
    if (typeof value === "object" && value !== null) {
      if ("type" in value && value.type === "Buffer") return Buffer.from(value.data);
      return new Buffer(Uint8Array.from(value as ArrayLike<number>).buffer as ArrayBuffer);
    }
    throw Object.assign(new TypeError("Buffer.from needs a text, bytes or a list of numbers"), {
      code: "ERR_INVALID_ARG_TYPE",
    });
  }

  static alloc(size: number, fill?: string | number | Uint8Array, encoding?: string): Buffer {
    const buffer = new Buffer(size);
    return fill === undefined ? buffer : (buffer.fill(fill as number, 0, size, encoding) as Buffer);
  }

  static allocUnsafe(size: number): Buffer {
    return new Buffer(size);
  }

  static isBuffer(value: unknown): value is Buffer {
    return value instanceof Buffer;
  }

  static isEncoding(name: unknown): boolean {
    return typeof name === "string" && encodings.has(name.toLowerCase());
  }

  static byteLength(value: string | ArrayBuffer | ArrayBufferView, encoding?: string): number {
    return typeof value === "string" ? bytesOfText(value, encoding).length : value.byteLength;
  }

  static concat(list: Uint8Array[], length?: number): Buffer {
    const total = length ?? list.reduce((sum, part) => sum + part.length, 0);
    const out = new Buffer(total);
    let at = 0;
    for (const part of list) {
      out.set(part.subarray(0, Math.max(0, total - at)), at);
      at += part.length;
      if (at >= total) break;
    }
    return out;
  }

  static compare(a: Uint8Array, b: Uint8Array): number {
    const length = Math.min(a.length, b.length);
    for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! < b[i]! ? -1 : 1;
    return Math.sign(a.length - b.length);
  }

  override toString(encoding = "utf8", start = 0, end = this.length): string {
    const bytes = Uint8Array.prototype.subarray.call(this, start, end) as Uint8Array;
    switch (encoding.toLowerCase()) {
      case "utf8":
      case "utf-8":
        return utf8Decode(bytes);
      case "base64":
        return base64Encode(bytes);
      case "base64url":
        return base64Encode(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
      case "hex":
        return hexEncode(bytes);
      case "latin1":
      case "binary":
        return latin1Decode(bytes);
      case "ascii":
        return latin1Decode(Uint8Array.from(bytes, (byte) => byte & 127));
      case "utf16le":
      case "utf-16le":
      case "ucs2":
      case "ucs-2":
        return Array.from({ length: bytes.length >> 1 }, (_, i) =>
          String.fromCharCode(bytes[2 * i]! | (bytes[2 * i + 1]! << 8)),
        ).join("");
      default:
        throw unknownEncoding(encoding);
    }
  }

  override toLocaleString(): string {
    return this.toString();
  }

  toJSON(): { type: "Buffer"; data: number[] } {
    return { type: "Buffer", data: Array.from(this) };
  }

  equals(other: Uint8Array): boolean {
    return Buffer.compare(this, other) === 0;
  }

  compare(other: Uint8Array): number {
    return Buffer.compare(this, other);
  }

  /** Shares the memory, unlike that of Uint8Array. */
  override slice(start?: number, end?: number): any {
    return this.subarray(start, end);
  }

  override subarray(start?: number, end?: number): any {
    const part = Uint8Array.prototype.subarray.call(this, start, end);
    return part;
  }

  copy(target: Uint8Array, at = 0, start = 0, end = this.length): number {
    const part = Uint8Array.prototype.subarray.call(
      this,
      start,
      Math.min(end, start + target.length - at),
    ) as Uint8Array;
    target.set(part, at);
    return part.length;
  }

  write(text: string, offset: number | string = 0, length?: number | string, encoding?: string): number {
    const name = typeof offset === "string" ? offset : typeof length === "string" ? length : encoding;
    const at = typeof offset === "number" ? offset : 0;
    const room = Math.min(typeof length === "number" ? length : Infinity, this.length - at);
    const bytes = bytesOfText(text, name).subarray(0, room);
    this.set(bytes, at);
    return bytes.length;
  }

  override fill(value: any, start?: any, end?: any, encoding?: any): this {
    if (typeof value === "number") return super.fill(value & 255, start, end) as this;
    const name = typeof start === "string" ? start : typeof end === "string" ? end : encoding;
    const from = typeof start === "number" ? start : 0;
    const to = typeof end === "number" ? end : this.length;
    const bytes = typeof value === "string" ? bytesOfText(value, name) : (value as Uint8Array);
    for (let i = from; i < to; i++) this[i] = bytes.length === 0 ? 0 : bytes[(i - from) % bytes.length]!;
    return this;
  }

  override indexOf(value: any, from: any = 0, encoding?: string): number {
    if (typeof value === "number") return super.indexOf(value & 255, from);
    const bytes =
      typeof value === "string"
        ? bytesOfText(value, typeof from === "string" ? from : encoding)
        : (value as Uint8Array);
    const start = typeof from === "number" ? (from < 0 ? Math.max(0, this.length + from) : from) : 0;
    for (let i = start; i + bytes.length <= this.length; i++) {
      let same = 0;
      while (same < bytes.length && this[i + same] === bytes[same]) same++;
      if (same === bytes.length) return i;
    }
    return -1;
  }

  override includes(value: any, from?: any, encoding?: string): boolean {
    return this.indexOf(value, from, encoding) >= 0;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    const shown = Array.from(Uint8Array.prototype.subarray.call(this, 0, 50), (byte) =>
      hexEncode(Uint8Array.of(byte as number)),
    );
    return `<Buffer ${shown.join(" ")}${this.length > 50 ? ` ... ${this.length - 50} more bytes` : ""}>`;
  }
}

/** A view of the same memory. */
function wrap(bytes: Uint8Array): Buffer {
  return new Buffer(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}

// readUInt32LE and its kin: name, size, and the DataView's name for it.
const numbers: [string, string, number][] = [
  ["UInt8", "Uint8", 1],
  ["Int8", "Int8", 1],
  ["UInt16", "Uint16", 2],
  ["Int16", "Int16", 2],
  ["UInt32", "Uint32", 4],
  ["Int32", "Int32", 4],
  ["BigUInt64", "BigUint64", 8],
  ["BigInt64", "BigInt64", 8],
  ["Float", "Float32", 4],
  ["Double", "Float64", 8],
];
for (const [name, viewed, size] of numbers) {
  for (const order of size === 1 ? [""] : ["LE", "BE"]) {
    const view = (buffer: Buffer): any => new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    const read = function (this: Buffer, offset = 0): unknown {
      return view(this)[`get${viewed}`](offset, order === "LE");
    };
    const write = function (this: Buffer, value: unknown, offset = 0): number {
      view(this)[`set${viewed}`](offset, value, order === "LE");
      return offset + size;
    };
    for (const alias of [name, name.replace("UInt", "Uint")]) {
      Object.defineProperty(Buffer.prototype, `read${alias}${order}`, {
        value: read,
        configurable: true,
        writable: true,
      });
      Object.defineProperty(Buffer.prototype, `write${alias}${order}`, {
        value: write,
        configurable: true,
        writable: true,
      });
    }
  }
}

export const constants = { MAX_LENGTH: 2 ** 32, MAX_STRING_LENGTH: 2 ** 29 };
export const kMaxLength = constants.MAX_LENGTH;
export { atob, btoa };
