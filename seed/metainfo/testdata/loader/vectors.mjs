// Records vectors.json: the infohashes that p2p-media-loader itself computes for the
// playlists in this folder. Run in a folder where npm installed
//   old@npm:p2p-media-loader-core@2.2.2 oldhls@npm:p2p-media-loader-hlsjs@2.2.2
//   new@npm:p2p-media-loader-core@2.3.1 newhls@npm:p2p-media-loader-hlsjs@2.3.1 hls.js@1.7.4
// (npm install --ignore-scripts), as
//   node --conditions p2pml:core-as-bundle vectors.mjs <this folder> > vectors.json
// The playlists are read by hls.js's own parser, the stream ids come from the packages' own
// SegmentManager, the hashes from their own getStreamHash.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

// The bundle of 2.3.1 is made for browsers and looks for these when it is loaded.
globalThis.self = globalThis
globalThis.WebSocket ??= class {}
globalThis.navigator ??= { userAgent: 'node' }
const from = (path) => import(pathToFileURL(join(process.cwd(), 'node_modules', path)))
const { M3U8Parser } = await from('hls.js/dist/hls.mjs')

const versions = {}
for (const name of ['old', 'new']) {
  const { SegmentManager } = await from(`${name}hls/lib/segment-${name === 'old' ? 'mananger' : 'manager'}.js`)
  const { getStreamSwarmId } = await from(`${name}/lib/utils/stream.js`)
  const { getStreamHash } = await from(`${name}/lib/utils/peer.js`)
  versions[name] = (master, data) => {
    const found = []
    const core = {
      addStreamIfNoneExists: (stream) =>
        found.push({ playlist: stream.runtimeId, hash: getStreamHash(getStreamSwarmId(master, stream)) })
    }
    new SegmentManager(core).processMainManifest(data)
    return found
  }
}

const out = []
for (const file of ['plain.m3u8', 'tracks.m3u8']) {
  for (const master of [`https://tube.example/media/k3v9/1/master.m3u8`, `https://tübe.example:8443/m/ü.m3u8?x=1`]) {
    const text = readFileSync(join(process.argv[2], file), 'utf8')
    const parsed = M3U8Parser.parseMasterPlaylist(text, master)
    const audioTracks = M3U8Parser.parseMasterPlaylistMedia(text, master, parsed).AUDIO ?? []
    const data = { levels: parsed.levels, audioTracks }
    for (const [version, of] of Object.entries(versions)) {
      out.push({ file, master, version: version === 'old' ? '2.2.2' : '2.3.1', streams: of(master, data) })
    }
  }
}
process.stdout.write(JSON.stringify(out, null, 1) + '\n')
