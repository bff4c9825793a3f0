// The school's application makes an event and says so to Clarion over HTTP: `node by-http.js EVENT TOPIC…`. It tells how
// long the answer took, then how far it is, live, until nothing more will happen by itself.

import { call, follow, tell } from "./clarion.js";
import { event } from "./event.js";

const [eventId, ...audience] = process.argv.slice(2);
// An application that runs has its connection already.
for (const topic of audience) await call("GET", `/v1/topics/${topic}`);

const began = performance.now();
const { status, body } = await call(
  "POST",
  "/v1/workflows/event-created/trigger",
  {
    recipients: audience.map((topic) => ({ topic })),
    payload: event(eventId, audience),
    metadata: { eventId },
    transaction_id: eventId,
  },
  { "idempotency-key": eventId },
);
tell({ answered: { status, ms: performance.now() - began, id: body.id, at: Date.now() } });

for await (const { event: kind, data } of follow(`/v1/triggers/${body.id}/events`)) {
  tell({ [kind]: { at: Date.now(), status: data.status, recipients: data.recipients, messages: data.messages, by_channel: data.by_channel } });
  if (kind === "end") break;
}
process.exit(0);
