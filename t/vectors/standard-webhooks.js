// Makes t/fixtures/vectors/standard-webhooks.tsv: signatures of Standard Webhooks, and what the
// reference implementation says of them, for t/unit/origin_test.c. Not run by ./check; to make them again:
//
//   cd SOME-FOLDER && npm install standardwebhooks
//   NODE_PATH=SOME-FOLDER/node_modules node t/vectors/standard-webhooks.js > t/fixtures/vectors/standard-webhooks.tsv
//
// Columns: what it is, secret, webhook-id, webhook-timestamp, webhook-signature, body (base64), the
// second of its arrival, and yes or no: what verify() of the package said then. Deterministic.
'use strict';

const { Webhook } = require('standardwebhooks');

const secrets = [
  'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  'whsec_' + Buffer.from(Array.from({ length: 32 }, (_, i) => i * 7 % 256)).toString('base64'),
  'whsec_' + Buffer.from(Array.from({ length: 64 }, (_, i) => 255 - i)).toString('base64'),
];
const at = 1767225600;
const bodies = ['', '{}', '{"test": 2432232314}', JSON.stringify({ name: 'Léa', note: '日本語 \u0007', list: [1, 2.5, null] }),
  'x'.repeat(63), 'x'.repeat(64), 'x'.repeat(65), '{"long":"' + 'é'.repeat(3000) + '"}', 'line\r\nline\n'];

function says(row) {
  const real = Date.now;

  Date.now = () => row.now * 1000;
  try {
    new Webhook(row.secret).verify(row.body, { 'webhook-id': row.id, 'webhook-timestamp': row.timestamp,
      'webhook-signature': row.signature }, { jsonParse: false });
    return 'yes';
  }
  catch (error) {
    return 'no';
  }
  finally {
    Date.now = real;
  }
}

function sign(secret, id, timestamp, body) {
  return new Webhook(secret).sign(id, new Date(timestamp * 1000), body);
}

function print(name, row, change) {
  const full = { secret: secrets[0], id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: String(at), now: at,
    body: bodies[2], ...row };

  full.signature = full.signature ?? sign(full.secret, full.id, Number(full.timestamp), full.body);
  Object.assign(full, change);
  console.log([name, full.secret, full.id, full.timestamp, full.signature,
    Buffer.from(full.body).toString('base64'), full.now, says(full)].join('\t'));
}

secrets.forEach((secret, s) => bodies.forEach((body, b) => print(`secret ${s + 1}, body ${b + 1}`, { secret, body })));
for (const late of [-301, -300, -299, 299, 300, 301, 86400]) {
  print(`${late} s after it was signed`, {}, { now: at + late });
}
print('another secret', {}, { secret: secrets[1] });
print('another id', {}, { id: 'msg_p5jXN8AQM9LWM0D4loKWxJel' });
print('another timestamp', {}, { timestamp: String(at + 1) });
print('another body', {}, { body: '{"test": 2432232315}' });
print('a longer body', {}, { body: '{"test": 2432232314} ' });

const good = sign(secrets[0], 'msg_p5jXN8AQM9LWM0D4loKWxJek', at, bodies[2]);
const other = sign(secrets[1], 'msg_p5jXN8AQM9LWM0D4loKWxJek', at, bodies[2]);
const ed25519 = 'v1a,' + Buffer.from(Array.from({ length: 64 }, (_, i) => i)).toString('base64');

print('the right one last', {}, { signature: `${other} ${good}` });
print('the right one first', {}, { signature: `${good} ${other}` });
print('beside one of another version', {}, { signature: `${ed25519} ${good}` });
print('of another version alone', {}, { signature: ed25519 });
print('the right one as v2', {}, { signature: good.replace('v1', 'v2') });
print('no version', {}, { signature: good.slice(3) });
print('two wrong ones', {}, { signature: `${other} ${other}` });

for (let i = 3; i < good.length; i++) {
  for (let bit = 0; bit < 7; bit++) {
    const changed = String.fromCharCode(good.charCodeAt(i) ^ 1 << bit);

    // Others end a header field, an element or a line of this table.
    if (/[!-~]/.test(changed) && changed !== ',') {
      print(`bit ${bit} of character ${i}`, {}, { signature: good.slice(0, i) + changed + good.slice(i + 1) });
    }
  }
}
