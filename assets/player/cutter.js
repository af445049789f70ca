// Cutting a stream of MP4 into fragments.

// Cutter cuts a stream of an MP4 file after each mdat box: the first piece holds the
// header and the first fragment, the others one fragment each. ISO/IEC 14496-12, 4.2.
export class Cutter {
  pieces = []; // of the fragment at hand
  left = 0; // bytes of the present box still to come
  head = []; // bytes of a box's header that is not whole yet
  kind = "";

  // cut takes the next chunk and returns what it completes.
  cut(chunk) {
    const whole = [];
    let from = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.left === 0) {
        this.head.push(chunk[at++]);
        if (this.head.length < 8) continue;
        this.#open();
      }
      const step = Math.min(this.left, chunk.length - at);
      this.left -= step;
      at += step;
      if (this.left > 0 || this.kind !== "mdat") continue;
      this.pieces.push(chunk.subarray(from, at));
      whole.push(joinBytes(this.pieces));
      this.pieces = [];
      from = at;
    }
    if (from < at) this.pieces.push(chunk.subarray(from, at));
    return whole;
  }

  // Sizes of 0 and 1 (to the end of the file, 64 bits) do not occur in our files.
  // Taken as endless, they only mean that no end is found.
  #open() {
    const h = this.head;
    const size = h[0] * 2 ** 24 + h[1] * 65536 + h[2] * 256 + h[3];
    this.kind = String.fromCharCode(...h.slice(4));
    this.left = size >= 8 ? size - 8 : Infinity;
    this.head = [];
  }
}

function joinBytes(pieces) {
  if (pieces.length === 1) return pieces[0];
  const whole = new Uint8Array(pieces.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
