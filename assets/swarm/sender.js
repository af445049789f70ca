// What peers ask of us, in our order: the nearest deadline first, one piece after the
// other, to a few peers at a time. Nothing is put on a line that has enough on it.

const atOnce = 4;
const littleWaiting = 16 * 1024; // bytes in all channels, while we are short of pieces ourselves
const saved = 10; // seconds of what may be given, for a moment in which much is asked

export class Sender {
  // slack(request) tells how soon the asking peer needs the piece; bytes(request) returns
  // them, or null where we no longer have them; most returns the bytes a second that we may
  // give on average; short says that we lack what we play next. What waits in the channels
  // then stands before our own questions, on a slow line for seconds, so little may.
  constructor({ slack, bytes, gave, most = () => Infinity, short = () => false }) {
    Object.assign(this, { slack, bytes, gave, most, short });
    this.purse = 0; // bytes that may be given now
    this.earned = performance.now();
    this.peers = new Set();
    this.current = new Map(); // peer to the piece being sent to it
  }

  add(peer) {
    this.peers.add(peer);
    peer.addEventListener("asked", () => this.pump());
    peer.addEventListener("drained", () => this.pump());
    peer.addEventListener("closed", () => {
      this.peers.delete(peer);
      this.current.delete(peer);
      this.pump();
    });
  }

  pump() {
    if (this.pumping) return; // a peer that goes while it is being sent to calls again
    this.pumping = true;
    try {
      for (const { peer, requests } of this.#chosen()) this.#send(peer, requests);
    } finally {
      this.pumping = false;
    }
  }

  // chosen returns the peers to send to now, each with the requests of one piece. A piece
  // that was begun is ended.
  #chosen() {
    const ready = [];
    for (const peer of this.peers) {
      const requests = this.#nextPiece(peer);
      if (requests.length > 0) ready.push({ peer, requests, slack: this.slack(requests[0]), begun: this.current.has(peer) });
    }
    ready.sort((a, b) => b.begun - a.begun || a.slack - b.slack);
    return ready.slice(0, atOnce);
  }

  // room says whether more may be put on the line to a peer.
  #room(peer) {
    if (!peer.room) return false;
    if (!this.short()) return true;
    let waiting = 0;
    for (const one of this.peers) waiting += one.backlog;
    return waiting < littleWaiting;
  }

  #nextPiece(peer) {
    const asked = [...peer.asking];
    let piece = this.current.get(peer);
    if (piece === undefined || !asked.some((r) => r.piece === piece)) {
      this.current.delete(peer);
      piece = nearest(asked, this.slack)?.piece;
    }
    return asked.filter((r) => r.piece === piece).sort((a, b) => a.offset - b.offset);
  }

  #send(peer, requests) {
    for (const request of requests) {
      if (!this.#room(peer) || !this.#may()) return;
      this.current.set(peer, request.piece);
      const bytes = this.bytes(request);
      peer.give(request, bytes);
      if (bytes) this.#given(bytes.length);
    }
    this.current.delete(peer);
    if (peer.asking.size > 0) queueMicrotask(() => this.pump());
  }

  // may says whether something may be given now. Whoever waits hears of it at the next pump,
  // which comes with each look at how things stand.
  #may() {
    const now = performance.now();
    const rate = this.most();
    if (rate === Infinity) return true;
    const earned = this.started ? (rate * (now - this.earned)) / 1000 : Infinity;
    this.purse = Math.min(rate * saved, this.purse + earned);
    this.earned = now;
    this.started = true;
    return this.purse > 0;
  }

  #given(bytes) {
    this.purse -= bytes;
    this.gave(bytes);
  }
}

function nearest(requests, slack) {
  let best = null;
  let least = Infinity;
  for (const r of requests) {
    const s = slack(r);
    if (best === null || s < least) [best, least] = [r, s];
  }
  return best;
}
