// The media keys, the lock screen and the system's media panel.

export function joinSystem(player) {
  if (!("mediaSession" in navigator)) return;
  const { video, data } = player;
  const session = navigator.mediaSession;
  // The system fetches the picture anew: not before the first frame is on the screen.
  video.addEventListener("playing", () => {
    if (video.videoWidth && video.requestVideoFrameCallback) video.requestVideoFrameCallback(() => describe(session, data));
    else describe(session, data);
  }, { once: true });
  const actions = {
    play: () => player.play(),
    pause: () => player.pause(),
    stop: () => player.pause(),
    seekbackward: (d) => player.skip(-(d.seekOffset || 10)),
    seekforward: (d) => player.skip(d.seekOffset || 10),
    seekto: (d) => player.seek(d.seekTime),
  };
  if (data.chapters?.length > 1) {
    actions.previoustrack = () => player.chapter(-1);
    actions.nexttrack = () => player.chapter(1);
  }
  for (const [name, act] of Object.entries(actions)) {
    try {
      session.setActionHandler(name, act);
    } catch {
      // A browser need not know every action.
    }
  }
  for (const event of ["durationchange", "ratechange", "seeked", "play", "pause"]) {
    video.addEventListener(event, () => position(session, video));
  }
}

function describe(session, data) {
  const artwork = data.poster ? [{ src: new URL(data.poster, location.href).href, type: "image/jpeg" }] : [];
  session.metadata = new MediaMetadata({ title: data.title, artist: data.by, artwork });
}

function position(session, video) {
  session.playbackState = video.paused ? "paused" : "playing";
  const { duration, playbackRate, currentTime } = video;
  if (!Number.isFinite(duration) || duration <= 0 || !session.setPositionState) return;
  session.setPositionState({ duration, playbackRate, position: Math.min(currentTime, duration) });
}
