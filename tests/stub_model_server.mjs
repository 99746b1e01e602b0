// A stand-in for Anthropic's Messages API, for tests that drive the real Claude Code CLI: loopback only, no
// dependencies. Prints its port on the first line of stdout. What it does is chosen by a word in the first
// message of the user:
//
//   STUB-WRITE "path" content asks for the tool Write, then says "written"
//   STUB-BASH command         asks for the tool Bash, then says "ran"
//   STUB-TOOL Name {json}     asks for any tool with that input, then says "used"
//   STUB-401, STUB-500, STUB-429   answers with that status, always
//   STUB-SLOW                 begins an answer and never ends it
//   STUB-HOLD "path"          begins an answer, and ends it with the text "held" once that file exists, or
//                             with the tool of a STUB-BASH behind it
//   STUB-CUT                  breaks the connection off within an answer
//   STUB-BADJSON              sends an event that is not JSON
//   STUB-SAY text             says the text; without any word: "stub reply"
//
// GET /seen returns how many messages were asked for, GET /last the body of the last one. With an argument,
// the bodies are appended to the file that it names, one a line.

import { appendFileSync, existsSync } from "node:fs";
import { createServer } from "node:http";

let seen = 0;
let last = "null";

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => answer(request, Buffer.concat(chunks).toString("utf8"), response));
});

function answer(request, body, response) {
  const path = request.url.split("?")[0];
  if (path === "/seen") return json(response, 200, { seen });
  if (path === "/last") return json(response, 200, JSON.parse(last));
  if (path === "/v1/messages/count_tokens") return json(response, 200, { input_tokens: 10 });
  if (path !== "/v1/messages" || request.method !== "POST") return json(response, 200, {});
  seen += 1;
  last = body;
  if (process.argv[2]) appendFileSync(process.argv[2], JSON.stringify(JSON.parse(body)) + "\n");
  reply(JSON.parse(body), response);
}

function json(response, status, value) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

function textOf(content) {
  if (typeof content === "string") return content;
  return content.filter((block) => block.type === "text").map((block) => block.text).join("\n");
}

function reply(asked, response) {
  const prompts = asked.messages.filter((message) => message.role === "user").map((message) => textOf(message.content));
  const all = prompts.join("\n");
  const blocks = asked.messages.flatMap((message) => (Array.isArray(message.content) ? message.content : []));
  const toolDone = blocks.some((block) => block.type === "tool_result");

  const failure = /STUB-(401|429|500)/.exec(all);
  if (failure) return refuse(response, Number(failure[1]));
  if (all.includes("STUB-CUT")) return begin(response, asked, () => response.destroy());
  if (all.includes("STUB-SLOW")) return begin(response, asked, () => {});
  if (all.includes("STUB-BADJSON")) {
    return begin(response, asked, () => response.end("event: content_block_delta\ndata: {not json\n\n"));
  }
  const hold = /STUB-HOLD "([^"]+)"/.exec(all);
  if (hold && !toolDone) return begin(response, asked, () => whenThere(hold[1], response, () => goOn(all, response)));
  if (hold) return begin(response, asked, () => say(response, "held"));
  const write = /STUB-WRITE "([^"]+)" (.*)/.exec(all);
  if (write && !toolDone) return useTool(response, asked, "Write", { file_path: write[1], content: write[2] });
  const bash = /STUB-BASH (.*)/.exec(all);
  if (bash && !toolDone) return useTool(response, asked, "Bash", { command: bash[1], description: "stub" });
  const tool = /STUB-TOOL (\w+) (\{.*\})/.exec(all);
  if (tool && !toolDone) return useTool(response, asked, tool[1], JSON.parse(tool[2]));
  const words = /STUB-SAY (.*)/.exec(all);
  const text = write ? "written" : bash ? "ran" : tool ? "used" : words ? words[1] : "stub reply";
  begin(response, asked, () => say(response, text));
}

// After STUB-HOLD: the command of a STUB-BASH behind it, or the word.
function goOn(all, response) {
  const bash = /STUB-BASH (.*)/.exec(all);
  if (bash) askForTool(response, "Bash", { command: bash[1], description: "stub" });
  else say(response, "held");
}

function whenThere(file, response, next) {
  const timer = setInterval(() => {
    if (!existsSync(file) && !response.destroyed) return;
    clearInterval(timer);
    if (!response.destroyed) next();
  }, 20);
}

function say(response, text) {
  block(response, 0, { type: "text", text: "" }, { type: "text_delta", text });
  end(response, "end_turn");
}

function refuse(response, status) {
  const types = { 401: "authentication_error", 429: "rate_limit_error", 500: "api_error" };
  json(response, status, { type: "error", error: { type: types[status], message: `stub ${status}` } });
}

function send(response, event) {
  response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}

function begin(response, asked, next) {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const usage = { input_tokens: 100, output_tokens: 1, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
  const message = { id: `msg_${seen}`, type: "message", role: "assistant", model: asked.model, content: [], stop_reason: null,
    stop_sequence: null, usage };
  response.write(`event: message_start\ndata: ${JSON.stringify({ type: "message_start", message })}\n\n`, next);
}

function block(response, index, start, delta) {
  send(response, { type: "content_block_start", index, content_block: start });
  send(response, { type: "content_block_delta", index, delta });
  send(response, { type: "content_block_stop", index });
}

function useTool(response, asked, name, input) {
  begin(response, asked, () => askForTool(response, name, input));
}

function askForTool(response, name, input) {
  const start = { type: "tool_use", id: `toolu_${seen}`, name, input: {} };
  block(response, 0, start, { type: "input_json_delta", partial_json: JSON.stringify(input) });
  end(response, "tool_use");
}

function end(response, reason) {
  send(response, { type: "message_delta", delta: { stop_reason: reason, stop_sequence: null }, usage: { output_tokens: 20 } });
  send(response, { type: "message_stop" });
  response.end();
}

// Ends with the test that started it, whose end of the pipe closes.
process.stdin.on("end", () => process.exit(0)).resume();
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
