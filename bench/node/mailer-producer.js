// The producer of the hotel mailer: adds a job per booking, in bulk because that is its fastest way.

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

import { Queue } from "bullmq";

import { now, option } from "./monotonic.js";

const BULK = 500;
const url = new URL(option("redis"));
const queue = new Queue("mailer-queue", { connection: { host: url.hostname, port: Number(url.port) } });
await queue.waitUntilReady();

// Everything is read before the clock starts: a producer has its data at hand.
const bookings = [];
for await (const line of createInterface({ input: createReadStream(option("bookings")) })) {
  const { to, subject, params } = JSON.parse(line);
  bookings.push({ name: "email-producer", data: { to, subject, templateId: "booking-confirmed", params } });
}

process.send({ first: now() });
for (let at = 0; at < bookings.length; at += BULK) await queue.addBulk(bookings.slice(at, at + BULK));
await queue.close();
process.disconnect();
