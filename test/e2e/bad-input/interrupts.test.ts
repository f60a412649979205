import { execFileSync } from 'node:child_process';
import { open } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentScript } from '../../support/content-script.ts';
import { dockerTarball, layeredImage } from '../../support/sample-image.ts';
import {
  type ScriptedAnswer,
  type ScriptedRequest,
  scriptedServer,
  type ScriptedServer,
} from '../../support/scripted-server.ts';
import { workplace } from '../../support/workplace.ts';

const image = layeredImage('slow', { size: 5_000_000 });
const [layer = image] = image.layers;
const read = contentScript([image, ...image.blobs], { v1: image });
const tarball = dockerTarball({
  'app:v1': layeredImage('slow', { size: 5_000_000, family: 'docker', layers: ['none'] }),
});

/** Sends the start of a layer and then nothing, takes an upload and never says so; notes what is cancelled. */
function script({ method, target }: ScriptedRequest, tell: () => void): ScriptedAnswer | undefined {
  if (target.startsWith('/v2/source/') && method === 'GET' && target.endsWith(layer.target.digest)) {
    return (response) => {
      response.writeHead(200, { 'content-length': String(layer.bytes.length) });
      response.write(layer.bytes.subarray(0, 1000), tell);
    };
  }
  if (method === 'POST') return { status: 202, headers: { location: `/v2/target/blobs/uploads/1?state=x` } };
  if (method === 'PUT') return () => tell();
  if (method === 'DELETE') return { status: 204 };
  return target.startsWith('/v2/source/')
    ? read({ method, target, url: new URL(target, 'http://test'), headers: {}, body: Buffer.alloc(0) })
    : { status: 404 };
}

describe('a command that ends early', () => {
  let server: ScriptedServer;
  let moving: () => void = () => {};
  beforeAll(async () => {
    server = await scriptedServer((request) => script(request, () => moving()), { early: true });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const cancelled = 'DELETE /v2/target/blobs/uploads/1?state=x';
  const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['pull', ['pull', '$R/source:v1', 'out.tar'], []],
    ['pull to standard output', ['pull', '$R/source:v1', '-'], []],
    ['pull to the legacy format', ['pull', '--format', 'legacy', '$R/source:v1', 'out.tar'], []],
    ['pull to a new layout', ['pull', '--format', 'oci', '$R/source:v1', 'out'], []],
    ['pull to a layout that is there', ['pull', '--format', 'oci', '$R/source:v1', 'layout'], []],
    ['pull with a cache', ['pull', '-c', 'cache', '$R/source:v1', 'out.tar'], []],
    ['copy to an archive', ['copy', '$R/source:v1', 'oci-archive:out.tar'], []],
    ['copy to another repository', ['copy', '$R/source:v1', '$R/target:v1'], [cancelled]],
    ['push', ['push', 'image.tar', '$R/target:v1'], [cancelled]],
    ['blob', ['blob', `$R/source@${layer.target.digest}`], []],
    ['validate', ['validate', '--remote', '$R/source:v1'], []],
  ];

  it.each(cases)('%s', async (_, args, requests) => {
    const files = { 'image.tar': tarball, 'cache/keep': '', 'layout/index.json': '{"schemaVersion":2,"manifests":[]}' };
    for (const [signal, code, text] of [
      ['SIGINT', 1, 'Error: interrupt signal received\n'],
      ['SIGTERM', 143, 'Error: termination signal received\n'],
      ['SIGHUP', 129, 'Error: hangup signal received\n'],
    ] as const) {
      await using place = await workplace(files);
      const before = await place.snapshot();
      const seen = server.log.length;
      const isMoving = new Promise<void>((resolve) => (moving = resolve));
      const running = place.start(args.map((arg) => arg.replaceAll('$R', server.registry)));
      await Promise.race([isMoving, running.result]);
      const result = await running.stop(signal);
      expect(result).toMatchObject({ code, signal: null, stderr: expect.stringContaining(text) as string });
      expect(result.stderr.match(/^Error: /gm)).toHaveLength(1);
      expect(server.log.slice(seen)).toEqual(expect.arrayContaining([...requests]));
      const written = Object.entries(await place.snapshot()).filter(([path]) => !path.startsWith('work/layout/blobs'));
      expect(Object.fromEntries(written)).toEqual(before);
    }
  });

  it('cleans up also when a wrapper passes on the signal that the terminal has sent already', async () => {
    await using place = await workplace({});
    const before = await place.snapshot();
    const isMoving = new Promise<void>((resolve) => (moving = resolve));
    const running = place.start(['pull', `${server.registry}/source:v1`, 'out.tar']);
    await Promise.race([isMoving, running.result]);
    running.child.kill('SIGINT');
    const result = await running.stop('SIGINT');
    expect(result).toMatchObject({ code: 1, signal: null });
    expect(await place.snapshot()).toEqual(before);
  });

  it.skipIf(process.platform === 'win32')('ends at the second signal even where the system hangs', async () => {
    await using place = await workplace({});
    const pipe = place.file('settings');
    execFileSync('mkfifo', [pipe]);
    const running = place.start(['--config', pipe, 'digest', `${server.registry}/source:v1`]);
    // Waits until the command reads; it will get nothing.
    await using writer = await open(pipe, 'w');
    expect(writer.fd).toBeGreaterThan(0);
    const again = setInterval(() => running.child.kill('SIGTERM'), 300);
    const result = await running.result.finally(() => clearInterval(again));
    expect(result.signal).toBe('SIGTERM');
  });

  it('copy that fails does not wait for what it had asked the target ahead of time', { timeout: 20_000 }, async () => {
    await using place = await workplace({});
    await using silent = await scriptedServer(() => () => {});
    await using empty = await scriptedServer(() => ({ status: 404 }));
    for (const flags of [[], ['--all-tags']]) {
      const name = flags.length === 0 ? 'app:v1' : 'app';
      const args = ['copy', ...flags, `${empty.registry}/${name}`, `${silent.registry}/${name}`];
      expect(await place.crane(args)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^Error: .*\n.*Check the name.*\n$/ms) as string,
      });
    }
  });

  it('serve ends and says so', async () => {
    await using place = await workplace();
    const running = place.start(['registry', 'serve', '--disk', 'data']);
    await running.firstLine();
    const result = await running.stop('SIGINT');
    expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining('shutting down...') as string });
  });
});
