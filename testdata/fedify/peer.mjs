// A server of one person, Ada, built on @fedify/fedify: an implementation of ActivityPub
// that shares nothing with ours. It signs by RFC 9421 first, reads with a real JSON-LD
// processor, and does on standard input's word what people do:
//
//   node peer.mjs PORT
//
// Each line in is an object with "do"; each line out is one: {"answer": ...} to what was
// asked, {"got": ...} for what came in and was believed, {"read": ...} for what came in as the
// JSON-LD processor reads it, {"sent": ...} for each request.

import { webcrypto } from "node:crypto";
import http from "node:http";
import readline from "node:readline";
import jsonld from "jsonld";
import { Temporal } from "@js-temporal/polyfill";
import {
  Accept, Add, Announce, Create, Delete, Endpoints, Follow, Image, Like, MemoryKvStore, Mention, Note, PUBLIC_COLLECTION, Person,
  Reject, Remove, Tombstone, Undo, Update, createFederation, generateCryptoKeyPair, getDocumentLoader, signRequest, verifyRequest,
} from "@fedify/fedify";

const port = Number(process.argv[2]);
const origin = `http://127.0.0.1:${port}`;
const tell = (line) => process.stdout.write(JSON.stringify(line) + "\n");

// Fedify asks for Node 22; of what Debian 12's Node 18 has not, it uses these alone.
globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;
ArrayBuffer.prototype.transfer ??= function (length = this.byteLength) {
  const moved = new Uint8Array(length);
  moved.set(new Uint8Array(this, 0, Math.min(length, this.byteLength)));
  return moved.buffer;
};

// What is asked and posted, with the kind of its signature.
const plainFetch = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const request = new Request(input, init);
  const rfc9421 = request.headers.has("signature-input");
  const answer = await plainFetch(request);
  tell({ sent: { method: request.method, url: request.url, rfc9421, status: answer.status } });
  return answer;
};

const federation = createFederation({ kv: new MemoryKvStore(), allowPrivateAddress: true });
const keys = [await generateCryptoKeyPair("RSASSA-PKCS1-v1_5")];
const notes = new Map();

federation
  .setActorDispatcher("/users/{identifier}", async (ctx, identifier) => {
    if (identifier !== "ada") return null;
    const [pair] = await ctx.getActorKeyPairs(identifier);
    return new Person({
      id: ctx.getActorUri(identifier), preferredUsername: identifier, name: "Ada \u001b[31m<Lovelace>",
      url: new URL("/@ada", origin), inbox: ctx.getInboxUri(identifier), endpoints: new Endpoints({ sharedInbox: ctx.getInboxUri() }),
      icon: new Image({ url: new URL("/ada.png", origin), mediaType: "image/png" }),
      publicKey: pair.cryptographicKey,
    });
  })
  .setKeyPairsDispatcher(() => keys);

federation.setObjectDispatcher(Note, "/notes/{id}", (_, { id }) => notes.get(id) ?? null);

const came = (kind) => async (_, activity) => {
  const object = await activity.getObject({ suppressError: true });
  tell({ got: {
    kind, id: activity.id?.href, actor: activity.actorId?.href, objectId: activity.objectId?.href,
    type: object?.constructor.name, name: String(object?.name ?? ""), content: String(object?.content ?? ""),
    target: activity.targetId?.href, updated: object?.updated?.toString(), reply: object?.replyTargetId?.href, inner: object?.objectId?.href,
  } });
};
federation.setInboxListeners("/users/{identifier}/inbox", "/inbox")
  .on(Add, came("Add")).on(Remove, came("Remove")).on(Accept, came("Accept")).on(Reject, came("Reject")).on(Create, came("Create")).on(Update, came("Update"))
  .on(Delete, came("Delete")).on(Announce, came("Announce")).on(Like, came("Like")).on(Undo, came("Undo"));

// strictly fails where a JSON-LD processor would drop anything.
const contexts = getDocumentLoader();
const strictly = async (document) => (await jsonld.expand(document, { safe: true, documentLoader: contexts }))[0];

const pixel = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

http.createServer(async (message, answer) => {
  if (message.url === "/ada.png") return answer.writeHead(200, { "content-type": "image/png" }).end(pixel);
  const parts = [];
  for await (const part of message) parts.push(part);
  const body = ["GET", "HEAD"].includes(message.method) ? undefined : Buffer.concat(parts);
  const request = () => new Request(origin + message.url, { method: message.method, headers: message.headers, body });
  if (body) {
    const read = await strictly(JSON.parse(body)).catch((error) => ({ error: String(error), body: String(body) }));
    const key = await verifyRequest(request(), { contextLoader: contexts, documentLoader: loader });
    tell({ read: { ...read, signer: key?.ownerId?.href } });
  }
  const response = await federation.fetch(request(), { contextData: undefined });
  if (message.url.startsWith("/.well-known/webfinger") && response.ok) {
    // Where people of this server follow from: Fedify's own WebFinger does not name it.
    const found = await response.json();
    found.links.push({ rel: "http://ostatus.org/schema/1.0/subscribe", template: `https://127.0.0.1:${port}/authorize_interaction?uri={uri}` });
    return answer.writeHead(200, { "content-type": "application/jrd+json" }).end(JSON.stringify(found));
  }
  answer.writeHead(response.status, Object.fromEntries(response.headers)).end(Buffer.from(await response.arrayBuffer()));
}).listen(port, "127.0.0.1", () => tell({ answer: "listening" }));

