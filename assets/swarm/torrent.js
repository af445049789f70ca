// Reading a .torrent: only as much of bencoding as that takes. What it says is believed
// because its hash is the one that the page named.

const digits = /^[0-9a-f]{40}$/;
const text = new TextDecoder("latin1");

// readTorrent takes the bytes of a .torrent and returns the torrent of that infohash.
export async function readTorrent(bytes, infohash) {
  const outer = new Reader(bytes);
  const parts = outer.dictionary();
  const info = parts.get("info");
  if (!info) throw new Error("torrent without info");
  const raw = bytes.subarray(info.from, info.to);
  if (!digits.test(infohash) || hex(await sha1(raw)) !== infohash) throw new Error("torrent of another video");
  const inner = new Reader(raw).dictionary();
  const [length, pieceLength, hashes] = [inner.get("length").value, inner.get("piece length").value, inner.get("pieces").value];
  const count = Math.ceil(length / pieceLength);
  if (!(count > 0) || hashes.length !== count * 20) throw new Error("torrent with wrong sizes");
  return new Torrent({ infohash, length, pieceLength, count, hashes, raw });
}

export class Torrent {
  constructor(parts) {
    Object.assign(this, parts);
  }

  // bare is the torrent without trackers and web seeds: whom to ask is our choice.
  get bare() {
    const bare = new Uint8Array(this.raw.length + 8);
    bare.set(latin("d4:info"));
    bare.set(this.raw, 7);
    bare[bare.length - 1] = 0x65; // e
    return bare;
  }

  size(piece) {
    return Math.min(this.pieceLength, this.length - piece * this.pieceLength);
  }

  at(piece) {
    return piece * this.pieceLength;
  }

  pieceOf(offset) {
    return Math.floor(offset / this.pieceLength);
  }

  // right says whether data is the piece's.
  async right(piece, data) {
    const sum = await sha1(data);
    const from = piece * 20;
    for (let i = 0; i < 20; i++) if (sum[i] !== this.hashes[from + i]) return false;
    return true;
  }
}

async function sha1(data) {
  return new Uint8Array(await crypto.subtle.digest("SHA-1", data));
}

export function hex(bytes) {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

function latin(s) {
  return Uint8Array.from(s, (c) => c.charCodeAt(0));
}

const deepest = 16;

// Reader walks through bencoded bytes. Of a dictionary's values it keeps the place, and
// of strings and numbers the value; what is nested it only passes over.
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  dictionary() {
    this.#expect("d");
    const found = new Map();
    while (this.#peek() !== "e") {
      const key = text.decode(this.#string());
      const from = this.at;
      const value = this.#value(0);
      found.set(key, { from, to: this.at, value });
    }
    return found;
  }

  #peek() {
    if (this.at >= this.bytes.length) throw new Error("torrent ends early");
    return String.fromCharCode(this.bytes[this.at]);
  }

  #expect(c) {
    if (this.#peek() !== c) throw new Error("torrent is no bencoding");
    this.at++;
  }

  #value(depth) {
    if (depth > deepest) throw new Error("torrent nests too deep");
    const kind = this.#peek();
    if (kind === "i") {
      this.at++;
      return this.#number("e");
    }
    if (kind !== "l" && kind !== "d") return this.#string();
    this.at++;
    while (this.#peek() !== "e") this.#value(depth + 1);
    this.at++;
  }

  #string() {
    const size = this.#number(":");
    if (size < 0 || this.at + size > this.bytes.length) throw new Error("torrent ends early");
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  #number(end) {
    const from = this.at;
    while (this.#peek() !== end) this.at++;
    const digits = text.decode(this.bytes.subarray(from, this.at++));
    if (!/^-?\d{1,15}$/.test(digits)) throw new Error("torrent with a strange number");
    return Number(digits);
  }
}
