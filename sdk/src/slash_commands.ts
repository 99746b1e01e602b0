// Slash commands of agents: building a call of one, and reading their definitions in .claude/commands.

import { fs } from "./node/fs";

const files = fs.promises as Record<string, (...args: unknown[]) => Promise<any>>;

/** Names of the arguments of the commands that agentcmd brings along, in their order. */
export const SlashCommandArgOrder: Record<string, readonly string[]> = {
  "/cmd:add-spec": ["specId"],
  "/cmd:audit": ["mode", "scope"],
  "/cmd:create-pr": ["title"],
  "/cmd:generate-bug-spec": ["context"],
  "/cmd:generate-feature-spec": ["context"],
  "/cmd:generate-issue-spec": ["context"],
  "/cmd:generate-prd": ["context"],
  "/cmd:generate-spec": ["context"],
  "/cmd:implement-spec": ["specIdOrNameOrPath"],
  "/cmd:list-specs": ["folder", "status", "--search keyword", "--sort field"],
  "/cmd:move-spec": ["specIdOrNameOrPath", "targetFolder"],
  "/cmd:review-spec-implementation": ["specIdOrNameOrPath", "format"],
};

/** As a shell quotes it, which is how Claude Code reads the arguments of a command. */
function quoted(value: unknown): string {
  return `'${String(value ?? "").replaceAll("'", String.raw`'\''`)}'`;
}

/** The name, then the arguments in their order, quoted. One left out in the middle is '', so that those behind it
 *  keep their places. */
export function buildSlashCommand(name: string, args: Record<string, unknown> = {}): string {
  const order = SlashCommandArgOrder[name] ?? Object.keys(args);
  const values = order.map((argument) => args[argument] ?? undefined);
  while (values.length > 0 && values[values.length - 1] === undefined) values.pop();
  return [name, ...values.map(quoted)].join(" ");
}

export interface CommandArgument {
  name: string;
  required: boolean;
}

export interface ResponseSchema {
  exampleJson: Record<string, unknown>;
  fieldDescriptions: Map<string, string>;
}

export interface CommandDefinition {
  name: string;
  description: string;
  arguments: CommandArgument[];
  responseSchema?: ResponseSchema;
}

/** "[a, (b), c?]", a list, or "[a] [b]" and "<a> [b]" as Claude Code's own commands are written. Parentheses, a
 *  question mark, and brackets beside angles say that an argument may be left out. */
export function parseArgumentHint(hint?: unknown): CommandArgument[] {
  if (Array.isArray(hint)) return argumentsIn(hint.map(String));
  if (typeof hint !== "string") return [];
  const groups = hint.match(/<[^<>]*>|\[[^[\]]*\]/g) ?? [];
  if (groups.length > 1 || groups[0]?.startsWith("<")) {
    const angles = groups.some((group) => group.startsWith("<"));
    return argumentsIn(groups.map((group) => (angles && group.startsWith("[") ? `(${inside(group)})` : inside(group))));
  }
  return argumentsIn(hint.trim().replace(/^\[|\]$/g, "").split(","));
}

function inside(group: string): string {
  return group.slice(1, -1);
}

