// What is not yet on disk: whole documents, each with who sent it and a rising number, until the server acknowledges them.
//
// A lost, doubled or late message does no harm: the server writes nothing for a number it has seen or passed. What is
// unsaved also survives a reload of the page (session storage) and a restart of the server (a new token, then resend).

import { copy } from "./dom.js";

const STORE = "tilth-annotator-pending";
const RESEND_MS = 4000;

export const client = [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("");
const pending = load(); // "client|document key" -> {client, seq, key, document, active, since}
let sequence = 0;

function load() {
  try {
    return new Map(JSON.parse(sessionStorage.getItem(STORE) || "[]"));
  } catch {
    return new Map(); // storage switched off or damaged: nothing to send again
  }
}

function store() {
  try {
    sessionStorage.setItem(STORE, JSON.stringify([...pending]));
  } catch (error) {
    console.warn("Unsaved labels cannot be kept across a reload:", error);
  }
}

export function unsaved(key) {
  return [...pending.values()].filter((p) => p.key === key).sort((a, b) => a.since - b.since).pop();
}

export class Outbox {
  // `changed()` is called when the state of saving changes; `gone()` when the server does not know our token any more.
  constructor({ changed, gone, saved }) {
    Object.assign(this, { changed, gone, saved });
    this.busy = null;
    this.refused = null;
    this.timer = setInterval(() => this.tick(), 500);
  }

  close() {
    clearInterval(this.timer);
    clearTimeout(this.later);
  }

  connect(token) {
    const fresh = token !== this.token;
    this.token = token;
    if (fresh && pending.size) this.flush();
  }

  put(key, doc, active, delay = 0) {
    const name = `${client}|${key}`;
    const waiting = pending.get(name);
    pending.set(name, {
      client, seq: ++sequence, key, document: copy(doc), active: (waiting?.active || 0) + active, since: waiting?.since ?? Date.now(),
    });
    store();
    this.changed();
    clearTimeout(this.later);
    if (delay) this.later = setTimeout(() => this.flush(), delay);
    else this.flush();
  }

  // Send everything that waits, also what is put while sending; resolves when all of it is saved or has failed.
  flush() {
    clearTimeout(this.later);
    this.again = true;
    this.busy ??= this.sendAll().finally(() => {
      this.busy = null;
    });
    return this.busy;
  }

  async sendAll() {
    while (this.again) {
      this.again = false;
      await this.send();
    }
  }

  async send() {
    for (const [name, item] of [...pending]) {
      this.sent = Date.now();
      let answer;
      try {
        answer = await this.call("answer", item, "PUT");
      } catch (error) {
        if (error.code === "gone") this.gone();
        else if (error.code && error.code !== "busy") { // the server will not take it: say so, and do not insist
          this.refused = error.message;
          pending.delete(name);
          store();
        }
        this.changed();
        continue;
      }
      this.refused = null;
      const now = pending.get(name);
      if (now && now.seq <= item.seq) pending.delete(name);
      store();
      this.saved?.(item, answer);
      this.changed();
    }
  }

  tick() {
    if (pending.size && !this.busy && Date.now() - (this.sent || 0) > RESEND_MS) this.flush();
    this.changed();
  }

  // Ask our route; throws an Error with `code` when the server refuses, without one when it cannot be reached.
  async call(what, body = null, method = "POST") {
    const url = new URL(`/api/desk/${this.token}/${what}`, document.baseURI);
    const answer = await fetch(url, {
      method, headers: { "x-tilth": "1", ...(body ? { "content-type": "application/json" } : {}) }, body: body ? JSON.stringify(body) : undefined,
    });
    const said = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(said.error?.message || `Error ${answer.status}`), { code: said.error?.code || "failed" });
    return said;
  }

  get state() {
    if (this.refused) return ["refused", `Not saved: ${this.refused}`];
    if (!pending.size) return ["saved", "Saved"];
    const oldest = Math.min(...[...pending.values()].map((p) => p.since));
    return Date.now() - oldest > RESEND_MS ? ["offline", "Offline, will send again"] : ["saving", "Saving…"];
  }

  get size() {
    return pending.size;
  }
}
