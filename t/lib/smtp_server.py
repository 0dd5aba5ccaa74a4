#!/usr/bin/python3
"""An SMTP server for tests (aiosmtpd) that notes what it hears and misbehaves when it is told to.

usage: smtp_server.py FOLDER PORT [smtps]

FOLDER holds server.pem (key and certificate; no STARTTLS without it), behaviour.json (read anew for
each connection and each command) and, written here, ledger: a line of JSON for each event, and the bytes of each mail in mail.NUMBER. See
Crm360::Smtp for what a behaviour may say.
"""
import asyncio
import json
import logging
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

FOLDER, PORT = sys.argv[1], int(sys.argv[2])
connections = 0
mails = 0


def behaviour():
    with open(FOLDER + "/behaviour.json", encoding="utf-8") as file:
        return json.load(file)


def note(**what):
    """One write, so that a reader never sees half a line."""
    line = json.dumps(what) + "\n"
    file = os.open(FOLDER + "/ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, line.encode())
    os.close(file)


class Handler:
    async def handle_MAIL(self, server, session, envelope, address, options):
        note(event="mail", connection=server.number, address=address, options=options)
        most = behaviour().get("most")
        if most and server.mails >= most:
            asyncio.get_running_loop().call_soon(server.leave, None)
            return "421 4.7.0 too many on this connection"
        answer = await server.misbehave("mail")
        if answer:
            return answer
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = await server.misbehave("rcpt:" + address) or await server.misbehave("rcpt")
        note(event="rcpt", connection=server.number, address=address, answer=answer)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        global mails
        server.mails += 1
        mails += 1
        with open(f"{FOLDER}/mail.{mails}", "wb") as file:
            file.write(envelope.original_content)
        note(event="data", connection=server.number, sender=envelope.mail_from,
             recipients=envelope.rcpt_tos, tls=session.ssl is not None or server.is_smtps,
             user=server.user, number=mails)
        answer = await server.misbehave("data")
        told = behaviour()
        if "leave" in told:
            asyncio.get_running_loop().call_later(0.05, server.leave, told["leave"])
        return answer or "250 2.0.0 OK: queued"


class Server(SMTP):
    def __init__(self, is_smtps, **options):
        super().__init__(Handler(), **options)
        self.is_smtps = is_smtps
        self.number = 0
        self.mails = 0
        self.user = None

    def connection_made(self, transport):
        global connections
        if self.number == 0:  # STARTTLS calls this again
            connections += 1
            self.number = connections
            note(event="connect", connection=self.number)
        super().connection_made(transport)

    def leave(self, say):
        if self.transport is not None:
            if say:
                self._writer.write(say.encode() + b"\r\n")
            self.transport.close()
        note(event="left", connection=self.number)

    async def misbehave(self, where):
        """The reply to give instead, None for the usual one; does not return from worse."""
        what = behaviour().get(where)
        if what == "close":
            self.transport.abort()
            await asyncio.sleep(3600)
        elif what == "silence":
            await asyncio.sleep(3600)
        elif what and what.startswith("slow "):
            await asyncio.sleep(float(what[5:]))
            return None
        return what

    async def push(self, status):
        if behaviour().get("no_login"):
            text = status.decode() if isinstance(status, bytes) else status
            if text[:9] in ("250-AUTH ", "250 AUTH "):
                return
        if isinstance(status, str) and status.startswith("220 ") and "Ready to start" not in status:
            answer = await self.misbehave("greeting")
            if answer:
                await super().push(answer)
                self.transport.close()
                return
        await super().push(status)

    async def smtp_EHLO(self, hostname):
        note(event="ehlo", connection=self.number, name=hostname)
        answer = await self.misbehave("ehlo")
        if answer:
            await self.push(answer)
        else:
            await super().smtp_EHLO(hostname)

    async def smtp_DATA(self, arg):
        what = behaviour().get("body")
        if what == "cut":  # takes some of it, and goes
            await self.push("354 go on")
            await self._reader.readexactly(1000)
            self.transport.abort()
            return
        if what:
            await self.push(what)
            return
        await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg):
        note(event="quit", connection=self.number)
        answer = await self.misbehave("quit")
        if answer:
            await self.push(answer)
        await super().smtp_QUIT(arg)


def authenticate(server, session, envelope, mechanism, auth):
    want = behaviour().get("login")
    good = isinstance(auth, LoginPassword) and \
        [auth.login.decode(), auth.password.decode()] == want
    note(event="auth", connection=server.number, mechanism=mechanism, good=good)
    server.user = auth.login.decode() if good else None
    return AuthResult(success=good, handled=False)


async def main():
    logging.disable(logging.CRITICAL)
    is_smtps = len(sys.argv) > 3
    pem = FOLDER + "/server.pem"
    context = None
    if os.path.exists(pem):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)

    def make():
        told = behaviour()
        clear = context is None or is_smtps
        return Server(is_smtps, hostname="mail.example.org", tls_context=None if clear else context,
                      auth_required="login" in told, auth_require_tls=not clear,
                      authenticator=authenticate, timeout=told.get("idle", 60), loop=loop)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(make, "127.0.0.1", PORT, ssl=context if is_smtps else None)
    note(event="ready")
    await server.serve_forever()

asyncio.run(main())
