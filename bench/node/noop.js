// BullMQ's own cost: N jobs that do nothing, all added first, then drained by one worker. On Redis, or on PostgreSQL
// by the backend that BullMQ brings for it. Prints one line of JSON.

import { createPostgresBackend, Queue, Worker } from "bullmq";

import { now, option, peakRssMb } from "./monotonic.js";

const BULK = 1000;
const jobs = Number(option("jobs"));
const concurrency = Number(option("concurrency"));
const url = option("url");

function backend() {
  if (url.startsWith("redis:")) {
    const { hostname, port } = new URL(url);
    return [{ connection: { host: hostname, port: Number(port), maxRetriesPerRequest: null } }];
  }
  // postgresql://user@/database?host=/folder/of/the/socket&port=5432: no URL in JavaScript's eyes, as it has no host.
  const [, user, database, query] = url.match(/^postgresql:\/\/([^@]*)@\/([^?]*)\?(.*)$/);
  const { host, port } = Object.fromEntries(new URLSearchParams(query));
  const max = Number(option("pool", "20"));
  return [{ connection: { user, database, host, port: Number(port), max, migrate: true } }, createPostgresBackend];
}

function make(Class, ...before) {
  const [options, factory] = backend();
  const extra = Class === Worker ? { concurrency, autorun: false, removeOnComplete: { count: 0 } } : {};
  const made = new Class("noop", ...before, { ...options, ...extra }, factory);
  made.on("error", (error) => {
    console.error(error);
    process.exit(1);
  });
  return made;
}

const queue = make(Queue);
await queue.waitUntilReady();

const adding = now();
for (let at = 0; at < jobs; at += BULK) {
  const size = Math.min(BULK, jobs - at);
  await queue.addBulk(Array.from({ length: size }, (_, i) => ({ name: "noop", data: { n: at + i } })));
}
const added = now() - adding;

let done = 0;
let finished;
const all = new Promise((resolve) => {
  finished = resolve;
});
const worker = make(Worker, async () => {});
worker.on("completed", () => {
  if (++done === jobs) finished();
});
await worker.waitUntilReady();
const started = now();
const running = worker.run();
await all;
const seconds = now() - started;
console.log(
  JSON.stringify({ jobs, seconds, jobs_per_s: jobs / seconds, added_per_s: jobs / added, rss_mb: peakRssMb() }),
);
await worker.close();
await running;
await queue.close();
process.exit(0);