const ctx = federation.createContext(new URL(origin), undefined);
const me = ctx.getActorUri("ada");
const loader = await ctx.getDocumentLoader({ identifier: "ada" }); // asks signed
const look = (id) => ctx.lookupObject(id, { documentLoader: loader });
const send = async (to, activity) => ctx.sendActivity({ identifier: "ada" }, await look(to), activity);
const here = (path) => new URL(path, origin);

function noteOf({ id, on, content, mention, updated }) {
  return new Note({
    id: here(`/notes/${id}`), attribution: me, replyTarget: new URL(on), content, to: PUBLIC_COLLECTION,
    published: Temporal.Instant.from("2026-01-02T03:04:05Z"), updated: updated && Temporal.Instant.from(updated),
    url: here(`/@ada/${id}`), tags: mention ? [new Mention({ href: new URL(mention), name: "@workshop" })] : [],
  });
}

const deeds = {
  look: async ({ id }) => {
    const object = await look(id);
    return object && { type: object.constructor.name, name: String(object.name ?? ""), handle: String(object.preferredUsername ?? "") };
  },
  strict: async ({ id }) => strictly((await loader(id)).document),
  outbox: async ({ id }) => {
    const actor = await look(id);
    const items = [];
    for await (const item of ctx.traverseCollection(await actor.getOutbox(ctx), { documentLoader: loader })) items.push(`${item.constructor.name} ${item.objectId?.href}`);
    return items;
  },
  follow: async ({ to }) => send(to, new Follow({ id: here("/follows/1"), actor: me, object: new URL(to) })),
  unfollow: async ({ to }) => send(to, new Undo({ id: here("/undos/follow"), actor: me, object: new Follow({ id: here("/follows/1"), actor: me, object: new URL(to) }) })),
  like: async ({ to, on }) => send(to, new Like({ id: here("/likes/1"), actor: me, object: new URL(on) })),
  unlike: async ({ to, on }) => send(to, new Undo({ id: here("/undos/like"), actor: me, object: new Like({ id: here("/likes/1"), actor: me, object: new URL(on) }) })),
  boost: async ({ to, on }) => send(to, new Announce({ id: here("/boosts/1"), actor: me, object: new URL(on), to: PUBLIC_COLLECTION })),
  unboost: async ({ to, on }) => send(to, new Undo({ id: here("/undos/boost"), actor: me, object: new Announce({ id: here("/boosts/1"), actor: me, object: new URL(on) }) })),
  reply: async (deed) => {
    const note = noteOf(deed);
    notes.set(deed.id, note);
    return send(deed.to, new Create({ id: here(`/creates/${deed.id}`), actor: me, object: note, to: PUBLIC_COLLECTION }));
  },
  edit: async (deed) => {
    const note = noteOf(deed);
    notes.set(deed.id, note);
    return send(deed.to, new Update({ id: here(`/updates/${deed.id}`), actor: me, object: note, to: PUBLIC_COLLECTION }));
  },
  // What Fedify has no vocabulary for is written by hand, and signed by it all the same.
  quote: async ({ to, id, on }) => {
    const note = { id: here(`/notes/${id}`), type: "Note", attributedTo: me, content: "<p>Look at this</p>", to: PUBLIC_COLLECTION, quote: on };
    const terms = { QuoteRequest: "https://w3id.org/fep/044f#QuoteRequest", quote: { "@id": "https://w3id.org/fep/044f#quote", "@type": "@id" } };
    const body = JSON.stringify({
      "@context": ["https://www.w3.org/ns/activitystreams", terms],
      id: here(`/quotes/${id}`), type: "QuoteRequest", actor: me, object: on, instrument: note,
    });
    const request = new Request((await look(to)).inboxId, { method: "POST", headers: { "content-type": "application/activity+json" }, body });
    const signed = await signRequest(request, keys[0].privateKey, new URL("#main-key", me), { spec: "rfc9421" });
    return { id: here(`/quotes/${id}`), note: note.id, status: (await fetch(signed)).status };
  },
  remove: async ({ to, id }) => {
    notes.delete(id);
    return send(to, new Delete({ id: here(`/deletes/${id}`), actor: me, object: new Tombstone({ id: here(`/notes/${id}`) }), to: PUBLIC_COLLECTION }));
  },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const deed = JSON.parse(line);
  try {
    tell({ answer: (await deeds[deed.do](deed)) ?? null });
  } catch (error) {
    tell({ answer: null, error: String(error?.stack ?? error) });
  }
}
process.exit(0);
