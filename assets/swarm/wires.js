// Everything we know of webtorrent.js's inside stands here: pinned to 3.0.21, and tested
// (testdata/browser/wires.mjs). From it we take introductions by the tracker, data
// channels and BitTorrent's wire protocol. We keep its own requests, choking, web seeds
// and storage out of it: what to ask from whom, what to send first and what to keep is
// decided elsewhere.
//
// Party: one rendition's peers. Peer: one of them.

const blockSize = 16 * 1024; // what every BitTorrent client asks at a time
const longestBlock = 128 * 1024;
const mostSending = 64 * 1024; // bytes given to a data channel and not yet on the line
const nearlyOut = 8 * 1024; // of them, when more is given
const silent = 2000; // milliseconds, in which a peer says that something came
const mostAsked = 512; // requests of one peer that wait for us
const mostUnasked = 1024 * 1024; // bytes that a peer may send without being asked
const longestWords = 8 * 1024;
const gathering = 800; // milliseconds for the addresses of an offer after the first
const comeBack = 4000;
const wordsName = "tubelet";

// Wires is the client: one per tab.
export class Wires {
  constructor(WebTorrent, { peer, socket, stun }) {
    this.socket = socket;
    const rtcConfig = { iceServers: stun ? [{ urls: stun }] : [] };
    this.client = new WebTorrent({
      peerId: peer, tracker: { rtcConfig }, dht: false, lsd: false, utPex: false, webSeeds: false, natUpnp: false, natPmp: false, secure: 0, maxConns: 40,
    });
    this.client.on("error", () => {}); // of one torrent: its party stays without peers
  }

  // meet joins the peers of a torrent. wanted returns how many more we would like.
  meet(torrent, wanted) {
    return new Party(this.client, torrent, this.socket, wanted);
  }

  close() {
    if (!this.client.destroyed) this.client.destroy();
  }
}

// Nowhere is a store that keeps nothing: ours is elsewhere, and webtorrent.js's default
// would write to the viewer's disk.
class Nowhere {
  constructor(chunkLength) {
    this.chunkLength = chunkLength;
  }

  get(piece, options, then = options) {
    queueMicrotask(() => then(new Error("kept elsewhere")));
  }

  put(piece, bytes, then) {
    queueMicrotask(() => then?.(new Error("kept elsewhere")));
  }

  close(then) {
    then?.(null);
  }

  destroy(then) {
    then?.(null);
  }
}

// Events: "peer" and "left" (detail: the Peer), "had" (a peer has more or less than before).
export class Party extends EventTarget {
  constructor(client, torrent, socket, wanted) {
    super();
    this.torrent = torrent;
    this.peers = new Map(); // by id
    this.banned = new Set();
    this.held = new Set(); // pieces we have
    this.inner = client.add(torrent.bare, {
      announce: [socket], store: Nowhere, storeCacheSlots: 0, deselect: true, alwaysChokeSeeders: false, uploads: 0,
      getAnnounceOpts: () => ({ numwant: Math.max(0, Math.min(5, wanted())) }),
    });
    const { inner } = this;
    inner._rechoke = () => {};
    inner._update = () => {};
    inner.on("error", () => {});
    inner.on("warning", () => {});
    inner.on("wire", (wire) => this.#meet(wire));
    inner.on("ready", () => this.#ready());
  }

  #ready() {
    for (const piece of this.held) this.#mark(piece);
    const tracker = this.inner.discovery?.tracker?._trackers?.[0];
    if (!tracker) return;
    // An offer waits for its addresses; a STUN server out of reach must not make that long.
    const make = tracker._createPeer.bind(tracker);
    tracker._createPeer = (options) => make({ ...options, iceCompleteTimeout: gathering });
    // The library waits for minutes before it looks for its tracker again.
    tracker._startReconnectTimer = () => {
      tracker.reconnecting = true;
      clearTimeout(tracker.reconnectTimer);
      tracker.reconnectTimer = setTimeout(() => {
        tracker.retries++;
        tracker._openSocket();
      }, comeBack * (1 + Math.random()) * Math.min(8, 1 + tracker.retries));
    };
  }

  #mark(piece) {
    this.inner.bitfield?.set(piece, true);
  }

  // have tells everybody of a piece that we can give.
  have(piece) {
    this.held.add(piece);
    this.#mark(piece);
    for (const peer of this.peers.values()) peer.wire.have(piece);
  }

  // gone takes a piece back.
  gone(piece) {
    this.held.delete(piece);
    this.inner.bitfield?.set(piece, false);
    for (const peer of this.peers.values()) peer.say({ gone: [piece] });
  }

