// How fast a peer gives, judged only by the time in which it owes us something.

const guess = 250e3; // bytes a second, before anything is known
const least = 2e3;

export class Pace {
  rate = guess;
  proven = false;
  #bytes = 0;
  #all = 0;

  got(bytes) {
    this.#bytes += bytes;
    this.#all += bytes;
    if (this.#all >= 65536) this.proven = true;
  }

  // fail notes that nothing came at all.
  fail() {
    this.rate = least;
  }

  // tick takes what came in the last seconds. A peer that is not asked is slowly given
  // another chance.
  tick(seconds, owed) {
    const sample = this.#bytes / Math.max(seconds, 0.001);
    this.#bytes = 0;
    if (owed > 0 || sample > 0) this.rate = Math.max(least, this.rate + (sample - this.rate) * Math.min(1, seconds));
    else if (this.rate < guess / 2) this.rate *= 1 + 0.1 * seconds;
  }
}
