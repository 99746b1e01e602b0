// fetch for closures. A body is whole when it arrives; there are no streams.

import {
  AbortError,
  type AbortSignal,
  base64Decode,
  base64Encode,
  beginEffect,
  cancelEffect,
  closureFor,
  utf8Decode,
  utf8Encode,
} from "agentcmd-core";
import { bytesOf } from "./encoding";
import { URLSearchParams } from "./url";

type HeadersInit = Headers | [string, string][] | Record<string, string> | Iterable<[string, string]>;

export class Headers {
  private readonly all = new Map<string, string[]>();

  constructor(init?: HeadersInit | null) {
    if (!init) return;
    const pairs =
      typeof (init as Iterable<unknown>)[Symbol.iterator] === "function"
        ? (init as Iterable<[string, string]>)
        : Object.entries(init as Record<string, string>);
    for (const [name, value] of pairs) this.append(name, value);
  }

  append(name: string, value: string): void {
    const key = nameOf(name);
    this.all.set(key, [...(this.all.get(key) ?? []), String(value).trim()]);
  }

  set(name: string, value: string): void {
    this.all.set(nameOf(name), [String(value).trim()]);
  }

  get(name: string): string | null {
    return this.all.get(nameOf(name))?.join(", ") ?? null;
  }

  getSetCookie(): string[] {
    return [...(this.all.get("set-cookie") ?? [])];
  }

  has(name: string): boolean {
    return this.all.has(nameOf(name));
  }

  delete(name: string): void {
    this.all.delete(nameOf(name));
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void): void {
    for (const [name, value] of this) callback(value, name, this);
  }

  *entries(): IterableIterator<[string, string]> {
    for (const name of [...this.all.keys()].sort()) {
      if (name === "set-cookie") for (const value of this.all.get(name)!) yield [name, value];
      else yield [name, this.all.get(name)!.join(", ")];
    }
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this) yield name;
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }
}

function nameOf(name: string): string {
  const text = String(name);
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(text)) throw new TypeError(`"${text}" is not a valid name of a header`);
  return text.toLowerCase();
}

type BodyInit = string | URLSearchParams | ArrayBuffer | ArrayBufferView | null | undefined;

/** The bytes of a body, and the content type that they imply. */
function encoded(body: BodyInit): { bytes: Uint8Array | null; type?: string } {
  if (body === null || body === undefined) return { bytes: null };
  if (body instanceof URLSearchParams) {
    return { bytes: utf8Encode(body.toString()), type: "application/x-www-form-urlencoded;charset=UTF-8" };
  }
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return { bytes: bytesOf(body) };
  return { bytes: utf8Encode(String(body)), type: "text/plain;charset=UTF-8" };
}

abstract class Message {
  readonly headers: Headers;
  bodyUsed = false;
  protected bytesOfBody: Uint8Array | null;

  protected constructor(body: BodyInit, headers: HeadersInit | undefined | null) {
    const { bytes, type } = encoded(body);
    this.headers = new Headers(headers);
    this.bytesOfBody = bytes;
    if (type && !this.headers.has("content-type")) this.headers.set("content-type", type);
  }

  async bytes(): Promise<Uint8Array> {
    if (this.bodyUsed) throw new TypeError("The body has been read already");
    if (this.bytesOfBody) this.bodyUsed = true;
    return this.bytesOfBody ?? new Uint8Array(0);
  }

  async text(): Promise<string> {
    return utf8Decode(await this.bytes()).replace(/^\ufeff/, "");
  }

  async json(): Promise<any> {
    return JSON.parse(await this.text());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).slice().buffer as ArrayBuffer;
  }
}

export interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit;
  redirect?: "follow" | "manual" | "error";
  signal?: AbortSignal | null;
}

export class Request extends Message {
  readonly url: string;
  readonly method: string;
  readonly redirect: string;
  readonly signal: AbortSignal | null;

  constructor(input: string | Request | { href: string }, init: RequestInit = {}) {
    const from = input instanceof Request ? input : undefined;
    super(init.body ?? from?.bytesOfBody, init.headers ?? from?.headers);
    const url = from ? from.url : typeof input === "string" ? input : (input as { href: string }).href;
    this.url = new (globalThis as any).URL(url).href;
    this.method = (init.method ?? from?.method ?? "GET").toUpperCase();
    this.redirect = init.redirect ?? from?.redirect ?? "follow";
    this.signal = init.signal ?? from?.signal ?? null;
    if (this.bytesOfBody && (this.method === "GET" || this.method === "HEAD")) {
      throw new TypeError(`A ${this.method} request cannot have a body`);
    }
  }

  get body(): null {
    return null;
  }

  clone(): Request {
    return new Request(this);
  }

  /** What the driver is asked for. */
  toEffect(): object {
    const body = this.bytesOfBody ? base64Encode(this.bytesOfBody) : undefined;
    return { url: this.url, method: this.method, headers: [...this.headers], redirect: this.redirect, body };
  }
}

interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
}

export class Response extends Message {
  readonly status: number;
  readonly statusText: string;
  url = "";
  redirected = false;
  readonly type = "default";

  constructor(body?: BodyInit, init: ResponseInit = {}) {
    super(body, init.headers);
    this.status = init.status ?? 200;
    this.statusText = init.statusText ?? "";
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get body(): null {
    return null;
  }

  clone(): Response {
    if (this.bodyUsed) throw new TypeError("The body has been read already");
    const copy = new Response(this.bytesOfBody, this);
    copy.url = this.url;
    copy.redirected = this.redirected;
    return copy;
  }

  static json(value: unknown, init: ResponseInit = {}): Response {
    const headers = new Headers(init.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    return new Response(JSON.stringify(value), { ...init, headers });
  }

  static error(): Response {
    return new Response(null, { status: 0 });
  }
}

export async function fetch(input: string | Request | { href: string }, init?: RequestInit): Promise<Response> {
  closureFor("fetch()");
  const request = new Request(input, init);
  const signal = request.signal;
  signal?.throwIfAborted();
  const { id, value } = beginEffect("fetch()", "fetch", request.toEffect());
  const aborted = new Promise<never>((_resolve, reject) => {
    signal?.addEventListener("abort", () => {
      cancelEffect(id);
      reject(signal.reason ?? new AbortError());
    });
  });
  const answer = await Promise.race([value, aborted]);
  const response = new Response(base64Decode(answer.body ?? ""), answer);
  response.url = answer.url;
  response.redirected = answer.redirected === true;
  return response;
}
