// The booking service: takes bookings, publishes them to RabbitMQ, and hears there what became of its mails.
//
// It speaks AMQP with `amqplib`, and knows nothing of Clarion. It publishes `booking.created` to the exchange `travel`,
// and every tenth booking straight to the queue `bookings`, through the default exchange. It hears `mail.*` (what was
// sent, what failed) and `clock.*` (time to look over the books), and keeps its own books.
//
// It is told what to do by lines of JSON, answers in lines of JSON, and ends with its input:
//
//   {"book": 500, "per_second": 100}        take so many bookings, of flights in 10 to 40 days
//   {"book": 1, "departs_in": 10805}        … of flights in so many seconds
//   {"scribble": "no booking at all"}       publish something that nobody can use
//   {"books": true}                         show the books
//
// Environment: CLARION_AMQP_URL or AMQP_URL.

import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import amqp from "amqplib";
import { Books } from "./books.js";

const { CLARION_AMQP_URL, AMQP_URL = CLARION_AMQP_URL ?? "amqp://guest:guest@127.0.0.1:5672" } = process.env;
const [EXCHANGE, QUEUE, MINE] = ["travel", "bookings", "booking-service"];
const DAY_S = 86_400;
const CITIES = ["Lisbon", "Porto", "Funchal", "Faro", "Madrid", "Bergen", "Athens", "Zürich", "Łódź", "Reykjavík"];

const books = new Books();
const run = randomBytes(3).toString("hex");
let channel = null;

const say = (words) => process.stdout.write(JSON.stringify(words) + "\n");

/** Everything that a new connection needs; amqplib calls it again whenever it has connected anew. */
async function setUp(connection) {
  const opened = await connection.createConfirmChannel();
  opened.on("error", (error) => console.error(`channel: ${error.message}`));
  opened.on("close", () => channel === opened && (channel = null));
  await opened.assertExchange(EXCHANGE, "topic", { durable: true });
  await opened.assertQueue(QUEUE, { durable: true });
  await opened.assertQueue(MINE, { durable: true });
  for (const key of ["mail.*", "clock.*"]) await opened.bindQueue(MINE, EXCHANGE, key);
  await opened.prefetch(100);
  await opened.consume(MINE, (message) => message !== null && hear(opened, message));
  channel = opened;
  for (const booking of books.unconfirmed()) publish(booking); // again, with the same id
}

function hear(on, { content, fields, properties }) {
  books.hear(fields.routingKey, properties.messageId, JSON.parse(content), Date.now());
  on.ack({ fields });
}

/** Give a booking to RabbitMQ. While there is no connection it stays in the books as unconfirmed, and goes later. */
function publish(booking) {
  if (channel === null) return;
  const options = { messageId: booking.id, persistent: true, contentType: "application/json" };
  const confirmed = (error) => error === null && books.confirm(booking.id);
  const content = Buffer.from(JSON.stringify(booking.content));
  try {
    if (booking.straight) channel.sendToQueue(QUEUE, content, options, confirmed);
    else channel.publish(EXCHANGE, "booking.created", content, options, confirmed);
  } catch (error) {
    console.error(`publishing ${booking.id}: ${error.message}`); // the channel is closing; a new one is on its way
  }
}

function newBooking(departsIn) {
  const number = books.size + 1;
  const id = `B-${run}-${String(number).padStart(5, "0")}`;
  const pick = (shift) => CITIES[(number + shift) % CITIES.length];
  const content = {
    id,
    flight: `CL ${100 + (number % 900)}`,
    from: pick(0),
    to: pick(3),
    departs_at: new Date(Date.now() + departsIn * 1000).toISOString(),
    passenger: { id: `passenger-${id}`, name: `Passenger ${number}`, email: `${id.toLowerCase()}@passengers.example` },
  };
  return { id, content, straight: number % 10 === 0 };
}

const deeds = {
  async book({ book: count, per_second: rate = 100, departs_in: departsIn }) {
    const began = performance.now();
    for (let taken = 0; taken < count; taken++) {
      const due = began + (taken * 1000) / rate;
      if (due > performance.now()) await sleep(due - performance.now());
      publish(books.add(newBooking(departsIn ?? DAY_S * (10 + Math.random() * 30))));
      if ((taken + 1) % rate === 0) say({ taken: taken + 1 });
    }
    const tookS = (performance.now() - began) / 1000;
    await books.allConfirmed();
    say({ booked: { count, seconds: tookS } });
  },
  async scribble({ scribble }) {
    channel.publish(EXCHANGE, "booking.created", Buffer.from(String(scribble)), { persistent: true });
    await channel.waitForConfirms();
    say({ scribbled: 1 });
  },
  books: () => say({ books: books.show() }),
};

const connection = await amqp.connect(AMQP_URL, { recovery: { maxDelay: 1_000, setup: setUp } });
connection.on("error", (error) => console.error(`connection: ${error.message}`));
say({ up: true });
for await (const line of createInterface({ input: process.stdin })) {
  const told = JSON.parse(line);
  const deed = Object.keys(deeds).find((name) => name in told);
  if (deed === undefined) say({ error: `I know ${Object.keys(deeds).join(", ")}` });
  else void Promise.resolve(deeds[deed](told)).catch((error) => say({ error: error.message }));
}
await connection.close().catch(() => {});
process.exit(0);
