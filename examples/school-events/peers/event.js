// An event of the school, as its application describes it.

export const event = (eventId, audience) => ({
  eventId,
  title: `Summer concert ${eventId}`,
  startsAt: "2027-06-18T17:00:00Z",
  place: "Main hall",
  audience,
});