function argumentsIn(parts: string[]): CommandArgument[] {
  return parts
    .map((part) => part.trim().replace(/^(["'])(.*)\1$/, "$2"))
    .filter((part) => part !== "")
    .map((part) => {
      const inParentheses = /^\((.*)\)$/.exec(part);
      if (inParentheses) return { name: inParentheses[1]!.trim(), required: false };
      return part.endsWith("?") ? { name: part.slice(0, -1).trim(), required: false } : { name: part, required: true };
    });
}

/** The sample between <json_output> tags, and the bullets that describe its fields. */
export function parseJsonResponseSchema(content: string): ResponseSchema | undefined {
  const block = /<json_output>([\s\S]*?)<\/json_output>/i.exec(content)?.[1];
  const sample = block && /\{[\s\S]*\}/.exec(block)?.[0];
  if (!sample) return undefined;
  let exampleJson: Record<string, unknown>;
  try {
    exampleJson = JSON.parse(sample) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const fieldDescriptions = new Map<string, string>();
  const bullets = /\*\*JSON Field Descriptions:?\*\*:?([\s\S]*)/i.exec(content)?.[1] ?? "";
  for (const [, field, text] of bullets.matchAll(/^\s*[-*]\s+`?([\w.]+)`?\s*:\s*(.+)$/gm))
    fieldDescriptions.set(field!, text!.trim());
  return { exampleJson, fieldDescriptions };
}

function parseFrontmatter(content: string): Record<string, unknown> {
  const block = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---/.exec(content)?.[1] ?? "";
  const fields: Record<string, unknown> = {};
  let list: string[] | undefined;
  for (const line of block.split(/\r?\n/)) {
    const item = /^\s+-\s+(.*)$/.exec(line);
    const field = /^([\w-]+)\s*:\s*(.*)$/.exec(line);
    if (item && list) list.push(item[1]!);
    else if (field) {
      const [, name, value] = field;
      list = value === "" ? [] : undefined;
      fields[name!] = list ?? value!.replace(/^(["'])(.*)\1$/, "$2");
    }
  }
  return fields;
}

/** One file: its path below the commands folder, and what is in it. */
export function parseSlashCommand(file: string, content: string): CommandDefinition {
  const fields = parseFrontmatter(content);
  const responseSchema = parseJsonResponseSchema(content);
  return {
    name: `/${file.replace(/\.md$/, "").replace(/\//g, ":")}`,
    description: String(fields.description ?? ""),
    arguments: parseArgumentHint(fields["argument-hint"]),
    ...(responseSchema ? { responseSchema } : {}),
  };
}

/** Reads every .md below a folder. Inside step.run only. */
export async function parseSlashCommands(folder: string): Promise<CommandDefinition[]> {
  const names = ((await files.readdir!(folder, { recursive: true })) as string[])
    .filter((name) => name.endsWith(".md"))
    .sort();
  const commands: CommandDefinition[] = [];
  for (const file of names) {
    commands.push(parseSlashCommand(file, (await files.readFile!(`${folder}/${file}`, "utf8")) as string));
  }
  return commands;
}

function pascal(command: string): string {
  const name = command
    .replace(/^\//, "")
    .split(/[:-]/)
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join("")
    .replace(/[^\p{L}\p{N}_$]/gu, "_");
  return /^\p{N}/u.test(name) ? `_${name}` : name;
}

export function commandNameToArgsTypeName(command: string): string {
  return `${pascal(command)}Args`;
}

export function commandNameToTypeName(command: string): string {
  return `${pascal(command)}Response`;
}

function nameOf(field: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(field) ? field : JSON.stringify(field);
}

function typeOf(value: unknown, indent: string): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "unknown[]" : `Array<${typeOf(value[0], indent)}>`;
  if (typeof value !== "object") return typeof value;
  const fields = Object.entries(value).map(
    ([name, inner]) => `${indent}  ${nameOf(name)}: ${typeOf(inner, `${indent}  `)};\n`,
  );
  return `{\n${fields.join("")}${indent}}`;
}

function commented(text: string, indent = ""): string {
  return text ? `${indent}/** ${text.replace(/\*\//g, "*\\/")} */\n` : "";
}

export function generateResponseTypeCode(command: string, schema: ResponseSchema, typeName?: string): string {
  const fields = Object.entries(schema.exampleJson).map(
    ([name, value]) =>
      `${commented(schema.fieldDescriptions.get(name) ?? "", "  ")}  ${nameOf(name)}: ${typeOf(value, "  ")};\n`,
  );
  return `/** What ${command} replies. */\nexport interface ${typeName ?? commandNameToTypeName(command)} {\n${fields.join("")}}`;
}

interface Named extends CommandDefinition {
  args: string;
  response: string;
}

/** Names that look alike without their separators ("/a:b" and "/a-b") are numbered. */
function named(commands: CommandDefinition[]): Named[] {
  const taken = new Map<string, number>();
  return commands.map((command) => {
    const args = commandNameToArgsTypeName(command.name);
    const count = (taken.get(args) ?? 0) + 1;
    taken.set(args, count);
    if (count === 1) return { ...command, args, response: commandNameToTypeName(command.name) };
    const name = `${pascal(command.name)}${count}`;
    return { ...command, args: `${name}Args`, response: `${name}Response` };
  });
}

function argumentFields(list: CommandArgument[], separator: string): string {
  return list.map(({ name, required }) => `${nameOf(name)}${required ? "" : "?"}: string`).join(separator);
}

function argsType({ name, description, arguments: list, args }: Named): string {
  const fields = list.length === 0 ? "" : `\n  ${argumentFields(list, ";\n  ")};\n`;
  return `${commented(`Arguments of ${name}${description ? `: ${description}` : ""}`)}export interface ${args} {${fields}}`;
}

function mapped(commands: Named[], value: (command: Named) => string, end: string): string {
  return commands.map((command) => `  ${JSON.stringify(command.name)}: ${value(command)}${end}\n`).join("");
}

function orderCode(commands: Named[]): string {
  const order = (command: Named): string => JSON.stringify(command.arguments.map(({ name }) => name));
  return `export const SlashCommandArgOrder = {\n${mapped(commands, order, ",")}} as const;`;
}

export function generateSlashCommandTypesCode(commands: CommandDefinition[]): string {
  const all = named(commands);
  const replying = all.filter((command) => command.responseSchema);
  const inline = ({ arguments: list }: Named): string =>
    list.length === 0 ? "Record<string, never>" : `{ ${argumentFields(list, "; ")} }`;
  return (
    [
      "// Made from .claude/commands by `agentcmd definitions types`. Changes are lost when it is made again.",
      `export type SlashCommandName = ${all.map(({ name }) => JSON.stringify(name)).join(" | ") || "never"};`,
      `export interface SlashCommandArgs {\n${mapped(all, inline, ";")}}`,
      `/** Names of the arguments, in the order in which the command takes them. */\n${orderCode(all)}`,
      buildFunction,
      ...all.map(argsType),
      ...replying.map((command) => generateResponseTypeCode(command.name, command.responseSchema!, command.response)),
      `export interface SlashCommandResponses {\n${mapped(replying, ({ response }) => response, ";")}}`,
    ].join("\n\n") + "\n"
  );
}

const buildFunction = `/** The name, then the arguments in their order, quoted; one left out in the middle is '', so that those behind it keep
 *  their places. */
export function buildSlashCommand<T extends SlashCommandName>(name: T, args?: SlashCommandArgs[T]): string {
  const given = (args ?? {}) as Record<string, unknown>;
  const order: readonly string[] = SlashCommandArgOrder[name];
  const values = order.map((argument) => given[argument] ?? undefined);
  while (values.length > 0 && values[values.length - 1] === undefined) values.pop();
  const quoted = values.map((value) => \`'\${String(value ?? "").replace(/'/g, "'\\\\''")}'\`);
  return [name, ...quoted].join(" ");
}`;

export async function generateSlashCommandTypesFromDir(folder: string, output: string): Promise<void> {
  const code = generateSlashCommandTypesCode(await parseSlashCommands(folder));
  await files.writeFile!(output, code);
}
