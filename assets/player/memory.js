// What the player remembers in this browser: the viewer's choices, and where they
// stopped in the last videos. It never leaves the browser.

const choicesKey = "tubelet.choices";
const placesKey = "tubelet.places";
const mostPlaces = 50;

// Storage may be refused altogether (private windows, frames of other sites).
function read(key, fallback) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? fallback;
  } catch {
    return fallback;
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Not remembering is all that is lost.
  }
}

// choice returns a remembered choice, such as "volume", or the fallback.
export function choice(name, fallback) {
  const all = read(choicesKey, {});
  return Object.hasOwn(all, name) ? all[name] : fallback;
}

// choose remembers a choice.
export function choose(name, value) {
  write(choicesKey, { ...read(choicesKey, {}), [name]: value });
}

// place returns the second at which the viewer left the video, or 0.
export function place(id) {
  const found = read(placesKey, []).find((p) => p[0] === id);
  return found ? Number(found[1]) || 0 : 0;
}

// leave remembers where the viewer is in the video. At its start and its end there
// is nothing to come back to, so the place is forgotten.
export function leave(id, seconds, duration) {
  const rest = read(placesKey, []).filter((p) => p[0] !== id);
  const worth = seconds > 10 && seconds < duration - Math.min(15, duration * 0.05);
  write(placesKey, worth ? [[id, Math.floor(seconds)], ...rest].slice(0, mostPlaces) : rest);
}
