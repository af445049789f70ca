// The page of p2p-media-loader, with the options that PeerTube's player gives it for a
// video on demand (client/src/standalone/player, hls-options-builder.ts): its defaults,
// 15 s of high demand, 1024 MB of segments, our tracker, no other host. Segments are not
// checked against hashes, which spares it some work.

import Hls from "hls.js/light";
import { HlsJsP2PEngine } from "p2p-media-loader-hlsjs";

const asked = new URLSearchParams(location.search);
const playlist = asked.get("hls");
const video = document.querySelector("video");

const HlsWithP2P = HlsJsP2PEngine.injectMixin(Hls);
const hls = new HlsWithP2P({
  capLevelToPlayerSize: true,
  autoStartLoad: false,
  liveSyncDurationCount: 5,
  enableWorker: false,
  p2p: {
    core: {
      announceTrackers: [asked.get("tracker")],
      rtcConfig: { iceServers: [] },
      swarmId: playlist,
      highDemandTimeWindow: 15,
      segmentMemoryStorageLimit: 1024,
    },
  },
});
window.opponent = hls.p2pEngine;
hls.on(Hls.Events.ERROR, (_, problem) => {
  if (!problem.fatal) return;
  if (problem.type === Hls.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
  else hls.startLoad(video.currentTime);
});
hls.attachMedia(video);
hls.loadSource(playlist);
hls.on(Hls.Events.MANIFEST_PARSED, () => {
  hls.startLoad(-1);
  video.play();
});
