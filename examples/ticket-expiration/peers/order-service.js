// The order service: keeps orders and the tickets they hold, and cancels an order when it hears that its time is over.
//
// It speaks JetStream with the client of NATS itself, and knows nothing of Clarion: it publishes `order:created`,
// `order:completed` and `order:cancelled`, and hears `expiration:complete`. Its own door is HTTP:
//
//   POST /orders                    {"ticketId", "price", "expiresAt" | "expiresIn"}, or a list of them
//   POST /orders/<id>/completion    the order is paid; with ?announce=no nobody is told
//   GET  /orders/<id>               GET /tickets/<id>
//   GET  /expirations               every delivery of `expiration:complete`, and what became of it
//   GET  /counts                    orders by status, and those deliveries
//
// Environment: NATS_URL, PORT (0 takes a free one), BOOKS (a file that keeps the books over a restart),
// EXPIRATION_SECONDS (how long an order may wait for its payment), DUPLICATE_WINDOW_MS (of the stream of expirations).

import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, nanos } from "@nats-io/transport-node";
import { Books } from "./books.js";

const { NATS_URL = "nats://127.0.0.1:4222", PORT = "4000", BOOKS, EXPIRATION_SECONDS = "900" } = process.env;
const { DUPLICATE_WINDOW_MS } = process.env;
const ACK_WAIT_MS = 5_000;
const AT_ONCE = 500;
const PAUSE_MS = 250;

const books = new Books(BOOKS);
const nats = await connect({
  servers: NATS_URL.split(","),
  name: "order-service",
  maxReconnectAttempts: -1,
  reconnectTimeWait: PAUSE_MS,
  waitOnFirstConnect: true,
});
const streams = jetstream(nats, { timeout: 5_000 });

/** The streams of this service's subjects, made or given what they lack. */
async function prepare() {
  const manager = await jetstreamManager(nats);
  await ensure(manager, { name: "orders", subjects: ["order:created", "order:completed", "order:cancelled"] });
  const window = DUPLICATE_WINDOW_MS && { duplicate_window: nanos(Number(DUPLICATE_WINDOW_MS)) };
  await ensure(manager, { name: "expirations", subjects: ["expiration:complete"], ...window });
  await manager.consumers.add("expirations", {
    durable_name: "order-service",
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ACK_WAIT_MS),
    filter_subject: "expiration:complete",
    max_ack_pending: AT_ONCE,
  });
}

async function ensure(manager, wanted) {
  const found = await manager.streams.info(wanted.name).catch((error) => {
    if (error.name === "StreamNotFoundError") return null;
    throw error;
  });
  if (found === null) return manager.streams.add(wanted);
  const subjects = [...new Set([...found.config.subjects, ...wanted.subjects])];
  return manager.streams.update(wanted.name, { ...found.config, ...wanted, subjects });
}

