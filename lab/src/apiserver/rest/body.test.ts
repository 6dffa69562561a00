// Reading request bodies: the limit in size and in time, from clients that send too much, too slowly, or stop.

import { PassThrough } from 'node:stream';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startShop, type TestServer } from '../test-server.ts';
import { readBody } from './body.ts';

const mebibyte = 1024 * 1024;

let server: TestServer;
beforeAll(async () => {
  server = await startShop();
});
afterAll(() => server.stop());

describe('the body of a request', () => {
  it('is read whole up to three mebibytes', async () => {
    const stream = new PassThrough();
    const read = readBody(stream);
    for (let i = 0; i < 3; i += 1) stream.write(Buffer.alloc(mebibyte, 65 + i));
    stream.end();
    expect((await read).length).toBe(3 * mebibyte);
  });

  it('is refused when it is larger, or does not come to an end in time', async () => {
    const large = new PassThrough();
    const read = readBody(large);
    large.end(Buffer.alloc(3 * mebibyte + 1));
    await expect(read).rejects.toMatchObject({ code: 413 });
    const slow = new PassThrough();
    slow.write('{');
    await expect(readBody(slow, 20)).rejects.toMatchObject({ code: 504 });
    const cut = readBody(slow);
    slow.destroy();
    await expect(cut).rejects.toMatchObject({ code: 400 });
  });

  it('without an end is cut off, after its sender was told, and harms nobody else', async () => {
    const { hostname, port } = new URL(server.url);
    const socket = connect({ host: hostname, port: Number(port), ca: server.pki.caPem });
    let answer = '';
    socket.on('data', (data: Buffer) => (answer += data.toString()));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined); // writes that nobody takes any more
    const lines = ['POST /api/v1/namespaces HTTP/1.1', 'host: x', 'authorization: Bearer admin'];
    socket.write([...lines, 'content-type: application/json', 'transfer-encoding: chunked', '', ''].join('\r\n'));
    const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(mebibyte, 32), Buffer.from('\r\n')]);
    for (let sent = 0; sent < 40; sent += 1) socket.write(chunk);
    await closed;
    expect(answer).toMatch(/^HTTP\/1\.1 413 [^]*Request entity too large: limit is 3145728/);
    expect((await server.get('/readyz')).text).toBe('ok');
  });
});
