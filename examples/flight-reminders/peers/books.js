// The books of the booking service: its bookings, what it heard of their mails, and when it was told to look them over.

export class Books {
  #bookings = new Map();
  #open = new Set();
  #seen = new Set();
  #waiting = [];
  #unknown = [];
  #repeats = 0;
  #checks = [];
  #days = [];

  get size() {
    return this.#bookings.size;
  }

  add(booking) {
    this.#bookings.set(booking.id, { ...booking, taken_at: Date.now(), mails: [] });
    this.#open.add(booking.id);
    return booking;
  }

  /** RabbitMQ has this booking. */
  confirm(id) {
    this.#open.delete(id);
    if (this.#open.size === 0) for (const done of this.#waiting.splice(0)) done();
  }

  unconfirmed() {
    return [...this.#open].map((id) => this.#bookings.get(id));
  }

  allConfirmed() {
    return this.#open.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Something was delivered. A message whose id is known was delivered before: it counts once. */
  hear(key, id, content, at) {
    if (this.#seen.has(id)) return void this.#repeats++;
    this.#seen.add(id);
    if (key === "clock.check") this.#checks.push(content);
    else if (key === "clock.day") this.#days.push(content);
    else this.#mail(key, content, at);
  }

  #mail(key, { booking: id, mail, message }, at) {
    const booking = this.#bookings.get(id);
    if (booking === undefined) this.#unknown.push({ key, id, mail });
    else booking.mails.push({ key, mail, message, at });
  }

  show() {
    const bookings = [...this.#bookings.values()].map(({ id, content, taken_at, straight, mails }) => ({
      id,
      departs_at: content.departs_at,
      taken_at,
      straight,
      mails,
    }));
    return { bookings, repeats: this.#repeats, unknown: this.#unknown, checks: this.#checks, days: this.#days };
  }
}