  // seek asks the tracker for more peers now.
  seek() {
    if (!this.inner.destroyed) this.inner.discovery?.tracker?.update();
  }

  ban(id) {
    this.banned.add(id);
    this.peers.get(id)?.close();
  }

  #meet(wire) {
    if (this.banned.has(wire.peerId)) return void queueMicrotask(() => wire.destroy());
    wire.use(wordsFor());
    // webtorrent.js adds its own handlers right after this event.
    setTimeout(() => !wire.destroyed && !this.inner.destroyed && this.#greet(wire));
  }

  #greet(wire) {
    const outer = [...this.inner._peers.values()].find((p) => p.wire === wire);
    if (!outer || this.peers.has(wire.peerId)) return;
    const peer = new Peer(wire, outer, this.torrent);
    this.peers.set(peer.id, peer);
    peer.addEventListener("had", () => this.dispatchEvent(new Event("had")));
    peer.addEventListener("closed", () => {
      if (this.peers.get(peer.id) === peer) this.peers.delete(peer.id);
      this.dispatchEvent(new CustomEvent("left", { detail: peer }));
    });
    this.dispatchEvent(new CustomEvent("peer", { detail: peer }));
    peer.start();
  }

  close() {
    if (!this.inner.destroyed) this.inner.destroy();
  }
}

// Events: "had", "unchoked", "asked" (detail: a request), "words" (detail: what it said),
// "drained" (there is room to send again), "took" (detail: the bytes that came there, how late,
// NaN for the first, and how long after we sent them), "closed".
export class Peer extends EventTarget {
  constructor(wire, outer, torrent) {
    super();
    this.wire = wire;
    this.outer = outer;
    this.torrent = torrent;
    this.id = wire.peerId;
    // The tracker's word for it: a mirror's BitTorrent program calls itself otherwise.
    this.named = /^[0-9a-f]{40}$/.test(outer.id) ? outer.id : wire.peerId;
    this.lost = new Set(); // pieces it said it no longer has
    this.asking = new Set(); // requests of it that wait for us
    this.owed = 0; // bytes we asked for and have not got
    this.unasked = 0;
    this.came = 0; // bytes of pieces that it sent
    this.given = this.taken = 0; // bytes of pieces that we sent, and that it said came
    this.marks = []; // of what we sent: up to where, and when
    this.base = NaN; // between its clock and ours, with the shortest way that bytes had
  }

