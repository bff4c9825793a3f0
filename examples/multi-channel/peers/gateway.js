// The gateway for SMS and push: `node gateway.js [PORT]`. It takes signed webhooks (Standard Webhooks), hands each message
// to its provider once, however often it comes, and answers. The provider is pretended: what a real one would be given is
// kept and told. A line {"down": true} on standard input lets it answer 503, {"down": false} lets it work again,
// {"sent": true} has it tell all that was handed over. It ends with its input.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

const secret = process.env.GATEWAY_SECRET ?? "whsec_Zm9yIHRoaXMgZXhhbXBsZSBvbmx5LCAzMiBieXRlcy4=";
const key = Buffer.from(secret.slice("whsec_".length), "base64");
const OLDEST_S = 300;

const sent = { sms: new Map(), push: new Map() };
const counts = { forged: 0, refused: 0, repeats: 0 };
let down = false;

function isSigned(headers, body) {
  const [id, at] = [headers["webhook-id"], headers["webhook-timestamp"]];
  if (Math.abs(Date.now() / 1000 - Number(at)) > OLDEST_S) return false;
  const wanted = createHmac("sha256", key).update(`${id}.${at}.${body}`).digest();
  return (headers["webhook-signature"] ?? "").split(" ").some((one) => {
    const [version, given] = one.split(",");
    const bytes = Buffer.from(given ?? "", "base64");
    return version === "v1" && bytes.length === wanted.length && timingSafeEqual(bytes, wanted);
  });
}

function take(channel, headers, body) {
  if (!sent[channel]) return 404;
  if (down) return ++counts.refused, 503;
  if (!isSigned(headers, body)) return ++counts.forged, 401;
  const id = headers["webhook-id"];
  if (sent[channel].has(id)) counts.repeats++;
  else sent[channel].set(id, JSON.parse(body).data);
  return 200;
}

const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  response.writeHead(take(request.url.slice(1), request.headers, body)).end();
});

const tell = (words) => console.log(JSON.stringify(words));
server.listen(Number(process.argv[2] ?? 4010), "127.0.0.1", () => tell({ port: server.address().port }));
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  if ("down" in asked) tell({ isDown: (down = asked.down) });
  if (asked.sent) tell({ sent: { sms: [...sent.sms.values()], push: [...sent.push.values()], ...counts } });
}
process.exit(0);
