// What BullMQ itself says of the queue: how many jobs are in each state, and why those that failed did.
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { redisUrl } from "./redis.js";

const connection = new Redis(redisUrl(), { maxRetriesPerRequest: null });
const queue = new Queue("mailer-queue", { connection });

const counts = await queue.getJobCounts();
const failed = (await queue.getFailed()).map(({ id, name, failedReason }) => ({ id, name, failedReason }));
const workers = (await queue.getWorkers()).map(({ name }) => name);
console.log(JSON.stringify({ counts, failed, workers }));
await queue.close();
await connection.quit();
