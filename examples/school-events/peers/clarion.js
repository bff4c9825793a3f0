// What the school's application uses to speak to Clarion: HTTP, on connections that stay open.

import { Agent, request } from "node:http";

const address = process.env.NOTIFY_URL ?? "http://127.0.0.1:8000";
const agent = new Agent({ keepAlive: true });

/** Ask; the answer as it begins to come. */
function ask(method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const asked = request(address + path, {
      method,
      agent,
      headers: {
        authorization: `Bearer ${process.env.NOTIFY_KEY}`,
        ...(sent && { "content-type": "application/json", "content-length": Buffer.byteLength(sent) }),
        ...headers,
      },
    });
    asked.on("response", resolve).on("error", reject).end(sent);
  });
}

/** Ask; the status and the JSON of the answer. What is no success is an error. */
export async function call(method, path, body, headers) {
  const response = await ask(method, path, body, headers);
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  if (response.statusCode >= 400) throw new Error(`${method} ${path}: ${response.statusCode} ${text}`);
  return { status: response.statusCode, body: text ? JSON.parse(text) : null };
}

/** Server-sent events, one after the other: `{event, data}`. */
export async function* follow(path) {
  const response = await ask("GET", path, undefined, { accept: "text/event-stream" });
  if (response.statusCode !== 200) throw new Error(`GET ${path}: ${response.statusCode}`);
  let rest = "";
  for await (const chunk of response.setEncoding("utf8")) {
    const blocks = (rest + chunk).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(
        block
          .split("\n")
          .filter((line) => line.includes(": ") && !line.startsWith(":"))
          .map((line) => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)]),
      );
      if (fields.data) yield { event: fields.event, data: JSON.parse(fields.data) };
    }
  }
}

export const tell = (words) => console.log(JSON.stringify(words));
