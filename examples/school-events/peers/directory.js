// The school's directory goes into Clarion: `node directory.js COUNT`. Six in ten are students, the others parents; some of
// both are teachers as well. Every third student has no address; the last parent's mailbox is one that never works.

import { call, tell } from "./clarion.js";

const AT_ONCE = 10_000; // as many as one call takes

const count = Number(process.argv[2]);
const [student, tutor, staff] = [0.6, 0.58, 0.64].map((part) => Math.round(part * count));

const everybody = Array.from({ length: count }, (_, at) => {
  const number = at + 1;
  const id = `p-${String(number).padStart(5, "0")}`;
  const topics = [
    ...(number <= student ? ["students"] : ["parents"]),
    ...(number > tutor && number <= staff ? ["teachers"] : []),
  ];
  const hasAddress = number > student || number % 3 !== 0;
  return { topics, person: { id, name: `Person ${number}`, ...(hasAddress && { email: `${id}@families.example` }) } };
});

for (let from = 0; from < count; from += AT_ONCE) {
  const recipients = everybody.slice(from, from + AT_ONCE).map((one) => one.person);
  const { body } = await call("POST", "/v1/recipients/bulk", { recipients });
  const bad = body.results.filter((one) => one.status === "invalid");
  if (bad.length) throw new Error(`not taken: ${JSON.stringify(bad[0])}`);
}

const topics = { "class-1a": everybody.slice(0, 3) };
for (const name of ["students", "teachers", "parents"])
  topics[name] = everybody.filter((one) => one.topics.includes(name));
for (const [key, members] of Object.entries(topics)) {
  await call("PUT", `/v1/topics/${key}`, { name: key });
  for (let from = 0; from < members.length; from += AT_ONCE)
    await call("POST", `/v1/topics/${key}/members`, {
      ids: members.slice(from, from + AT_ONCE).map((one) => one.person.id),
    });
}

tell({
  people: count,
  withAddress: everybody.filter((one) => one.person.email).length,
  memberships: topics.students.length + topics.teachers.length + topics.parents.length,
  inTwo: everybody.find((one) => one.topics.length > 1).person.id,
  broken: everybody.at(-1).person.email,
});
