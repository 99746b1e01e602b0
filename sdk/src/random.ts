// Chance: a stream of the run's own for the body, the same in every replay; the operating system's in closures.

import { latin1Encode } from "./text";
import { vm } from "./vm";

const systemRandom = Math.random;

// sfc32 by Chris Doty-Humphrey: small, fast, passes PractRand.
let a = 0;
let b = 0;
let c = 0;
let counter = 1;

function next32(): number {
  const sum = (a + b + counter) | 0;
  counter = (counter + 1) | 0;
  a = b ^ (b >>> 9);
  b = (c + (c << 3)) | 0;
  c = ((c << 21) | (c >>> 11)) + sum;
  c |= 0;
  return sum >>> 0;
}

/** `text` is a number of up to 64 bits in decimal. */
export function seed(text: string): void {
  const value = BigInt.asUintN(64, BigInt(text));
  a = Number(value & 0xffffffffn) | 0;
  b = Number(value >> 32n) | 0;
  c = 0x9e3779b9 | 0;
  counter = 1;
  for (let i = 0; i < 15; i++) next32();
}

function isReal(): boolean {
  return vm.owner !== null || vm.describing || vm.querying;
}

/** In [0, 1), with 53 bits. */
export function random(): number {
  if (isReal()) return systemRandom();
  const high = next32() >>> 5;
  const low = next32() >>> 6;
  return (high * 0x4000000 + low) / 2 ** 53;
}

export function randomBytes(count: number): Uint8Array {
  if (isReal()) return latin1Encode(vm.host.randomBytes(count));
  const bytes = new Uint8Array(count);
  for (let i = 0; i < count; i += 4) {
    const word = next32();
    for (let j = 0; j < 4 && i + j < count; j++) bytes[i + j] = word >>> (8 * j);
  }
  return bytes;
}

export function randomUuid(): string {
  const bytes = randomBytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

export function getRandomValues<T>(array: T): T {
  if (
    !ArrayBuffer.isView(array) ||
    array instanceof DataView ||
    array instanceof Float32Array ||
    array instanceof Float64Array
  ) {
    throw new TypeError("crypto.getRandomValues needs an array of integers");
  }
  if (array.byteLength > 65536) throw new RangeError("crypto.getRandomValues gives at most 65536 bytes at a time");
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(randomBytes(array.byteLength));
  return array;
}
