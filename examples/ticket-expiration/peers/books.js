// The books of the order service: its orders and tickets, and every expiration that it heard. Each change is a line at
// the end of a file, if there is one, and is read back from it.

import { existsSync, openSync, readFileSync, writeSync } from "node:fs";

export class Books {
  orders = new Map();
  tickets = new Map();
  expirations = [];
  #file = null;

  constructor(path) {
    if (!path) return;
    const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
    for (const line of lines) this.#apply(JSON.parse(line));
    this.#file = openSync(path, "a");
  }

  /** A new order, which holds its ticket. Throws where another order holds that. */
  create(order) {
    const holder = this.tickets.get(order.ticket.id)?.orderId;
    if (holder) throw Object.assign(new Error(`the ticket is held by order ${holder}`), { status: 409 });
    this.#write({ what: "created", order: { ...order, version: 0, status: "created", announced: [] } });
    return this.orders.get(order.id);
  }

  complete(order) {
    this.#write({ what: "completed", id: order.id });
  }

  /** The order is cancelled and its ticket is free. */
  cancel(order) {
    this.#write({ what: "cancelled", id: order.id });
  }

  announced(order, subject) {
    this.#write({ what: "announced", id: order.id, subject });
  }

  counts() {
    const counts = { created: 0, complete: 0, cancelled: 0, expirations: this.expirations.length };
    for (const { status } of this.orders.values()) counts[status]++;
    return counts;
  }

  heard(expiration) {
    this.#write({ what: "heard", expiration });
  }

  #write(change) {
    if (this.#file !== null) writeSync(this.#file, JSON.stringify(change) + "\n");
    this.#apply(change);
  }

  #apply({ what, id, order = this.orders.get(id), subject, expiration }) {
    switch (what) {
      case "created":
        this.orders.set(order.id, order);
        this.tickets.set(order.ticket.id, { ...order.ticket, orderId: order.id });
        break;
      case "completed":
        Object.assign(order, { status: "complete", version: order.version + 1 });
        break;
      case "cancelled":
        Object.assign(order, { status: "cancelled", version: order.version + 1 });
        this.tickets.get(order.ticket.id).orderId = null;
        break;
      case "announced":
        order.announced.push(subject);
        break;
      case "heard":
        this.expirations.push(expiration);
        break;
    }
  }
}
