// An application that writes all the time, with ioredis, as docs/guides/clients.md says: nothing else is helped along.
//
//     writer.js CA-FILE USER PREFIX ENDPOINT...        (the password in WRITER_PASSWORD)
//
// It says the same as `writer.py`.
"use strict";

const fs = require("fs");
const { Cluster } = require("ioredis");

const WRITERS = 3;
const KEYS = 16; // of each writer: enough for some to be wherever slots move
const ENOUGH = 100; // writes of each, before it says that it writes, and after it is told to end

const rest = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Writes one number after the other, each to a bit of its own: a write that is repeated changes nothing.
class Writer {
  constructor(cluster, prefix, number) {
    this.cluster = cluster;
    this.keys = Array.from({ length: KEYS }, (_, key) => `${prefix}node-${number}-${key}`);
    this.attempts = 0;
    this.acknowledged = 0;
    this.refused = new Set();
    this.errors = [];
    this.gap = 0;
    this.overAt = Infinity;
  }

  async run() {
    // What others before have written is not to pass for what this one will write.
    for (const key of this.keys) await this.cluster.del(key);
    let last = performance.now();
    while (this.acknowledged < this.overAt) {
      const number = this.attempts++;
      try {
        await this.cluster.setbit(this.keys[number % KEYS], Math.floor(number / KEYS), 1);
        this.acknowledged++;
        this.gap = Math.max(this.gap, performance.now() - last);
        last = performance.now();
      } catch (error) {
        this.refused.add(number);
        this.errors.push(`${new Date().toISOString().slice(11, 23)} ${error.name}: ${error.message}`);
      }
      // An application has something else to do, too.
      await rest(1);
    }
  }

  async lost() {
    const bits = await Promise.all(this.keys.map((key) => this.cluster.getBuffer(key)));
    const there = (number) => {
      const bit = Math.floor(number / KEYS);
      return (((bits[number % KEYS] ?? [])[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0;
    };
    let lost = 0;
    for (let number = 0; number < this.attempts; number++) {
      if (!this.refused.has(number) && !there(number)) lost++;
    }
    return lost;
  }
}

async function main() {
  const [ca, username, prefix, ...endpoints] = process.argv.slice(2);
  const nodes = endpoints.map((endpoint) => {
    const [host, port] = endpoint.split(/:(?=\d+$)/);
    return { host, port: Number(port) };
  });
  const cluster = new Cluster(nodes, {
    // What its documentation says of TLS: certificates are for addresses as the cluster announces them.
    dnsLookup: (address, callback) => callback(null, address),
    redisOptions: { username, password: process.env.WRITER_PASSWORD, tls: { ca: fs.readFileSync(ca) } },
  });
  // Of single connections; what an application sees of them are the errors of its commands.
  cluster.on("error", (error) => console.error(`connection: ${error.message}`));
  const writers = Array.from({ length: WRITERS }, (_, number) => new Writer(cluster, prefix, number));
  const running = writers.map((writer) => writer.run());
  while (writers.some((writer) => writer.acknowledged < ENOUGH)) await rest(10);
  console.log("writing");
  process.stdin.resume();
  await new Promise((resolve) => process.stdin.on("end", resolve));
  for (const writer of writers) writer.overAt = writer.acknowledged + ENOUGH;
  await Promise.all(running);
  const lost = await Promise.all(writers.map((writer) => writer.lost()));
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
  console.log(
    JSON.stringify({
      acknowledged: sum(writers.map((writer) => writer.acknowledged)),
      lost: sum(lost),
      gap_s: Math.max(...writers.map((writer) => writer.gap)) / 1000,
      errors: writers.flatMap((writer) => writer.errors),
    }),
  );
  cluster.disconnect();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
