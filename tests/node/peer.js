// The other side of a queue: its producer, its dashboard, a worker beside ours. Started with the name of the library
// (bullmq is 5, bullmq-6 is 6) and the port of Redis; it is told what to do by lines of JSON, and ends with its input.

import { createInterface } from "node:readline";

const [library, port] = process.argv.slice(2);
const { Queue, QueueEvents, Worker } = await import(library);
const connection = { host: "127.0.0.1", port: Number(port), maxRetriesPerRequest: null };

const queues = new Map();
const heard = new Map();
const workers = [];
const listeners = [];

function queueOf(name) {
  if (!queues.has(name)) {
    const queue = new Queue(name, { connection });
    queue.on("error", () => {});
    queues.set(name, queue);
  }
  return queues.get(name);
}

const deeds = {
  add: (queue, name, data, options) => queueOf(queue).add(name, data, options).then((job) => job.id),
  addBulk: (queue, jobs) => queueOf(queue).addBulk(jobs).then((added) => added.map((job) => job.id)),
  counts: (queue) => queueOf(queue).getJobCounts(),
  job: async (queue, id) => {
    const job = await queueOf(queue).getJob(id);
    return job && { ...job.toJSON(), state: await job.getState(), data: job.data };
  },
  failed: (queue) => queueOf(queue).getFailed().then((jobs) => jobs.map((job) => job.toJSON())),
  completed: (queue) => queueOf(queue).getCompleted().then((jobs) => jobs.map((job) => job.toJSON())),
  schedule: (queue, id, every, name) => queueOf(queue).upsertJobScheduler(id, { every }, { name }).then((job) => job.id),
  retry: (queue, id) => queueOf(queue).getJob(id).then((job) => job.retry()),
  remove: (queue, id) => queueOf(queue).remove(id),
  pause: (queue) => queueOf(queue).pause(),
  resume: (queue) => queueOf(queue).resume(),
  atMost: (queue, concurrency) => queueOf(queue).setGlobalConcurrency(concurrency),
  workers: (queue) => queueOf(queue).getWorkers().then((found) => found.map((one) => one.rawname ?? one.name)),
  /** From now on, keep what happens in the queue: `events` gives it. */
  listen: async (queue) => {
    const events = new QueueEvents(queue, { connection });
    events.on("error", () => {});
    listeners.push(events);
    heard.set(queue, []);
    for (const name of ["active", "completed", "failed", "progress", "stalled", "delayed"])
      events.on(name, (event) => heard.get(queue).push({ event: name, ...event }));
    await events.waitUntilReady();
  },
  events: async (queue) => heard.get(queue),
  /** Work beside ours; its jobs' return value says that it was this one. */
  work: async (queue, options) => {
    const worker = new Worker(queue, async () => "node", { connection, ...options });
    worker.on("error", () => {});
    workers.push(worker);
    await worker.waitUntilReady();
  },
};

console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  const { id, deed, args } = JSON.parse(line);
  deeds[deed](...args).then(
    (answer) => console.log(JSON.stringify({ id, answer: answer ?? null })),
    (error) => console.log(JSON.stringify({ id, error: String(error) })),
  );
}
for (const one of [...workers, ...listeners, ...queues.values()]) one.disconnect?.();
process.exit(0);
