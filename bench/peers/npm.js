/*
 * A package of npm as a verifier for the benches: addresses on stdin, one a line;
 * "ADDRESS<TAB>STATUS" on stdout, in the order in which they are known.
 *
 *   node npm.js PACKAGE [CONCURRENCY] < LIST
 *
 * The packages know fewer words than mailknock does. They are taken at the best that their results
 * allow: where a package tells "could not find out" from "no", that is unknown.
 */
"use strict";

const path = require("node:path");

const [name, concurrency = "100"] = process.argv.slice(2);
const root = path.join(process.env.PEERS_FOLDER, "node_modules", name);
const sender = "probe@probe.mailknock.example";
const fqdn = "probe.mailknock.example";
const timeout = 30000;

/* what the package says: true, false, or null for "could not find out" */
const word = (says) => (says === true ? "valid" : says === false ? "invalid" : "unknown");

const verifiers = {
    "email-verify": (verify) => (address) => new Promise((resolve) => {
        const { finishedVerification, invalidEmailStructure, noMxRecords, domainNotFound } = verify.verifyCodes;

        verify.verify(address, { sender, fqdn, timeout }, (error, info) => {
            const code = info && info.code;

            if (code === finishedVerification)
                resolve(word(info.tryagain ? null : info.success));
            else
                resolve(word([invalidEmailStructure, noMxRecords, domainNotFound].includes(code) ? false : null));
        });
    }),
    "email-existence": (existence) => (address) => new Promise((resolve) => {
        existence.check(address, (error, exists, undetermined) => resolve(word(undetermined ? null : exists)),
            timeout, sender);
    }),
    "deep-email-validator": (validator) => async (address) => {
        const result = await validator.validate({ email: address, sender, validateTypo: false });

        if (result.reason === "disposable")
            return "do_not_mail";
        const said = result.reason === "smtp" ? result.validators.smtp.reason : "";

        return word(/time.?out|try again|busy|error occur|storage|ECONN|EHOST|shut down/i.test(said) ? null : result.valid);
    },
    "email-deep-validator": (EmailValidator) => {
        const validator = new EmailValidator({ timeout, logger: { debug() {} } });

        return async (address) => {
            const { wellFormed, validDomain, validMailbox } = await validator.verify(address);

            return word(!wellFormed || validDomain === false ? false : validMailbox);
        };
    },
    "@devmehq/email-validator-js": (validator) => async (address) => {
        const result = await validator.verifyEmailDetailed({
            emailAddress: address, verifyMx: true, verifySmtp: true, timeout, checkDisposable: true });

        if (result.disposable)
            return "do_not_mail";
        if (!result.format.valid || result.domain.valid === false)
            return "invalid";
        return word(result.smtp.valid);
    },
};

async function main() {
    const ask = verifiers[name](require(root));
    const text = await require("node:fs/promises").readFile("/dev/stdin", "utf8");
    const addresses = text.split("\n").filter((line) => line !== "");
    let next = 0;

    async function worker() {
        while (next < addresses.length) {
            const address = addresses[next++];
            let late;
            const status = await Promise.race([
                Promise.resolve().then(() => ask(address)).catch(() => "unknown"), // what it throws is no verdict
                new Promise((resolve) => {
                    late = setTimeout(resolve, 2 * timeout, "unknown");
                }),
            ]);

            clearTimeout(late);
            process.stdout.write(`${address}\t${status}\n`);
        }
    }
    process.on("uncaughtException", () => {}); // sockets that nobody listens to
    await Promise.all(Array.from({ length: Number(concurrency) }, worker));
    process.exit(0); // sockets that a package forgot must not keep it waiting
}

main();
