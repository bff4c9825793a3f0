// The school's application makes events and puts them into its queue, as it always has:
// `node by-queue.js EVENT TIMES PER_SECOND TOPIC…`. It knows BullMQ and nothing of Clarion. It tells how many jobs are
// active and how far they are, and at the end what BullMQ says of each. With PER_SECOND (0: none) the queue is limited to
// so many jobs a second.

import { Queue, QueueEvents } from "bullmq";
import { Redis } from "ioredis";
import { event } from "./event.js";

const [eventId, times, perSecond, ...audience] = process.argv.slice(2);
const connection = { url: process.env.CLARION_REDIS_URL ?? "redis://127.0.0.1:6379/0", maxRetriesPerRequest: null };
const tell = (words) => console.log(JSON.stringify(words));

const queue = new Queue("school-events", { connection });
// From the last event on that there is: so none is missed while the reader begins.
const redis = new Redis(connection.url);
const [last] = await redis.xrevrange(queue.toKey("events"), "+", "-", "COUNT", 1);
redis.disconnect();
const events = new QueueEvents("school-events", { connection, lastEventId: last?.[0] ?? "0-0" });

const open = new Set();
let active = 0;
let allEnded;
const ended = new Promise((resolve) => (allEnded = resolve));
const ends = ({ jobId }) => {
  tell({ active: --active });
  open.delete(jobId);
  if (!open.size) allEnded();
};
events.on("active", () => tell({ active: ++active }));
events.on("progress", ({ jobId, data }) => tell({ progress: { id: jobId, percent: data } }));
events.on("completed", ends);
events.on("failed", ends);

if (Number(perSecond)) await queue.setGlobalRateLimit(Number(perSecond), 1000);
const numbers = Array.from({ length: Number(times) }, (_, at) => (at ? `${eventId}.${at}` : eventId));
// Ids are known before the jobs are there, so that no event comes too early.
const jobs = numbers.map((id) => ({ name: "event-created", data: event(id, audience), opts: { jobId: id } }));
for (const { opts } of jobs) open.add(opts.jobId);
await queue.addBulk(jobs);
tell({ added: jobs.length });
await ended;

if (Number(perSecond)) await queue.removeGlobalRateLimit();
const found = await Promise.all(numbers.map((id) => queue.getJob(id)));
tell({
  ended: await Promise.all(
    found.map(async (job) => ({
      id: job.id,
      state: await job.getState(),
      progress: job.progress,
      reason: job.failedReason ?? null,
      from: job.processedOn,
      to: job.finishedOn,
    })),
  ),
});
tell({ counts: await queue.getJobCounts() });
await Promise.all([events.close(), queue.close()]);
