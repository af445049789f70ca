// The request for the first seconds of a video, which stands apart so that a page
// that plays by itself can send it before the player's script has arrived.

const mostSeconds = 6;
const shortest = 8; // a clip shorter than this is left to the library altogether

// A viewer who asked the browser to save data gets the smallest pictures.
export function savesData() {
  return navigator.connection?.saveData === true;
}

// firstRendition picks what a start is made with: it must be quick before it is
// sharp, so 480 rows, or the lowest there is.
export function firstRendition(renditions) {
  const lowest = renditions[renditions.length - 1];
  if (savesData()) return lowest;
  return renditions.find((r) => r.height <= 480) ?? lowest;
}

export function mime(rendition) {
  return `${rendition.height ? "video" : "audio"}/mp4; codecs="${rendition.codecs}"`;
}

// canStartEarly says whether a rendition can be fed to the decoder by ourselves:
// picture and sound in one file, long enough for the library to take over.
export function canStartEarly(data, rendition) {
  return !data.alternates && data.duration >= shortest && rendition.height > 0 &&
    "MediaSource" in window && MediaSource.isTypeSupported(mime(rendition));
}

// firstSeconds asks for the first seconds of a rendition.
export function firstSeconds(data, rendition, signal) {
  const last = Math.ceil((rendition.rate / 8) * Math.min(mostSeconds, data.duration / 2));
  return fetch(rendition.file, { headers: { Range: `bytes=0-${last}` }, signal, priority: "high" });
}
