// step.ai: what the driver is asked for, with schemas as JSON Schema and of both versions of zod.
import assert from "node:assert/strict";
import { test } from "node:test";
import { body, bundle, runToEnd, Worker } from "./worker.mjs";

/** The config of the step, and what the workflow returned for an answer with `data`. */
async function ask(source, data = {}) {
  const worker = new Worker(source);
  const asked = [];
  const answer = (step) => {
    if (step.type === "ai") asked.push(JSON.parse(step.input).config);
    return { success: true, data: step.type === "ai" ? data : {}, trace: [] };
  };
  await runToEnd(worker, answer);
  return { config: asked[0], end: worker.end };
}

const withZod = (path, schema) =>
  bundle(`
    import { defineWorkflow } from "agentcmd-workflows";
    import { z } from "${path}";
    export default defineWorkflow({ id: "test" }, async ({ step }) => step.ai("ask", { prompt: "p", schema: ${schema} }));`);

const plan = `z.object({
  title: z.string().min(1).max(80).describe("short"),
  steps: z.array(z.object({ name: z.string(), hours: z.number().int().min(0).optional() })).min(1),
  risk: z.enum(["low", "high"]),
  kind: z.literal("plan"),
  owner: z.string().nullable(),
  tags: z.record(z.string(), z.boolean()),
  either: z.union([z.string(), z.number()]),
  note: z.string().default("none"),
})`;

const expected = {
  type: "object",
  properties: {
    title: { type: "string", minLength: 1, maxLength: 80, description: "short" },
    steps: {
      type: "array",
      items: {
        type: "object",
        properties: { name: { type: "string" }, hours: { type: "integer", minimum: 0 } },
        required: ["name"],
      },
      minItems: 1,
    },
    risk: { enum: ["low", "high"] },
    kind: { const: "plan" },
    owner: { anyOf: [{ type: "string" }, { type: "null" }] },
    tags: { type: "object", additionalProperties: { type: "boolean" } },
    either: { anyOf: [{ type: "string" }, { type: "number" }] },
    note: { type: "string", default: "none" },
  },
  required: ["title", "steps", "risk", "kind", "owner", "tags", "either"],
};

test("A JSON Schema and the other settings reach the driver as they are", async () => {
  const schema = { type: "object", properties: { a: { type: "string" } } };
  const config = { prompt: "p", provider: "openai", model: "m", systemPrompt: "s", temperature: 0, maxTokens: 5, schema };
  const asked = await ask(body(`return step.ai("ask", ${JSON.stringify(config)});`), { a: "x" });
  assert.deepEqual(asked.config, config);
  assert.equal(JSON.parse(asked.end.result).data.a, "x");
});

for (const path of ["zod", "zod/v3"]) {
  test(`A schema of ${path} becomes JSON Schema`, async () => {
    assert.deepEqual((await ask(withZod(path, plan))).config.schema, expected);
  });

  test(`A schema of ${path} transforms the result and fills in defaults`, async () => {
    const schema = `z.object({ a: z.string().transform((text) => text.length), b: z.string().default("d") })`;
    const asked = await ask(withZod(path, schema), { a: "four" });
    assert.deepEqual(JSON.parse(asked.end.result).data, { a: 4, b: "d" });
  });

  test(`What only ${path} knows of the result makes it one without success`, async () => {
    const schema = `z.object({ a: z.string().refine((text) => text === "yes", { message: "must be yes" }) })`;
    const result = JSON.parse((await ask(withZod(path, schema), { a: "no" })).end.result);
    assert.equal(result.success, false);
    assert.match(result.error, /data\.a: must be yes/);
  });

  test(`A schema of ${path} may contain itself`, async () => {
    const schema = `(() => { const node = z.object({ name: z.string(), children: z.array(z.lazy(() => node)) }); return node; })()`;
    const { config } = await ask(withZod(path, schema), { name: "a", children: [] });
    const [name] = Object.keys(config.schema.definitions);
    assert.deepEqual(config.schema.$ref, `#/definitions/${name}`);
    assert.deepEqual(config.schema.definitions[name].properties.children.items, { $ref: `#/definitions/${name}` });
  });

  test(`What JSON cannot hold in a schema of ${path} is named with its place`, async () => {
    const { end } = await ask(withZod(path, `z.object({ at: z.array(z.date()) })`));
    assert.match(end.failure.message, /step\.ai\("ask"\): schema\.at\[\] is a zod date/);
  });
}

test("A run that is to ask at a usage limit does not try again by itself", async () => {
  const worker = new Worker(
    body(`return step.ai("ask", { prompt: "p", onUsageLimit: "ask" }, { retry: { nonRetryable: ["E"] } });`),
  );
  await worker.begin();
  assert.deepEqual(JSON.parse(worker.of("step")[0].input).options.retry.nonRetryable, ["E", "UsageLimitError"]);
  const { end } = await ask(body(`return step.ai("ask", { prompt: "p", onUsageLimit: "wait" });`));
  assert.match(end.failure.message, /onUsageLimit is "wait"; it must be one of "park", "fail", "ask"/);
});

test("A schema that is none is refused", async () => {
  const { end } = await ask(body(`return step.ai("ask", { prompt: "p", schema: "object" });`));
  assert.match(end.failure.message, /schema must be a JSON Schema, as an object, or a zod schema/);
});
