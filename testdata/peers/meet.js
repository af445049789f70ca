// usage: node meet.js TRACKER INFOHASH PEERS
// PEERS clients announce one after another until every pair has met through the tracker and
// has said hello over its own data channel. Prints one line of JSON.
import { createHash } from 'node:crypto'
import { Client } from 'bittorrent-tracker'

const [tracker, infoHash, count] = process.argv.slice(2)
const peers = Number(count)
const met = new Set()
const warnings = []
const clients = []

const finish = (code) => {
  console.log(JSON.stringify({ met: [...met].sort(), warnings }))
  process.exit(code)
}
setTimeout(() => finish(1), 60_000)

for (let i = 0; i < peers; i++) {
  const peerId = createHash('sha1').update(`peer ${i}`).digest('hex')
  // Clients of one process share a socket for each address, and peers don't meet over one socket.
  const announce = [`${tracker}?${i}`]
  const client = new Client({ infoHash, peerId, announce, port: 6881, rtcConfig: { iceServers: [] } })
  clients.push({ client, peerId })
  client.on('warning', (err) => {
    warnings.push(err.message)
    if (/infohash/.test(err.message)) finish(0)
  })
  client.on('error', (err) => warnings.push(err.message))
  client.on('peer', (peer) => {
    peer.on('error', () => {})
    peer.on('connect', () => peer.send(`hello from ${peerId}`))
    peer.on('data', (data) => {
      const other = Buffer.from(data).toString().replace('hello from ', '')
      met.add([peerId, other].sort().join(' '))
      if (met.size === (peers * (peers - 1)) / 2) finish(0)
    })
  })
  await new Promise((resolve) => {
    client.once('update', resolve)
    client.start({ left: 100 })
  })
}
