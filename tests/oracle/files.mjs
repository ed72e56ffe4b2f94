// A second reader of the ledger's files, written from the specifications: RFC 9162 (2.1.1, 2.1.3.2), C2SP signed-note,
// tlog-checkpoint, tlog-proof and tlog-tiles, docs/reference/envelope.md and docs/reference/audit.md.
// Needs Node.js and nothing else; Ed25519 is that of node:crypto.
//
// Reads JSON lines, answers one line each: `true`, or `false` and the reason.
//   {"kind": "checkpoint", "text": note, "keys": [key]}
//   {"kind": "proof", "text": file, "keys": [key]}
//   {"kind": "folder", "path": folder, "keys": [key]}

import { createHash, createPublicKey, verify } from "node:crypto";
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const H = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);
const WIDTH = 256n;

class Refusal extends Error {}
const must = (holds, why) => {
  if (!holds) throw new Refusal(why);
};
const utf8 = (data, what) => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw new Refusal(`${what} is not UTF-8`);
  }
};
const base64 = (text, length) => {
  const data = Buffer.from(text ?? "", "base64");
  must(data.toString("base64") === text, "not in base64");
  must(length === undefined || data.length === length, "of another length");
  return data;
};

// --- signed-note and tlog-checkpoint

function keyOf(text) {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+(.+)$/u.exec(text) ?? [];
  must(name, "not a verifier key");
  const key = base64(encoded, 33);
  must(key[0] === 1, "not an Ed25519 key");
  must(H(Buffer.from(`${name}\n`), key).subarray(0, 4).toString("hex") === id, "the key has another id");
  const x = key.subarray(1).toString("base64url");
  return { name, id, key: createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x } }) };
}

function checkpointOf(note, keys) {
  const cut = note.lastIndexOf("\n\n");
  must(cut >= 0 && note.endsWith("\n") && cut + 2 < note.length, "not a note");
  must(!/[\u0000-\u0009\u000b-\u001f]/.test(note), "a note with control characters");
  const text = note.slice(0, cut + 1);
  const names = new Set();
  const lines = note.slice(cut + 2, -1).split("\n");
  must(lines.length <= 64, "too many signatures");
  for (const line of lines) {
    const [, name, encoded] = /^— ([^\s+]+) (.+)$/u.exec(line) ?? [];
    must(name, "not a signature");
    const data = base64(encoded);
    must(data.length > 4, "a signature that is too short");
    const known = keys.find((each) => each.name === name && each.id === data.subarray(0, 4).toString("hex"));
    if (known === undefined) continue;
    must(data.length === 68 && verify(null, Buffer.from(text), known.key, data.subarray(4)), "a signature that is none");
    names.add(name);
  }
  const [origin, size, root, ...others] = text.slice(0, -1).split("\n");
  must(names.has(origin), "not signed under its origin by a trusted key");
  must(/^(0|[1-9][0-9]{0,18})$/.test(size) && BigInt(size) < 1n << 63n, "no size");
  must(others.every((line) => line !== ""), "an empty line");
  const checkpoint = { origin, size: BigInt(size), root: base64(root, 32) };
  must(checkpoint.size > 0n || checkpoint.root.equals(H()), "another root than that of an empty tree");
  return checkpoint;
}

// --- the envelope

function envelopeOf(text) {
  const lines = text.split("\n");
  const length = { "incident-ledger/event/v1": 12, "incident-ledger/event/v2": 13 }[lines[0]];
  must(lines.length === length && lines.at(-1) === "", "no envelope");
  const [, ledger, position, stream, revision, id, type, report, at, recorder, ...rest] = lines;
  const [commitment, client] = [rest.at(-2), rest.length === 3 ? rest[0] : ""];
  for (const value of [ledger, stream, type, report, recorder, client]) {
    must(!/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(value), "a value with a forbidden character");
    must(Buffer.byteLength(value) <= 1024, "a value that is too long");
  }
  must([ledger, stream, type].every((value) => value !== ""), "a value that is empty");
  for (const number of [position, revision]) {
    must(/^[1-9][0-9]{0,18}$/.test(number) && BigInt(number) < 1n << 63n, "not a number");
  }
  must(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id), "no event id");
  must(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(at) && !Number.isNaN(Date.parse(at)), "no time");
  must(/^[0-9a-f]{64}$/.test(commitment), "no commitment");
  return { ledger, position: BigInt(position), id, type, commitment };
}

const lastPart = (origin) => origin.slice(origin.lastIndexOf("/") + 1);
const fits = (envelope, salt, payload) => salt.length === 16 && H(salt, payload).toString("hex") === envelope.commitment;
const targetOf = (payload) => JSON.parse(utf8(payload, "a payload")).target_event_id;

// --- tlog-proof, with what docs/reference/audit.md says of its extra data

