// The line to our server: who watches and where, what is missing, and what the server
// lets us fetch from it. It is a WebSocket of JSON messages (docs/sharing.md). When it
// breaks it is tried again, more and more slowly; playing never waits for it.
//
// Events: "swarm", "grant", "hint" (detail: the message), "open", "down".

const firstWait = 1000;
const longestWait = 30000;
const longestMessage = 64 * 1024;

export class Coordinator extends EventTarget {
  constructor(address, peer) {
    super();
    this.address = address;
    this.peer = peer;
    this.joined = new Map(); // infohash to the join message
    this.fails = 0;
    this.heard = 0; // when a message came last
    this.#connect();
  }

  get open() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  #connect() {
    if (this.closed) return;
    const socket = (this.socket = new WebSocket(this.address));
    socket.onopen = () => {
      this.fails = 0;
      for (const message of this.joined.values()) this.#send(message);
      this.dispatchEvent(new Event("open"));
    };
    socket.onmessage = (event) => this.#hear(event.data);
    socket.onclose = () => this.#lost(socket);
  }

  #lost(socket) {
    if (socket !== this.socket || this.closed) return;
    this.socket = null;
    const wait = Math.min(longestWait, firstWait * 2 ** this.fails++) * (0.5 + Math.random());
    this.timer = setTimeout(() => this.#connect(), wait);
    this.dispatchEvent(new Event("down"));
  }

  #hear(data) {
    if (typeof data !== "string" || data.length > longestMessage) return;
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    this.heard = performance.now();
    if (["swarm", "grant", "hint"].includes(message?.action)) {
      this.dispatchEvent(new CustomEvent(message.action, { detail: message }));
    }
  }

  #send(message) {
    if (this.open) this.socket.send(JSON.stringify(message));
  }

  join(infohash, duration) {
    const message = { action: "join", info_hash: infohash, peer_id: this.peer, duration };
    this.joined.delete(infohash); // the last to be joined is the one that plays, also anew
    this.joined.set(infohash, message);
    this.#send(message);
  }

  report(infohash, facts) {
    this.#send({ action: "report", info_hash: infohash, ...facts });
  }

  leave(infohash) {
    if (!this.joined.delete(infohash)) return;
    this.#send({ action: "leave", info_hash: infohash });
  }

  close() {
    for (const infohash of [...this.joined.keys()]) this.leave(infohash);
    this.closed = true;
    clearTimeout(this.timer);
    this.socket?.close();
    this.socket = null;
  }
}
