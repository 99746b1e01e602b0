// Step keys: phase path, '/', slug of the id, '#n' for the n-th repeat. Unique within a run, and the same in
// every replay because the body asks for its steps in the same order.

import { hexEncode, latin1Decode, latin1Encode, utf8Encode } from "./text";
import { vm } from "./vm";

const slugLength = 64;
const isSlug = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** Lower case; blanks and underscores become dashes; all else but a-z, 0-9 and dashes is dropped. */
export function slugOf(id: string): string {
  if (isSlug.test(id) && id.length <= slugLength) return id;
  return id
    .toLowerCase()
    .replace(/[\s_]+/g, "-")
    .replace(/[^a-z0-9-]/g, "")
    .replace(/-+/g, "-")
    .replace(/^-/, "")
    .slice(0, slugLength)
    .replace(/-$/, "");
}

/** Which raw id came first to a slug, and how often a key was used. */
const owners = new Map<string, string>();
const uses = new Map<string, number>();

/** One part of a path. A second raw id with the same slug, and an id without one, gets digits of its hash. */
export function partOf(path: string, id: string): string {
  const slug = slugOf(id);
  if (slug === "") return hashOf(id);
  const place = `${path}/${slug}`;
  const owner = owners.get(place);
  if (owner === undefined) owners.set(place, id);
  return owner === undefined || owner === id ? slug : `${slug}-${hashOf(id)}`;
}

export function keyOf(path: string, id: string): string {
  return repeated(join(path, partOf(path, id)));
}

/** `base` the first time, then `base#2`, `base#3`. */
export function repeated(base: string): string {
  const use = (uses.get(base) ?? 0) + 1;
  uses.set(base, use);
  return use === 1 ? base : `${base}#${use}`;
}

export function join(path: string, part: string): string {
  return path === "" ? part : `${path}/${part}`;
}

function hashOf(id: string): string {
  const digest = vm.host.digest("sha256", latin1Decode(utf8Encode(id)));
  return hexEncode(latin1Encode(digest)).slice(0, 6);
}
