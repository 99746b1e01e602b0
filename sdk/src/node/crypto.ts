// node:crypto: digests and chance. Digests are pure and work everywhere; chance is the run's own in the body.

import {
  getRandomValues as fillRandom,
  latin1Decode,
  latin1Encode,
  random,
  randomBytes as bytesAtRandom,
  randomUuid,
  utf8Encode,
  vm,
} from "agentcmd-core";
import { bytesOf } from "../web/encoding";
import { Buffer } from "./buffer";

type Data = string | ArrayBufferView;

function textOf(data: Data, encoding?: string): string {
  if (typeof data !== "string") return latin1Decode(bytesOf(data));
  return latin1Decode(encoding ? Buffer.from(data, encoding) : utf8Encode(data));
}

class Digest {
  private readonly parts: string[] = [];
  private done = false;

  constructor(
    private readonly algorithm: string,
    private readonly key?: string,
  ) {
    vm.host.digest(algorithm, "", key);
  }

  update(data: Data, encoding?: string): this {
    if (this.done) throw new Error("Digest already called");
    this.parts.push(textOf(data, encoding));
    return this;
  }

  digest(encoding?: string): string | Buffer {
    if (this.done) throw new Error("Digest already called");
    this.done = true;
    const bytes = Buffer.from(latin1Encode(vm.host.digest(this.algorithm, this.parts.join(""), this.key)));
    return encoding && encoding !== "buffer" ? bytes.toString(encoding) : bytes;
  }

  copy(): Digest {
    const copy = new Digest(this.algorithm, this.key);
    copy.parts.push(...this.parts);
    return copy;
  }
}

function named(algorithm: string): string {
  return algorithm.toLowerCase().replace(/^(rsa-)?sha-?(\d+)$/, "sha$2");
}

export function createHash(algorithm: string): Digest {
  return new Digest(named(algorithm));
}

export function createHmac(algorithm: string, key: Data): Digest {
  return new Digest(named(algorithm), textOf(key));
}

export function hash(algorithm: string, data: Data, encoding = "hex"): string | Buffer {
  return createHash(algorithm).update(data).digest(encoding);
}

export function getHashes(): string[] {
  return ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];
}

export function randomBytes(count: number, callback?: (error: null, bytes: Buffer) => void): Buffer | undefined {
  const bytes = Buffer.from(bytesAtRandom(count));
  if (!callback) return bytes;
  void Promise.resolve().then(() => callback(null, bytes));
  return undefined;
}

export function randomInt(min: number, max?: number): number {
  const [low, high] = max === undefined ? [0, min] : [min, max];
  if (!(high > low)) throw new RangeError("crypto.randomInt: the upper limit must be above the lower one");
  return low + Math.floor(random() * (high - low));
}

export function randomFillSync<T>(array: T): T {
  return fillRandom(array);
}

export function timingSafeEqual(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const [left, right] = [bytesOf(a), bytesOf(b)];
  if (left.length !== right.length) throw new RangeError("Input buffers must have the same byte length");
  let difference = 0;
  left.forEach((byte, i) => (difference |= byte ^ right[i]!));
  return difference === 0;
}

export const randomUUID = randomUuid;
export const getRandomValues = fillRandom;
export const webcrypto = {
  getRandomValues: fillRandom,
  randomUUID: randomUuid,
  subtle: {
    async digest(algorithm: string | { name: string }, data: ArrayBuffer | ArrayBufferView): Promise<ArrayBuffer> {
      const name = typeof algorithm === "string" ? algorithm : algorithm.name;
      return latin1Encode(vm.host.digest(named(name), latin1Decode(bytesOf(data)))).buffer as ArrayBuffer;
    },
  },
};
