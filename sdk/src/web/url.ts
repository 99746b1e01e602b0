// URL and URLSearchParams as the WHATWG standard has them, for what scripts meet: host names outside ASCII are put
// into punycode without the tables of IDNA.

import { utf8Decode, utf8Encode } from "agentcmd-core";

const defaultPorts: Record<string, string> = {
  "http:": "80",
  "https:": "443",
  "ws:": "80",
  "wss:": "443",
  "ftp:": "21",
  "file:": "",
};

function isSpecial(protocol: string): boolean {
  return Object.hasOwn(defaultPorts, protocol);
}

// What is percent-encoded besides controls and all that is not ASCII.
const inQuery = ' "#<>';
const inPath = `${inQuery}?^\`{}`;
const inUserinfo = `${inPath}/:;=@[\\]|`;

function percentEncode(text: string, set: string): string {
  let out = "";
  for (const character of text) {
    if (character > " " && character < "\x7f" && !set.includes(character)) out += character;
    else for (const byte of utf8Encode(character)) out += `%${(byte + 256).toString(16).slice(1).toUpperCase()}`;
  }
  return out;
}

function percentDecode(text: string): string {
  if (!text.includes("%")) return text;
  const bytes = utf8Encode(text);
  const out: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    const hex = bytes[i] === 37 ? String.fromCharCode(bytes[i + 1] ?? 0, bytes[i + 2] ?? 0) : "";
    if (/^[0-9a-f]{2}$/i.test(hex)) {
      out.push(Number.parseInt(hex, 16));
      i += 2;
    } else out.push(bytes[i]!);
  }
  return utf8Decode(Uint8Array.from(out));
}

export class URLSearchParams {
  private list: [string, string][] = [];
  private changed: (() => void) | undefined;

  constructor(init?: string | Record<string, string> | Iterable<[string, string]> | URLSearchParams) {
    if (init === undefined || init === null) return;
    if (typeof init === "string") this.read(init);
    else if (typeof (init as Iterable<unknown>)[Symbol.iterator] === "function") {
      for (const [name, value] of init as Iterable<[string, string]>) this.list.push([String(name), String(value)]);
    } else for (const [name, value] of Object.entries(init)) this.list.push([name, String(value)]);
  }

  /** Of a URL: it is told of changes. */
  static of(query: string, changed: () => void): URLSearchParams {
    const params = new URLSearchParams(query);
    params.changed = changed;
    return params;
  }

  read(query: string): void {
    const plain = (text: string): string => percentDecode(text.replace(/\+/g, " "));
    this.list = query
      .replace(/^\?/, "")
      .split("&")
      .filter((part) => part !== "")
      .map((part) => {
        const at = part.indexOf("=");
        return at < 0 ? [plain(part), ""] : [plain(part.slice(0, at)), plain(part.slice(at + 1))];
      });
  }

  get size(): number {
    return this.list.length;
  }

  append(name: string, value: string): void {
    this.list.push([String(name), String(value)]);
    this.changed?.();
  }

  set(name: string, value: string): void {
    const at = this.list.findIndex(([other]) => other === name);
    if (at < 0) return this.append(name, value);
    this.list = this.list.filter(([other], i) => other !== name || i === at);
    this.list[at] = [name, String(value)];
    this.changed?.();
  }

  get(name: string): string | null {
    return this.list.find(([other]) => other === name)?.[1] ?? null;
  }

  getAll(name: string): string[] {
    return this.list.filter(([other]) => other === name).map(([, value]) => value);
  }

  has(name: string, value?: string): boolean {
    return this.list.some(([other, held]) => other === name && (value === undefined || held === value));
  }

  delete(name: string, value?: string): void {
    this.list = this.list.filter(([other, held]) => other !== name || (value !== undefined && held !== value));
    this.changed?.();
  }

  sort(): void {
    this.list.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.changed?.();
  }

  forEach(callback: (value: string, name: string, params: URLSearchParams) => void): void {
    for (const [name, value] of this.list) callback(value, name, this);
  }

  entries(): IterableIterator<[string, string]> {
    return this.list.map(([name, value]): [string, string] => [name, value])[Symbol.iterator]();
  }

  keys(): IterableIterator<string> {
    return this.list.map(([name]) => name)[Symbol.iterator]();
  }