function leadsTo(leaf, index, size, path, root) {
  let [fn, sn, r] = [index, size - 1n, leaf];
  for (const p of path) {
    if (sn === 0n) return false;
    if ((fn & 1n) === 1n || fn === sn) {
      r = H(NODE, p, r);
      while ((fn & 1n) === 0n && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      r = H(NODE, r, p);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n && r.equals(root);
}

function proofOf(text, keys) {
  const cut = text.indexOf("\n\n");
  const [header, extra, index, ...path] = text.slice(0, cut).split("\n");
  const note = text.slice(cut + 2);
  const checkpoint = checkpointOf(note, keys);
  must(cut > 0 && header === "c2sp.org/tlog-proof@v1", "no proof");
  must(/^extra /.test(extra) && /^index (0|[1-9][0-9]{0,18})$/.test(index), "no extra data, or no index");
  const shown = utf8(base64(extra.slice(6)), "the extra data");
  const { entry, salt, payload } = JSON.parse(shown);
  must(JSON.stringify({ entry, salt, payload }) === shown, "extra data that is written in another way");
  must(typeof entry === "string" && (salt === undefined) === (payload === undefined), "extra data of another form");
  const [leaf, number] = [BigInt(index.slice(6)), envelopeOf(entry)];
  must(number.position === leaf + 1n && number.ledger === lastPart(checkpoint.origin), "an event of another place");
  must(leaf < checkpoint.size && path.length <= 63, "beyond the tree");
  const hashes = path.map((each) => base64(each, 32));
  must(leadsTo(H(LEAF, Buffer.from(entry)), leaf, checkpoint.size, hashes, checkpoint.root), "another root");
  const said = payload === undefined ? undefined : base64(payload);
  must(said === undefined || fits(number, base64(salt), said), "another payload");
  return { envelope: number, payload: said, note };
}

// --- an export: tlog-tiles, and payloads beside

function MTH(D) {
  if (D.length === 0) return H();
  if (D.length === 1) return D[0];
  let k = 1;
  while (2 * k < D.length) k *= 2;
  return H(NODE, MTH(D.slice(0, k)), MTH(D.slice(k)));
}

function tilePath(level, index, width) {
  const digits = index.toString().padStart(3 * Math.ceil(index.toString().length / 3), "0").match(/\d{3}/g);
  const last = digits.pop();
  return ["tile", level, ...digits.map((each) => `x${each}`), last].join("/") + (width < WIDTH ? `.p/${width}` : "");
}

class Folder {
  constructor(path, keys) {
    Object.assign(this, { path, keys, seen: new Set(), tiles: new Map() });
    this.note = this.text("checkpoint");
    Object.assign(this, checkpointOf(this.note, keys));
    const manifest = this.text("manifest.json");
    const [, from, to] = /"from": ([1-9]\d*),\n {2}"to": ([1-9]\d*)\n\}\n$/.exec(manifest) ?? [];
    this.isRange = from !== undefined;
    this.first = BigInt(from ?? 1);
    this.last = BigInt(to ?? this.size);
    const ends = this.isRange ? `,\n  "from": ${from},\n  "to": ${to}` : "";
    const format = `incident-ledger/export${this.isRange ? "-range" : ""}/v1`;
    const says = `  "origin": ${JSON.stringify(this.origin)},\n  "size": ${this.size},\n  "root": "${this.root.toString("hex")}"`;
    must(manifest === `{\n  "format": "${format}",\n${says}${ends}\n}\n`, "another manifest");
    must(this.last <= this.size && (this.first <= this.last || !this.isRange), "a range that is not there");
    must(this.first % WIDTH === 1n && (this.last % WIDTH === 0n || this.last === this.size), "no whole bundles");
  }

  read(name) {
    const file = `${this.path}/${name}`;
    must(existsSync(file) && lstatSync(file).isFile(), `${name} is not there, or no regular file`);
    this.seen.add(name);
    return readFileSync(file);
  }

  text(name) {
    return utf8(this.read(name), name);
  }

  takeTile(level, index, width) {
    const name = tilePath(level, index, width);
    const data = this.read(name);
    must(BigInt(data.length) === 32n * width, `${name} has another length`);
    const hashes = [];
    for (let at = 0; at < data.length; at += 32) hashes.push(data.subarray(at, at + 32));
    if (width === WIDTH) {
      const above = this.tiles.get(`${level + 1n}/${index / WIDTH}`)[Number(index % WIDTH)];
      must(MTH(hashes).equals(above), `${name} does not fit the tile above it`);
    }
    this.tiles.set(`${level}/${index}`, hashes);
  }

  // The incomplete tiles, which give the root; then the complete ones above the bundles, from the top, and theirs.
  verifyTiles() {
    const rows = [];
    for (let level = 0n, row = this.size; row > 0n; level += 1n, row >>= 8n) rows.unshift([level, row]);
    for (const [level, row] of rows) if (row % WIDTH > 0n) this.takeTile(level, row / WIDTH, row % WIDTH);
    must(this.edge().equals(this.root), "the tiles do not give the root");
    for (const [level, row] of rows) {
      const shift = 8n * (level + 1n);
      const end = (this.last - 1n) >> shift < row / WIDTH ? ((this.last - 1n) >> shift) + 1n : row / WIDTH;
      for (let index = (this.first - 1n) >> shift; index < end; index += 1n) this.takeTile(level, index, WIDTH);
    }
  }

  // MTH over the whole tree, from the tiles at its right edge: a level's row stands to the right of those above it.
  edge() {
    let right;
    for (let level = 0n, row = this.size; row > 0n; level += 1n, row >>= 8n) {
      const hashes = row % WIDTH > 0n ? this.tiles.get(`${level}/${row / WIDTH}`) : [];
      for (let rest = hashes; rest.length > 0; ) {
        const take = rest.length & -rest.length; // the smallest complete subtree, which is the last
        const root = MTH(rest.slice(rest.length - take));
        right = right === undefined ? root : H(NODE, root, right);
        rest = rest.slice(0, rest.length - take);
      }
    }
    return right ?? H();
  }

  *events() {
    for (let bundle = (this.first - 1n) / WIDTH; bundle * WIDTH < this.last; bundle += 1n) {
      const hashes = this.tiles.get(`0/${bundle}`);
      const data = this.read(tilePath("entries", bundle, BigInt(hashes.length)));
      let at = 0;
      for (const [number, hash] of hashes.entries()) {
        must(at + 2 <= data.length, "a bundle that is cut off");
        const entry = data.subarray(at + 2, at + 2 + data.readUInt16BE(at));
        at += 2 + data.readUInt16BE(at);
        must(at <= data.length && H(LEAF, entry).equals(hash), `position ${bundle * WIDTH + BigInt(number) + 1n}`);
        yield [bundle * WIDTH + BigInt(number) + 1n, envelopeOf(utf8(entry, "an entry"))];
      }
      must(at === data.length, "a bundle with more entries");
    }
  }

  verify() {
    const keys = this.text("keys");
    must(keys.endsWith("\n") && new Set(keys.split("\n")).size === keys.split("\n").length, "keys are not each once");
    checkpointOf(this.note, keys.slice(0, -1).split("\n").map(keyOf));
    this.verifyTiles();
    const [came, gone, removed] = [new Set(), new Map(), new Map()];
    const lines = this.read("payloads.jsonl").toString("latin1").split("\n");
    must(lines.pop() === "", "a last line without an end");
    for (const [position, envelope] of this.events()) {
      must(envelope.position === position && envelope.ledger === lastPart(this.origin), `position ${position}: elsewhere`);
      const line = lines[Number(position - this.first)];
      if (line === `{"position":${position},"redacted":true}`) {
        gone.set(envelope.id, position);
        continue;
      }
      const [, place, salt, said] = /^\{"position":(\d+),"salt":"([0-9a-f]{32})","payload":(.*)\}$/s.exec(line ?? "") ?? [];
      must(place === `${position}`, `position ${position}: no line of payloads`);
      const payload = Buffer.from(said, "latin1");
      must(fits(envelope, Buffer.from(salt, "hex"), payload), `position ${position}: another payload`);
      JSON.parse(utf8(payload, "a payload"));
      came.add(envelope.id);
      if (envelope.type === "PayloadRedacted") removed.set(targetOf(payload), position);
    }
    must(BigInt(lines.length) === this.last - this.first + 1n, "more payloads than events");
    this.verifyRedactions(gone, removed);
    for (const [id, place] of gone) must(removed.has(id), `position ${place}: gone without a redaction`);
    const isAll = this.first === 1n && this.last === this.size;
    for (const id of removed.keys()) {
      must(!came.has(id), `${id}: its payload came all the same`);
      must(!isAll || gone.has(id), `${id}: no such event`);
    }
    for (const name of this.names("")) must(this.seen.has(name), `${name} does not belong`);
  }

  verifyRedactions(gone, removed) {
    const folder = `${this.path}/redactions`;
    if (!this.isRange || !existsSync(folder) || !lstatSync(folder).isDirectory()) return;
    for (const file of readdirSync(folder)) {
      const { envelope, payload, note } = proofOf(this.text(`redactions/${file}`), this.keys);
      must(note === this.note && envelope.type === "PayloadRedacted" && payload, "not a proof of a redaction");
      must(file === `${envelope.position}.tlog-proof` && envelope.position > this.last, "not of its position");
      const target = targetOf(payload);
      must(gone.has(target) && !removed.has(target), "a proof that explains nothing");
      removed.set(target, envelope.position);
    }
  }

  *names(below) {
    for (const entry of readdirSync(`${this.path}/${below}`, { withFileTypes: true })) {
      if (entry.isDirectory()) yield* this.names(`${below}${entry.name}/`);
      else yield `${below}${entry.name}`;
    }
  }
}

const READERS = {
  checkpoint: ({ text }, keys) => checkpointOf(text, keys),
  proof: ({ text }, keys) => proofOf(text, keys),
  folder: ({ path }, keys) => new Folder(path, keys).verify(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  try {
    READERS[asked.kind](asked, asked.keys.map(keyOf));
    process.stdout.write("true\n");
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof SyntaxError)) throw error;
    process.stdout.write(`false ${JSON.stringify(error.message)}\n`);
  }
}
