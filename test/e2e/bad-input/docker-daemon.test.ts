import { writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { after, chunked, type EngineAnswer, instead } from '../../support/broken-engine.ts';
import { fakeEngine, type FakeEngineOptions } from '../../support/fake-engine.ts';
import { snapshot } from '../../support/file-tree.ts';
import { craneInProcess } from '../../support/in-process.ts';
import { expectRefused } from '../../support/refusal.ts';
import { dockerTarball, layeredImage, tarOf } from '../../support/sample-image.ts';
import { leavingNoTemporaryFiles } from '../../support/temporary-files.ts';
import { testDirectory } from '../../support/test-directory.ts';

// Whatever an engine does wrong: one error that says what, where, why and what to do, and nothing that is half written.

type Env = Readonly<Record<string, string>>;
type Words = readonly (string | RegExp)[];

const image = layeredImage('app', { family: 'docker', size: 50_000 });
const saved = dockerTarball({ 'app:1': image });
const digest = ['digest', 'docker-daemon:app:1'];

let home: string;
beforeEach(async () => {
  home = await testDirectory();
});

describe('an answer to a question', () => {
  it.each<[what: string, status: number, text: string, ...Words]>([
    ['is that there is no such image', 404, '{"message":"No such image: app:1"}', 'has no image "app:1"'],
    ['is no JSON', 200, '<html>', 'says of the image is not JSON'],
    ['is empty', 200, '', 'says of the image is not JSON'],
    ['is a list', 200, '[]', 'should be an object'],
    ['has an ID that is none', 200, '{"Id":"sha256:\\u001b[31m"}', 'which is no digest', '\\u001b[31m'],
    ['is a failure', 500, '{"message":"bad \\u001b[31mred\\u001b[0m\\nline"}', '"bad \\u001b[31mred\\u001b[0m\\nline"'],
    ['is a failure without words', 500, '', 'status 500'],
    ['is a failure with too many words', 500, 'x'.repeat(100_000), /"x{200}…"/],
    ['is that a plugin forbids it', 403, '{"message":"denied by plugin"}', 'denied access while', '"denied by plugin"'],
  ])('%s', async (_, status, text, ...says) => {
    const env = await engine(instead('GET /images/app:1/json', (response) => response.writeHead(status).end(text)));
    await refused(env, digest, ...says);
  });
});

describe('an engine that saves', () => {
  const other = dockerTarball({ 'other:1': layeredImage('other', { family: 'docker' }) });

  it.each<[what: string, answer: (response: ServerResponse) => void, ...Words]>([
    [
      'stops in the middle',
      (response) => response.write(saved.subarray(0, 1000), () => response.destroy()),
      'closed the connection while saving the image "app:1"',
    ],
    [
      'ends too early',
      (response) => response.end(saved.subarray(0, 1000)),
      'saved is broken',
      'cut short at byte 1000',
    ],
    ['sends rubbish', (response) => response.end('rubbish '.repeat(1000)), 'saved is broken', 'not a tar archive'],
    ['sends nothing', (response) => response.end(), 'saved is broken', 'no manifest.json'],
    ['sends zeros', (response) => response.end(Buffer.alloc(10_240)), 'saved is broken', 'no manifest.json'],
    [
      'sends an archive of something',
      (response) => response.end(tarOf({ a: 'x' })),
      'saved is broken',
      'no manifest.json',
    ],
    ['sends another image', (response) => response.end(other), 'saved another image for "app:1"'],
    [
      'cannot',
      (response) => response.writeHead(500).end('{"message":"no space"}'),
      'failed while saving the image "app:1"',
      '"no space"',
    ],
    [
      'has lost it meanwhile',
      (response) => response.writeHead(404).end('{"message":"reference does not exist"}'),
      'has no image "app:1"',
    ],
    ['breaks a chunk', chunked('zz\r\nhello\r\n'), 'sent a broken answer while saving the image "app:1"', 'chunk size'],
    ['leaves the last chunk out', chunked('5\r\nhello\r\n'), 'closed the connection while saving'],
    ['cuts a chunk', chunked('ff\r\nhello'), 'closed the connection while saving'],
  ])('and %s', async (_, answer, ...says) => {
    const env = await engine(instead('GET /images/get', answer));
    await expectNothingWritten(env, ['copy', 'docker-daemon:app:1', `oci:${home}/layout:1`], says);
    await expectNothingWritten(env, ['pull', 'docker-daemon:app:1', `${home}/image.tar`], says);
  });
});

describe('an engine that loads', () => {
  it.each<[what: string, answer: EngineAnswer, ...Words]>([
    [
      'stops in the middle',
      (response, request) => request.once('data', () => response.destroy()),
      'closed the connection while loading',
    ],
    [
      'stops at the end',
      after((response) => response.write('{"status":"x"}\r\n', () => response.destroy())),
      'closed the connection while loading',
    ],
    [
      'says why not',
      after((response) => response.end('{"errorDetail":{"message":"no space"},"error":"no space"}\r\n')),
      'could not load the image: "no space"',
    ],
    [
      'says it in colours',
      after((response) => response.end('{"error":"\\u001b[31mred\\nx"}')),
      'could not load the image: "\\u001b[31mred\\nx"',
    ],
    [
      'says it in one of two places',
      after((response) => response.end('{"errorDetail":{"code":1,"message":"no space"}}')),
      'could not load the image: "no space"',
    ],
    [
      'does not say why',
      after((response) => response.end('{"errorDetail":{}}')),
      'could not load the image: "it does not say why"',
    ],
    ['says nothing', after((response) => response.end()), 'has nothing as "docker.io/library/new:1" after loading'],
    [
      'says rubbish',
      after((response) => response.end('rubbish\n<html>')),
      'has nothing as "docker.io/library/new:1" after loading',
    ],
    [
      'fails',
      after((response) => response.writeHead(500).end('{"message":"boom"}')),
      'failed while loading an image: "boom"',
    ],
    [
      'is behind a proxy that takes less',
      after((response) => response.writeHead(413).end('<html>413</html>')),
      '"<html>413</html>"',
    ],
    [
      'refuses at once',
      (response) => response.writeHead(403).end('{"message":"denied"}'),
      'denied access while loading an image',
    ],
    ['breaks a chunk', after(chunked('zz\r\n')), 'sent a broken answer while loading an image', 'chunk size'],
  ])('and %s', async (_, answer, ...says) => {
    const archive = join(home, 'app.tar');
    await writeFile(archive, saved);
    const env = await engine(instead('POST /images/load', answer), false);
    await expectNothingWritten(env, ['copy', `docker-archive:${archive}`, 'docker-daemon:new:1'], says);
  });

  it('gets what it cannot hold', async () => {
    const archive = join(home, 'app.tar');
    await writeFile(archive, saved);
    const env = await engine({});
    const layout = `oci:${home}/layout:1`;
    expect((await craneInProcess(['copy', `docker-archive:${archive}`, layout], { home, env })).code).toBe(0);
    await refused(env, ['copy', '--referrers', layout, 'docker-daemon:new:1'], 'cannot hold referrers');
    await refused(env, ['copy', '-a', 'docker-daemon:app', 'localhost:1/a'], /docker-daemon/);
  });
});

async function engine(options: FakeEngineOptions, hasImage = true): Promise<Env> {
  const server = await fakeEngine(options);
  onTestFinished(() => server[Symbol.asyncDispose]());
  if (hasImage) server.images.set('app:1', { image });
  return { DOCKER_HOST: server.host };
}

async function refused(env: Env, args: readonly string[], ...says: Words): Promise<string> {
  const result = await craneInProcess(args, { home, env });
  expectRefused(result, ...says);
  return result.stderr;
}

/** Neither where the command writes to nor where it keeps what is temporary. */
async function expectNothingWritten(env: Env, args: readonly string[], says: Words): Promise<void> {
  const before = await snapshot(home);
  await leavingNoTemporaryFiles(() => refused(env, args, ...says));
  expect(await snapshot(home)).toEqual(before);
}
