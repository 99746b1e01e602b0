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

/** The name, then the arguments in their order, quoted. One left out in the middle is '', so that those behind it
 *  keep their places. */
export function buildSlashCommand(name: string, args: Record<string, unknown> = {}): string {
  const order = SlashCommandArgOrder[name] ?? Object.keys(args);
  const values = order.map((argument) => args[argument] ?? undefined);
  while (values.length > 0 && values[values.length - 1] === undefined) values.pop();
  return [name, ...values.map((value) => `'${String(value ?? "").replace(/'/g, "\\'")}'`)].join(" ");
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

/** "[a, (b), c?]" or a list: parentheses and a question mark say that an argument may be left out. */
export function parseArgumentHint(hint?: unknown): CommandArgument[] {
  const parts = Array.isArray(hint)
    ? hint.map(String)
    : typeof hint === "string"
      ? hint
          .trim()
          .replace(/^\[|\]$/g, "")
          .split(",")
      : [];
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
  const block = /<json_output>([\s\S]*?)<\/json_output>/.exec(content)?.[1];
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
  const block = /^---\r?\n([\s\S]*?)\r?\n---/.exec(content)?.[1] ?? "";
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

/** Reads every .md below a folder. Inside step.run only. */
export async function parseSlashCommands(folder: string): Promise<CommandDefinition[]> {
  const names = ((await files.readdir!(folder, { recursive: true })) as string[])
    .filter((name) => name.endsWith(".md"))
    .sort();
  const commands: CommandDefinition[] = [];
  for (const file of names) {
    const content = (await files.readFile!(`${folder}/${file}`, "utf8")) as string;
    const fields = parseFrontmatter(content);
    const responseSchema = parseJsonResponseSchema(content);
    commands.push({
      name: `/${file.slice(0, -3).replace(/\//g, ":")}`,
      description: String(fields.description ?? ""),
      arguments: parseArgumentHint(fields["argument-hint"]),
      ...(responseSchema ? { responseSchema } : {}),
    });
  }
  return commands;
}

function pascal(command: string): string {
  return command
    .split(/[^A-Za-z0-9]+/)
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join("");
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

export function generateResponseTypeCode(command: string, schema: ResponseSchema): string {
  const fields = Object.entries(schema.exampleJson).map(([name, value]) => {
    const text = schema.fieldDescriptions.get(name);
    return `${text ? `  /** ${text.replace(/\*\//g, "*\\/")} */\n` : ""}  ${nameOf(name)}: ${typeOf(value, "  ")};\n`;
  });
  return `export interface ${commandNameToTypeName(command)} {\n${fields.join("")}}`;
}

export function generateSlashCommandTypesCode(commands: CommandDefinition[]): string {
  const interfaces = commands.map(({ name, arguments: list }) => {
    const fields = list.map((argument) => `  ${nameOf(argument.name)}${argument.required ? "" : "?"}: string;\n`);
    return `export interface ${commandNameToArgsTypeName(name)} {\n${fields.join("")}}`;
  });
  const responses = commands
    .filter((command) => command.responseSchema)
    .map(({ name, responseSchema }) => generateResponseTypeCode(name, responseSchema!));
  const names = commands.map(({ name }) => JSON.stringify(name)).join(" | ") || "never";
  const args = commands.map(({ name }) => `  ${JSON.stringify(name)}: ${commandNameToArgsTypeName(name)};\n`).join("");
  const order = commands
    .map(
      ({ name, arguments: list }) =>
        `  ${JSON.stringify(name)}: ${JSON.stringify(list.map((argument) => argument.name))},\n`,
    )
    .join("");
  return (
    [
      `export type SlashCommandName = ${names};`,
      ...interfaces,
      ...responses,
      `export interface SlashCommandArgs {\n${args}}`,
      `export const SlashCommandArgOrder = {\n${order}} as const;`,
      buildFunction,
    ].join("\n\n") + "\n"
  );
}

const buildFunction = `export function buildSlashCommand<T extends SlashCommandName>(name: T, args?: SlashCommandArgs[T]): string {
  const given = (args ?? {}) as Record<string, unknown>;
  const values = (SlashCommandArgOrder[name] as readonly string[]).map((argument) => given[argument] ?? undefined);
  while (values.length > 0 && values[values.length - 1] === undefined) values.pop();
  return [name, ...values.map((value) => \`'\${String(value ?? "").replace(/'/g, "\\\\'")}'\`)].join(" ");
}`;

export async function generateSlashCommandTypesFromDir(folder: string, output: string): Promise<void> {
  const code = generateSlashCommandTypesCode(await parseSlashCommands(folder));
  await files.writeFile!(output, code);
}
