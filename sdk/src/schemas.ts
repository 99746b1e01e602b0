// The schema that step.ai is given, as JSON Schema: it is that already, or a zod object of version 3 or 4.

type Members = Record<string, any>;

export interface Schema {
  json: Members;
  /** Sends a result through zod, which may refine and transform what JSON Schema let pass. */
  finish: ((result: Members) => Members) | undefined;
}

/** `what` begins the message: `step.ai("plan")`. */
export function schemaOf(given: unknown, what: string): Schema {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new TypeError(`${what}: schema must be a JSON Schema, as an object, or a zod schema`);
  }
  if (!isZod(given)) return { json: given as Members, finish: undefined };
  return { json: new Conversion(what).run(given), finish: (result) => parsed(given, result) };
}

function isZod(schema: object): boolean {
  const { _zod, _def, safeParse } = schema as Members;
  return typeof safeParse === "function" && (_zod?.def !== undefined || typeof _def?.typeName === "string");
}

function parsed(schema: object, result: Members): Members {
  if (result.success !== true) return result;
  const outcome = (schema as Members).safeParse(result.data);
  if (outcome.success) return { ...result, data: outcome.data };
  const wrong = outcome.error.issues.map((issue: Members) => `${["data", ...issue.path].join(".")}: ${issue.message}`);
  return { ...result, success: false, data: {}, error: `the answer does not fit the schema: ${wrong.join("; ")}` };
}

/** "object", "string", "nativeenum", …: the word of zod 4, and that of zod 3 without its "Zod". */
function kindOf(schema: Members): string {
  return schema._zod?.def?.type ?? String(schema._def.typeName).slice("Zod".length).toLowerCase();
}

function defOf(schema: Members): Members {
  return schema._zod?.def ?? schema._def;
}

const wrappers = new Set(["optional", "default", "prefault", "nonoptional", "readonly", "catch", "branded", "effects"]);

class Conversion {
  private readonly what: string;
  /** Schemas that are being converted, and the names of those that contain themselves. */
  private readonly open = new Map<Members, string | undefined>();
  private readonly definitions: Members = {};

  constructor(what: string) {
    this.what = what;
  }

  run(schema: Members): Members {
    const json = this.convert(schema, "schema");
    return Object.keys(this.definitions).length === 0 ? json : { ...json, definitions: this.definitions };
  }

  private convert(schema: Members, path: string): Members {
    if (this.open.has(schema)) {
      const name = this.open.get(schema) ?? `part${this.open.size}`;
      this.open.set(schema, name);
      return { $ref: `#/definitions/${name}` };
    }
    this.open.set(schema, undefined);
    const json = this.plain(schema, path);
    const name = this.open.get(schema);
    this.open.delete(schema);
    const whole = typeof schema.description === "string" ? { ...json, description: schema.description } : json;
    if (name === undefined) return whole;
    this.definitions[name] = whole;
    return { $ref: `#/definitions/${name}` };
  }

  private plain(schema: Members, path: string): Members {
    const kind = kindOf(schema);
    const def = defOf(schema);
    if (wrappers.has(kind)) return this.wrapped(kind, def, path);
    switch (kind) {
      case "string":
        return { type: "string", ...stringRules(def) };
      case "number":
      case "int":
        return numberRules(def);
      case "boolean":
        return { type: "boolean" };
      case "null":
        return { type: "null" };
      case "any":
      case "unknown":
        return {};
      case "literal":
        return valuesOf(def.values ?? [def.value]);
      case "enum":
      case "nativeenum":
        return valuesOf(enumValues(def.entries ?? def.values));
      case "array":
        return { type: "array", items: this.convert(def.element ?? def.type, `${path}[]`), ...arrayRules(def) };
      case "tuple":
        return this.tuple(def, path);
      case "object":
        return this.object(def, path);
      case "record":
        return { type: "object", additionalProperties: this.convert(def.valueType, `${path}.*`) };
      case "union":
      case "discriminatedunion":
        return { anyOf: Array.from(def.options.values() as Iterable<Members>, (one) => this.convert(one, path)) };
      case "intersection":
        return { allOf: [this.convert(def.left, path), this.convert(def.right, path)] };
      case "nullable":
        return { anyOf: [this.convert(def.innerType, path), { type: "null" }] };
      case "pipe":
      case "pipeline":
        return this.convert(def.in, path);
      case "lazy":
        return this.convert(def.getter(), path);
      default:
        throw new TypeError(
          `${this.what}: ${path} is a zod ${kind}, for which a model has no JSON; use z.string() or another plain type`,
        );
    }
  }

