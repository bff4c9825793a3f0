// The hotel's web site: for every mail it adds a job, over its one connection to Redis. It knows nothing of Clarion.
//
//   node producer.js [COUNT] [PER_SECOND]        puts in COUNT jobs, and one of a name that no mailer knows
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { redisUrl } from "./redis.js";

const [count, perSecond] = [Number(process.argv[2] ?? 10), Number(process.argv[3] ?? Infinity)];
const connection = new Redis(redisUrl(), { maxRetriesPerRequest: null });
const queue = new Queue("mailer-queue", { connection });

const began = Date.now();
for (let n = 1; n <= count; n++) {
  await queue.add("email-producer", mail(n));
  const ahead = (n * 1000) / perSecond - (Date.now() - began);
  if (ahead > 0) await new Promise((done) => setTimeout(done, ahead));
}
const other = await queue.add("sms-producer", { to: "+15550100", text: "Your room is ready." });

console.log(JSON.stringify({ added: count, other: other.id, ms: Date.now() - began }));
await queue.close();
await connection.quit();

function mail(n) {
  const guest = { name: `Guest ${n}` };
  const to = `guest-${n}@guests.example`;
  if (n % 10 === 0) {
    const params = { guest, hotel: "Hotel Aurora", link: `https://aurora.example/reset/${n}`, minutes: 30 };
    return { to, subject: "Your new password", templateId: "password-reset", params };
  }
  const rooms = n % 3 === 0 ? [] : [{ name: "Sea view", nights: 2 }];
  const params = { guest, hotel: "Hotel Aurora", bookingId: `B-${n}`, rooms, paid: n % 2 === 0 };
  return { to, subject: `Your booking B-${n} is confirmed`, templateId: "booking-confirmed", params };
}
