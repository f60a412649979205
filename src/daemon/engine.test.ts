import { chmod, writeFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { speaking } from '../../test/support/broken-engine.ts';
import { testCertificates } from '../../test/support/certificates.ts';
import { fakeEngine, type FakeEngine, type FakeEngineOptions } from '../../test/support/fake-engine.ts';
import { dockerTarball, layeredImage, tarOf } from '../../test/support/sample-image.ts';
import { testDirectory } from '../../test/support/test-directory.ts';
import { collect } from '../content/bytes.ts';
import { connectEngine, type ConnectEngineOptions, type Engine } from './engine.ts';
import { type EngineAddress, parseEngineAddress } from './engine-address.ts';

const image = layeredImage('app', { family: 'docker', size: 100_000 });

describe('an engine is reached', () => {
  it('over a unix socket', async () => {
    const { engine, server } = await started({ socket: `${await testDirectory()}/docker.sock` });
    expect((await engine.inspect('app:1'))?.id).toBe(image.config.target.digest);
    expect(await engine.inspect('other:1')).toBeUndefined();
    expect(server.headers[0]?.host).toBe('docker');
  });

  it('over TLS with a client certificate, and not without', async () => {
    const { ca, key, cert, client } = testCertificates();
    const { readFile } = await import('node:fs/promises');
    const tls = { ca, key: await readFile(client.keyFile, 'utf8'), cert: await readFile(client.certFile, 'utf8') };
    const options: FakeEngineOptions = { tls: { ca, key, cert, requestCert: true, rejectUnauthorized: true } };
    const { engine, server } = await started(options, { tls });
    expect((await engine.inspect('app:1'))?.id).toBe(image.config.target.digest);
    const at = (others: object): Promise<Engine> => connectEngine(parseEngineAddress(server.host, { tls: others }));
    await expect(at({ ca })).rejects.toMatchObject({ code: 'NETWORK' });
    await expect(at({ ...tls, ca: undefined })).rejects.toMatchObject({
      code: 'NETWORK',
      message: expect.stringContaining('is not trusted') as string,
    });
    await expect(connectEngine(parseEngineAddress(server.host))).rejects.toMatchObject({ code: 'NETWORK' });
  });

  it('through a program, as ssh', async () => {
    const { server } = await started({ socket: `${await testDirectory()}/docker.sock` });
    const script = `const s = require('net').connect(${JSON.stringify(server.host.slice(7))}); process.stdin.pipe(s).pipe(process.stdout)`;
    const engine = await connectEngine({
      kind: 'command',
      program: process.execPath,
      args: ['-e', script],
      name: 'ssh://host',
    });
    expect((await engine.inspect('app:1'))?.id).toBe(image.config.target.digest);
    expect((await collect(await engine.save('app:1'), 1e7)).length).toBeGreaterThan(100_000);
    const archive = tarOf({
      'manifest.json': JSON.stringify([{ Config: image.config.target.digest, RepoTags: ['b:1'] }]),
    });
    expect(await engine.load(archive)).toEqual({ loaded: ['b:1'] });
    await engine[Symbol.asyncDispose]();
  });

  it('with the version that both sides know', async () => {
    const version = async (theirs: string, apiVersion?: string): Promise<string> =>
      (await started({ apiVersion: theirs }, {}, { apiVersion })).engine.apiVersion;
    expect(await version('1.41')).toBe('1.41');
    expect(await version('1.99')).toBe('1.51');
    expect(await version('1.41', '1.30')).toBe('1.30');
  });
});

describe('no engine', () => {
  it('is there when the socket is not', async () => {
    await expect(connect(`unix://${await testDirectory()}/docker.sock`)).rejects.toMatchObject({
      code: 'NETWORK',
      message: expect.stringMatching(/^There is no Docker engine at unix:.*: the socket does not exist$/) as string,
    });
  });

  it('answers at a socket that was left, at a closed port, behind a name that does not exist', async () => {
    const path = `${await testDirectory()}/docker.sock`;
    await writeFile(path, '');
    await expect(connect(`unix://${path}`)).rejects.toMatchObject({ code: 'NETWORK' });
    await expect(connect('tcp://127.0.0.1:1')).rejects.toThrow('No Docker engine answers at tcp://127.0.0.1:1');
    await expect(connect('tcp://does-not-exist.invalid:1')).rejects.toMatchObject({ code: 'NETWORK' });
  });

  it.skipIf(process.getuid?.() === 0)('lets in whoever has no right to the socket', async () => {
    const { server } = await started({ socket: `${await testDirectory()}/docker.sock` });
    await chmod(server.host.slice(7), 0);
    await expect(connect(server.host)).rejects.toMatchObject({ code: 'DENIED' });
  });

  it('is what speaks no HTTP, says nothing of an API, or an old one', async () => {
    await expect(connect(await speaking('SSH-2.0-OpenSSH\r\n'))).rejects.toThrow('is no Docker engine');
    await expect(connect(await speaking('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK'))).rejects.toThrow(
      'is no Docker engine',
    );
    await expect(started({ apiVersion: '1.12' })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('speaks API 1.12, 1.24 is needed') as string,
    });
  });

  it('is reached when the program is not installed, or fails', async () => {
    const at = (program: string, ...args: readonly string[]): Promise<Engine> =>
      connectEngine({ kind: 'command', program, args, env: { PATH: '/bin:/usr/bin' }, name: 'ssh://host' });
    await expect(at('no-such-ssh')).rejects.toThrow('cannot be run: it is not installed');
    await expect(at('sh', '-c', 'echo no route >&2; exit 255')).rejects.toThrow('ended with exit code 255: "no route"');
  });

  it('answers in time', async () => {
    const timeouts = { question: 50 };
    await expect(connect(await speaking(undefined), { timeouts })).rejects.toMatchObject({ code: 'TIMEOUT' });
  });
});

