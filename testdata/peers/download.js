// Downloads a torrent with webtorrent and says when it is whole.
// usage: node download.js MAGNET|FILE.torrent FOLDER
import WebTorrent from 'webtorrent'

const [source, path] = process.argv.slice(2)
// Only what the torrent itself names: no host of anybody else's.
const client = new WebTorrent({ dht: false, lsd: false, natUpnp: false, natPmp: false, utp: false, webSeeds: false, tracker: { rtcConfig: { iceServers: [] } } })
const fail = error => {
  console.error(error)
  process.exit(1)
}
client.on('error', fail)
const torrent = client.add(source, { path })
torrent.on('error', fail)
torrent.on('warning', warning => console.error(String(warning)))
torrent.on('done', () => {
  console.log('done', torrent.received)
  process.exit(0)
})
