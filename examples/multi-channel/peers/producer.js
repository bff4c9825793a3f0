// The application: `node producer.js FIRST COUNT [QUEUE…]` puts COUNT jobs into each of its queues (or those named), as it
// always has; their users are numbered from FIRST. It knows BullMQ and nothing of Clarion, and tells what BullMQ counts
// when all of them are completed or failed.

import { Queue } from "bullmq";

const [first, count, ...named] = process.argv.slice(2);
const { CLARION_REDIS_URL: url, REDIS_HOST: host = "127.0.0.1", REDIS_PORT: port = 6379, REDIS_PASSWORD: password } = process.env;
const connection = { ...(url ? { url } : { host, port: Number(port), password }), maxRetriesPerRequest: null };

const metadata = { campaign: "spring" };
const jobs = {
  "email-notifications": (n) => ["email", { userId: `user-${n}`, to: `user-${n}@people.example`, subject: `Hello ${n}`, body: "Spring is here.", metadata }],
  "sms-notifications": (n) => ["sms", { userId: `user-${n}`, to: `+4930${String(n).padStart(7, "0")}`, message: `Spring is here, ${n}.`, metadata }],
  "push-notifications": (n) => ["push", { userId: `user-${n}`, token: `token-${n}`, title: "Spring", body: "It is here.", metadata }],
  "in-app-notifications": (n) => ["in-app", { userId: `user-${n}`, title: "Spring", body: "It is here.", metadata }],
};

const numbers = Array.from({ length: Number(count) }, (_, at) => Number(first) + at);
const queues = (named.length ? named : Object.keys(jobs)).map((name) => new Queue(name, { connection }));
for (const queue of queues)
  await queue.addBulk(
    numbers.map((n) => {
      const [name, data] = jobs[queue.name](n);
      return { name, data, opts: { attempts: 3, backoff: { type: "exponential", delay: 5000 } } };
    }),
  );
console.log(JSON.stringify({ added: numbers.length * queues.length }));

const counts = {};
for (const queue of queues) {
  do {
    counts[queue.name] = await queue.getJobCounts("waiting", "active", "delayed", "completed", "failed");
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (counts[queue.name].waiting + counts[queue.name].active + counts[queue.name].delayed);
  await queue.close();
}
console.log(JSON.stringify({ counts }));