describe('an engine that fails', () => {
  it('is cited', async () => {
    const { engine } = await started({
      instead: (what, response) => {
        if (what === 'GET /_ping') return false;
        response.writeHead(500).end('{"message":"disk on fire"}');
        return true;
      },
    });
    const said = { code: 'RESPONSE', message: expect.stringContaining('"disk on fire"') as string };
    await expect(engine.inspect('app:1')).rejects.toMatchObject(said);
    await expect(engine.save('app:1')).rejects.toMatchObject(said);
    await expect(engine.load(tarOf({}))).rejects.toMatchObject(said);
    await expect(engine.tag('app:1', 'b', '1')).rejects.toMatchObject(said);
  });

  it('says that its API is another, and how to agree', async () => {
    const { engine } = await started({
      instead: (what, response) => {
        if (what === 'GET /_ping') return false;
        response
          .writeHead(400)
          .end('{"message":"client version 1.20 is too old. Minimum supported API version is 1.44"}');
        return true;
      },
    });
    await expect(engine.inspect('a')).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      hint: expect.stringContaining('DOCKER_API_VERSION') as string,
    });
  });

  it('is asked again for its store when it could not say', async () => {
    let isBusy = true;
    const { engine, server } = await started({
      kind: 'containerd',
      instead: (what, response) => {
        if (what !== 'GET /info' || !isBusy) return false;
        response.writeHead(500).end('{"message":"busy"}');
        return true;
      },
    });
    const signal = AbortSignal.abort(new Error('interrupted'));
    await expect(engine.keepsManifests({ signal })).rejects.toThrow('interrupted');
    await expect(engine.keepsManifests()).rejects.toThrow('busy');
    isBusy = false;
    expect([await engine.keepsManifests(), await engine.keepsManifests()]).toEqual([true, true]);
    expect(server.requests.filter((what) => what === 'GET /info')).toHaveLength(2);
  });

  it('in the middle of saving is a failure', async () => {
    const { engine } = await started({
      instead: (what, response) => {
        if (what !== 'GET /images/get') return false;
        response.write(dockerTarball({ 'app:1': image }).subarray(0, 2000), () => response.destroy());
        return true;
      },
    });
    await expect(engine.save('app:1').then((saved) => collect(saved, 1e7))).rejects.toMatchObject({
      code: 'NETWORK',
      message: expect.stringContaining('closed the connection while saving the image "app:1"') as string,
    });
  });

  it('in the middle of loading is a failure, in its own words where it has some', async () => {
    const loading = async (
      answer: (text: { end(words?: string): void; destroy(): void }) => void,
    ): Promise<unknown> => {
      const { engine } = await started({
        instead: (what, response, request) => {
          if (what !== 'POST /images/load') return false;
          request.once('data', () =>
            answer({ end: (words) => void response.end(words), destroy: () => void response.destroy() }),
          );
          return true;
        },
      });
      return engine.load(endless());
    };
    await expect(
      loading((response) => response.end('{"status":"x"}\r\n{"error":"no space left on device"}\r\n')),
    ).rejects.toMatchObject({
      code: 'RESPONSE',
      message: expect.stringContaining('could not load the image: "no space left on device"') as string,
    });
    await expect(loading((response) => response.destroy())).rejects.toMatchObject({ code: 'NETWORK' });
  });

  it('hangs, and is given up', async () => {
    const { engine } = await started(
      {
        instead: (what, response) => {
          if (what === 'GET /images/get') response.write('x');
          return what !== 'GET /_ping';
        },
      },
      {},
      { timeouts: { question: 60, idle: 60, work: 60 } },
    );
    await expect(engine.inspect('app:1')).rejects.toMatchObject({ code: 'TIMEOUT' });
    await expect(engine.save('app:1').then((saved) => collect(saved, 1e7))).rejects.toMatchObject({ code: 'TIMEOUT' });
    await expect(engine.load(tarOf({ a: 'b' }))).rejects.toMatchObject({ code: 'TIMEOUT' });
    await expect(engine.load(endless())).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('answers a load with a line without an end, and fills no memory', async () => {
    const { engine } = await started({
      instead: (what, response) => {
        if (what !== 'POST /images/load') return false;
        response.end('x'.repeat(2_000_000));
        return true;
      },
    });
    await expect(engine.load(tarOf({ a: 'b' }))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
});

it('gives the failure of what was to be loaded, and the engine gets no complete archive', async () => {
  const { engine, server } = await started({});
  async function* broken(): AsyncGenerator<Uint8Array, void> {
    yield tarOf({ 'manifest.json': '[]' }).subarray(0, 700);
    throw new Error('the registry went away');
  }
  await expect(engine.load(broken())).rejects.toThrow('the registry went away');
  expect(server.loads).toEqual([]);
});

it.each(['inspect', 'save', 'load'] as const)('stops to %s when the signal aborts', async (verb) => {
  const controller = new AbortController();
  const { engine } = await started({
    instead: (what) => {
      if (what === 'GET /_ping') return false;
      controller.abort(new Error('enough'));
      return true;
    },
  });
  const { signal } = controller;
  const call = {
    inspect: () => engine.inspect('a', { signal }),
    save: () => engine.save('a', { signal }),
    load: () => engine.load(endless(), { signal }),
  };
  await expect(call[verb]()).rejects.toThrow('enough');
  await expect(call[verb]()).rejects.toThrow('enough');
});

async function* endless(): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    yield Buffer.alloc(64 * 1024);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function connect(host: string, options: ConnectEngineOptions = {}): Promise<Engine> {
  return connectEngine(parseEngineAddress(host), options);
}

async function started(
  options: FakeEngineOptions,
  address: Parameters<typeof parseEngineAddress>[1] = {},
  connecting: ConnectEngineOptions = {},
): Promise<{ readonly engine: Engine; readonly server: FakeEngine; readonly address: EngineAddress }> {
  const server = await fakeEngine(options);
  onTestFinished(() => server[Symbol.asyncDispose]());
  server.images.set('app:1', { image });
  const parsed = parseEngineAddress(server.host, address);
  const engine = await connectEngine(parsed, connecting);
  onTestFinished(() => engine[Symbol.asyncDispose]());
  return { engine, server, address: parsed };
}
