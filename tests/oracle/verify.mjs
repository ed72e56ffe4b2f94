// A second reader of the ledger's proofs, written from RFC 9162 alone: sections 2.1.1 (the hash of a tree),
// 2.1.3.2 (inclusion) and 2.1.4.2 (consistency). Needs Node.js and nothing else.
//
// Reads JSON lines, answers one line each: true or false, or the root in hexadecimal.
//   {"kind": "inclusion", "leaf": hex, "index": n, "size": n, "proof": [hex], "root": hex}
//   {"kind": "consistency", "first": n, "second": n, "proof": [hex], "first_root": hex, "second_root": hex}
//   {"kind": "root", "entries": [hex]}
// A number that JSON.parse would round is a decimal string: "9223372036854775807".

import { createHash } from "node:crypto";
import { createInterface } from "node:readline";

const HASH = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const LEAF = Buffer.of(0x00);
const NODE = Buffer.of(0x01);
const LSB = (number) => (number & 1n) === 1n;

// 2.1.1, word for word: MTH({}), MTH({d[0]}), and for n > 1 the split at the largest power of two below n.
function MTH(D) {
  if (D.length === 0) return HASH();
  if (D.length === 1) return HASH(LEAF, D[0]);
  let k = 1;
  while (2 * k < D.length) k *= 2;
  return HASH(NODE, MTH(D.slice(0, k)), MTH(D.slice(k)));
}

// 2.1.3.2. The numbers in comments are the steps of the RFC.
function inclusionHolds(hash, leaf_index, tree_size, inclusion_path, root_hash) {
  if (leaf_index < 0n || leaf_index >= tree_size) return false; // 1
  let [fn, sn] = [leaf_index, tree_size - 1n]; // 2
  let r = hash; // 3
  for (const p of inclusion_path) { // 4
    if (sn === 0n) return false; // 4.a
    if (LSB(fn) || fn === sn) { // 4.b
      r = HASH(NODE, p, r);
      if (!LSB(fn)) do [fn, sn] = [fn >> 1n, sn >> 1n]; while (!LSB(fn) && fn !== 0n);
    } else {
      r = HASH(NODE, r, p);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n]; // 4.c
  }
  return sn === 0n && r.equals(root_hash); // 5
}

// 2.1.4.2. The RFC speaks of 0 < first < second; where no node is needed, the roots must speak for themselves.
function consistencyHolds(first, second, consistency_path, first_hash, second_hash) {
  if (first < 0n || first > second) return false;
  if (first === second && !first_hash.equals(second_hash)) return false;
  if (first === 0n && !first_hash.equals(MTH([]))) return false;
  if (first === 0n || first === second) return consistency_path.length === 0;
  if (consistency_path.length === 0) return false; // 1
  const isPowerOfTwo = (first & (first - 1n)) === 0n;
  const [start, ...rest] = isPowerOfTwo ? [first_hash, ...consistency_path] : consistency_path; // 2
  let [fn, sn] = [first - 1n, second - 1n]; // 3
  while (LSB(fn)) [fn, sn] = [fn >> 1n, sn >> 1n]; // 4
  let [fr, sr] = [start, start]; // 5
  for (const c of rest) { // 6
    if (sn === 0n) return false; // 6.a
    if (LSB(fn) || fn === sn) { // 6.b
      [fr, sr] = [HASH(NODE, c, fr), HASH(NODE, c, sr)];
      if (!LSB(fn)) do [fn, sn] = [fn >> 1n, sn >> 1n]; while (!LSB(fn) && fn !== 0n);
    } else {
      sr = HASH(NODE, sr, c);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n]; // 6.c
  }
  return fr.equals(first_hash) && sr.equals(second_hash) && sn === 0n; // 7
}

function number(value) {
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw new Error(`rounded already: ${value}`);
  return BigInt(value);
}

// Buffer.from would pass over what is no hexadecimal, and a hash of another length would be cut into other nodes.
const areHashes = (texts) => texts.every((text) => /^[0-9a-f]{64}$/.test(text));
const bytes = (text) => Buffer.from(text, "hex");

function answer(asked) {
  switch (asked.kind) {
    case "root":
      return MTH(asked.entries.map(bytes)).toString("hex");
    case "inclusion": {
      const { leaf, index, size, proof, root } = asked;
      if (!areHashes([leaf, root, ...proof])) return false;
      return inclusionHolds(bytes(leaf), number(index), number(size), proof.map(bytes), bytes(root));
    }
    case "consistency": {
      const { first, second, proof, first_root, second_root } = asked;
      if (!areHashes([first_root, second_root, ...proof])) return false;
      const [older, newer] = [bytes(first_root), bytes(second_root)];
      return consistencyHolds(number(first), number(second), proof.map(bytes), older, newer);
    }
    default:
      throw new Error(`not known: ${asked.kind}`);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${answer(JSON.parse(line))}\n`);
}
