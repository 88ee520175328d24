"""
Mail servers from npm: Haraka, and smtp-server (of Nodemailer). Both are kits: who exists and what is said
to others is decided by a plugin here, in words of the kind that people write into such plugins; commands,
TLS and the frame of each reply are theirs. They take part where they were installed:

    npm install --prefix tests/real/node --ignore-scripts --omit=optional
"""

import os
import shutil

from sandbox import answers_tcp

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.path.join(HERE, "node", "node_modules")

# What both do with a recipient: null accepts, else [code, text]. Greylisted for a while, then known.
POLICY = """
const seen = new Map();
module.exports = function policy(user, domain, sender, tls, session) {
    user = user.toLowerCase();
    if (!domain.toLowerCase().match(/^(haraka|nodemailer)(catch|grey|sulk|tls|strict)?\\.example$/))
        return [550, '5.7.1 Relaying denied'];
    if (domain.match(/catch/)) return null;
    if (domain.match(/tls/) && !tls) return [530, '5.7.0 Must issue a STARTTLS command first'];
    if (domain.match(/grey/)) {
        const key = sender + ' ' + domain; /* by the visitor, not by each recipient: who waits once has waited */
        if (!seen.has(key)) seen.set(key, Date.now());
        if (Date.now() - seen.get(key) < GREYLIST_MS)
            return [451, '4.7.1 Greylisting in action, please come back later'];
    }
    if (domain.match(/sulk/)) return [451, '4.7.1 Greylisting in action, please come back later'];
    if (session.unknowns >= 3 && domain.match(/strict/))
        return [421, '4.7.0 Too many unknown recipients, closing connection'];
    if (user === 'full') return [452, '4.2.2 The mailbox is over its quota'];
    if (['alice', 'bob', 'postmaster'].includes(user)) return null;
    session.unknowns++;
    return [550, '5.1.1 No such user here'];
};
"""

HARAKA_PLUGIN = """
const policy = require('{folder}/policy.js');
exports.register = function () {{
    this.register_hook('rcpt', 'decide');
    this.register_hook('data', 'never');
}};
exports.decide = function (next, connection, params) {{
    const to = params[0], notes = connection.notes, constants = require('haraka-constants');
    notes.session = notes.session || {{unknowns: 0}};
    const said = policy(to.user, to.host || '', String(connection.transaction.mail_from),
                        connection.tls.enabled, notes.session);
    if (said === null) return next(constants.ok);
    const code = said[0], [, subject, detail] = said[1].split(' ')[0].split('.');
    const reply = require('haraka-dsn').create(code, said[1].slice(6), subject, detail);
    if (code === 421) return next(constants.denysoftdisconnect, reply);
    return next(code >= 500 ? constants.deny : constants.denysoft, reply);
}};
exports.never = function (next, connection) {{
    connection.logcrit('SAID DATA');
    next();
}};
"""

SMTP_SERVER = """
const fs = require('fs');
const {{SMTPServer}} = require('smtp-server');
const policy = require('{folder}/policy.js');
new SMTPServer({{
    name: 'mx.nodemailer.example', authOptional: true, disabledCommands: ['AUTH'],
    key: fs.readFileSync('{folder}/nodemailer.key'), cert: fs.readFileSync('{folder}/nodemailer.crt'),
    onData: (stream, session, done) => {{ console.log('SAID DATA'); stream.resume(); stream.on('end', done); }},
    onRcptTo: (to, session, done) => {{
        const at = to.address.lastIndexOf('@');
        session.unknowns = session.unknowns || 0;
        const said = policy(to.address.slice(0, at), to.address.slice(at + 1),
                            session.envelope.mailFrom.address || '', session.secure, session);
        if (said === null) return done();
        const error = new Error(said[1]);
        error.responseCode = said[0];
        return done(error);
    }},
}}).on('error', (error) => console.log('error ' + error.message)).listen({port}, '{ip}');
"""


def missing():
    """Why they can't take part, or None."""
    if not shutil.which("node"):
        return "there is no node(1)"
    absent = [name for name in ("Haraka", "smtp-server") if not os.path.isdir(os.path.join(MODULES, name))]
    return f"not installed: {' '.join(absent)} (npm install --prefix tests/real/node --ignore-scripts)" \
        if absent else None


class NpmServers:
    def __init__(self, sandbox, haraka_ip, nodemailer_ip, greylist_s):
        self.sandbox = sandbox
        sandbox.write("policy.js", POLICY.replace("GREYLIST_MS", str(greylist_s * 1000)))
        self.start_haraka(haraka_ip)
        sandbox.certificate("nodemailer", "mx.nodemailer.example")
        path = sandbox.write("nodemailer.js", SMTP_SERVER.format(
            folder=sandbox.folder, ip=nodemailer_ip, port=sandbox.smtp_port))
        process = sandbox.start("nodemailer", "node", path, environment=dict(os.environ, NODE_PATH=MODULES))
        sandbox.wait_for("smtp-server", lambda: answers_tcp(nodemailer_ip, sandbox.smtp_port), process)

    def start_haraka(self, ip):
        box = self.sandbox
        for folder in ("haraka", "haraka/config", "haraka/plugins", "haraka/queue"):
            box.make_folder(folder)
        box.certificate("haraka-tls", "mx.haraka.example")
        for name, text in {
                "smtp.ini": f"listen={ip}:{box.smtp_port}\nnodes=0\n",
                "me": "mx.haraka.example\n", "plugins": "tls\nmailknock\n", "log.ini": "level=notice\n",
                "tls.ini": f"key={box.path('haraka-tls.key')}\ncert={box.path('haraka-tls.crt')}\n",
                "outbound.ini": "disabled=true\n"}.items():
            box.write(os.path.join("haraka/config", name), text)
        # Haraka needs this one whole; its other settings have defaults.
        shutil.copy(os.path.join(MODULES, "Haraka/config/connection.ini"), box.path("haraka/config"))
        for name in ("key", "crt"):
            shutil.copy(box.path(f"haraka-tls.{name}"),
                        box.path("haraka/config", "tls_key.pem" if name == "key" else "tls_cert.pem"))
        box.write("haraka/plugins/mailknock.js", HARAKA_PLUGIN.format(folder=box.folder))
        process = box.start("haraka-server", "node", os.path.join(MODULES, "Haraka/bin/haraka"), "-c",
                            box.path("haraka"), environment=dict(os.environ, NODE_PATH=MODULES))
        box.wait_for("Haraka", lambda: answers_tcp(ip, box.smtp_port), process)

    def complaints(self):
        return [line for name in ("haraka-server", "nodemailer") for line in self.sandbox.log(name).splitlines()
                if any(word in line for word in ("SAID DATA", "CRIT", "syntax", "unrecognized"))]