/** Publish until the stream has it. The id is the same at every try: the stream takes it once. */
async function publish(subject, data, id) {
  for (;;) {
    try {
      return await streams.publish(subject, JSON.stringify(data), { msgID: id });
    } catch (error) {
      console.error(`publishing ${subject} of ${data.id}: ${error.message}; trying again`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

/** Tell of *order*, and note that it is told of: what is not is told when the service starts again. */
async function announce(order, subject, data) {
  await publish(subject, data, `${subject}/${order.id}/${data.version}`);
  books.announced(order, subject);
}

const created = (order) =>
  announce(order, "order:created", {
    id: order.id,
    version: 0,
    status: "created",
    userId: order.userId,
    expiresAt: order.expiresAt,
    ticket: order.ticket,
  });

const completed = (order) =>
  announce(order, "order:completed", { id: order.id, version: order.version, ticket: { id: order.ticket.id } });

const cancelling = new Map();

/** Tell that *order* is cancelled, once, however often it is asked for at the same time. */
function cancelled(order) {
  if (!cancelling.has(order.id)) {
    const telling = announce(order, "order:cancelled", {
      id: order.id,
      version: order.version,
      ticket: { id: order.ticket.id },
    });
    cancelling.set(order.id, telling.finally(() => cancelling.delete(order.id)));
  }
  return cancelling.get(order.id);
}

/** What an expiration means for its order. Throws where the order is unknown: then it is not acknowledged. */
async function expire(orderId) {
  const order = books.orders.get(orderId);
  if (order === undefined) throw new Error(`there is no order ${orderId}`);
  if (order.status === "complete") return "left alone: it is complete";
  const outcome = order.status === "cancelled" ? "cancelled before" : "cancelled";
  if (outcome === "cancelled") books.cancel(order); // and the ticket is free
  if (!order.announced.includes("order:cancelled")) await cancelled(order);
  return outcome;
}

async function onExpiration(message) {
  const heard = { at: Date.now(), eventId: message.headers?.get("Nats-Msg-Id"), sequence: message.seq };
  heard.deliveries = message.info.deliveryCount;
  try {
    heard.orderId = message.json().orderId;
    heard.outcome = await expire(heard.orderId);
    message.ack();
  } catch (error) {
    heard.outcome = `error: ${error.message}`;
    console.error(`expiration:complete ${message.seq}, delivery ${heard.deliveries}: ${error.message}`);
  }
  books.heard(heard);
}

/** Hear expirations for ever, over lost connections and servers that start again. */
async function listen() {
  for (;;) {
    try {
      const consumer = await streams.consumers.get("expirations", "order-service");
      const messages = await consumer.consume({ max_messages: AT_ONCE, idle_heartbeat: 1_000 });
      for await (const message of messages) void onExpiration(message);
    } catch (error) {
      console.error(`listening: ${error.message}; trying again`);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function newOrder({ ticketId, price = 20, userId = "anonymous", expiresAt, expiresIn = Number(EXPIRATION_SECONDS) }) {
  const id = randomBytes(12).toString("hex");
  const ends = expiresAt ?? new Date(Date.now() + expiresIn * 1000).toISOString();
  return books.create({ id, userId, expiresAt: ends, ticket: { id: ticketId ?? `ticket-${id}`, price } });
}

const routes = [
  ["POST", /^\/orders$/, async (_, asked) => {
    const made = [asked].flat().map(newOrder);
    await Promise.all(made.map(created));
    return [201, Array.isArray(asked) ? made : made[0]];
  }],
  ["POST", /^\/orders\/([^/]+)\/completion$/, async (id, _, query) => {
    const order = books.orders.get(id);
    if (order === undefined) return [404, { error: `there is no order ${id}` }];
    if (order.status === "cancelled") return [409, { error: "it is cancelled" }];
    if (order.status === "created") books.complete(order);
    if (query.get("announce") !== "no") await completed(order);
    return [200, order];
  }],
  ["GET", /^\/orders$/, async () => [200, [...books.orders.values()]]],
  ["GET", /^\/orders\/([^/]+)$/, async (id) => found(books.orders.get(id))],
  ["GET", /^\/tickets\/([^/]+)$/, async (id) => found(books.tickets.get(id))],
  ["GET", /^\/expirations$/, async () => [200, books.expirations]],
  ["GET", /^\/counts$/, async () => [200, books.counts()]],
];

const found = (thing) => (thing === undefined ? [404, { error: "there is no such thing" }] : [200, thing]);

async function answer(request) {
  const url = new URL(request.url, "http://localhost");
  for (const [method, path, route] of routes) {
    const match = request.method === method && path.exec(url.pathname);
    if (!match) continue;
    let body = "";
    for await (const part of request) body += part;
    return route(match[1], body === "" ? {} : JSON.parse(body), url.searchParams);
  }
  return [404, { error: `there is no ${request.method} ${url.pathname}` }];
}

const server = createServer(async (request, response) => {
  const [status, said] = await answer(request).catch((error) => [error.status ?? 400, { error: error.message }]);
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(said));
});

await prepare();
for (const order of books.orders.values()) {
  if (!order.announced.includes("order:created")) void created(order);
  if (order.status === "cancelled" && !order.announced.includes("order:cancelled")) void cancelled(order);
}
void listen();
server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(JSON.stringify({ up: `http://127.0.0.1:${server.address().port}` }));
});
process.on("SIGTERM", () => process.exit(0));