  private wrapped(kind: string, def: Members, path: string): Members {
    const inner = this.convert(def.innerType ?? def.schema ?? def.type, path);
    if (kind !== "default") return inner;
    const value = typeof def.defaultValue === "function" ? def.defaultValue() : def.defaultValue;
    return { ...inner, default: value };
  }

  private object(def: Members, path: string): Members {
    const shape: Members = typeof def.shape === "function" ? def.shape() : def.shape;
    const properties: Members = {};
    const required: string[] = [];
    for (const [name, inner] of Object.entries(shape)) {
      properties[name] = this.convert(inner, `${path}.${name}`);
      if (!mayBeAbsent(inner)) required.push(name);
    }
    const json: Members = { type: "object", properties, required };
    const rest = def.catchall;
    const isStrict = def.unknownKeys === "strict" || (rest && kindOf(rest) === "never" && def.unknownKeys === undefined);
    if (isStrict) json.additionalProperties = false;
    return json;
  }

  private tuple(def: Members, path: string): Members {
    const items = def.items.map((item: Members, index: number) => this.convert(item, `${path}[${index}]`));
    const rest = def.rest ? this.convert(def.rest, `${path}[]`) : false;
    return { type: "array", items, additionalItems: rest, minItems: items.length };
  }
}

function mayBeAbsent(schema: Members): boolean {
  const kind = kindOf(schema);
  if (kind === "optional" || kind === "default" || kind === "prefault" || kind === "catch") return true;
  const def = defOf(schema);
  const inner = def.innerType ?? (kind === "effects" ? def.schema : undefined) ?? (kind === "pipe" ? def.in : undefined);
  return kind !== "nonoptional" && kind !== "nullable" && inner !== undefined && mayBeAbsent(inner);
}

function valuesOf(values: unknown[]): Members {
  return values.length === 1 ? { const: values[0] } : { enum: values };
}

/** Of a TypeScript enum with numbers, the names that point back are no values. */
function enumValues(entries: Members): unknown[] {
  if (Array.isArray(entries)) return entries;
  const names = Object.keys(entries).filter((name) => typeof entries[entries[name]] !== "number");
  return names.map((name) => entries[name]);
}

/** The checks of both versions in the words of zod 3. */
function checksOf(def: Members): Members[] {
  const kinds: Record<string, string> = { min_length: "min", max_length: "max", length_equals: "length" };
  const checks = (def.checks ?? []).map((check: Members) => {
    const rule = check._zod?.def;
    if (rule === undefined) return check;
    if (rule.check === "string_format") return { kind: rule.format, regex: rule.pattern };
    if (rule.check === "greater_than") return { kind: "min", value: rule.value, inclusive: rule.inclusive };
    if (rule.check === "less_than") return { kind: "max", value: rule.value, inclusive: rule.inclusive };
    if (rule.check === "number_format") return { kind: "int" };
    if (rule.check === "multiple_of") return { kind: "multipleOf", value: rule.value };
    return { kind: kinds[rule.check] ?? rule.check, value: rule.minimum ?? rule.maximum ?? rule.length };
  });
  // In zod 4, z.email() and z.int() are checks of their own.
  if (def.check === "string_format") checks.push({ kind: def.format, regex: def.pattern });
  if (def.check === "number_format") checks.push({ kind: "int" });
  return checks;
}

const formats: Record<string, string> = { email: "email", url: "uri", datetime: "date-time", date: "date", uuid: "uuid" };

function stringRules(def: Members): Members {
  const rules: Members = {};
  for (const { kind, value, regex } of checksOf(def)) {
    if (kind === "min" || kind === "length") rules.minLength = value;
    if (kind === "max" || kind === "length") rules.maxLength = value;
    if (kind === "regex" && regex) rules.pattern = regex.source;
    if (formats[kind]) rules.format = formats[kind];
  }
  return rules;
}

function numberRules(def: Members): Members {
  const rules: Members = { type: "number" };
  for (const { kind, value, inclusive } of checksOf(def)) {
    if (kind === "int") rules.type = "integer";
    if (kind === "min") rules[inclusive === false ? "exclusiveMinimum" : "minimum"] = value;
    if (kind === "max") rules[inclusive === false ? "exclusiveMaximum" : "maximum"] = value;
    if (kind === "multipleOf") rules.multipleOf = value;
  }
  return rules;
}

function arrayRules(def: Members): Members {
  const rules: Members = {};
  const least = def.minLength ?? def.exactLength;
  const most = def.maxLength ?? def.exactLength;
  if (least) rules.minItems = least.value;
  if (most) rules.maxItems = most.value;
  for (const { kind, value } of checksOf(def)) {
    if (kind === "min" || kind === "length") rules.minItems = value;
    if (kind === "max" || kind === "length") rules.maxItems = value;
  }
  return rules;
}