  values(): IterableIterator<string> {
    return this.list.map(([, value]) => value)[Symbol.iterator]();
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  toString(): string {
    const part = (text: string): string => percentEncode(text, "!\"#$%&'()+,/:;<=>?@[\\]^`{|}~").replace(/%20/g, "+");
    return this.list.map(([name, value]) => `${part(name)}=${part(value)}`).join("&");
  }
}

interface Parts {
  protocol: string;
  username: string;
  password: string;
  /** Null where there is no authority. */
  host: string | null;
  port: string;
  /** Of an opaque path ("mailto:x") as it is; else it begins with a slash, or is empty. */
  path: string;
  opaque: boolean;
  query: string | null;
  fragment: string | null;
}

export class URL {
  private parts: Parts;
  readonly searchParams: URLSearchParams;

  constructor(url: string | URL, base?: string | URL) {
    const parts = parse(String(url), base === undefined ? undefined : partsOf(String(base)));
    if (!parts) throw invalid(String(url));
    this.parts = parts;
    this.searchParams = URLSearchParams.of(parts.query ?? "", () => {
      this.parts.query = this.searchParams.toString() || null;
    });
  }

  static canParse(url: string, base?: string): boolean {
    return URL.parse(url, base) !== null;
  }

  static parse(url: string, base?: string): URL | null {
    try {
      return new URL(url, base);
    } catch {
      return null;
    }
  }

  get href(): string {
    const { protocol, host, path, query, fragment } = this.parts;
    const authority = host === null ? (path.startsWith("//") ? "/." : "") : `//${this.userinfo()}${this.host}`;
    return `${protocol}${authority}${path}${query === null ? "" : `?${query}`}${fragment === null ? "" : `#${fragment}`}`;
  }

  set href(value: string) {
    const parts = parse(String(value), undefined);
    if (!parts) throw invalid(String(value));
    this.parts = parts;
    this.searchParams.read(parts.query ?? "");
  }

  private userinfo(): string {
    const { username, password } = this.parts;
    return username || password ? `${username}${password ? `:${password}` : ""}@` : "";
  }

  get origin(): string {
    const { protocol } = this.parts;
    return isSpecial(protocol) && protocol !== "file:" ? `${protocol}//${this.host}` : "null";
  }

  get protocol(): string {
    return this.parts.protocol;
  }

  set protocol(value: string) {
    const protocol = `${value.replace(/:.*$/s, "").toLowerCase()}:`;
    if (/^[a-z][a-z0-9+.-]*:$/.test(protocol) && isSpecial(protocol) === isSpecial(this.parts.protocol)) {
      this.parts.protocol = protocol;
      this.port = this.parts.port;
    }
  }

  get username(): string {
    return this.parts.username;
  }

  set username(value: string) {
    if (this.parts.host) this.parts.username = percentEncode(value, inUserinfo);
  }

  get password(): string {
    return this.parts.password;
  }

  set password(value: string) {
    if (this.parts.host) this.parts.password = percentEncode(value, inUserinfo);
  }

  get host(): string {
    return `${this.parts.host ?? ""}${this.parts.port ? `:${this.parts.port}` : ""}`;
  }

