// UTF-8 and base64, by hand: JavaScriptCore brings neither TextEncoder nor btoa.

export function utf8Encode(text: string): Uint8Array {
  let size = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) size += 1;
    else if (unit < 0x800) size += 2;
    else if (isPair(text, i)) {
      size += 4;
      i++;
    } else size += 3;
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    let point = text.charCodeAt(i);
    if (point < 0x80) {
      bytes[at++] = point;
      continue;
    }
    if (point >= 0xd800 && point <= 0xdfff) {
      if (isPair(text, i)) point = text.codePointAt(i++)!;
      else point = 0xfffd;
    }
    if (point < 0x800) bytes[at++] = 0xc0 | (point >> 6);
    else {
      if (point < 0x10000) bytes[at++] = 0xe0 | (point >> 12);
      else {
        bytes[at++] = 0xf0 | (point >> 18);
        bytes[at++] = 0x80 | ((point >> 12) & 63);
      }
      bytes[at++] = 0x80 | ((point >> 6) & 63);
    }
    bytes[at++] = 0x80 | (point & 63);
  }
  return bytes;
}

function isPair(text: string, i: number): boolean {
  const high = text.charCodeAt(i);
  const low = text.charCodeAt(i + 1);
  return high >= 0xd800 && high < 0xdc00 && low >= 0xdc00 && low < 0xe000;
}

const chunkSize = 8192;

/** Bad sequences become U+FFFD, one for each maximal part as the standard says; `fatal` throws instead. */
export function utf8Decode(bytes: Uint8Array, fatal = false): string {
  let text = "";
  let units: number[] = [];
  const put = (point: number): void => {
    if (point > 0xffff) {
      point -= 0x10000;
      units.push(0xd800 | (point >> 10), 0xdc00 | (point & 0x3ff));
    } else units.push(point);
    if (units.length >= chunkSize) {
      text += String.fromCharCode.apply(null, units);
      units = [];
    }
  };
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i++]!;
    if (first < 0x80) {
      put(first);
      continue;
    }
    const need =
      first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : 0;
    let point = need === 1 ? first & 31 : need === 2 ? first & 15 : first & 7;
    let left = need;
    let low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    let high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    while (left > 0 && i < bytes.length && bytes[i]! >= low && bytes[i]! <= high) {
      point = (point << 6) | (bytes[i++]! & 63);
      left--;
      low = 0x80;
      high = 0xbf;
    }
    if (need === 0 || left > 0) {
      if (fatal) throw new TypeError("The bytes are not valid UTF-8");
      put(0xfffd);
    } else put(point);
  }
  return text + String.fromCharCode.apply(null, units);
}

export function latin1Encode(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export function latin1Decode(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += chunkSize) {
    text += String.fromCharCode.apply(null, bytes.subarray(i, i + chunkSize) as unknown as number[]);
  }
  return text;
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
let values: Int16Array | undefined;

export function base64Encode(bytes: Uint8Array): string {
  const parts: string[] = [];
  let part = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const n = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    part += digits[n >> 18]! + digits[(n >> 12) & 63]!;
    part += (left > 1 ? digits[(n >> 6) & 63]! : "=") + (left > 2 ? digits[n & 63]! : "=");
    if (part.length >= chunkSize) {
      parts.push(part);
      part = "";
    }
  }
  return parts.join("") + part;
}

/** Reads both alphabets and passes over what belongs to neither, as Node does. */
export function base64Decode(text: string): Uint8Array {
  if (!values) {
    values = new Int16Array(128).fill(-1);
    for (let i = 0; i < 64; i++) values[digits.charCodeAt(i)] = i;
    values[45] = 62;
    values[95] = 63;
  }
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4) + 3);
  let at = 0;
  let bits = 0;
  let held = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 61) break;
    const value = unit < 128 ? values[unit]! : -1;
    if (value < 0) continue;
    bits = (bits << 6) | value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[at++] = (bits >> held) & 255;
    }
  }
  return bytes.subarray(0, at);
}

export function hexEncode(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += (bytes[i]! + 256).toString(16).slice(1);
  return text;
}
