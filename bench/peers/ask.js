/*
 * A peer as a program: reads addresses, one a line, asks the package about each with so many at a
 * time, and writes "verdict address" lines in the order in which they are known.
 *
 *   node ask.js PACKAGE CONCURRENCY < LIST
 */
"use strict";

const path = require("node:path");

const [name, concurrency] = process.argv.slice(2);
const root = path.join(process.env.PEERS_FOLDER, "node_modules", name);
const sender = "probe@probe.example.net";

const peers = {
    "email-verify": (verify) => (address) => new Promise((resolve) => {
        verify.verify(address, { sender, fqdn: "probe.example.net", timeout: 10000 },
            (error, info) => resolve(!error && info.success));
    }),
    "email-existence": (existence) => (address) => new Promise((resolve) => {
        existence.check(address, (error, exists) => resolve(!error && exists === true), 10000, sender);
    }),
    "deep-email-validator": (validator) => async (address) => {
        const result = await validator.validate({ email: address, sender, validateTypo: false });
        return result.valid;
    },
};

async function main() {
    const ask = peers[name](require(root));
    const text = await require("node:fs/promises").readFile("/dev/stdin", "utf8");
    const addresses = text.split("\n").filter((line) => line !== "");
    let next = 0;

    async function worker() {
        while (next < addresses.length) {
            const address = addresses[next++];
            const valid = await ask(address);

            process.stdout.write(`${valid ? "valid" : "invalid"} ${address}\n`);
        }
    }
    await Promise.all(Array.from({ length: Number(concurrency) }, worker));
    process.exit(0); // sockets that a package forgot must not keep it waiting
}

main();