  set host(value: string) {
    const [, name = "", port] = /^(\[[^\]]*\]|[^:/?#]*)(?::(\d*))?/.exec(value) ?? [];
    this.hostname = name;
    if (port) this.port = port;
  }

  get hostname(): string {
    return this.parts.host ?? "";
  }

  set hostname(value: string) {
    const host = hostOf(value, this.parts.protocol);
    if (host && !this.parts.opaque) this.parts.host = host;
  }

  get port(): string {
    return this.parts.port;
  }

  set port(value: string | number) {
    const port = /^\d+/.exec(String(value))?.[0] ?? "";
    if (Number(port) <= 65535) this.parts.port = portOf(port, this.parts.protocol);
  }

  get pathname(): string {
    return this.parts.path;
  }

  set pathname(value: string) {
    if (!this.parts.opaque)
      this.parts.path = normalized(String(value).split(/[\\/]/), isSpecial(this.parts.protocol), /^[\\/]/.test(value));
  }

  get search(): string {
    return this.parts.query ? `?${this.parts.query}` : "";
  }

  set search(value: string) {
    const query = String(value).replace(/^\?/, "");
    this.parts.query = query === "" ? null : queryOf(query, this.parts.protocol);
    this.searchParams.read(query);
  }

  get hash(): string {
    return this.parts.fragment ? `#${this.parts.fragment}` : "";
  }

  set hash(value: string) {
    const fragment = String(value).replace(/^#/, "");
    this.parts.fragment = fragment === "" ? null : percentEncode(fragment, ' "<>`');
  }

  toString(): string {
    return this.href;
  }

  toJSON(): string {
    return this.href;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `URL { href: '${this.href}' }`;
  }
}

function invalid(url: string): TypeError {
  return Object.assign(new TypeError(`Invalid URL: ${JSON.stringify(url)}`), { code: "ERR_INVALID_URL", input: url });
}

function partsOf(url: string): Parts {
  const parts = parse(url, undefined);
  if (!parts) throw invalid(url);
  return parts;
}

function queryOf(query: string, protocol: string): string {
  return percentEncode(query, isSpecial(protocol) ? `${inQuery}'` : inQuery);
}

function portOf(port: string, protocol: string): string {
  const plain = port === "" ? "" : String(Number(port));
  return plain === defaultPorts[protocol] ? "" : plain;
}

function parse(given: string, base: Parts | undefined): Parts | null {
  // eslint-disable-next-line no-control-regex
  const text = given.replace(/^[\0- ]+|[\0- ]+$/g, "").replace(/[\t\n\r]/g, "");
  const [, beforeFragment = "", fragmentText] = /^([^#]*)(?:#(.*))?$/s.exec(text)!;
  const [, beforeQuery = "", queryText] = /^([^?]*)(?:\?(.*))?$/s.exec(beforeFragment)!;
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(beforeQuery);
  const protocol = scheme ? `${scheme[1]!.toLowerCase()}:` : base?.protocol;
  if (!protocol) return null;
  const special = isSpecial(protocol);
  let rest = scheme ? beforeQuery.slice(scheme[0].length) : beforeQuery;
  if (special) rest = rest.replace(/\\/g, "/");
  const query = queryText === undefined ? null : queryOf(queryText, protocol);
  const fragment = fragmentText === undefined ? null : percentEncode(fragmentText, ' "<>`');
  const empty = { username: "", password: "", host: null, port: "", opaque: false };

  const isRelative = !scheme || (special && protocol === base?.protocol && !rest.startsWith("/"));
  if (!isRelative && special && protocol !== "file:")
    return withAuthority(protocol, rest.replace(/^\/*/, ""), query, fragment);
  if (rest.startsWith("//")) return withAuthority(protocol, rest.slice(2), query, fragment);
  if (!isRelative) {
    if (rest.startsWith("/") || special)
      return {
        ...empty,
        protocol,
        host: special ? "" : null,
        path: normalized(rest.split("/"), special, true),
        query,
        fragment,
      };
    const opaque = rest.split(" ").map((part) => percentEncode(part, ""));
    return { ...empty, protocol, path: opaque.join(" "), opaque: true, query, fragment };
  }
  if (!base) return null;
  if (base.opaque) return rest === "" && query === null ? { ...base, fragment } : null;
  if (rest === "") return { ...base, query: query ?? base.query, fragment };
  if (rest.startsWith("/")) return { ...base, path: normalized(rest.split("/"), special, true), query, fragment };
  const folder = base.path.split("/").slice(0, -1);
  return { ...base, path: normalized([...folder, ...rest.split("/")], special, true), query, fragment };
}

function withAuthority(protocol: string, text: string, query: string | null, fragment: string | null): Parts | null {
  const special = isSpecial(protocol);
  const slash = text.indexOf("/");
  const authority = slash < 0 ? text : text.slice(0, slash);
  const path = slash < 0 ? "" : text.slice(slash);
  const at = authority.lastIndexOf("@");
  const [, username = "", password = ""] = /^([^:]*):?(.*)$/s.exec(at < 0 ? "" : authority.slice(0, at))!;
  const found = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/s.exec(authority.slice(at + 1));
  if (!found || Number(found[2] ?? 0) > 65535) return null;
  const host = hostOf(found[1]!, protocol);
  if (host === null || (host === "" && special && protocol !== "file:")) return null;
  return {
    protocol,
    username: percentEncode(username, inUserinfo),
    password: percentEncode(password, inUserinfo),
    host: protocol === "file:" && host === "localhost" ? "" : host,
    port: portOf(found[2] ?? "", protocol),
    path: path === "" && !special ? "" : normalized(path.split("/"), special, true),
    opaque: false,
    query,
    fragment,
  };
}

function normalized(segments: string[], special: boolean, absolute: boolean): string {
  if (absolute && segments[0] === "") segments = segments.slice(1);
  const out: string[] = [];
  segments.forEach((segment, i) => {
    const plain = segment.replace(/%2e/gi, ".");
    const isLast = i === segments.length - 1;
    if (plain === "..") {
      out.pop();
      if (isLast) out.push("");
    } else if (plain === ".") {
      if (isLast) out.push("");
    } else out.push(percentEncode(segment, inPath));
  });
  return out.length === 0 && !special && !absolute ? "" : `/${out.join("/")}`;
}

function hostOf(text: string, protocol: string): string | null {
  if (text.startsWith("[")) return ipv6Of(text);
  if (!isSpecial(protocol)) return /[\0\t\n\r #/<>?@[\\\]^|]/.test(text) ? null : percentEncode(text, "");
  const name = percentDecode(text).normalize("NFKC").toLowerCase();
  const ascii = name
    .split(".")
    .map((label) => (/^[\0-\x7f]*$/.test(label) ? label : `xn--${punycode(label)}`))
    .join(".");
  if (/[\0-\x20"#%/:<>?@[\\\]^`{|}\x7f]/.test(ascii)) return null;
  return ipv4Of(ascii);
}

/** A name that ends in a number is an IPv4 address, or wrong. */
function ipv4Of(name: string): string | null {
  const labels = name.replace(/\.$/, "").split(".");
  if (!/^(\d+|0x[0-9a-f]*)$/.test(labels[labels.length - 1]!)) return name;
  if (labels.length > 4) return null;
  const numbers = labels.map((label) => {
    if (/^0x[0-9a-f]*$/.test(label)) return Number.parseInt(label.slice(2) || "0", 16);
    if (/^0[0-7]+$/.test(label)) return Number.parseInt(label, 8);
    return /^\d+$/.test(label) ? Number(label) : Number.NaN;
  });
  const last = numbers.pop()!;
  if (numbers.some((n) => !(n <= 255)) || !(last < 256 ** (4 - numbers.length))) return null;
  let address = last;
  numbers.forEach((n, i) => (address += n * 256 ** (3 - i)));
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

function ipv6Of(text: string): string | null {
  const inner = text.slice(1, -1).toLowerCase();
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(inner);
  let groups = inner;
  if (dotted) {
    const four = dotted[2]!.split(".").map(Number);
    if (four.some((n) => n > 255)) return null;
    groups = `${dotted[1]}${((four[0]! << 8) | four[1]!).toString(16)}:${((four[2]! << 8) | four[3]!).toString(16)}`;
  }
  const halves = groups.split("::");
  if (halves.length > 2) return null;
  const listOf = (half: string | undefined): string[] => (half ? half.split(":") : []);
  const [head, tail] = [listOf(halves[0]), listOf(halves[1])];
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const all = [...head, ...Array<string>(halves.length === 2 ? missing : 0).fill("0"), ...tail];
  if (all.some((group) => !/^[0-9a-f]{1,4}$/.test(group))) return null;
  const plain = all.map((group) => Number.parseInt(group, 16).toString(16));
  const zeros = /(?:^|:)0(?::0)+(?=:|$)/g;
  const longest = (plain.join(":").match(zeros) ?? []).sort(
    (a, b) => b.replace(/^:/, "").length - a.replace(/^:/, "").length,
  )[0];
  if (!longest) return `[${plain.join(":")}]`;
  const joined = plain.join(":");
  const at = joined.indexOf(longest);
  return `[${joined.slice(0, at)}::${joined.slice(at + longest.length).replace(/^:/, "")}]`;
}

/** RFC 3492. */
function punycode(label: string): string {
  const points = Array.from(label, (character) => character.codePointAt(0)!);
  let out = String.fromCharCode(...points.filter((point) => point < 128));
  const basic = out.length;
  let done = basic;
  if (basic > 0) out += "-";
  let [n, delta, bias] = [128, 0, 72];
  const digit = (value: number): string => String.fromCharCode(value < 26 ? value + 97 : value + 22);
  while (done < points.length) {
    const next = Math.min(...points.filter((point) => point >= n));
    delta += (next - n) * (done + 1);
    n = next;
    for (const point of points) {
      if (point < n) delta++;
      if (point !== n) continue;
      let q = delta;
      for (let k = 36; ; k += 36) {
        const t = Math.min(Math.max(k - bias, 1), 26);
        if (q < t) break;
        out += digit(t + ((q - t) % (36 - t)));
        q = Math.floor((q - t) / (36 - t));
      }
      out += digit(q);
      bias = adapted(delta, done + 1, done === basic);
      delta = 0;
      done++;
    }
    delta++;
    n++;
  }
  return out;
}

function adapted(delta: number, count: number, isFirst: boolean): number {
  let d = Math.floor(delta / (isFirst ? 700 : 2));
  d += Math.floor(d / count);
  let k = 0;
  for (; d > 455; k += 36) d = Math.floor(d / 35);
  return k + Math.floor((36 * d) / (d + 38));
}