  start() {
    const { wire } = this;
    wire.removeAllListeners("request");
    wire.on("request", (piece, offset, length, answer) => this.#asked(piece, offset, length, answer));
    wire.on("cancel", (piece, offset, length) => this.#cancelled(piece, offset, length));
    wire.on("unchoke", () => this.#tell("unchoked"));
    wire.on("have", () => this.#tell("had"));
    wire.on("bitfield", () => this.#tell("had"));
    wire.on("have-all", () => this.#tell("had"));
    wire.on("piece", (_, offset, bytes) => this.#counted(bytes.length));
    wire.once("close", () => this.#closed());
    wire[wordsName].hear = (words) => this.#heard(words);
    this.#bound();
    this.channel = this.outer.conn?._channel;
    this.drained = () => this.#tell("drained");
    if (this.channel) this.channel.bufferedAmountLowThreshold = nearlyOut;
    this.channel?.addEventListener("bufferedamountlow", this.drained);
    wire.unchoke();
  }

  // A peer names the length of a message before it comes: no honest one is this long.
  #bound() {
    const { wire } = this;
    const most = longestBlock + 9 + Math.ceil(this.torrent.count / 8);
    const next = wire._onMessageLength.bind(wire);
    const checked = (head) => {
      const length = head[0] * 2 ** 24 + head[1] * 65536 + head[2] * 256 + head[3];
      if (length > most) return void this.close();
      next(head);
    };
    wire._onMessageLength = checked;
    if (wire._parserSize === 4) wire._parser = checked;
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #closed() {
    if (this.over) return;
    this.over = true;
    this.channel?.removeEventListener("bufferedamountlow", this.drained);
    this.asking.clear();
    this.#tell("closed");
  }

  #counted(bytes) {
    this.came += bytes;
    this.say({ came: this.came, now: performance.now() });
    if (this.owed >= bytes) this.owed -= bytes;
    else if ((this.unasked += bytes) > mostUnasked) this.close();
  }

  // has says whether the peer can give us a piece.
  has(piece) {
    return !this.lost.has(piece) && !!this.wire.peerPieces.get(piece);
  }

  get willing() {
    return !this.wire.peerChoking && !this.over;
  }

  // A mirror has everything; viewers' tabs rarely do, and forget it again.
  get mirror() {
    return !this.id.startsWith(ours);
  }

  // ask asks for bytes of a piece; then gets an error or the bytes. The returned function
  // takes the question back.
  ask(piece, offset, length, then) {
    this.owed += length;
    this.wire.request(piece, offset, length, (err, bytes) => {
      if (err) this.owed = Math.max(0, this.owed - length);
      then(err, bytes);
    });
    return () => !this.over && this.wire.cancel(piece, offset, length);
  }

  #asked(piece, offset, length, answer) {
    const fits = piece < this.torrent.count && length > 0 && length <= longestBlock && offset + length <= this.torrent.size(piece);
    if (!fits || this.asking.size >= mostAsked) return this.close();
    const request = { peer: this, piece, offset, length, answer };
    this.asking.add(request);
    this.#tell("asked", request);
  }

  #cancelled(piece, offset, length) {
    for (const r of this.asking) {
      if (r.piece === piece && r.offset === offset && r.length === length) this.asking.delete(r);
    }
  }

  // give answers a request; without bytes it says no. What was cancelled is passed over.
  give(request, bytes) {
    if (!this.asking.delete(request) || this.over) return;
    request.answer(bytes ? null : new Error("not here"), bytes);
    if (!bytes) return;
    const at = performance.now();
    if (this.given === this.taken) this.moved = at;
    this.given += bytes.length;
    if (this.talks) this.marks.push({ to: this.given, at });
    else this.taken = this.given;
  }

  // room says whether more may be put on the line: what has been handed to the channel
  // cannot be taken back, and nothing more urgent can pass it. A peer of whom nothing is
  // heard gets nothing more: our line, or its own, is still busy with what it was sent.
  get room() {
    if (this.over || this.#silent || this.channel?.readyState !== "open") return false;
    return this.backlog < mostSending;
  }

  // backlog is the bytes in the channel and on their way from the wire to it.
  get backlog() {
    return (this.channel?.bufferedAmount ?? 0) + (this.wire._readableState?.buffered ?? 0) + (this.outer.conn?._writableState?.buffered ?? 0);
  }

  // underWay is the bytes that we sent and that have not come yet, as far as the peer says it.
  // Nobody else waits for it for long.
  get underWay() {
    if (!this.talks) return this.backlog;
    return this.#silent ? 0 : this.given - this.taken;
  }

  get #silent() {
    return this.talks && this.given > this.taken && performance.now() - this.moved > silent;
  }

  // took hears how much came, and when by the peer's clock. By how much later than the
  // quickest is how long it waited on the way; no longer than until we heard of it.
  #took(came, when) {
    if (came > this.given) return;
    let mark;
    while (this.marks[0]?.to <= came) mark = this.marks.shift();
    if (!mark) return;
    const bytes = mark.to - this.taken;
    this.taken = mark.to;
    this.moved = performance.now();
    const way = when - mark.at;
    const late = way - this.base; // NaN for the first, which may have waited as well
    if (!(late >= 0)) this.base = way; // the clocks differ, so the quickest is the measure
    const after = this.moved - mark.at;
    this.#tell("took", { bytes, late: Math.min(Math.max(0, late), after), after });
  }

  // talks says that the peer is a page as ours.
  get talks() {
    return !!this.wire.peerExtendedMapping[wordsName];
  }

  // say sends a few words that only our own page understands.
  say(words) {
    if (this.over || !this.talks) return;
    this.wire.extended(wordsName, new TextEncoder().encode(JSON.stringify(words)));
  }

  #heard(words) {
    if (Number.isFinite(words.came) && Number.isFinite(words.now)) return this.#took(words.came, words.now);
    if (Array.isArray(words.gone)) {
      for (const piece of words.gone.slice(0, 64)) if (Number.isInteger(piece) && this.lost.size < this.torrent.count) this.lost.add(piece);
    }
    this.#tell("words", words);
  }

  close() {
    if (!this.wire.destroyed) this.wire.destroy();
    this.#closed();
  }
}

// The beginning of our page's peer ids, in BitTorrent's manner and in hex: "-TB0001-".
export const ours = "2d5442303030312d";

export function makePeerId() {
  const random = crypto.getRandomValues(new Uint8Array(12));
  return ours + Array.from(random, (b) => b.toString(16).padStart(2, "0")).join("");
}

export const block = blockSize;

// An extension of the wire (BEP 10) that carries short JSON.
function wordsFor() {
  class Words {
    onMessage(bytes) {
      if (bytes.length > longestWords) return;
      let words;
      try {
        words = JSON.parse(new TextDecoder().decode(bytes));
      } catch {
        return;
      }
      if (words && typeof words === "object") this.hear?.(words);
    }
  }
  Words.prototype.name = wordsName;
  return Words;
}
