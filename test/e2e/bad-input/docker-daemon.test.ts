import { readdir } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fakeEngine, type FakeEngineOptions } from '../../support/fake-engine.ts';
import { craneInProcess } from '../../support/in-process.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { dockerTarball, layeredImage } from '../../support/sample-image.ts';
import { testDirectory } from '../../support/test-directory.ts';

const image = layeredImage('app', { family: 'docker', size: 50_000 });

describe('one clear error', () => {
  it('without an engine', async () => {
    const socket = `${await testDirectory()}/docker.sock`;
    await expectRefused(
      { DOCKER_HOST: `unix://${socket}` },
      ['digest', 'docker-daemon:app:1'],
      'there is no Docker engine at',
      socket,
    );
    await expectRefused({ DOCKER_HOST: 'tcp://127.0.0.1:1' }, ['digest', 'docker-daemon:app:1'], 'connection refused');
  });

  it('for a DOCKER_HOST, a context or a version that is none', async () => {
    const args = ['digest', 'docker-daemon:app:1'];
    await expectRefused({ DOCKER_HOST: 'here' }, args, 'invalid address of a Docker engine "here"');
    await expectRefused({ DOCKER_CONTEXT: 'gone' }, args, 'there is no Docker context "gone"');
    await expectRefused({ DOCKER_API_VERSION: 'new' }, args, 'DOCKER_API_VERSION');
  });

  it('for ssh that is not installed', async () => {
    const env = { DOCKER_HOST: 'ssh://host.invalid', PATH: await testDirectory() };
    await expectRefused(
      env,
      ['digest', 'docker-daemon:app:1'],
      '"ssh" is needed for ssh://host.invalid',
      'not installed',
    );
  });

  it.each([
    ['docker-daemon:', 'the name is missing'],
    ['docker-daemon:UPPER', 'upper-case'],
    ['docker-daemon:sha256:12', 'sha256:12'],
  ])('for a name that is none: %s', async (name, words) => {
    await expectRefused({}, ['digest', name], words);
  });

  it('for an image that is not there', async () => {
    await expectRefused(await engine({}), ['digest', 'docker-daemon:other:1'], 'has no image "other:1"');
  });

  it('when the engine stops in the middle, both ways', async () => {
    const half: FakeEngineOptions['instead'] = (what, response, request) => {
      if (what === 'GET /images/get')
        response.write(dockerTarball({ 'app:1': image }).subarray(0, 1000), () => response.destroy());
      else if (what === 'POST /images/load') request.once('data', () => response.destroy());
      else return false;
      return true;
    };
    const env = await engine({ instead: half });
    const layout = `oci:${await testDirectory()}/layout:1`;
    await expectRefused(env, ['copy', 'docker-daemon:app:1', layout], 'closed the connection while saving');
    const whole = await engine({});
    await succeed(whole, ['copy', 'docker-daemon:app:1', layout]);
    await succeed(whole, ['mutate', layout, '-l', 'a=b']);
    await expectRefused(env, ['copy', layout, 'docker-daemon:new:1'], 'closed the connection while loading');
  });

  it('when the engine cannot load, in its words', async () => {
    const env = await engine({
      instead: (what, response, request) => {
        if (what !== 'POST /images/load') return false;
        request
          .resume()
          .once('end', () => response.end('{"errorDetail":{"message":"no space"},"error":"no space"}\r\n'));
        return true;
      },
    });
    const layout = `oci:${await testDirectory()}/layout:1`;
    await succeed(env, ['copy', 'docker-daemon:app:1', layout]);
    await succeed(env, ['mutate', layout, '-l', 'a=b']);
    await expectRefused(env, ['copy', layout, 'docker-daemon:new:1'], 'could not load the image: "no space"');
  });

  it('for what an engine cannot hold', async () => {
    const env = await engine({});
    const layout = `oci:${await testDirectory()}/layout:1`;
    await succeed(env, ['copy', 'docker-daemon:app:1', layout]);
    await expectRefused(env, ['copy', '--referrers', layout, 'docker-daemon:new:1'], 'cannot hold referrers');
    await expectRefused(env, ['copy', '-a', 'docker-daemon:app', 'localhost:1/a'], 'one by one');
  });
});

it('temporary files are gone when a command ends', async () => {
  const temporary = await testDirectory();
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = temporary;
  try {
    const large = layeredImage('large', { family: 'docker', size: 700_000 });
    const server = await fakeEngine();
    onTestFinished(() => server[Symbol.asyncDispose]());
    server.images.set('app:1', { image: large });
    await succeed({ DOCKER_HOST: server.host }, ['digest', 'docker-daemon:app:1']);
    expect(await readdir(temporary)).toEqual([]);
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
});

async function engine(options: FakeEngineOptions): Promise<Readonly<Record<string, string>>> {
  const server = await fakeEngine(options);
  onTestFinished(() => server[Symbol.asyncDispose]());
  server.images.set('app:1', { image });
  return { DOCKER_HOST: server.host };
}

async function succeed(env: Readonly<Record<string, string>>, args: readonly string[]): Promise<void> {
  const { code, stderr } = await craneInProcess(args, { home: '/nowhere', env });
  expect(code, stderr).toBe(0);
}

async function expectRefused(
  env: Readonly<Record<string, string>>,
  args: readonly string[],
  ...says: readonly string[]
): Promise<void> {
  const { code, stdout, stderr } = await craneInProcess(args, { home: '/nowhere', env });
  expectRefusal({ code, stdout, stderr, signal: null, stdoutBytes: Buffer.alloc(0), peakMemory: 0 }, ...says);
}
