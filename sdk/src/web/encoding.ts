// TextEncoder, TextDecoder, btoa and atob.

import { base64Decode, base64Encode, latin1Decode, latin1Encode, utf8Decode, utf8Encode } from "agentcmd-core";

export class TextEncoder {
  readonly encoding = "utf-8";

  encode(text = ""): Uint8Array {
    return utf8Encode(String(text));
  }

  encodeInto(text: string, target: Uint8Array): { read: number; written: number } {
    let read = 0;
    let written = 0;
    for (const character of text) {
      const bytes = utf8Encode(character);
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      written += bytes.length;
      read += character.length;
    }
    return { read, written };
  }
}

export class TextDecoder {
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  private held = new Uint8Array(0);

  constructor(label = "utf-8", options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    const name = label.toLowerCase().trim();
    const latin1 = ["latin1", "iso-8859-1", "ascii", "us-ascii", "windows-1252"].includes(name);
    if (!latin1 && !["utf-8", "utf8", "unicode-1-1-utf-8"].includes(name)) {
      throw new RangeError(`TextDecoder: the encoding "${label}" is not supported`);
    }
    this.encoding = latin1 ? "windows-1252" : "utf-8";
    this.fatal = options.fatal === true;
    this.ignoreBOM = options.ignoreBOM === true;
  }

  decode(input?: ArrayBufferView | ArrayBuffer, options: { stream?: boolean } = {}): string {
    let bytes = bytesOf(input);
    if (this.encoding !== "utf-8") return latin1Decode(bytes);
    if (this.held.length > 0) {
      const joined = new Uint8Array(this.held.length + bytes.length);
      joined.set(this.held);
      joined.set(bytes, this.held.length);
      bytes = joined;
    }
    const whole = options.stream ? lengthOfWhole(bytes) : bytes.length;
    this.held = bytes.slice(whole);
    const text = utf8Decode(bytes.subarray(0, whole), this.fatal);
    return !this.ignoreBOM && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  }
}

/** Without a sequence at the end that may go on in the next piece. */
function lengthOfWhole(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const need = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return need > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

export function bytesOf(input: ArrayBufferView | ArrayBuffer | undefined): Uint8Array {
  if (input === undefined) return new Uint8Array(0);
  return ArrayBuffer.isView(input)
    ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
    : new Uint8Array(input);
}

export function btoa(text: string): string {
  const given = String(text);
  if (/[^\0-\xff]/.test(given)) throw new TypeError("btoa: the text has characters outside latin-1");
  return base64Encode(latin1Encode(given));
}

export function atob(text: string): string {
  const clean = String(text).replace(/[\t\n\f\r ]/g, "");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(clean) || clean.replace(/=+$/, "").length % 4 === 1) {
    throw new TypeError("atob: the text is not base64");
  }
  return latin1Decode(base64Decode(clean));
}
