// What BullMQ itself says of the queue: how many jobs are in each state, why those that failed did, who works on it, and
// what connections the mailer has.
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { redisUrl } from "./redis.js";

const connection = new Redis(redisUrl(), { maxRetriesPerRequest: null });
const queue = new Queue("mailer-queue", { connection });

const counts = await queue.getJobCounts();
const failed = (await queue.getFailed()).map(({ id, name, failedReason }) => ({ id, name, failedReason }));
const workers = (await queue.getWorkers()).map(({ name }) => name);
const clients = (await connection.client("LIST")).split("\n");
const connections = clients.map((one) => / name=(\S*clarion:\S*)/.exec(one)?.[1]).filter(Boolean);
console.log(JSON.stringify({ counts, failed, workers, connections }));
await queue.close();
await connection.quit();
